//! Budgets.

use jiff::{SignedDuration, Timestamp};
use muster::ports::{Grant, Ports, Rate};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::PortWorld;
use super::fixtures::{after, authorization, eight, start};

const TEN: Rate = Rate { per_second: 10.0, burst: 20.0 };

async fn take(ports: &Ports, rate: Rate, want: u32, now: Timestamp) -> Grant {
    ports.ledger.take_tokens(&authorization(), rate, want, now).await.unwrap()
}

fn granted(grant: Grant) -> u32 {
    match grant {
        Grant::Tokens(tokens) => tokens,
        Grant::NotBefore(_) => 0,
    }
}

fn not_before(grant: Grant) -> Timestamp {
    match grant {
        Grant::Tokens(tokens) => panic!("{tokens} tokens were granted"),
        Grant::NotBefore(time) => time,
    }
}

pub async fn a_fresh_bucket_grants_its_burst_and_no_more(world: &impl PortWorld) {
    let ports = world.ports().await;
    assert_eq!(take(&ports, TEN, 15, start()).await, Grant::Tokens(15));
    assert_eq!(take(&ports, TEN, 15, start()).await, Grant::Tokens(5));
    assert!(not_before(take(&ports, TEN, 15, start()).await) > start());
}

pub async fn never_more_than_rate_and_burst_allow(world: &impl PortWorld) {
    let ports = world.ports().await;
    let mut random = StdRng::seed_from_u64(20_261_122);
    for per_second in [0.05, 0.7, 10.0, 333.0] {
        let bucket = format!("account-{per_second}").parse().unwrap();
        let rate = Rate { per_second, burst: 7.5 };
        let (mut now, mut total) = (start(), 0);
        for _ in 0..100 {
            now += SignedDuration::from_micros(random.random_range(0..(4e6 / per_second) as i64));
            total += granted(ports.ledger.take_tokens(&bucket, rate, random.random_range(1..9), now).await.unwrap());
            let allowed = per_second * now.duration_since(start()).as_secs_f64() + rate.burst;
            assert!(f64::from(total) <= allowed + 1e-6, "{total} granted where {allowed} are allowed");
        }
        assert!(total > 50, "and not much less: {total}");
    }
}

pub async fn at_the_time_named_there_is_a_token(world: &impl PortWorld) {
    let ports = world.ports().await;
    for per_second in [0.013, 0.3, 3.0, 997.0] {
        let bucket = format!("account-{per_second}").parse().unwrap();
        let rate = Rate { per_second, burst: 1.0 };
        let mut now = start();
        for _ in 0..10 {
            assert_eq!(ports.ledger.take_tokens(&bucket, rate, 5, now).await.unwrap(), Grant::Tokens(1));
            let named = not_before(ports.ledger.take_tokens(&bucket, rate, 5, now).await.unwrap());
            let waited = named.duration_since(now).as_secs_f64();
            assert!((waited - 1.0 / per_second).abs() < 1e-4, "{waited} s at {per_second} a second");
            now = named;
        }
    }
}

pub async fn a_bucket_that_never_refills_names_a_time_all_the_same(world: &impl PortWorld) {
    let ports = world.ports().await;
    let rate = Rate { per_second: 0.0, burst: 1.0 };
    assert_eq!(take(&ports, rate, 1, start()).await, Grant::Tokens(1));
    assert!(not_before(take(&ports, rate, 1, start()).await) > start());
}

pub async fn a_clock_set_back_brings_no_tokens(world: &impl PortWorld) {
    let ports = world.ports().await;
    assert_eq!(take(&ports, TEN, 20, after(100)).await, Grant::Tokens(20));
    assert!(not_before(take(&ports, TEN, 1, start()).await) > after(100));
    assert_eq!(granted(take(&ports, TEN, 20, after(101)).await), 10);
}

pub async fn returned_tokens_are_granted_again_up_to_the_burst(world: &impl PortWorld) {
    let ports = world.ports().await;
    take(&ports, TEN, 20, start()).await;
    ports.ledger.return_tokens(&authorization(), 3).await.unwrap();
    assert_eq!(take(&ports, TEN, 20, start()).await, Grant::Tokens(3));
    ports.ledger.return_tokens(&authorization(), 500).await.unwrap();
    assert_eq!(take(&ports, TEN, 500, start()).await, Grant::Tokens(20));
}

pub async fn a_blocked_bucket_grants_nothing_until_then(world: &impl PortWorld) {
    let ports = world.ports().await;
    ports.ledger.block_tokens(&authorization(), after(30)).await.unwrap();
    assert_eq!(take(&ports, TEN, 1, start()).await, Grant::NotBefore(after(30)));
    assert_eq!(take(&ports, TEN, 1, after(29)).await, Grant::NotBefore(after(30)));
    assert_eq!(take(&ports, TEN, 9, after(30)).await, Grant::Tokens(1));
}

pub async fn a_longer_block_stays(world: &impl PortWorld) {
    let ports = world.ports().await;
    ports.ledger.block_tokens(&authorization(), after(30)).await.unwrap();
    ports.ledger.block_tokens(&authorization(), after(10)).await.unwrap();
    assert_eq!(take(&ports, TEN, 1, after(11)).await, Grant::NotBefore(after(30)));
}

pub async fn after_a_block_tokens_come_back_at_their_rate(world: &impl PortWorld) {
    let ports = world.ports().await;
    take(&ports, TEN, 1, start()).await;
    ports.ledger.block_tokens(&authorization(), after(30)).await.unwrap();
    assert_eq!(take(&ports, TEN, 500, after(31)).await, Grant::Tokens(11));
    assert_eq!(take(&ports, TEN, 500, after(60)).await, Grant::Tokens(20));
}

pub async fn a_bucket_follows_a_changed_rate(world: &impl PortWorld) {
    let ports = world.ports().await;
    take(&ports, TEN, 10, start()).await;
    let slower = Rate { per_second: 1.0, burst: 2.0 };
    assert_eq!(take(&ports, slower, 500, start()).await, Grant::Tokens(2));
    let faster = Rate { per_second: 100.0, burst: 300.0 };
    assert_eq!(take(&ports, faster, 500, after(1)).await, Grant::Tokens(100));
}

pub async fn eight_takers_share_one_bucket(world: &impl PortWorld) {
    let ports = world.ports().await;
    let grants = eight(|_| {
        let ports = ports.clone();
        async move { granted(take(&ports, TEN, 4, start()).await) }
    })
    .await;
    assert_eq!(grants.iter().sum::<u32>(), 20);
}
