//! What happens once: what is said of an effect is so, whatever goes wrong, and what nobody knows is open.
//!
//! Held of every destination that has effects. Not asked of a vendor: that it can tell (who cannot says so), that it
//! says of somebody whom it does not know that nothing happened (Braze takes such events in silence where profiles are
//! not to be made), in which order it executes what came in one request (where it shows events by their times), and what
//! it may still apply, since nobody asks before that time is over.

use std::collections::BTreeSet;
use std::slice;

use jiff::SignedDuration;
use muster::destination::{Failure, Mode, Performance, Performances, Task, Testimony};

use super::bench::{Bench, PATIENCE, Want, person_of};
use super::limits::Pace;
use super::listen::Ear;
use super::secrecy::{Notepad, calm, troubles};
use super::tasks::{
    PEOPLE, Says, assert_happened, assert_happened_at_last, assert_testified, assert_true, causes, one_call, ready,
    says, several, several_of_each, task, task_by, tasks, times,
};
use super::trouble::{IMPATIENCE, assert_says_when};
use super::world::{Aim, EffectWorld, Pause, Refusals, Standing, Strangers, Struck, Trouble};

/// Nothing that was sent is on its way for longer.
const LATER: SignedDuration = SignedDuration::from_hours(2);

/// Goes on as the engine does: what is open is asked for when it cannot be applied any more, and what may be sent again
/// is. Where nobody can tell a person looks at the vendor.
async fn go_on(world: &dyn EffectWorld, bench: &Bench<'_>, tasks: &[Task], told: &Performances) {
    world.clock().advance(LATER);
    world.land();
    let mut again = Vec::new();
    for task in tasks {
        let is_sent_again = match says(told.get(&task.id)) {
            Says::Happened => false,
            Says::DidNot => true,
            Says::Open => {
                let testimony = bench.ask(task).await.unwrap();
                assert_testified(world, task, &testimony);
                match testimony {
                    Testimony::Present { .. } => false,
                    Testimony::Absent | Testimony::Repeatable => true,
                    Testimony::Untellable { .. } => times(world, task) == 0,
                }
            }
        };
        if is_sent_again {
            again.push(task.clone());
        }
    }
    bench.perform_well(&again).await;
}

pub async fn an_effect_happens_once(world: &dyn EffectWorld) {
    let bench = ready(world).await;
    let causes = causes(&bench, true);
    assert!(!causes.is_empty(), "nothing earns an effect");
    for number in 0..u16::try_from(causes.len()).unwrap() {
        bench.perform_well(&[task(&bench, 1, number)]).await;
        let so_far: Vec<Task> = (0..=number).map(|number| task(&bench, 1, number)).collect();
        assert_happened(world, &so_far);
    }
}

pub async fn many_happen_once_each_and_in_order(world: &dyn EffectWorld) {
    let bench = ready(world).await;
    let tasks = several_of_each(&bench);
    bench.perform_well(&tasks).await;
    assert_happened(world, &tasks);
}

pub async fn records_make_nothing_happen(world: &dyn EffectWorld) {
    let bench = ready(world).await;
    for want in [Want::entered(), Want::left()] {
        bench.deliver(Mode::Live, &bench.show_all(PEOPLE, &want)).await;
    }
    assert_happened(world, []);
}

pub async fn whoever_is_refused_stands_alone(world: &dyn EffectWorld) {
    let bench = ready(world).await;
    if world.ban(3) == Struck::Impossible {
        return;
    }
    let tasks = several_of_each(&bench);
    let told = bench.perform(&tasks).await;
    let (refused, others): (Vec<&Task>, Vec<&Task>) = tasks.iter().partition(|task| person_of(task.id.person) == 3);
    for task in refused {
        let told = told.get(&task.id);
        assert!(matches!(told, Some(Performance::Failed(Failure::Rejected { .. }))), "{told:?}");
    }
    assert!(others.iter().all(|task| says(told.get(&task.id)) == Says::Happened), "{told:?}");
    assert_happened(world, others);
}

