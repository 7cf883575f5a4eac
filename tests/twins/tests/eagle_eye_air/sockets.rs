use muster_twins::eagle_eye_air::{EagleEyeAirTwin, Fault, FaultKind, Options, Switches};
use reqwest::{Client, RequestBuilder};

use crate::support::{ANNA, Bench, TRIGGER, hash, options, stocked, trigger};

pub(crate) async fn started(switches: Switches) -> Bench {
    stocked(EagleEyeAirTwin::start(options(switches)).await.unwrap())
}

pub(crate) fn client() -> Client {
    #[expect(clippy::disallowed_methods, reason = "the tests call the twin, not a vendor")]
    Client::builder().no_proxy().build().unwrap()
}

fn welcome(bench: &Bench) -> RequestBuilder {
    let body = trigger(ANNA, "aud-1", "WELCOME-100").to_string();
    client()
        .post(format!("{}{TRIGGER}", bench.twin.api_url()))
        .header("X-EES-AUTH-CLIENT-ID", Options::CLIENT)
        .header("X-EES-AUTH-HASH", hash(TRIGGER, &body, Options::SECRET))
        .header("Content-Type", "application/json")
        .body(body)
}

#[tokio::test]
async fn three_hosts_are_served() {
    let bench = started(Switches::default()).await;
    let response = welcome(&bench).send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["date"], "Sun, 01 Mar 2026 10:15:00 GMT");
    let origins: Vec<_> = bench.twin.origins().map(|(origin, _)| origin).collect();
    assert_eq!(
        origins,
        [
            "https://wallet.sandbox.uk.eagleeye.com",
            "https://resources.sandbox.uk.eagleeye.com",
            "https://pos.sandbox.uk.eagleeye.com",
        ]
    );
}

#[tokio::test]
async fn a_reward_is_granted_and_the_connection_dropped() {
    let bench = started(Switches::default()).await;
    bench.twin.push_fault(Fault::once(FaultKind::ResetAfter));
    let error = welcome(&bench).send().await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!(bench.rewards().len(), 1);
}

#[tokio::test]
async fn a_reward_is_granted_and_the_answer_held() {
    let bench = started(Switches { hold_ms: 1, ..Switches::default() }).await;
    bench.twin.push_fault(Fault::once(FaultKind::TimeoutAfter));
    assert_eq!(welcome(&bench).send().await.unwrap().status(), 504);
    assert_eq!(bench.rewards().len(), 1);
}
