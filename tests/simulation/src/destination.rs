//! Destinations of the world: the real one of webhooks, and a small one of the register, whose wire is as simple
//! as can be. What a status means is the same at both.

use std::sync::LazyLock;

use async_trait::async_trait;
use jiff::SignedDuration;
use muster::destination::{
    Action, Applied, Bulk, Checked, Confirmed, Context, Destination, Discovered, Failure, Finding, Item, ItemId,
    Landed, Landing, Links, Mode, Preparation, Resend, Shows, Spec, Taken, Verdict, Verdicts,
};
use muster::http::{Answer, Session};
use muster::model::budget::Budget;
use muster::model::pending::RecordShape;
use muster::model::{AudienceId, Reason, RecordId, Value};
use muster::ports::Secret;
use reqwest::Method;
use schemars::json_schema;
use serde_json::{Value as Json, json};

use crate::vendor::LANDS_WITHIN;

const HOST: &str = "https://register.example";

/// The destination of the register.
pub(crate) struct ToRegister;

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    provider: "register".parse().expect("a valid provider"),
    name: "Register",
    api_version: "1",
    shape: RecordShape::PerPersonAndAudience,
    origins: &[HOST],
    budget: Budget::per_second(10.0),
    batch: 4,
    calls: 2,
    bulk: Some(Bulk { from: 6, batch: 40 }),
    effects: 0,
    read_back: None,
    settings: json_schema!({ "type": "object" }),
    credentials: json_schema!({ "type": "object" }),
});

#[async_trait]
impl Destination for ToRegister {
    fn spec(&self) -> &Spec {
        &SPEC
    }

    fn check_settings(&self, _settings: &Json) -> Result<(), String> {
        Ok(())
    }

    fn check_credentials(&self, _credentials: &Secret) -> Result<(), String> {
        Ok(())
    }

    async fn check(&self, context: &Context<'_>) -> Result<Checked, Failure> {
        post(context, "/check", &json!({})).await?;
        Ok(Checked { findings: vec![Finding { what: "a check".to_owned(), good: true, note: String::new() }] })
    }

    async fn discover(&self, _session: &Session, _credentials: &Secret) -> Result<Discovered, Failure> {
        Ok(Discovered::default())
    }

    async fn prepare(&self, context: &Context<'_>, _links: &Links) -> Result<Preparation, Failure> {
        post(context, "/prepare", &json!({})).await?;
        Ok(Preparation { notes: Json::Null, resend: Resend::Nobody, warnings: Vec::new() })
    }

    async fn deliver(&self, context: &Context<'_>, mode: Mode, items: &[Item]) -> Result<Verdicts, Failure> {
        let path = match mode {
            Mode::Live => "/rows",
            Mode::Bulk => "/import",
        };
        let rows: Vec<Json> = items.iter().filter_map(row).collect();
        let answer = post(context, path, &json!({ "rows": rows })).await?;
        let results = answer.json();
        let verdict = |item: &Item| {
            let result = results.as_ref().and_then(|json| json["results"][name(&item.id)].as_str());
            (item.id.clone(), verdict(result))
        };
        Ok(items.iter().map(verdict).collect())
    }

    fn bulk_lands_within(&self, _settings: &Json) -> SignedDuration {
        LANDS_WITHIN
    }

    async fn confirm(&self, context: &Context<'_>, _: &Taken<'_>, items: &[Item]) -> Result<Confirmed, Failure> {
        let rows: Vec<Json> = items.iter().filter_map(row).collect();
        let answer = post(context, "/look", &json!({ "rows": &rows })).await?;
        let shown = answer.json().ok_or_else(|| retryable("the answer is no JSON", Applied::No))?;
        let landed = rows.iter().zip(items).map(|(row, item)| {
            let shown = &shown["results"][name(&item.id)];
            let same = shown["state"] == row["state"] && shown["tier"] == row["tier"] && same(shown, row);
            (item.id.clone(), if same { Landed::Yes } else { Landed::No })
        });
        Ok(Confirmed::Looked { landed: landed.collect(), halted: None })
    }
}

fn same(shown: &Json, row: &Json) -> bool {
    crate::vendor::known(&shown["attributes"]) == crate::vendor::known(&row["attributes"])
}

/// The name of an item within its request.
fn name(id: &ItemId) -> String {
    format!("{}.{}.{}", id.person, id.record, id.step)
}

fn audience(record: &RecordId) -> Option<&AudienceId> {
    match record {
        RecordId::Audience(audience) => Some(audience),
        RecordId::Person => None,
    }
}

fn row(item: &Item) -> Option<Json> {
    let audience = audience(&item.id.record)?;
    let mut row = json!({ "row": name(&item.id), "key": item.key.expose(), "audience": audience, "tier": null });
    row["state"] = json!(match &item.action {
        Action::Leave => "left",
        Action::Forget => "forgotten",
        Action::Show(shown) => match shown.audiences.get(audience) {
            Some(Shows::Inside(_)) => "in",
            Some(Shows::Left | Shows::Never) | None => "out",
        },
    });
    if let Action::Show(shown) = &item.action {
        row["attributes"] = json!(shown.attributes);
        if let Some(Shows::Inside(properties)) = shown.audiences.get(audience)
            && let Some(Value::Text(tier)) = properties.iter().find(|(name, _)| name.as_str() == "tier").map(|(_, t)| t)
        {
            row["tier"] = json!(tier);
        }
    }
    Some(row)
}

fn verdict(result: Option<&str>) -> Verdict {
    match result {
        Some("ok") => Verdict::Delivered { said: String::new(), memo: None },
        Some("later") => Verdict::Landing(Landing { within: LANDS_WITHIN, handle: None, memo: None }),
        Some("again") => Verdict::Failed(retryable("the register asks for the row again", Applied::No)),
        // Its words hold the key.
        Some(_) => Verdict::Failed(Failure::Rejected { reason: Reason::new("the register refuses the row") }),
        None => Verdict::Failed(retryable("the register says nothing of the row", Applied::Open)),
    }
}

fn retryable(reason: &str, applied: Applied) -> Failure {
    Failure::Retryable { reason: Reason::new(reason), applied }
}

async fn post(context: &Context<'_>, path: &str, body: &Json) -> Result<Answer, Failure> {
    let token = context.credentials.0["token"].as_str().unwrap_or_default();
    let build = |request: reqwest::RequestBuilder| request.header("x-token", token).body(body.to_string());
    let answer = context.session.send(Method::POST, HOST, path, build).await?;
    let status = answer.status.as_u16();
    let reason = Reason::new(format!("the register answered with status {status}"));
    match status {
        200..=299 => Ok(answer),
        401 | 403 => Err(Failure::Unauthorized { reason }),
        429 => Err(Failure::RateLimited { retry_after: answer.retry_after }),
        408 | 500..=599 => Err(Failure::Retryable { reason, applied: Applied::Open }),
        _ => Err(Failure::Rejected { reason }),
    }
}