pub async fn a_refused_effect_stands_alone(world: &dyn EffectWorld) {
    let bench = ready(world).await;
    let tasks = several_of_each(&bench);
    let trouble = Trouble::Refused("This event cannot be taken".to_owned());
    if world.strike(&trouble, Aim::Effect, 1) == Struck::Impossible {
        return;
    }
    let told = bench.perform(&tasks).await;
    assert_true(world, &tasks, &told);
    let (happened, failed): (Vec<&Task>, Vec<&Task>) =
        tasks.iter().partition(|task| says(told.get(&task.id)) == Says::Happened);
    assert_eq!(failed.len(), 1, "{told:?}");
    let refused = failed[0];
    assert_eq!(times(world, refused), 0, "{told:?}");
    assert_testified(world, refused, &bench.ask(refused).await.unwrap());
    assert_happened(world, happened);
}

pub async fn strangers_are_treated_as_promised(world: &dyn EffectWorld) {
    let bench = ready(world).await;
    let (stranger, known) = (task(&bench, 9, 0), task(&bench, 1, 0));
    let told = bench.perform(&[stranger.clone(), known.clone()]).await;
    assert_eq!(says(told.get(&known.id)), Says::Happened, "{told:?}");
    assert_happened(world, [&known]);
    match world.strangers() {
        Strangers::Made => assert_eq!(says(told.get(&stranger.id)), Says::Happened, "{told:?}"),
        Strangers::Filtered => {
            assert_eq!(says(told.get(&stranger.id)), Says::DidNot, "{told:?}");
            assert_eq!(times(world, &stranger), 0);
            // It can change: they come, and the next try reaches them.
            world.put(9, Standing::Reachable);
            bench.perform_well(slice::from_ref(&stranger)).await;
        }
    }
    assert_eq!(times(world, &stranger), 1);
}

/// Whatever earns an effect elsewhere: it is answered, and not sent.
pub async fn what_earns_nothing_here_is_refused(world: &dyn EffectWorld) {
    let bench = ready(world).await;
    let causes = causes(&bench, false);
    let unearned: Vec<Task> = (500..).zip(causes).map(|(number, cause)| task_by(&bench, 1, number, cause, 0)).collect();
    let assert_refused = |told: &Performances| {
        for task in &unearned {
            let told = told.get(&task.id);
            assert!(matches!(told, Some(Performance::Failed(Failure::Rejected { .. }))), "{told:?}");
        }
    };
    let before = world.requests();
    assert_refused(&bench.perform(&unearned).await);
    assert_eq!(world.requests(), before);
    let earned = one_call(&bench, 0);
    assert_refused(&bench.perform(&[unearned.clone(), earned.clone()].concat()).await);
    assert_happened(world, &earned);
}

pub async fn refused_credentials_make_nothing_happen(world: &dyn EffectWorld) {
    let mut bench = ready(world).await;
    let tasks = one_call(&bench, 0);
    bench.credentials = world.refused_credentials();
    let before = world.requests();
    let told = bench.perform(&tasks).await;
    for task in &tasks {
        let told = told.get(&task.id);
        assert!(matches!(told, Some(Performance::Failed(Failure::Unauthorized { .. }))), "{told:?}");
    }
    let most = match world.refusals() {
        Refusals::Believed => 1,
        Refusals::Doubted => 2,
    };
    let sent = world.requests() - before;
    assert!(sent <= most, "{sent} requests for credentials that the first one showed to be refused");
    assert_happened(world, []);
    match bench.ask(&tasks[0]).await {
        Err(Failure::Unauthorized { .. }) | Ok(Testimony::Repeatable | Testimony::Untellable { .. }) => {}
        testimony @ (Ok(_) | Err(_)) => panic!("{testimony:?}"),
    }
    bench.credentials = world.credentials();
    bench.perform_well(&tasks).await;
    assert_happened(world, &tasks);
}

