//! A twin of North America on a hand-set clock with the fixtures, and a client with its token.
#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use jiff::SignedDuration;
use muster_twins::cheetah_digital::{CheetahDigitalTwin, Options, Region, RowView};
use muster_twins::clock::TwinClock;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

pub(crate) const NOW: &str = "2026-03-01T14:05:09Z";
pub(crate) const TOKEN_PATH: &str = "/services2/authorization/oAuth2/Token";
pub(crate) const DATA: &str = "/services2/api/Data";
pub(crate) const ADA: &str = "ada@example.com";

pub(crate) struct Bench {
    pub twin: CheetahDigitalTwin,
    pub region: Region,
    pub token: String,
    client: reqwest::Client,
}

/// Status and body; `Null` when the body is empty, a string when it is not JSON.
pub(crate) type Answer = (u16, Value);

/// Without a token.
pub(crate) async fn bare(region: Region) -> Bench {
    let options = Options { clock: TwinClock::hand(NOW.parse().unwrap()), ..Options::of(region) };
    let twin = CheetahDigitalTwin::start(options).await.unwrap();
    twin.seed_fixtures().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the tests call the twin, not a vendor")]
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Bench { twin, region, token: String::new(), client }
}

pub(crate) async fn bench_of(region: Region) -> Bench {
    let mut bench = bare(region).await;
    bench.token = bench.new_token().await;
    bench
}

pub(crate) async fn bench() -> Bench {
    bench_of(Region::NorthAmerica).await
}

/// The form of a password grant.
pub(crate) fn grant(username: &str, password: &str) -> String {
    format!("grant_type=password&username={}&password={password}", username.replace('=', "%3D"))
}

impl Bench {
    /// A request without authorization at one of the region's hosts.
    pub(crate) fn at(&self, origin: &str, method: &str, path: &str) -> RequestBuilder {
        let url = self.twin.origins().find(|(known, _)| *known == origin).unwrap().1;
        let method: Method = method.parse().unwrap();
        self.client.request(method, format!("{url}{path}"))
    }

    /// A request without authorization at the host that the path belongs to.
    pub(crate) fn unsigned(&self, method: &str, path: &str) -> RequestBuilder {
        let data = path.starts_with(DATA) && self.region == Region::NorthAmerica;
        let origin = if data { "https://aet.eccmp.com" } else { self.region.origins()[0] };
        self.at(origin, method, path)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.unsigned(method, path).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request("POST", path).json(body)).await
    }

    pub(crate) fn form(&self, body: &str) -> RequestBuilder {
        let request = self.unsigned("POST", TOKEN_PATH).body(body.to_owned());
        request.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// What the region's own key gets.
    pub(crate) async fn new_token(&self) -> String {
        let (status, body) = answer(self.form(&grant(&Options::key(self.region), Options::SECRET))).await;
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// Loads one record into `table`.
    pub(crate) async fn load(&self, table: &str, record: Value) -> Answer {
        self.post(DATA, &json!({ "_data": { table: [record] } })).await
    }

    /// Loads one record of `newsletter` that must be accepted, and waits for it.
    pub(crate) async fn newsletter(&self, record: Value, options: Value) -> RowView {
        let entry = if options.is_null() { json!([]) } else { json!([options]) };
        let body = json!({ "_data": { "newsletter": [record] }, "_importOptions": entry });
        let (status, body) = self.post(DATA, &body).await;
        assert_eq!(status, 200, "{body}");
        self.settle();
        self.twin.rows("newsletter").pop().unwrap()
    }

    /// What data loads were accepted is in the tables.
    pub(crate) fn settle(&self) {
        self.wait(1);
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.twin.clock().advance(SignedDuration::from_secs(seconds));
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

/// A whole record of `lytics_audience`.
pub(crate) fn member(email: &str, audience: &str, subscribed: &str) -> Value {
    json!({ "email": email, "audience_slug": audience, "subscribed": subscribed })
}
