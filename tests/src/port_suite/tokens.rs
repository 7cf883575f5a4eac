//! Budgets: what every store must keep of them. The decisions themselves are tested where they are.

use jiff::{SignedDuration, Timestamp};
use muster::model::budget::{Ask, Budget, Grant, Health, Held, Probe, Spend};
use muster::model::{Lane, RunId};
use muster::ports::Ports;

use super::PortWorld;
use super::fixtures::{after, authorization, eight, start};

fn ask(requests_per_second: f64, want: u32) -> Ask {
    Ask {
        budget: Budget::per_second(requests_per_second),
        lane: Lane::Live,
        want,
        run: RunId(1),
        ends_at: after(60),
        patience: SignedDuration::from_hours(24),
    }
}

async fn spend(ports: &Ports, spend: Spend, now: Timestamp) -> Grant {
    ports.ledger.spend(&authorization(), &spend, now).await.unwrap()
}

async fn take(ports: &Ports, ask: Ask, now: Timestamp) -> Grant {
    spend(ports, Spend::Take(ask), now).await
}

fn granted(grant: Grant) -> u32 {
    match grant {
        Grant::Tokens(tokens) => tokens.count,
        Grant::NotBefore { .. } | Grant::Noted => 0,
    }
}

pub async fn what_was_taken_is_gone_until_it_comes_back(world: &impl PortWorld) {
    let ports = world.ports().await;
    // Of a hundred a second three may be taken at once, and ninety-six flow.
    assert_eq!(granted(take(&ports, ask(100.0, 2), start()).await), 2);
    assert_eq!(granted(take(&ports, ask(100.0, 9), start()).await), 1);
    let Grant::NotBefore { until, held: Held::Spent } = take(&ports, ask(100.0, 9), start()).await else {
        panic!("a token too many");
    };
    assert_eq!(granted(take(&ports, ask(100.0, 9), until).await), 1);
}

pub async fn returned_tokens_are_granted_again(world: &impl PortWorld) {
    let ports = world.ports().await;
    take(&ports, ask(100.0, 3), start()).await;
    spend(&ports, Spend::Return { tokens: 2, run: RunId(1), probe: Probe::No }, start()).await;
    assert_eq!(granted(take(&ports, ask(100.0, 9), start()).await), 2);
}

pub async fn accounts_have_budgets_of_their_own(world: &impl PortWorld) {
    let ports = world.ports().await;
    take(&ports, ask(1.0, 1), start()).await;
    let another = "another".parse().unwrap();
    let grant = ports.ledger.spend(&another, &Spend::Take(ask(1.0, 1)), start()).await.unwrap();
    assert_eq!(granted(grant), 1);
}

pub async fn a_blocked_account_is_granted_nothing_until_then(world: &impl PortWorld) {
    let ports = world.ports().await;
    spend(&ports, Spend::Block { until: after(30) }, start()).await;
    spend(&ports, Spend::Block { until: after(10) }, start()).await;
    let blocked = Grant::NotBefore { until: after(30), held: Held::Blocked };
    assert_eq!(take(&ports, ask(10.0, 1), after(29)).await, blocked);
    assert_eq!(granted(take(&ports, ask(10.0, 9), after(30)).await), 1);
}

pub async fn an_open_breaker_is_open_to_everybody(world: &impl PortWorld) {
    let ports = world.ports().await;
    for _ in 0..5 {
        spend(&ports, Spend::Answered { health: Health::Failing, probe: Probe::No }, start()).await;
    }
    let Grant::NotBefore { until, held: Held::Open { since } } = take(&ports, ask(10.0, 1), start()).await else {
        panic!("it lets requests through");
    };
    assert_eq!(since, start());
    let grants = eight(|_| {
        let ports = ports.clone();
        async move { granted(take(&ports, ask(1_000.0, 4), until).await) }
    })
    .await;
    assert_eq!(grants.iter().sum::<u32>(), 1, "one of them probes");
    spend(&ports, Spend::Answered { health: Health::Well, probe: Probe::Yes }, until).await;
    assert_eq!(granted(take(&ports, ask(1_000.0, 4), until).await), 4);
}

pub async fn eight_takers_share_one_budget(world: &impl PortWorld) {
    let ports = world.ports().await;
    let grants = eight(|_| {
        let ports = ports.clone();
        async move { granted(take(&ports, ask(700.0, 4), start()).await) }
    })
    .await;
    assert_eq!(grants.iter().sum::<u32>(), 21);
}