/// Calls in trouble: whatever is said is so, and nobody's later effect overtakes one that is tried again.
async fn perform_in_trouble(
    world: &dyn EffectWorld,
    bench: &mut Bench<'_>,
    trouble: &Trouble,
    tasks: &[Task],
) -> Performances {
    if matches!(trouble, Trouble::TimeoutBefore | Trouble::TimeoutAfter) {
        bench.patience = IMPATIENCE;
    }
    let told = bench.perform(tasks).await;
    bench.patience = PATIENCE;
    assert_true(world, tasks, &told);
    for call in tasks.chunks(bench.spec().effects) {
        let mut waits = BTreeSet::new();
        for task in call {
            match says(told.get(&task.id)) {
                Says::DidNot => drop(waits.insert(task.id.person)),
                Says::Happened => assert!(!waits.contains(&task.id.person), "{:?} overtook another: {told:?}", task.id),
                Says::Open => {}
            }
        }
    }
    told
}

/// The vendor applied it, and nobody heard of it: it is open, and not sent again where it would happen twice.
async fn an_answer_is_lost(world: &dyn EffectWorld, trouble: Trouble) {
    let mut bench = ready(world).await;
    let tasks = one_call(&bench, 0);
    if world.strike(&trouble, Aim::Effect, 1) == Struck::Impossible {
        return;
    }
    let told = perform_in_trouble(world, &mut bench, &trouble, &tasks).await;
    let lost = tasks.iter().filter(|task| says(told.get(&task.id)) == Says::Open && times(world, task) == 1);
    assert!(lost.count() > 0, "{trouble:?} passed unseen: {told:?}");
    go_on(world, &bench, &tasks, &told).await;
    assert_happened_at_last(world, &tasks);
}

/// The vendor never applied it: nobody says that it happened.
async fn it_does_not_happen(world: &dyn EffectWorld, troubles: &[Trouble]) {
    let mut bench = ready(world).await;
    let mut all = Vec::new();
    for (number, trouble) in (0..).step_by(100).zip(troubles) {
        let tasks = one_call(&bench, number);
        if world.strike(trouble, Aim::Effect, 1) == Struck::Impossible {
            continue;
        }
        let told = perform_in_trouble(world, &mut bench, trouble, &tasks).await;
        assert!(tasks.iter().any(|task| times(world, task) == 0), "{trouble:?} passed unseen: {told:?}");
        go_on(world, &bench, &tasks, &told).await;
        all.extend(tasks);
        assert_happened_at_last(world, &all);
    }
}

pub async fn an_answer_whose_connection_breaks_leaves_it_open(world: &dyn EffectWorld) {
    an_answer_is_lost(world, Trouble::ResetAfter).await;
}

pub async fn an_answer_that_times_out_leaves_it_open(world: &dyn EffectWorld) {
    an_answer_is_lost(world, Trouble::TimeoutAfter).await;
}

pub async fn half_an_answer_leaves_it_open(world: &dyn EffectWorld) {
    an_answer_is_lost(world, Trouble::Truncated).await;
}

pub async fn what_breaks_is_never_said_to_have_happened(world: &dyn EffectWorld) {
    it_does_not_happen(world, &[500, 502, 503].map(Trouble::Broken)).await;
}

pub async fn a_connection_that_breaks_before_makes_nothing_happen(world: &dyn EffectWorld) {
    it_does_not_happen(world, &[Trouble::ResetBefore]).await;
}

pub async fn a_time_out_before_makes_nothing_happen(world: &dyn EffectWorld) {
    it_does_not_happen(world, &[Trouble::TimeoutBefore]).await;
}

pub async fn what_something_else_answers_did_not_happen(world: &dyn EffectWorld) {
    it_does_not_happen(world, &[Trouble::NotTheApi]).await;
}

pub async fn an_error_in_a_200_is_not_taken_for_done(world: &dyn EffectWorld) {
    it_does_not_happen(world, &[Trouble::ErrorInOk]).await;
}

pub async fn what_goes_wrong_halfway_is_said_of_the_rest_alone(world: &dyn EffectWorld) {
    let mut bench = ready(world).await;
    let troubles = [
        Trouble::SlowDown(Pause::Seconds(17)),
        Trouble::Broken(503),
        Trouble::ResetBefore,
        Trouble::ResetAfter,
        Trouble::NotTheApi,
        Trouble::Unauthorized,
    ];
    let mut all = Vec::new();
    for (number, trouble) in (0..).step_by(100).zip(troubles) {
        let tasks = tasks(&bench, PEOPLE, number..number + several(&bench));
        if world.strike(&trouble, Aim::LaterEffect, 1) == Struck::Impossible {
            continue;
        }
        let told = perform_in_trouble(world, &mut bench, &trouble, &tasks).await;
        let said = |what: Says| tasks.iter().any(|task| says(told.get(&task.id)) == what);
        assert!(said(Says::Happened) && (said(Says::DidNot) || said(Says::Open)), "{trouble:?}: {told:?}");
        go_on(world, &bench, &tasks, &told).await;
        all.extend(tasks);
        assert_happened_at_last(world, &all);
    }
}

