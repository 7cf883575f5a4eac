//! Heyloyalty's own webhook, in its default and its simplified form. It says only who is to be looked at:
//! how its signature is made is not documented, and its member data is not complete.

use serde_json::Value as Json;

use super::client::Api;
use super::parse::{MemberId, text};
use crate::destination::{Context, Failure, Signal};
use crate::model::{Identifier, IdentifierType};

/// Events that change neither who is on a list nor whether they may be written to, without punctuation.
const WITHOUT_CONCERN: [&str; 6] = ["connectiontest", "click", "open", "sent", "reply", "passwordupdate"];

/// See [`crate::destination::ReadSignal`].
///
/// # Errors
/// For a body that is not of Heyloyalty's form.
pub fn read_signal(body: &[u8]) -> Result<Option<Signal>, String> {
    let json: Json = serde_json::from_slice(body)
        .map_err(|_| "the body is not JSON: the webhook must be set to send raw JSON".to_owned())?;
    let parts = json.as_object().ok_or_else(|| "the body is not a JSON object".to_owned())?;
    let kind = parts.get("type").and_then(text).unwrap_or_default();
    let kind: String = kind.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    if WITHOUT_CONCERN.contains(&kind.as_str()) {
        return Ok(None);
    }
    if let Some(id) = parts.get("member_id").or_else(|| parts.get("memberId")).and_then(text) {
        let id = MemberId::try_from(id).map_err(|_| "the member's id is not of Heyloyalty's form".to_owned())?;
        return Ok(Some(Signal::VendorId(id.into())));
    }
    let email = address(&json).ok_or_else(|| "the body names no member".to_owned())?;
    let kind: IdentifierType = "email".parse().expect("a valid identifier type");
    let key = Identifier::normalise(&kind, &email).map_err(|_| "the member's address is not one".to_owned())?;
    Ok(Some(Signal::Key(key)))
}

fn address(json: &Json) -> Option<String> {
    let member = json.get("member")?;
    let email = member.pointer("/fields/email").or_else(|| member.get("email"))?;
    text(email.get("value").unwrap_or(email))
}

/// See [`crate::destination::Destination::resolve_signal`].
pub(super) async fn resolve_signal(context: &Context<'_>, vendor_id: &str) -> Result<Option<Identifier>, Failure> {
    let settings = super::settings(context)?;
    let api = Api::new(context.session, context.credentials)?;
    let Ok(id) = MemberId::try_from(vendor_id.to_owned()) else { return Ok(None) };
    let Some(member) = api.member(settings.list_id, &id, &settings.identifier).await? else { return Ok(None) };
    let name = settings.identifier.as_str();
    // A field whose name is no identifier type is normalised like any that Muster does not know: trimmed.
    let kind: IdentifierType = name.parse().unwrap_or_else(|_| "reference".parse().expect("a valid identifier type"));
    Ok(member.value(name).and_then(|value| Identifier::normalise(&kind, value).ok()))
}
