use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use muster::catalog::get;
use muster::delivery::start_job;
use muster::model::{Activation, JobKind};
use muster::ports::Clock;
use muster_memory::VirtualClock;

use super::platforms::{Mood, Plain, Platforms};
use super::world::{Link, World, p99};

fn clock() -> Arc<VirtualClock> {
    Arc::new(VirtualClock::at("2026-11-22T06:00:00Z".parse::<Timestamp>().unwrap()))
}

fn world(destinations: &[&str], platforms: &[&str], most_a_second: usize, batch: usize) -> World {
    let clock = clock();
    let at = Platforms::new(clock.clone(), platforms, most_a_second);
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let plain = Plain::new(destinations, most_a_second as f64, batch);
    World::new(at, clock, (destinations, plain))
}

/// Lag and number of what arrived at `c` in so long, with a change for everybody every so often.
fn third_of_three(world: &mut World, moods: [Mood; 2], lasting: SignedDuration, every: SignedDuration) -> (i64, usize) {
    for (name, mood) in ["a", "b"].into_iter().zip(moods) {
        world.platforms.look(name, |platform| platform.mood = mood);
    }
    let end = world.clock.now() + lasting;
    let mut person = 0;
    while world.clock.now() < end {
        world.ingest([person % 500]);
        person += 1;
        world.run_for(every);
    }
    let lags = world.lags("c");
    (p99(&lags), lags.len())
}

fn is_within(permille: i64, (lag, count): (i64, usize), (calm_lag, calm_count): (i64, usize)) {
    let (count, calm_count) = (i64::try_from(count).unwrap(), i64::try_from(calm_count).unwrap());
    assert!((lag - calm_lag).abs() * 1_000 <= calm_lag * permille, "p99 {lag} µs, {calm_lag} µs in calm");
    assert!((count - calm_count).abs() * 1_000 <= calm_count * permille, "{count} arrived, {calm_count} in calm");
}

#[test]
fn a_third_destination_feels_nothing_of_one_that_hangs_and_one_that_is_down() {
    let names = ["a", "b", "c"];
    let run = |moods| {
        let mut world = world(&names, &names, 100, 10);
        for name in names {
            world.link(&Link { activation: name, destination: name, platform: name });
        }
        third_of_three(&mut world, moods, SignedDuration::from_mins(5), SignedDuration::from_millis(100))
    };
    let calm = run([Mood::Well, Mood::Well]);
    assert!(calm.0 >= 50_000 && calm.1 > 2_900, "{calm:?}");
    is_within(50, run([Mood::Hanging, Mood::Down]), calm);
}

/// Three activations of one destination share its queues and its handlers.
#[test]
fn activations_of_one_destination_feel_little_of_a_neighbour_that_hangs() {
    let run = |moods| {
        let mut world = world(&["webhooks"], &["a", "b", "c"], 100, 10);
        for name in ["a", "b", "c"] {
            world.link(&Link { activation: name, destination: "webhooks", platform: name });
        }
        third_of_three(&mut world, moods, SignedDuration::from_hours(1), SignedDuration::from_millis(1_001))
    };
    let calm = run([Mood::Well, Mood::Well]);
    is_within(50, run([Mood::Hanging, Mood::Down]), calm);
}

#[test]
fn after_three_days_of_silence_everybody_is_told_the_newest_once() {
    const PEOPLE: usize = 10_000;
    const BATCH: usize = 10;
    /// One a minute while a flight stands, and those that were under way.
    const LAST_TRIES: usize = 10;
    let mut world = world(&["a"], &["a"], 1_000, BATCH);
    world.link(&Link { activation: "a", destination: "a", platform: "a" });
    world.ingest(0..PEOPLE);
    world.run_for(SignedDuration::from_mins(10));
    let all = |world: &World, told: u32| {
        world.platforms.look("a", |platform| {
            platform.holds.len() == PEOPLE && platform.holds.values().all(|(_, times)| *times == told)
        })
    };
    assert!(all(&world, 1), "everybody was told before");

    world.platforms.look("a", |platform| platform.mood = Mood::Down);
    let back = world.clock.now() + SignedDuration::from_hours(72);
    let before = world.platforms.look("a", |platform| platform.came_at.len());
    let mut newest = vec![0; PEOPLE];
    for turn in 0..12 {
        // Everybody once in the first thirty hours, and many again.
        let people = (0..PEOPLE).filter(|person| person % 10 == turn % 10 || (person * 7 + turn) % 97 == 0);
        let people: Vec<usize> = people.collect();
        world.ingest(people.iter().copied());
        people.iter().for_each(|person| newest[*person] = world.micros());
        world.run_for(SignedDuration::from_hours(3));
    }
    world.run_to(back);
    let tries = world.platforms.look("a", |platform| platform.came_at.len()) - before;
    assert!((1_000..6_000).contains(&tries), "about one request a minute is tried: {tries}");
    assert!(all(&world, 1), "nobody was told meanwhile");

    world.platforms.look("a", |platform| platform.mood = Mood::Well);
    world.run_for(SignedDuration::from_hours(2));
    let again = world.platforms.look("a", |platform| {
        let told = newest.iter().enumerate().map(|(person, at)| {
            let (value, times) = platform.holds[&format!("p{person}@example.com")];
            assert_eq!(value, *at, "person {person} was told the newest");
            times - 1
        });
        told.filter(|times| *times > 1).count()
    });
    // A 503 leaves open whether it was applied: whoever was tried in the last minutes is told once more, when nothing
    // can arrive late.
    assert!(again <= LAST_TRIES * BATCH, "{again} people were told more than once");
    assert_eq!(world.memory.queue().depth(), 0, "nothing is on its way");
}

#[test]
fn a_backfill_uses_the_rate_and_live_goes_first() {
    const PEOPLE: usize = 6_000;
    let mut world = world(&["a"], &["a"], 100, 1);
    world.ingest(0..PEOPLE);
    world.link(&Link { activation: "a", destination: "a", platform: "a" });
    let live = |world: &mut World, seconds: usize| {
        for turn in 0..seconds * 5 {
            world.ingest([PEOPLE + turn % 50]);
            world.run_for(SignedDuration::from_millis(200));
        }
    };
    world.run_for(SignedDuration::from_secs(30));
    live(&mut world, 60);
    let idle = p99(&world.lags("a"));
    world.run_for(SignedDuration::from_secs(10));

    world.platforms.look("a", |platform| {
        platform.told.clear();
        platform.came_at.clear();
    });
    let ports = world.engine.ports.clone();
    let activation = world.now(get::<Activation>(ports.catalog.as_ref(), "a")).unwrap().expect("it was made").value;
    world.now(start_job(&ports, &activation, JobKind::Resync, SignedDuration::ZERO)).unwrap();
    world.run_for(SignedDuration::from_secs(1));
    live(&mut world, 50);
    let (share, refused) = world.platforms.look("a", |platform| {
        let (first, last) = (platform.came_at[0], *platform.came_at.last().unwrap());
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let share = platform.came_at.len() as f64 / last.duration_since(first).as_secs_f64() / 100.0;
        (share, platform.refused)
    });
    assert_eq!(refused, 0, "nothing is sent that would be refused");
    assert!(share >= 0.95, "{share} of the rate was used");
    let values = world.lags_since("a", world.micros() - 50_000_000);
    assert!(values.len() > 240, "{} live changes arrived", values.len());
    let busy = p99(&values);
    assert!(busy < 2 * idle, "p99 {busy} µs, {idle} µs without a backfill");
}
