//! A twin on a hand-set clock with one list, and a signing client.
#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use muster_twins::clock::TwinClock;
use muster_twins::heyloyalty::{Format, HeyloyaltyTwin, OptIn, Options, SeedField, SeedList, SeedMember};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use sha2::Sha256;

pub(crate) const NOW: &str = "2026-01-05T07:08:09Z";
pub(crate) const STAMP: &str = "Mon, 05 Jan 2026 07:08:09 GMT";
pub(crate) const UNKNOWN: &str = "5f0f2f0e-53f3-4f0c-9d0a-3a3f6a1f7c11";

pub(crate) struct Bench {
    pub twin: HeyloyaltyTwin,
    pub list: u64,
    client: reqwest::Client,
}

/// Status and body; `Null` when the body is empty, a string when it is not JSON.
pub(crate) type Answer = (u16, Value);

pub(crate) async fn bare() -> Bench {
    let options = Options { clock: TwinClock::hand(NOW.parse().unwrap()), ..Options::default() };
    #[expect(clippy::disallowed_methods, reason = "the tests call the twin, not a vendor")]
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Bench { twin: HeyloyaltyTwin::start(options).await.unwrap(), list: 0, client }
}

pub(crate) async fn with_list(seed: SeedList) -> Bench {
    let mut bench = bare().await;
    bench.list = bench.twin.seed_list(&seed).unwrap();
    bench
}

pub(crate) fn newsletter() -> SeedList {
    SeedList {
        name: "Newsletter DK".to_owned(),
        fields: vec![
            SeedField::new("cdp_a_cats", "Cat owners", Format::Boolean),
            SeedField::new("cdp_c_ltv", "Lifetime value", Format::Number),
            SeedField::new("cdp_c_seen", "Last seen", Format::Date),
            SeedField::new("cdp_c_note", "Note", Format::Text),
            SeedField::new("favourite", "Favourite", Format::Choice).with_options(&["Dog", "Cat"]),
            SeedField::new("interests", "Interests", Format::Multi).with_options(&["Food", "Toys"]),
        ],
        ..SeedList::default()
    }
}

pub(crate) async fn bench() -> Bench {
    with_list(newsletter()).await
}

pub(crate) async fn double_opt_in() -> Bench {
    let seed = SeedList { opt_in: OptIn::Double, ..newsletter() };
    with_list(seed).await
}

pub(crate) fn signed_password(secret: &str, stamp: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(stamp.as_bytes());
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    STANDARD.encode(hex)
}

impl Bench {
    /// A request without any authentication; `path` follows `/loyalty`.
    pub(crate) fn unsigned(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        self.client.request(method, format!("{}/loyalty{path}", self.twin.api_url()))
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.unsigned(method, path)
            .basic_auth("API_KEY", Some(signed_password("API_SECRET", STAMP)))
            .header("X-Request-Timestamp", STAMP)
    }

    pub(crate) async fn call(&self, method: &str, path: &str) -> Answer {
        answer(self.request(method, path)).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        answer(self.request(method, path).json(&body)).await
    }

    pub(crate) async fn form(&self, method: &str, path: &str, body: &'static str) -> Answer {
        let request = self.request(method, path).body(body);
        answer(request.header("Content-Type", "application/x-www-form-urlencoded")).await
    }

    /// `tail` follows `/v1/lists/<list>`.
    pub(crate) fn path(&self, tail: &str) -> String {
        format!("/v1/lists/{}{tail}", self.list)
    }

    pub(crate) fn member_path(&self, id: &str) -> String {
        self.path(&format!("/members/{id}"))
    }

    pub(crate) fn seed(&self, member: SeedMember) -> String {
        self.twin.seed_members(self.list, &[member]).unwrap().remove(0)
    }

    /// A field's single value as the twin keeps it.
    pub(crate) fn value(&self, id: &str, field: &str) -> String {
        self.twin.member(self.list, id).unwrap().text(field).to_owned()
    }

    pub(crate) fn option(&self, field: &str, label: &str) -> u64 {
        let list = self.twin.list(self.list).unwrap();
        let options = &list.field(field).unwrap().options;
        *options.iter().find(|(_, known)| *known == label).unwrap().0
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