/// Some vendors refuse all for one: whoever is refused does not take the others along, and whoever is not is told of.
pub async fn a_refused_request_is_said_of_one_alone(world: &dyn EffectWorld) {
    let bench = ready(world).await;
    let tasks = several_of_each(&bench);
    if world.strike(&Trouble::BadRequest, Aim::Effect, 1) == Struck::Impossible {
        return;
    }
    let told = bench.perform(&tasks).await;
    assert_true(world, &tasks, &told);
    let (happened, failed): (Vec<&Task>, Vec<&Task>) =
        tasks.iter().partition(|task| says(told.get(&task.id)) == Says::Happened);
    assert!(failed.len() <= 1, "{told:?}");
    assert_happened(world, happened);
}

async fn a_wish_to_slow_down(world: &dyn EffectWorld, pause: Pause, wait: SignedDuration) {
    let bench = ready(world).await;
    let tasks = one_call(&bench, 0);
    if world.strike(&Trouble::SlowDown(pause), Aim::Effect, 1) == Struck::Impossible {
        return;
    }
    let told = bench.perform(&tasks).await;
    let mut limited = 0;
    for task in &tasks {
        match told.get(&task.id) {
            Some(Performance::Failed(Failure::RateLimited { retry_after })) => {
                assert_says_when(pause, wait, *retry_after);
                limited += 1;
            }
            Some(Performance::Failed(Failure::PutOff { .. })) => {}
            other => panic!("{:?}: {other:?}", task.id),
        }
    }
    assert!(limited > 0, "who was struck is told so");
    // Not even what stood behind it: of one person it would overtake.
    assert_happened(world, []);
    world.clock().advance(wait);
    bench.perform_well(&tasks).await;
    assert_happened(world, &tasks);
}

pub async fn a_wish_to_slow_down_is_honoured_in_seconds(world: &dyn EffectWorld) {
    a_wish_to_slow_down(world, Pause::Seconds(17), SignedDuration::from_secs(17)).await;
}

pub async fn a_wish_to_slow_down_is_honoured_as_a_date(world: &dyn EffectWorld) {
    a_wish_to_slow_down(world, Pause::Date(30), SignedDuration::from_secs(30)).await;
}

pub async fn a_wish_to_slow_down_without_a_time_is_honoured(world: &dyn EffectWorld) {
    a_wish_to_slow_down(world, Pause::Unsaid, SignedDuration::ZERO).await;
}

pub async fn what_was_never_sent_is_never_said_to_have_happened(world: &dyn EffectWorld) {
    let bench = ready(world).await;
    let sent = task(&bench, 1, 0);
    bench.perform_well(slice::from_ref(&sent)).await;
    world.clock().advance(LATER);
    for (person, number) in [(1, 1), (2, 0), (9, 0)] {
        let never = task(&bench, person, number);
        assert_testified(world, &never, &bench.ask(&never).await.unwrap());
    }
    assert_testified(world, &sent, &bench.ask(&sent).await.unwrap());
    assert_happened(world, [&sent]);
}

