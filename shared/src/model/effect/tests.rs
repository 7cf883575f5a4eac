use proptest::prelude::*;

use super::*;

const SETTLED: SignedDuration = SignedDuration::from_secs(361);

fn times(again: Again) -> EffectTimes {
    EffectTimes {
        settled_after: SETTLED,
        window: SignedDuration::from_hours(72),
        again,
        events_earn: EventsEarn::Telling,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_600_000 + seconds).unwrap()
}

fn earned(again: Again, occurred_at: Timestamp) -> Earned {
    let (activation, audience) = ("crm".parse().unwrap(), "cats".parse().unwrap());
    Earned::by(&activation, again, Transition::Entered, &audience, BTreeMap::new(), occurred_at)
}

fn sent() -> Effect {
    let once = Again::Once;
    Effect::sending(&earned(once, at(0)), PersonKey([1; 16]), None, &times(once), at(10))
}

fn moves(row: &Effect, now: Timestamp) -> Move {
    next(&earned(Again::Once, at(0)), Some(row), &times(Again::Once), now)
}

#[test]
fn what_was_never_tried_is_sent() {
    assert_eq!(next(&earned(Again::Once, at(0)), None, &times(Again::Once), at(1)), Move::Send);
}

#[test]
fn what_somebody_sends_is_left_alone_until_it_cannot_arrive_any_more() {
    let settled_at = at(10) + SETTLED;
    assert_eq!(moves(&sent(), at(11)), Move::Wait(settled_at));
    assert_eq!(moves(&sent(), settled_at), Move::Ask);
}

#[test]
fn what_is_open_is_asked_for_and_never_sent_again_blindly() {
    let open = sent().performed(&Performed::Open { reason: Reason::new("timed out") }, &times(Again::Once), at(30));
    let settled_at = at(10) + SETTLED;
    assert_eq!(moves(&open, at(31)), Move::Wait(settled_at));
    assert_eq!(moves(&open, settled_at), Move::Ask);
    let absent = open.asked(&Asked::DidNot, &times(Again::Once), settled_at);
    assert_eq!(moves(&absent, settled_at), Move::Send);
    let present = open.asked(&Asked::Happened { said: String::new() }, &times(Again::Once), settled_at);
    assert_eq!(moves(&present, settled_at), Move::Remove);
    let untold = open.asked(&Asked::Nobody { reason: Reason::new("no way to ask") }, &times(Again::Once), settled_at);
    assert_eq!(moves(&untold, at(1_000_000)), Move::Rest);
}

#[test]
fn a_failure_waits_and_is_parked_at_the_end_of_its_window_only() {
    let times = times(Again::Once);
    let wait = SignedDuration::from_secs(60);
    let failed = Performed::Failed { reason: Reason::new("busy"), wait };
    let first = sent().performed(&failed, &times, at(20));
    assert_eq!(moves(&first, at(20)), Move::Wait(at(80)));
    let hours = |hours: i64| at(20 + hours * 3600);
    let again = |row: &Effect, now| Effect::sending(&earned(Again::Once, at(0)), row.person, Some(row), &times, now);
    let before = again(&first, hours(71)).performed(&failed, &times, hours(71));
    assert!(matches!(before.state, EffectState::Pending { .. }));
    let after = again(&before, hours(72)).performed(&failed, &times, hours(72));
    assert!(matches!(after.state, EffectState::Parked { .. }));
    assert_eq!(after.trying, Some(Trying { since: at(20), attempts: 3 }));
}

#[test]
fn putting_off_is_no_try() {
    let row = sent().performed(&Performed::PutOff { until: at(99) }, &times(Again::Once), at(20));
    assert_eq!((moves(&row, at(98)), moves(&row, at(99))), (Move::Wait(at(99)), Move::Send));
    assert_eq!(row.trying, None);
}

#[test]
fn a_transition_counts_again_as_often_as_was_agreed() {
    let days = |days: i64| at(days * 86_400);
    let done = |again| {
        let row = Effect::sending(&earned(again, at(0)), PersonKey([1; 16]), None, &times(again), at(1));
        row.performed(&Performed::Done { said: String::new() }, &times(again), at(2))
    };
    let once = done(Again::Once);
    assert_eq!(once.kept_until, None, "for ever");
    assert_eq!(next(&earned(Again::Once, days(999)), Some(&once), &times(Again::Once), days(999)), Move::Remove);
    let monthly = Again::OnceInDays(30);
    let row = done(monthly);
    assert!(row.kept_until.is_some_and(|until| until >= days(30)));
    assert_eq!(next(&earned(monthly, days(29)), Some(&row), &times(monthly), days(29)), Move::Remove);
    assert_eq!(next(&earned(monthly, days(30)), Some(&row), &times(monthly), days(30)), Move::Send);
    let each = Again::EveryTime;
    assert_ne!(earned(each, at(0)).id, earned(each, at(1)).id, "each has a row of its own");
}

