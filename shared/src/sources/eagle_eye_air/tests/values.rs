//! How names, times, amounts and shapes are read.

use super::*;

fn refused(event: &Json) -> Unreadable {
    READER.read(event.to_string().as_bytes()).unwrap_err()
}

#[test]
fn only_what_cannot_be_told_from_others_is_refused() {
    for body in ["", "{", "null", "[]", "[{}]", "\"{}\"", "\u{0}"] {
        assert_eq!(READER.read(body.as_bytes()), Err(Unreadable::NoObject), "{body}");
    }
    for nothing in [Json::Null, json!(""), json!(" "), json!({}), json!([])] {
        let (mut event, mut nameless) = (sample("settled"), sample("settled"));
        event["headers"]["eesEventId"] = nothing.clone();
        nameless["headers"]["eventName"] = nothing;
        assert_eq!((refused(&event), refused(&nameless)), (Unreadable::NoEventId, Unreadable::NoEventName));
    }
    assert_eq!(refused(&json!({})), Unreadable::NoEventId);
    let least = read(&json!({"headers": {"eesEventId": 7, "eventName": "SERVICE.TRIGGER"}}));
    assert_eq!((least.event_id.as_str(), least.wallets.len()), ("7", 0));
}

#[test]
fn unknown_events_are_counted_and_read_only_where_it_is_wanted() {
    let event = renamed(sample("settled"), "ACME.CHECKOUT");
    let only_counted = read(&event);
    assert!(!only_counted.known);
    assert_eq!((only_counted.wallets.len(), json!(only_counted.noted)), (0, json!({"event.ACME.CHECKOUT": 1})));
    let reader = Reader { read_unknown: true, ..READER };
    let by_content = reader.read(event.to_string().as_bytes()).unwrap();
    assert_eq!(by_content.wallets, read(&sample("settled")).wallets);
    assert_eq!(json!(by_content.noted), json!({"event.ACME.CHECKOUT": 1}));
    for nobodys in ["CAMPAIGN.UPDATE", "POINTSREWARD.BANK.CREATE", "POSCONNECT.WALLET.RETURN", "WALLET.ACCOUNT.CREATE"]
    {
        assert!(read(&renamed(sample("settled"), nobodys)).known);
    }
}

#[test]
fn names_that_may_be_personal_are_not_told() {
    let long = "A".repeat(65);
    for name in ["ada@example.com", "Ada Lovelace", "+441234567890", "441234567890", "", "\u{e9}", long.as_str()] {
        let named = |mut event: Json, member: &str| {
            event["atomicOperations"][0][member] = json!(name);
            json!(read(&event).noted)
        };
        if !name.is_empty() {
            let read = read(&renamed(sample("settled"), name));
            assert_eq!((json!(read.noted), read.name.as_str()), (json!({"event.other": 1}), name));
        }
        assert_eq!(named(sample("consumer_created"), "objectType"), json!({"object.other": 1}));
        assert_eq!(named(sample("consumer_created"), "operationType"), json!({"operation.other": 1}));
    }
    let mut event = sample("consumer_created");
    event["atomicOperations"][0]["objectType"] = json!("walletHouseholdEntity");
    assert_eq!(json!(read(&event).noted), json!({"object.walletHouseholdEntity": 1}));
}

#[test]
fn times_without_a_zone_are_utc() {
    for (text, expected) in [
        ("2026-03-01T10:15:00.123456", "2026-03-01T10:15:00.123456Z"),
        ("2026-03-01 10:15:00", "2026-03-01T10:15:00Z"),
        ("2026-03-01T10:15:00Z", "2026-03-01T10:15:00Z"),
        ("2026-03-01T10:15:00.5+02:00", "2026-03-01T08:15:00.5Z"),
        (" 2026-03-01T10:15:00 ", "2026-03-01T10:15:00Z"),
    ] {
        let mut event = sample("settled");
        event["headers"]["eventDate"] = json!(text);
        let read = read(&event);
        assert_eq!((read.occurred_at.to_string().as_str(), read.noted.len()), (expected, 0));
    }
}

