//! From a webhook to the vendor's answer: the whole system under an even load, in real time.
//!
//! A time begins just before the sender sends, so it holds what ingest takes. It ends with the time in the
//! person's receipt, which is taken when every answer of the delivery run is there: never before the
//! vendor's answer for that person, and later where others went in the same run.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use muster::model::{ActivationId, Outcome as End};
use muster::ports::Row;
use muster_local::demo::Running;
use muster_local::system::System;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::percentiles::Percentiles;
use crate::world::{Facts, INGEST, Outcome, PROOF, World, entered, now, twin};

/// How long the twin holds an answer back.
pub(crate) const VENDOR_DELAY_MS: u64 = 50;
/// Requests a second that the account allows.
pub(crate) const VENDOR_RATE: f64 = 1_000.0;
/// Webhooks a second.
const PER_SECOND: u32 = 100;
/// For so long.
const SECONDS: u32 = 20;

#[derive(Serialize)]
pub(crate) struct Measured {
    pub(crate) people: usize,
    pub(crate) per_second: u32,
    /// Until the 202 was at the sender.
    pub(crate) accepted: Percentiles,
    /// Until the vendor's answers were at Muster.
    pub(crate) answered: Percentiles,
    pub(crate) vendor_requests: u64,
}

/// What the sender saw of one webhook.
struct Sent {
    number: usize,
    at: Timestamp,
    accepted_at: Timestamp,
}

pub(crate) async fn measure() -> Outcome<Measured> {
    let people = usize::try_from(PER_SECOND * SECONDS)?;
    let twin = twin(people, VENDOR_DELAY_MS).await?;
    let world = World::new(Some(&twin)).await?;
    let activation = world.link("heyloyalty", VENDOR_RATE, &Facts::of_people()).await?;
    world.start(&world.system.engine, &activation).await?;
    twin.reset_counters();

    let running = Running::start(Arc::clone(&world.system)).await?;
    let sent = send_evenly(&running.url, people).await?;
    wait_until_quiet(&world.system).await?;
    running.stop().await?;

    let answered = sent.iter().map(|sent| Ok((sent, world.person(sent.number)?))).collect::<Outcome<Vec<_>>>()?;
    let keys: Vec<_> = answered.iter().map(|(_, key)| *key).collect();
    let rows = world.system.engine.ports.people.read(&keys, Some(&activation)).await?;
    let answered = answered
        .into_iter()
        .map(|(sent, key)| {
            let row = rows.iter().find(|row| row.person.key == key).ok_or("somebody accepted has no row")?;
            between(sent.at, delivered_at(row, &activation)?)
        })
        .collect::<Outcome<Vec<_>>>()?;
    let accepted = sent.iter().map(|sent| between(sent.at, sent.accepted_at)).collect::<Outcome<Vec<_>>>()?;
    Ok(Measured {
        people,
        per_second: PER_SECOND,
        accepted: Percentiles::of(accepted).ok_or("nothing was sent")?,
        answered: Percentiles::of(answered).ok_or("nothing was sent")?,
        vendor_requests: twin.counters().requests,
    })
}

/// A webhook every so often, whether or not the former ones are answered.
async fn send_evenly(url: &str, people: usize) -> Outcome<Vec<Sent>> {
    #[expect(clippy::disallowed_methods, reason = "the bench speaks to Muster as a source, from outside of it")]
    let client = reqwest::Client::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    let mut under_way = JoinSet::new();
    for number in 0..people {
        ticks.tick().await;
        let (header, secret) = PROOF;
        let request = client
            .post(format!("{url}{INGEST}"))
            .header("content-type", "application/json")
            .header(header, secret)
            .body(entered(number));
        under_way.spawn(async move {
            let at = now();
            let answer = request.send().await.map_err(|error| error.to_string())?;
            if answer.status() != reqwest::StatusCode::ACCEPTED {
                return Err(format!("ingest answered {}", answer.status()));
            }
            Ok(Sent { number, at, accepted_at: now() })
        });
    }
    Ok(under_way.join_all().await.into_iter().collect::<Result<_, String>>()?)
}

async fn wait_until_quiet(system: &System) -> Outcome<()> {
    let queue = system.embedded.queue();
    while !queue.is_quiet().await? {
        let _ = tokio::time::timeout(Duration::from_millis(100), queue.changed()).await;
    }
    Ok(())
}

fn delivered_at(row: &Row, activation: &ActivationId) -> Outcome<Timestamp> {
    let mut receipts = row.standing.records.values().filter_map(|record| record.receipt.as_ref());
    match receipts.next() {
        Some(receipt) if receipt.outcome == End::Delivered => Ok(receipt.at),
        Some(receipt) => Err(format!("somebody was not delivered: {:?}", receipt.outcome).into()),
        None => Err(format!("somebody accepted has no receipt of {activation}").into()),
    }
}

fn between(from: Timestamp, to: Timestamp) -> Outcome<Duration> {
    Ok(to.duration_since(from).try_into()?)
}
