use serde_json::json;

use super::*;
use crate::model::ActivationStatus;

fn activation() -> Activation {
    let activation = json!({
        "id": "act", "name": "Shop to news", "source": "shop", "audiences": [], "attributes": [],
        "destination": "webhook", "authorization": "auth", "settings": {}, "person_identifier": "ids.email",
        "notify": "owner@example.com", "retry_window_hours": 72, "status": "active", "revision": 1, "layout": 1,
        "created_at": "2026-01-05T07:00:00Z",
    });
    serde_json::from_value(activation).unwrap()
}

fn at(minutes: i64) -> Timestamp {
    "2026-01-05T07:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn parked(counts: &[(&str, u64)]) -> ParkedCounts {
    counts.iter().map(|(reason, count)| (Reason::new(reason), *count)).collect()
}

fn book() -> NoticeBook {
    NoticeBook::new("act".parse().unwrap())
}

fn everything_of(book: &NoticeBook) -> BTreeSet<(u64, Channel)> {
    book.untold.iter().flat_map(|notice| notice.untold.iter().map(|channel| (notice.number, *channel))).collect()
}

#[test]
fn each_change_of_status_is_noted_once_and_in_its_order() {
    let mut activation = activation();
    assert_eq!(book().hear(&activation, &parked(&[]), at(0)), None);
    let why = Reason::new("the key is refused");
    activation.set_status(ActivationStatus::Failing, Some(why.clone()));
    activation.set_status(ActivationStatus::Active, None);
    activation.set_status(ActivationStatus::Paused, None);
    activation.set_status(ActivationStatus::Active, None);
    let heard = book().hear(&activation, &parked(&[]), at(1)).unwrap();
    let happened: Vec<_> = heard.untold.iter().map(|notice| notice.happening.clone()).collect();
    assert_eq!(happened, [Happening::Failing { why }, Happening::Recovered], "a pause is the owner's own");
    assert_eq!(heard.untold[0].untold, BTreeSet::from([Channel::Mail, Channel::Event]));
    assert_eq!(heard.hear(&activation, &parked(&[]), at(2)), None);
    let told = heard.told(&everything_of(&heard), None);
    assert_eq!(told.untold, []);
    assert_eq!(told.hear(&activation, &parked(&[]), at(3)), None);
    assert_eq!(told.due(&activation, &parked(&[]), at(3)), None);
}

#[test]
fn a_digest_tells_what_came_since_the_last_one_and_not_before_its_time() {
    let activation = activation();
    let first = book().hear(&activation, &parked(&[("down", 3)]), at(0)).unwrap();
    let counts = parked(&[("down", 5), ("full", 1)]);
    assert_eq!(first.hear(&activation, &counts, at(14)), None);
    assert_eq!(first.told(&everything_of(&first), None).due(&activation, &counts, at(14)), Some(at(15)));
    let second = first.hear(&activation, &counts, at(15)).unwrap();
    let digests: Vec<_> = second.untold.iter().map(|notice| notice.happening.clone()).collect();
    let digest = |counts: &[(&str, u64)], since| Happening::Parked { by_reason: parked(counts), since };
    assert_eq!(digests, [digest(&[("down", 3)], None), digest(&[("down", 2), ("full", 1)], Some(at(0)))]);
    assert_eq!(second.hear(&activation, &counts, at(60)), None, "nothing new");
    assert_eq!(second.hear(&activation, &parked(&[("down", 4)]), at(60)), None, "an older count");
}

#[test]
fn a_digest_of_too_many_reasons_keeps_its_sum() {
    let reasons: Vec<String> = (0..50).map(|number| format!("reason {number:02}")).collect();
    let counts: Vec<(&str, u64)> = (1..).zip(&reasons).map(|(count, reason)| (reason.as_str(), count)).collect();
    let heard = book().hear(&activation(), &parked(&counts), at(0)).unwrap();
    let Happening::Parked { by_reason, .. } = &heard.untold[0].happening else { panic!("a digest") };
    assert_eq!((by_reason.len(), by_reason.values().sum::<u64>()), (21, 50 * 51 / 2));
    assert!(by_reason.contains_key(&Reason::new("reason 49")) && by_reason.contains_key(&Reason::new(OTHERS)));
}

#[test]
fn one_at_a_time_tells_and_after_its_lease_another() {
    let heard = book().hear(&activation(), &parked(&[("down", 3)]), at(0)).unwrap();
    let leased = heard.lease(at(0), at(1)).unwrap();
    assert_eq!(leased.lease(at(0), at(2)), None);
    assert_eq!(leased.due(&activation(), &parked(&[("down", 3)]), at(0)), Some(at(1)));
    let taken_over = leased.lease(at(1), at(2)).unwrap();
    let late = taken_over.told(&BTreeSet::from([(1, Channel::Mail)]), leased.lease);
    assert_eq!((late.lease, &late.untold[0].untold), (taken_over.lease, &BTreeSet::from([Channel::Event])));
    assert_eq!(late.told(&BTreeSet::new(), taken_over.lease).lease, None);
}

#[test]
fn what_could_not_be_told_within_a_day_is_given_up() {
    let heard = book().hear(&activation(), &parked(&[("down", 3)]), at(0)).unwrap();
    assert_eq!(heard.hear(&activation(), &parked(&[("down", 3)]), at(24 * 60 - 1)), None);
    let later = heard.hear(&activation(), &parked(&[("down", 3)]), at(24 * 60)).unwrap();
    assert_eq!(later.untold, []);
    assert_eq!(later.due(&activation(), &parked(&[("down", 3)]), at(24 * 60)), None);
}

#[test]
fn an_activation_of_before_has_nothing_to_tell() {
    let mut stored = serde_json::to_value(activation()).unwrap();
    stored["status"] = json!("failing");
    stored["transitions"] = json!(7);
    let failing: Activation = serde_json::from_value(stored).unwrap();
    assert_eq!(book().hear(&failing, &parked(&[]), at(0)), None);
}

#[test]
fn who_was_told_that_it_stopped_is_told_that_it_works_again_after_a_pause_too() {
    let mut activation = activation();
    activation.set_status(ActivationStatus::Failing, Some(Reason::new("no")));
    activation.set_status(ActivationStatus::Paused, None);
    assert_eq!(activation.turns.len(), 1);
    activation.set_status(ActivationStatus::Active, None);
    activation.set_status(ActivationStatus::Paused, None);
    activation.set_status(ActivationStatus::Active, None);
    let turned: Vec<_> = activation.turns.iter().map(|turn| (turn.transition, turn.turned.clone())).collect();
    assert_eq!(turned, [(1, Turned::Failing { why: Reason::new("no") }), (3, Turned::Recovered)]);
}

#[test]
fn turns_are_bounded() {
    let mut activation = activation();
    for _ in 0..40 {
        activation.set_status(ActivationStatus::Failing, Some(Reason::new("no")));
        activation.set_status(ActivationStatus::Active, None);
    }
    assert_eq!((activation.turns.len(), activation.turns.last().unwrap().transition), (16, 80));
}
