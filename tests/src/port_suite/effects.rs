//! The ledger of effects: of any number of workers one may act.

use jiff::Timestamp;
use muster::model::effect::{Again, EffectTimes, EventsEarn, Performed};
use muster::model::{AudienceId, Earned, Effect, EffectId, EffectState, PersonKey, Reason, Transition};
use muster::ports::{EffectPage, Ports};

use super::PortWorld;
use super::fixtures::{activation, after, another_activation, eight, key, start};

const TIMES: EffectTimes = EffectTimes {
    settled_after: jiff::SignedDuration::from_secs(361),
    window: jiff::SignedDuration::from_hours(72),
    again: Again::Once,
    events_earn: EventsEarn::Telling,
};

fn sent(person: PersonKey, audience: &str) -> Effect {
    let audience: AudienceId = audience.parse().unwrap();
    let earned = Earned::by(&activation(), Again::Once, Transition::Entered, &audience, Default::default(), start());
    Effect::sending(&earned, person, None, &TIMES, start())
}

fn parked(effect: &Effect) -> Effect {
    let state = EffectState::Parked { reason: Reason::new("nobody knows") };
    Effect { state, revision: effect.revision + 1, ..effect.clone() }
}

async fn read(ports: &Ports, effect: &Effect, now: Timestamp) -> Option<Effect> {
    let key = (effect.person, effect.id.clone());
    ports.effects.read(&effect.activation, &[key], now).await.unwrap().pop()
}

pub async fn an_effect_comes_back_as_it_was_written(world: &impl PortWorld) {
    let ports = world.ports().await;
    let effect = sent(key(1), "cats");
    assert_eq!(read(&ports, &effect, start()).await, None);
    assert!(ports.effects.put(&effect, 0, start()).await.unwrap());
    assert_eq!(read(&world.ports().await, &effect, start()).await, Some(effect.clone()));
    let done = effect.performed(&Performed::Done { said: "id 7".to_owned() }, &TIMES, after(1));
    assert!(ports.effects.put(&done, effect.revision, after(1)).await.unwrap());
    assert_eq!(read(&ports, &effect, after(1)).await, Some(done));
}

pub async fn an_effect_of_an_outdated_revision_is_not_written(world: &impl PortWorld) {
    let ports = world.ports().await;
    let effect = sent(key(1), "cats");
    assert!(!ports.effects.put(&effect, 1, start()).await.unwrap(), "there is none yet");
    assert!(ports.effects.put(&effect, 0, start()).await.unwrap());
    assert!(!ports.effects.put(&effect, 0, start()).await.unwrap(), "it exists");
    let later = parked(&effect);
    assert!(ports.effects.put(&later, effect.revision, start()).await.unwrap());
    assert!(!ports.effects.put(&later, effect.revision, start()).await.unwrap());
    assert_eq!(read(&ports, &effect, start()).await, Some(later));
}

pub async fn of_eight_who_would_send_an_effect_one_does(world: &impl PortWorld) {
    let mut all = Vec::new();
    for _ in 0..8 {
        all.push(world.ports().await);
    }
    let put = |number: u8| {
        let ports = all[usize::from(number)].clone();
        async move { ports.effects.put(&sent(key(1), "cats"), 0, start()).await.unwrap() }
    };
    let written = eight(put).await.into_iter().filter(|written| *written).count();
    assert_eq!(written, 1);
}

pub async fn effects_are_kept_by_activation_person_and_id(world: &impl PortWorld) {
    let ports = world.ports().await;
    let (cats, dogs, other) = (sent(key(1), "cats"), sent(key(1), "dogs / Köln@x"), sent(key(2), "cats"));
    for effect in [&cats, &dogs, &other] {
        assert!(ports.effects.put(effect, 0, start()).await.unwrap());
    }
    let of_person = ports.effects.of_person(&activation(), key(1), start()).await.unwrap();
    assert_eq!(of_person, [cats.clone(), dogs.clone()]);
    assert_eq!(ports.effects.of_person(&another_activation(), key(1), start()).await.unwrap(), []);
    let keys = [(key(1), dogs.id.clone()), (key(2), cats.id.clone()), (key(3), cats.id.clone())];
    let mut found = ports.effects.read(&activation(), &keys, start()).await.unwrap();
    found.sort_by_key(|effect| effect.person);
    assert_eq!(found, [dogs, other]);
}

pub async fn an_effect_is_kept_until_its_time_and_no_longer(world: &impl PortWorld) {
    let ports = world.ports().await;
    let effect = Effect { kept_until: Some(after(60)), ..sent(key(1), "cats") };
    assert!(ports.effects.put(&effect, 0, start()).await.unwrap());
    assert_eq!(read(&ports, &effect, after(59)).await, Some(effect.clone()));
    assert_eq!(read(&ports, &effect, after(60)).await, None);
    assert_eq!(ports.effects.of_person(&activation(), key(1), after(60)).await.unwrap(), []);
    let anew = Effect { occurred_at: after(61), kept_until: Some(after(120)), ..effect.clone() };
    assert!(!ports.effects.put(&anew, 0, after(58)).await.unwrap(), "it is still kept");
    assert!(ports.effects.put(&anew, 0, after(61)).await.unwrap());
    assert_eq!(read(&ports, &effect, after(61)).await, Some(anew));
}

async fn listed(ports: &Ports, after: Option<&(PersonKey, EffectId)>, limit: usize) -> EffectPage {
    ports.effects.listed(&activation(), after, limit).await.unwrap()
}

pub async fn what_nobody_knows_of_is_listed_in_order_until_it_is_settled(world: &impl PortWorld) {
    let ports = world.ports().await;
    let mut parked_ones = Vec::new();
    for (person, audience) in [(2, "cats"), (1, "dogs"), (1, "cats"), (3, "cats")] {
        let effect = sent(key(person), audience);
        assert!(ports.effects.put(&effect, 0, start()).await.unwrap());
        if person != 3 {
            assert!(ports.effects.put(&parked(&effect), effect.revision, start()).await.unwrap());
            parked_ones.push(parked(&effect));
        }
    }
    parked_ones.sort_by(|a, b| (a.person, &a.id).cmp(&(b.person, &b.id)));
    assert_eq!(listed(&ports, None, 10).await, EffectPage { effects: parked_ones.clone(), next: None });
    let first = listed(&ports, None, 2).await;
    assert_eq!(first.effects, parked_ones[..2]);
    let rest = listed(&ports, first.next.as_ref(), 2).await;
    assert_eq!(rest.effects, parked_ones[2..]);
    let settled = Effect { state: EffectState::Confirmed, revision: 3, ..parked_ones[0].clone() };
    assert!(ports.effects.put(&settled, 2, start()).await.unwrap());
    assert_eq!(listed(&ports, None, 10).await.effects, parked_ones[1..]);
    let again = Effect { state: parked_ones[0].state.clone(), revision: 4, ..settled };
    assert!(ports.effects.put(&again, 3, start()).await.unwrap());
    assert_eq!(listed(&ports, None, 10).await.effects.len(), 3, "listed once more");
}