pub async fn an_ask_in_trouble_says_nothing_untrue(world: &dyn EffectWorld) {
    let mut bench = ready(world).await;
    let (happened, never) = (task(&bench, 1, 0), task(&bench, 1, 1));
    bench.perform_well(slice::from_ref(&happened)).await;
    world.clock().advance(LATER);
    let troubles = [
        Trouble::Broken(500),
        Trouble::Broken(503),
        Trouble::ResetBefore,
        Trouble::TimeoutBefore,
        Trouble::Truncated,
        Trouble::NotTheApi,
        Trouble::ErrorInOk,
        Trouble::Unauthorized,
        Trouble::SlowDown(Pause::Seconds(17)),
        Trouble::Refused("This cannot be asked".to_owned()),
    ];
    for trouble in troubles {
        for asked in [&happened, &never] {
            if world.strike(&trouble, Aim::Ask, 1) == Struck::Impossible {
                continue;
            }
            bench.patience = if trouble == Trouble::TimeoutBefore { IMPATIENCE } else { PATIENCE };
            if let Ok(testimony) = bench.ask(asked).await {
                assert_testified(world, asked, &testimony);
            }
            assert_eq!(world.end_trouble(), 0, "{trouble:?} never struck");
            // An account that keeps failing is left alone, but for one request a minute.
            world.clock().advance(SignedDuration::from_mins(1));
        }
    }
    assert_happened(world, [&happened]);
}

pub async fn no_host_is_called_but_the_destinations_own(world: &dyn EffectWorld) {
    let mut bench = ready(world).await;
    bench.origins = vec!["https://elsewhere.example".to_owned()];
    let tasks = one_call(&bench, 0);
    let before = world.requests();
    let told = bench.perform(&tasks).await;
    for task in &tasks {
        let told = told.get(&task.id);
        assert!(matches!(told, Some(Performance::Failed(Failure::Misconfigured { .. }))), "{told:?}");
    }
    match bench.ask(&tasks[0]).await {
        Err(Failure::Misconfigured { .. }) | Ok(Testimony::Repeatable | Testimony::Untellable { .. }) => {}
        testimony @ (Ok(_) | Err(_)) => panic!("{testimony:?}"),
    }
    assert_eq!(world.requests(), before);
}

/// How many objects a request holds the twin looks at: more are refused, and harm.
pub async fn the_rate_is_kept(world: &dyn EffectWorld) {
    let bench = ready(world).await;
    let pace = Pace::of(&bench);
    bench.perform_well(&several_of_each(&bench)).await;
    pace.assert_kept(&bench);
}

pub async fn without_time_nothing_is_sent(world: &dyn EffectWorld) {
    let mut bench = ready(world).await;
    bench.run = SignedDuration::from_secs(20);
    let tasks = one_call(&bench, 0);
    let before = world.requests();
    let told = bench.perform(&tasks).await;
    for task in &tasks {
        let told = told.get(&task.id);
        assert!(matches!(told, Some(Performance::Failed(Failure::PutOff { .. }))), "{told:?}");
    }
    assert_eq!(world.requests(), before);
}

/// No secret, key or value of a person in a log line or in what is said of an effect.
pub async fn nothing_personal_is_told(world: &dyn EffectWorld) {
    let ear = Ear::listening();
    let mut pad = Notepad::default();
    let mut bench = ready(world).await;
    world.ban(5);
    // Somebody, somebody who is refused, and a stranger.
    let everybody = |bench: &Bench<'_>, number| [1, 5, 9].map(|person| task(bench, person, number));
    let mut number = 0;
    for trouble in troubles(world) {
        for aim in [Aim::Effect, Aim::Ask, Aim::Any] {
            // Enough to strike the second try too.
            if world.strike(&trouble, aim, 3) == Struck::Armed {
                // What a vendor quotes is of the one who is spoken of.
                tell(&bench, &tasks(&bench, 1..=1, number..number + 3), &mut pad).await;
                calm(world);
                world.clock().advance(SignedDuration::from_mins(1));
                number += 3;
            }
        }
    }
    tell(&bench, &everybody(&bench, number), &mut pad).await;
    bench.credentials = world.refused_credentials();
    tell(&bench, &everybody(&bench, number + 1), &mut pad).await;
    pad.assert_tells_nothing(world, &ear);
}

/// Performs and asks.
async fn tell(bench: &Bench<'_>, tasks: &[Task], pad: &mut Notepad) {
    for (id, performance) in bench.perform(tasks).await {
        pad.note((id, &performance));
        if let Performance::Failed(failure) = &performance {
            pad.note_failure(failure);
        }
    }
    for task in tasks {
        match bench.ask(task).await {
            Ok(testimony) => pad.note(testimony),
            Err(failure) => pad.note_failure(&failure),
        }
    }
}
