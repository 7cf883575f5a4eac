//! A twin on a hand-set clock with three segments and a member, and a client with its token.
#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use jiff::SignedDuration;
use muster_twins::clock::TwinClock;
use muster_twins::lytics::{LyticsTwin, Options, SeedJob, SeedProfile, SeedSegment, Switches};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::receiver::Receiver;

/// 13:27:33.916374949 in Arizona.
pub(crate) const NOW: &str = "2026-03-01T20:27:33.916374949Z";
pub(crate) const ID: &str = "0123456789abcdef0123456789abcdef";

pub(crate) struct Bench {
    pub twin: LyticsTwin,
    client: reqwest::Client,
}

/// Status and body; `Null` when the body is empty, a string when it is not JSON.
pub(crate) type Answer = (u16, Value);

/// With the segments `high_value` (whose id is [`ID`]), `dogs` and `cats`, and the profile `ada` in none of them;
/// `status` is a number, so that bodies can be compared.
pub(crate) async fn bench() -> Bench {
    let switches = Switches { status_type: muster_twins::lytics::StatusType::Number, ..Switches::default() };
    let options = Options { clock: TwinClock::hand(NOW.parse().unwrap()), switches, ..Options::default() };
    let twin = LyticsTwin::start(options).await.unwrap();
    let high_value = SeedSegment { id: Some(ID.to_owned()), ..SeedSegment::new("high_value", "High value") };
    for segment in [high_value, SeedSegment::new("dogs", "Dogs"), SeedSegment::new("cats", "Cats")] {
        twin.seed_segment(&segment).unwrap();
    }
    let ada = SeedProfile::with_email("ada", "ada@example.com").field("score_momentum", 99);
    twin.seed_profiles(&[ada]).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the tests call the twin, not a vendor")]
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Bench { twin, client }
}

/// A bench with a receiver and a job of `high_value`, `dogs` and `cats`, changed.
pub(crate) async fn with_job(change: impl FnOnce(&mut SeedJob)) -> (Bench, Receiver, String) {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    let job = bench.job(&receiver, change);
    (bench, receiver, job)
}

impl Bench {
    /// The id of a new job, changed.
    pub(crate) fn job(&self, receiver: &Receiver, change: impl FnOnce(&mut SeedJob)) -> String {
        let mut seed = SeedJob::new(&receiver.url, &["high_value", "dogs", "cats"]);
        change(&mut seed);
        self.twin.start_job(seed).unwrap()
    }

    /// Profiles `p000`, `p001`, … in `dogs`.
    pub(crate) fn seed_dogs(&self, count: usize) {
        let profile = |number: usize| {
            let key = format!("p{number:03}");
            SeedProfile::with_email(&key, &format!("{key}@example.com")).within("dogs").field("visits", number)
        };
        self.twin.seed_profiles(&(0..count).map(profile).collect::<Vec<_>>()).unwrap();
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.twin.clock().advance(SignedDuration::from_secs(seconds));
    }

    /// Moves the clock, then waits for what became due.
    pub(crate) async fn settle_after(&self, seconds: i64) {
        self.wait(seconds);
        self.twin.webhooks_settled().await;
    }

    /// Without a token.
    pub(crate) fn unsigned(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        self.client.request(method, format!("{}{path}", self.twin.api_url()))
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.unsigned(method, path).header("Authorization", "API_TOKEN")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request("GET", path)).await
    }

    /// Posts a filter.
    pub(crate) async fn filter(&self, path: &str, filter: &str) -> Answer {
        answer(self.request("POST", path).header("Content-Type", "text/plain").body(filter.to_owned())).await
    }

    pub(crate) async fn door(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let method: Method = method.parse().unwrap();
        let request = self.client.request(method, format!("{}{path}", self.twin.door_url()));
        answer(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = match text.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
    };
    (status, body)
}
