//! Whatever comes: nothing panics, nothing personal is counted, and the same bytes tell the same.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const SECRET: &str = "secret@example.com";

fn check(body: &[u8]) {
    for redemptions in [Redemptions::Narrow, Redemptions::Wide] {
        let reader = Reader { redemptions, read_unknown: true, ..READER };
        let Ok(read) = reader.read(body) else { continue };
        assert_eq!(reader.read(body).as_ref(), Ok(&read));
        for name in read.noted.keys() {
            let told = name.split_once('.').map_or(name.as_str(), |(_, told)| told);
            assert!(told.len() <= 64 && !told.contains('@') && told.starts_with(char::is_alphabetic), "{name}");
        }
        let happenings = || read.wallets.iter().flat_map(|wallet| &wallet.happenings);
        let keys: BTreeSet<&str> = happenings().map(|happening| happening.key.as_str()).collect();
        assert_eq!(keys.len(), happenings().count());
        let wallets: BTreeSet<&str> = read.wallets.iter().map(|wallet| wallet.wallet_id.as_str()).collect();
        assert_eq!(wallets.len(), read.wallets.len());
        assert!(happenings().all(|one| one.properties.values().all(|value| !value.is_null())));
    }
}

/// What a place of an event may hold instead.
fn replacement() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        Just(json!([])),
        Just(json!({})),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".*".prop_map(Json::from),
        prop::sample::select(vec![
            "",
            " ",
            "0",
            "-1",
            SECRET,
            "CREATE",
            "READ",
            "UPDATE",
            "DELETE",
            "REDEEM",
            "UNREDEEM",
            "CREDIT",
            "LOCK",
            "SPEND",
            "VOID",
            "CANCEL",
            "ECOUPON",
            "POINTS",
            "BEHAVIOURAL_ACTION",
            "STANDARD_SUBSCRIPTION",
            "SETTLE",
            "SETTLED",
            "FULFIL",
            "FULFILLING",
            "REFUND",
            "300000001",
            "300000002",
            "DELETED_1",
            "{\"a\":\"{\"}",
            "9999-12-31T23:59:59+00:00",
            "-009999-01-01T00:00:00Z",
            "2026-03-01T10:15:00",
            "99999999999999999999999",
            "walletEntity",
            "walletAccountTransactionEntity",
            "tierMembershipTransactionEntity",
            "POSCONNECT.WALLET.FULFIL",
            "POSCONNECT.WALLET.REFUND",
            "POSCONNECT.WALLET.SPEND",
            "SERVICE.TRIGGER",
        ])
        .prop_map(Json::from),
    ]
}

fn size(json: &Json) -> usize {
    1 + match json {
        Json::Array(items) => items.iter().map(size).sum::<usize>(),
        Json::Object(members) => members.values().map(size).sum::<usize>(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => 0,
    }
}

/// The place with this number, counted in the order of reading.
fn place(json: &mut Json, mut number: usize) -> Option<&mut Json> {
    if number == 0 {
        return Some(json);
    }
    number -= 1;
    let within: Vec<&mut Json> = match json {
        Json::Array(items) => items.iter_mut().collect(),
        Json::Object(members) => members.values_mut().collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Vec::new(),
    };
    for one in within {
        let size = size(one);
        if number < size {
            return place(one, number);
        }
        number -= size;
    }
    None
}

fn any_sample() -> impl Strategy<Value = &'static str> {
    prop::sample::select(samples::SAMPLES).prop_map(|(_, text)| text)
}

proptest! {
    #[test]
    fn bytes(body in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&body);
    }

    #[test]
    fn samples_with_other_bytes(
        text in any_sample(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        end in any::<Index>(),
        cut in any::<bool>(),
    ) {
        let mut body = text.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if cut {
            body.truncate(end.index(body.len()));
        }
        check(&body);
    }

    #[test]
    fn samples_with_other_values(
        text in any_sample(),
        changes in prop::collection::vec((any::<Index>(), replacement()), 1..12),
    ) {
        let mut event: Json = serde_json::from_str(text).unwrap();
        for (at, value) in changes {
            let number = at.index(size(&event));
            if let Some(place) = place(&mut event, number) {
                *place = value;
            }
        }
        check(event.to_string().as_bytes());
    }

    #[test]
    fn operations_of_two_samples(
        (one, other) in (any_sample(), any_sample()),
        order in prop::collection::vec(any::<Index>(), 0..12),
        change in (any::<Index>(), replacement()),
    ) {
        let (mut event, other): (Json, Json) = (serde_json::from_str(one).unwrap(), serde_json::from_str(other).unwrap());
        let known: Vec<Json> = [&event, &other].into_iter().flat_map(|event| event["atomicOperations"].as_array().unwrap().clone()).collect();
        event["atomicOperations"] = order.iter().map(|at| known[at.index(known.len())].clone()).collect();
        let operations = &mut event["atomicOperations"];
        let number = change.0.index(size(operations));
        if let Some(place) = place(operations, number) {
            *place = change.1;
        }
        check(event.to_string().as_bytes());
    }
}
