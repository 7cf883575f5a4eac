//! `muster local` is killed at any moment and started again. Nobody sends anything by hand: a source repeats a
//! request that got no answer, an owner too, and the platform must end as the naive reading of the input says.

mod process;
mod story;
mod world;

use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use muster::steps::Step;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use process::End;
use story::{Story, Weather};
use world::play;

/// Cases at a time. A process mostly waits for the disk.
const AT_ONCE: usize = 3;
/// The longest time that a story takes in an idle process, about.
const MOMENTS_MS: u64 = 2_500;

/// Plays every case; one test names all that fail.
async fn play_all(cases: Vec<(Story, End)>) {
    let plays = cases.into_iter().map(|(story, end)| async move {
        let played = play(&story, end).await;
        played.err().map(|error| format!("{end:?}, {:?}: {error}", story.weather))
    });
    let failures: Vec<Option<String>> = stream::iter(plays).buffer_unordered(AT_ONCE).collect().await;
    let failures: Vec<String> = failures.into_iter().flatten().collect();
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n\n"));
}

#[tokio::test]
async fn killed_after_each_step_it_ends_equal() {
    // A story's changes lie in the past and earn nothing: `tests/it/effects.rs` has workers die at these.
    let effects = [Step::EffectsNoted, Step::EffectsSent, Step::EffectsSettled, Step::OutboxesCleared];
    // Nor do its activations stop: `tests/it/notices.rs` has workers die at these.
    let notices = [Step::NoticesNoted, Step::NoticesLeased, Step::NoticesTold];
    let steps = Step::ALL.into_iter().filter(|step| !effects.contains(step) && !notices.contains(step));
    let cases = steps.map(|step| (Story::live(1, Weather::Rough), End::At(step, 1))).collect();
    play_all(cases).await;
}

/// The third run of delivery is a live one; the eighth request comes when all are being sent.
#[tokio::test]
async fn killed_in_the_middle_it_ends_equal() {
    let delivery = [
        Step::FlightWritten,
        Step::RowsRead,
        Step::Sent,
        Step::RetryNudged,
        Step::Settled,
        Step::DoubtRaised,
        Step::FlightCleared,
    ];
    let ingest = [Step::RowsMerged, Step::RowsWritten, Step::PeopleNudged];
    let of = |step, times, weather| (Story::live(2, weather), End::At(step, times));
    let delivery = delivery.into_iter().map(|step| of(step, 3, Weather::Calm));
    let ingest = ingest.into_iter().map(|step| of(step, 8, Weather::Rough));
    play_all(delivery.chain(ingest).collect()).await;
}

#[tokio::test]
async fn killed_at_random_moments_it_ends_equal() {
    let mut random = StdRng::seed_from_u64(20_261_122);
    let mut moment = || End::After(Duration::from_millis(random.random_range(0..MOMENTS_MS)));
    let cases = (0..10).map(|seed| (Story::live(seed, Weather::Rough), moment())).collect();
    play_all(cases).await;
}

/// What the killed process imported lands late, after newer changes.
#[tokio::test]
async fn killed_during_an_import_it_ends_equal() {
    for step in [Step::Sent, Step::RetryNudged, Step::Settled, Step::FlightCleared] {
        let twin = play(&Story::import(3), End::At(step, 1)).await;
        let imports = twin.map_err(|error| format!("{step}: {error}")).unwrap().counters().imports;
        assert!(imports > 0, "{step}: nothing was imported");
    }
}
