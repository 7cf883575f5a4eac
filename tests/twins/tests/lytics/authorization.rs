use muster_twins::lytics::{AttemptOutcome, Authorization, ClientCredentials, OAuthClient};
use serde_json::json;

use crate::receiver::Receiver;
use crate::support::{Bench, bench, with_job};

fn credentials(tokens: &Receiver, headers: &str) -> Authorization {
    Authorization::ClientCredentials(ClientCredentials {
        client_id: "lytics".to_owned(),
        client_secret: "s3cr3t".to_owned(),
        token_endpoint: tokens.url.clone(),
        scope: "ingest".to_owned(),
        webhook_request_headers: headers.to_owned(),
        webhook_request_params: String::new(),
    })
}

/// A bench with a job, who receives, and who gives the token `t0k` for an hour, then `t1k`.
async fn granted(headers: &str) -> (Bench, Receiver, Receiver) {
    let (bench, receiver, tokens) = (bench().await, Receiver::start().await, Receiver::start().await);
    for token in ["t0k", "t1k"] {
        tokens.answer_with(200, &json!({"access_token": token, "token_type": "bearer", "expires_in": 3600}));
    }
    bench.job(&receiver, |job| job.authorization = credentials(&tokens, headers));
    (bench, receiver, tokens)
}

async fn enter(bench: &Bench) {
    bench.twin.enter("ada", "dogs");
    bench.twin.webhooks_settled().await;
}

#[tokio::test]
async fn nothing_proves_where_a_webhook_comes_from() {
    let (bench, receiver, _) = with_job(|_| {}).await;
    enter(&bench).await;
    let received = receiver.received().remove(0);
    assert_eq!((received.header("authorization"), received.uri.as_str()), ("", "/hook"));
}

#[tokio::test]
async fn static_headers_and_parameters_are_always_the_same() {
    let authorization = Authorization::Static {
        headers: "X-Api-Key: k3y: with colon\nX-Tenant: dk".to_owned(),
        params: "source: lytics".to_owned(),
    };
    let (bench, receiver, _) = with_job(|job| job.authorization = authorization).await;
    enter(&bench).await;
    let received = receiver.received().remove(0);
    assert_eq!((received.header("x-api-key"), received.header("x-tenant")), ("k3y: with colon", "dk"));
    assert_eq!(received.uri, "/hook?source=lytics");
}

#[tokio::test]
async fn a_token_is_fetched_with_the_clients_credentials() {
    let (bench, receiver, tokens) = granted("").await;
    enter(&bench).await;
    let asked = tokens.received().remove(0);
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
    let form = "grant_type=client_credentials&scope=ingest&client_id=lytics&client_secret=s3cr3t";
    assert_eq!(asked.text, form);
    assert_eq!(receiver.received()[0].header("authorization"), "Bearer t0k");
}

#[tokio::test]
async fn the_client_may_prove_itself_by_basic_authentication() {
    let (bench, _, tokens) = granted("").await;
    bench.twin.with_switches(|s| s.oauth_client = OAuthClient::Basic);
    enter(&bench).await;
    let asked = tokens.received().remove(0);
    assert_eq!(asked.header("authorization"), "Basic bHl0aWNzOnMzY3IzdA==");
    assert_eq!(asked.text, "grant_type=client_credentials&scope=ingest");
}

#[tokio::test]
async fn a_token_is_used_until_it_expires() {
    let (bench, receiver, tokens) = granted("").await;
    enter(&bench).await;
    bench.wait(3_599);
    enter(&bench).await;
    assert_eq!(tokens.received().len(), 1);
    bench.wait(1);
    enter(&bench).await;
    assert_eq!(receiver.received()[2].header("authorization"), "Bearer t1k");
    assert_eq!(bench.twin.counters().oauth_tokens, 2);
}

#[tokio::test]
async fn a_token_may_have_a_header_of_its_own() {
    let (bench, receiver, _) = granted("X-Token: v1 {token}").await;
    enter(&bench).await;
    let received = receiver.received().remove(0);
    assert_eq!((received.header("x-token"), received.header("authorization")), ("v1 t0k", ""));
}

#[tokio::test]
async fn without_a_token_no_webhook_is_called() {
    let (bench, receiver, tokens) = (bench().await, Receiver::start().await, Receiver::start().await);
    tokens.answer(&[401]);
    bench.job(&receiver, |job| job.authorization = credentials(&tokens, ""));
    enter(&bench).await;
    assert!(receiver.received().is_empty());
    assert_eq!(bench.twin.attempts()[0].outcome, AttemptOutcome::NoToken);
}

#[tokio::test]
async fn a_refused_token_is_kept_unless_switched() {
    for (refresh, asked) in [(false, 1), (true, 2)] {
        let (bench, receiver, tokens) = granted("").await;
        bench.twin.with_switches(|s| s.refresh_on_401 = refresh);
        receiver.answer(&[401]);
        enter(&bench).await;
        bench.settle_after(1).await;
        assert_eq!((tokens.received().len(), receiver.received().len()), (asked, asked), "{refresh}");
    }
}

#[tokio::test]
async fn a_job_can_be_given_another_authorization() {
    let (bench, receiver, job) = with_job(|_| {}).await;
    let rotated = Authorization::Static { headers: "X-Api-Key: new".to_owned(), params: String::new() };
    assert!(bench.twin.authorize_job(&job, rotated));
    enter(&bench).await;
    assert_eq!(receiver.received()[0].header("x-api-key"), "new");
}