#[test]
fn what_counts_anew_goes_on_where_the_revisions_of_the_former_one_ended() {
    let (daily, person) = (Again::OnceInDays(1), PersonKey([1; 16]));
    let send = |day: i64, row: Option<&Effect>| {
        let earned = earned(daily, at(day * 86_400));
        let sent = Effect::sending(&earned, person, row, &times(daily), at(day * 86_400));
        sent.performed(&Performed::Done { said: String::new() }, &times(daily), at(day * 86_400 + 1))
    };
    let first = send(0, None);
    let second = send(1, Some(&first));
    assert_eq!((first.revision, second.revision), (2, 4), "whoever read the first one's end may no longer write");
    assert_eq!(second.occurred_at, at(86_400));
}

#[test]
fn who_read_the_outbox_long_ago_does_not_send_again_what_a_later_one_took_the_row_of() {
    let daily = Again::OnceInDays(1);
    let (first, second) = (earned(daily, at(0)), earned(daily, at(86_400)));
    let sent = Effect::sending(&second, PersonKey([1; 16]), None, &times(daily), at(86_400));
    let busy = Performed::Failed { reason: Reason::new("busy"), wait: SignedDuration::ZERO };
    let pending = sent.performed(&busy, &times(daily), at(86_400));
    assert_eq!(next(&first, Some(&pending), &times(daily), at(86_401)), Move::Remove);
    assert_eq!(next(&second, Some(&pending), &times(daily), at(86_401)), Move::Send);
}

#[test]
fn a_repeat_that_is_refused_says_nothing_of_the_first_one() {
    let times = times(Again::Once);
    let open = sent().performed(&Performed::Open { reason: Reason::new("timed out") }, &times, at(30));
    let refused = |asked| {
        let row = open.asked(&asked, &times, at(500));
        let repeat = Effect::sending(&earned(Again::Once, at(0)), row.person, Some(&row), &times, at(501));
        repeat.performed(&Performed::Refused { reason: Reason::new("no") }, &times, at(502)).state
    };
    assert!(matches!(refused(Asked::Repeatable), EffectState::Parked { .. }), "it may have happened");
    assert!(matches!(refused(Asked::DidNot), EffectState::Refused { .. }));
}

#[test]
fn a_person_settles_only_what_nobody_knows() {
    let parked = sent().asked(&Asked::Nobody { reason: Reason::new("x") }, &times(Again::Once), at(500));
    let settled = |word| moves(&parked.settled_by_hand(word, at(600)).unwrap(), at(600));
    assert_eq!(settled(Word::Happened), Move::Remove);
    assert_eq!(settled(Word::GiveUp), Move::Remove);
    assert_eq!(settled(Word::TryAgain), Move::Send);
    assert_eq!(sent().settled_by_hand(Word::TryAgain, at(600)), Err(NotTheirs::Known), "somebody may be sending it");
}

#[test]
fn a_person_who_sees_nothing_at_the_vendor_waits_until_nothing_can_arrive_any_more() {
    let open = sent().performed(&Performed::Open { reason: Reason::new("timed out") }, &times(Again::Once), at(30));
    let settled_at = at(10) + SETTLED;
    assert_eq!(open.settled_by_hand(Word::TryAgain, at(31)), Err(NotTheirs::Before(settled_at)));
    let settled = |word, now| moves(&open.settled_by_hand(word, now).unwrap(), now);
    assert_eq!(settled(Word::TryAgain, settled_at), Move::Send);
    assert_eq!((settled(Word::Happened, at(31)), settled(Word::GiveUp, at(31))), (Move::Remove, Move::Remove));
}

proptest! {
    /// Whatever comes back and whenever somebody looks: between two sends the vendor said that nothing happened.
    #[test]
    fn never_sent_twice_without_knowing_that_it_did_not_happen(
        steps in prop::collection::vec((0u8..9, 0i64..4000), 1..40),
    ) {
        let times = times(Again::Once);
        let earned = earned(Again::Once, at(0));
        let (mut now, mut row): (Timestamp, Option<Effect>) = (at(0), None);
        let mut may_have_happened = false;
        for (step, seconds) in steps {
            now += SignedDuration::from_secs(seconds);
            let reason = Reason::new("x");
            let wait = SignedDuration::from_secs(seconds);
            row = match next(&earned, row.as_ref(), &times, now) {
                Move::Send => {
                    prop_assert!(!may_have_happened);
                    let sent = Effect::sending(&earned, PersonKey([1; 16]), row.as_ref(), &times, now);
                    let (performed, open) = match step % 5 {
                        0 => (Some(Performed::Failed { reason, wait }), false),
                        1 => (Some(Performed::PutOff { until: now + wait }), false),
                        2 => (Some(Performed::Open { reason }), true),
                        3 => (Some(Performed::Done { said: String::new() }), true),
                        // The process dies.
                        _ => (None, true),
                    };
                    may_have_happened = open;
                    Some(performed.map_or(sent.clone(), |performed| sent.performed(&performed, &times, now)))
                }
                Move::Ask => {
                    let row = row.unwrap();
                    prop_assert!(now.duration_since(row.sent_at.unwrap()) >= SETTLED, "asked too early");
                    let asked = match step % 3 {
                        0 => Asked::DidNot,
                        1 => Asked::NotNow { reason, wait },
                        _ => Asked::Happened { said: String::new() },
                    };
                    may_have_happened &= asked != Asked::DidNot;
                    Some(row.asked(&asked, &times, now))
                }
                Move::Wait(until) => {
                    prop_assert!(until > now);
                    row
                }
                Move::Rest | Move::Remove => row,
            };
        }
    }
}
