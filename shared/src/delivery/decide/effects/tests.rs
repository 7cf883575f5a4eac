use super::*;
use crate::model::effect::{Again, Transition};

fn at(days: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days)
}

/// Somebody who entered on each of these days, where one entry a day counts.
fn entered_on(days: &[i64]) -> (Person, ActivationId) {
    let (activation, audience): (ActivationId, _) = ("crm".parse().unwrap(), "cats".parse().unwrap());
    let mut person = Person::new(PersonKey([1; 16]), "shop".parse().unwrap());
    let earned = |day: &i64| {
        let again = Again::OnceInDays(1);
        Earned::by(&activation, again, Transition::Entered, &audience, Default::default(), at(*day))
    };
    person.outbox = days.iter().map(earned).collect();
    (person, activation)
}

#[test]
fn what_is_at_an_end_leaves_the_outbox_and_its_successor_of_the_same_id_stays() {
    let (person, activation) = entered_on(&[1, 2]);
    let ended = Ended::from([(person.outbox[0].id.clone(), at(1))]);
    let after = cleared(person.clone(), &activation, &ended).unwrap();
    assert_eq!((after.person.outbox.as_slice(), after.person.sequence), (&person.outbox[1..], 1));
    assert!(is_next(&after.person, &activation, &ended), "it is looked at now");
    assert!(cleared(after.person, &activation, &ended).is_none(), "whoever comes late takes nothing more");
}

#[test]
fn nobody_stands_behind_the_last_one() {
    let (person, activation) = entered_on(&[1]);
    let ended = Ended::from([(person.outbox[0].id.clone(), at(1))]);
    let after = cleared(person, &activation, &ended).unwrap();
    assert!(!is_next(&after.person, &activation, &ended));
}
