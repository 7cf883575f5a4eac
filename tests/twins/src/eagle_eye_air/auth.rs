//! Request hashes (vendor file 2): SHA-256 of the path and query as sent, the body's bytes and the secret.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::switches::QueryHash;
use crate::serve::Call;

/// The client id of whoever signed, or `None` where an id, the hash or anything about them is wrong.
pub(super) fn client_of(call: &Call, clients: &BTreeMap<String, String>, query_hash: QueryHash) -> Option<String> {
    let client = single(call, "x-ees-auth-client-id")?;
    let given = single(call, "x-ees-auth-hash")?;
    let secret = clients.get(client)?;
    let body = call.body.as_ref().ok()?;
    (given == hash(&uri(call, query_hash)?, body, secret)).then(|| client.to_owned())
}

/// In lower-case hexadecimal.
fn hash(uri: &str, body: &[u8], secret: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(uri);
    digest.update(body);
    digest.update(secret);
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn single<'c>(call: &'c Call, name: &str) -> Option<&'c str> {
    let mut all = call.headers.get_all(name).iter();
    let value = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(value)
}

fn uri(call: &Call, query_hash: QueryHash) -> Option<String> {
    let query = match query_hash {
        QueryHash::AsSent => call.query.clone(),
        QueryHash::Decoded => decoded(&call.query)?,
    };
    let mark = if query.is_empty() { "" } else { "?" };
    Some(format!("{}{mark}{query}", call.path))
}

/// Percent signs taken away, and nothing else; `None` where that gives no text.
fn decoded(query: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = query.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            Some(_) | None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"identityValue":"CUST-000123","walletTransaction":{"reference":"aud-7f3c9e-CUST-000123-1"},"triggers":[{"reference":"WELCOME-100"}]}"#;

    #[test]
    fn the_vectors_of_the_vendor_file() {
        for (uri, body, secret, expected) in [
            ("/wallet/555555", "", "0987654321", "76e132ab2154bb7139258b65134ddaf74c12a4242ce136b87a7335292fddc068"),
            (
                "/some/path",
                r#"{"some":"arbitrary","json":"data"}"#,
                "some-secret",
                "01ec08cfb3aa78bc8fcec38ed1d4298d3c44eb7b19647e817c30b7ff628bb180",
            ),
            (
                "/services/trigger",
                BODY,
                "0987654321",
                "d8956620955aec9b13a4f3c1bf98c97782f97f614043ea8eff729bb2d7e35d56",
            ),
            (
                "/2.0/services/trigger",
                BODY,
                "0987654321",
                "34344a793ae7edb9726c20918371ba4d527fa2cb1faad3b5fd4096241a4c0dd2",
            ),
        ] {
            assert_eq!(hash(uri, body.as_bytes(), secret), expected, "{uri}");
        }
    }

    #[test]
    fn only_percent_signs_are_decoded() {
        assert_eq!(decoded("identity-value=a%40b.c+d%").as_deref(), Some("identity-value=a@b.c+d%"));
        assert_eq!(decoded("%ff"), None);
    }
}