#[test]
fn an_event_without_a_time_is_as_old_as_its_newest_object() {
    for odd in [Json::Null, json!(""), json!("soon"), json!(1_772_360_100), json!("9999-12-31T23:59:59")] {
        let mut event = sample("settled_after_spending");
        event["headers"]["eventDate"] = odd;
        let read = read(&event);
        assert_eq!(read.occurred_at.to_string(), "2026-03-01T10:15:01Z");
        assert_eq!(json!(read.noted), json!({"odd_time": 1}));
    }
    let timeless = read(&json!({"headers": {"eesEventId": "e", "eventName": "SERVICE.TRIGGER"}}));
    assert_eq!(timeless.occurred_at, jiff::Timestamp::UNIX_EPOCH);
}

#[test]
fn an_odd_time_is_counted_and_left_out() {
    let mut event = sample("coupon_issued");
    object(&mut event, 0)["account"]["dates"]["end"] = json!("soon");
    object(&mut event, 0)["dateCreated"] = json!(7);
    let read = read(&event);
    assert_eq!(json!(read.noted), json!({"odd_time": 2}));
    assert_eq!(read.wallets[0].happenings[0].at.to_string(), "2026-03-01T10:15:00Z", "the other of its two times");
    assert!(!read.wallets[0].happenings[0].properties.contains_key("end_date"));
}

#[test]
fn amounts_are_in_major_units_of_the_currency() {
    for (amount, currency, expected) in [
        (6300, Some("GBP"), "63"),
        (199, Some("GBP"), "1.99"),
        (199, None, "1.99"),
        (5, Some("EUR"), "0.05"),
        (0, Some("USD"), "0"),
        (-150, Some("GBP"), "-1.5"),
        (6300, Some("JPY"), "6300"),
        (6300, Some("jpy"), "6300"),
        (6300, Some("KWD"), "6.3"),
        (6301, Some("TND"), "6.301"),
        (63_001, Some("CLF"), "6.3001"),
        (i64::MAX, Some("JPY"), "9223372036854775807"),
        (i64::MIN, Some("JPY"), "-9223372036854775808"),
        (1_000_000_000_001, Some("GBP"), "10000000000.01"),
    ] {
        assert_eq!(in_major_units(amount, currency).to_string(), expected, "{amount} {currency:?}");
    }
    assert!(in_major_units(i64::MAX, None).is_f64());
}

#[test]
fn without_a_currency_none_is_told() {
    for (currency, value) in [(None, json!(1.99)), (Some("JPY"), json!(199)), (Some("KWD"), json!(0.199))] {
        let reader = Reader { currency, ..READER };
        let read = reader.read(sample("settled").to_string().as_bytes()).unwrap();
        for kind in [Kind::CouponRedeemed, Kind::OrderCompleted] {
            assert_eq!(properties(&read.wallets[0], kind).get("currency"), currency.map(Json::from).as_ref());
        }
        assert_eq!(properties(&read.wallets[0], Kind::CouponRedeemed)["value"], value);
        assert_eq!(read.wallets[0].tier.as_ref().unwrap().spend, Some(6300), "as AIR counts it");
    }
}

#[test]
fn ids_may_be_numbers() {
    fn numbered(json: &mut Json) {
        match json {
            Json::Array(items) => items.iter_mut().for_each(numbered),
            Json::Object(members) => {
                for (name, member) in members.iter_mut() {
                    let number = member.as_str().filter(|_| name.ends_with("Id")).and_then(|id| id.parse::<u64>().ok());
                    match number {
                        Some(number) => *member = json!(number),
                        None => numbered(member),
                    }
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    for (name, _) in samples::SAMPLES {
        let mut event = sample(name);
        numbered(&mut event);
        assert_eq!(read(&event), read(&sample(name)), "{name}");
    }
}

#[test]
fn empty_lists_and_null_are_nothing() {
    fn emptied(json: &mut Json, nothing: &Json) {
        match json {
            Json::Array(items) => items.iter_mut().for_each(|item| emptied(item, nothing)),
            Json::Object(members) if members.is_empty() => *json = nothing.clone(),
            Json::Object(members) => members.values_mut().for_each(|member| emptied(member, nothing)),
            Json::Null => *json = nothing.clone(),
            Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    for (name, _) in samples::SAMPLES {
        for nothing in [Json::Null, json!([]), json!({})] {
            let mut event = sample(name);
            emptied(&mut event, &nothing);
            let (mut read, mut whole) = (read(&event), read(&sample(name)));
            read.noted.remove("odd_time");
            whole.noted.remove("odd_time");
            assert_eq!(read, whole, "{name}");
        }
    }
}

#[test]
fn headers_come_in_two_spellings() {
    let mut event = sample("settled");
    let headers = event["headers"].as_object_mut().unwrap();
    for (old, new) in [("callerIp", "callerIP"), ("eesApiVersion", "eesAPIVersion")] {
        let value = headers.remove(old).unwrap();
        headers.insert(new.to_owned(), value);
    }
    assert_eq!(read(&event), read(&sample("settled")));
}

fn identities(event: &Json) -> Json {
    json!(news(event).identities)
}

#[test]
fn identities_are_the_active_ones_of_this_wallet_oldest_first() {
    let mut event = sample("settled");
    let listed = &mut event["enrichmentData"]["walletEntity_300000001"]["identities"];
    let with = |changes: Json| {
        let mut identity = json!({"type": "CARD", "value": "1", "status": "ACTIVE", "walletId": "300000001",
            "dateCreated": "2026-02-01T00:00:00+00:00"});
        identity.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        identity
    };
    *listed = json!([
        with(json!({"value": "undated", "dateCreated": null})),
        with(json!({"value": "newer"})),
        with(json!({"value": "older", "dateCreated": "2025-02-01T00:00:00+00:00"})),
        with(json!({"value": "newer"})),
        with(json!({"value": 4711, "type": "TILL"})),
        with(json!({"value": "deleted", "status": "DELETED"})),
        with(json!({"value": "unsaid", "status": null})),
        with(json!({"value": "DELETED_1_Ab_2"})),
        with(json!({"value": "another's", "walletId": "300000002"})),
        with(json!({"value": ""})),
        with(json!({"type": null})),
        json!(null),
    ]);
    assert_eq!(identities(&event), json!({"CARD": ["older", "newer", "undated"], "TILL": ["4711"]}));
}

#[test]
fn without_enrichment_identities_are_those_that_were_made() {
    let known = json!({"CUSTOMER_ID": ["CUST-000123"], "EMAIL": ["ada@example.com"]});
    let others = json!({"walletEntity_300000002": {"identities": [
        {"type": "EMAIL", "value": "other@example.com", "status": "ACTIVE"}]}});
    let empty = json!({"walletEntity_300000001": {"identities": []}});
    for enrichment in [json!([]), Json::Null, json!({}), others, empty, json!("x")] {
        let mut event = sample("joined_all_at_once");
        event["enrichmentData"] = enrichment;
        assert_eq!(identities(&event), known);
        let mut suspended = event["atomicOperations"][1].clone();
        suspended["operationType"] = json!("UPDATE");
        suspended["objectValue"]["status"] = json!("SUSPENDED");
        let mut removed = event["atomicOperations"][2].clone();
        removed["operationType"] = json!("DELETE");
        operations(&mut event).extend([suspended, removed]);
        assert_eq!(identities(&event), json!({}), "the last operation has the last word");
    }
}

#[test]
fn removed_identities_name_nobody() {
    let mut event = sample("left");
    assert_eq!(identities(&event), json!({}));
    event["enrichmentData"] = json!([]);
    assert_eq!(identities(&event), json!({}));
    for operation in operations(&mut event) {
        if operation["objectType"] == "walletIdentityEntity" {
            operation["operationType"] = json!("UPDATE");
            operation["objectValue"]["status"] = json!("ACTIVE");
        }
    }
    assert_eq!(identities(&event), json!({}), "by the value");
}

#[test]
fn kinds_have_names() {
    for kind in Kind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
        assert_eq!((kind.to_string(), json!(kind)), (kind.as_str().to_owned(), json!(kind.as_str())));
    }
    let names: BTreeSet<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    assert_eq!("order".parse::<Kind>(), Err(UnknownKind));
}
