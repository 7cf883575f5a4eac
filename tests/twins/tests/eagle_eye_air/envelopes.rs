use muster_twins::eagle_eye_air::{
    EagleEyeAirTwin, Enrichment, HeaderNames, Options, Purchase, Refund, RefundName, Switches, TriggerEcho,
};
use serde_json::{Value, json};

use crate::support::{ANNA, bench, bench_with, inner, operations, options, stocked, trigger};

#[test]
fn events_are_made_without_a_runtime() {
    let bench = stocked(EagleEyeAirTwin::new(options(Switches::default())));
    let event = bench.twin.settle(&bench.anna, &Purchase::new("POS-1")).unwrap();
    assert_eq!(bench.twin.events(), [event]);
}

#[test]
fn the_envelope_of_a_till() {
    let bench = bench();
    let event = bench.twin.settle(&bench.anna, &Purchase::new("POS-1")).unwrap();
    let headers = &event.body["headers"];
    assert_eq!(headers["eventName"], "POSCONNECT.WALLET.SETTLE");
    assert_eq!(headers["eventDate"], "2026-03-01T10:15:00.123456");
    assert_eq!(headers["eesEventId"], event.event_id);
    assert_eq!(event.event_id.parse::<uuid::Uuid>().unwrap().get_version_num(), 4);
    assert_ne!(headers["eesMasterEventId"], headers["eesEventId"]);
    assert_eq!((&headers["eesApiVersion"], &headers["externalMessageId"]), (&json!("7.6"), &json!("")));
    assert_eq!(inner(&event.body["request"]["body"])["reference"], "POS-1");
    assert_eq!(inner(&event.body["response"]["body"])["walletTransactions"][0]["status"], "SETTLED");
    let identities = &event.body["enrichmentData"][format!("walletEntity_{}", bench.anna)]["identities"];
    assert_eq!((&identities[0]["type"], &identities[0]["value"]), (&json!("CUSTOMER_ID"), &json!(ANNA)));
    assert_eq!(identities.as_array().map(Vec::len), Some(2));
}

#[test]
fn the_envelope_of_the_wallet_api() {
    let bench = bench();
    let event = bench.twin.move_tier(&bench.anna, "GOLD").unwrap();
    assert_eq!(event.body["headers"]["eesApiVersion"], "2.0");
    assert!(event.body["request"]["body"].is_string());
    assert!(event.body["response"]["body"].is_object());
    assert_eq!(event.body["headers"]["eventDate"], "2026-03-01T10:15:00.123456");
}

#[test]
fn ids_of_events_follow_from_the_seed() {
    let id = |seed| {
        let bench = stocked(EagleEyeAirTwin::new(Options { seed, ..options(Switches::default()) }));
        bench.twin.debit_tier(&bench.anna, 1).unwrap().event_id
    };
    assert_eq!(id(1), id(1));
    assert_ne!(id(1), id(2));
}

#[test]
fn enrichment_is_a_switch() {
    for (enrichment, expected) in [(Enrichment::EmptyArray, Some(json!([]))), (Enrichment::Absent, None)] {
        let bench = bench_with(Switches { enrichment, ..Switches::default() });
        let event = bench.twin.settle(&bench.anna, &Purchase::new("POS-1")).unwrap();
        assert_eq!(event.body.get("enrichmentData"), expected.as_ref());
    }
}

#[test]
fn names_may_be_unknown_or_written_otherwise() {
    let switches = Switches {
        unknown_event_names: true,
        unknown_object_types: true,
        header_names: HeaderNames::Documented,
        ..Switches::default()
    };
    let bench = bench_with(switches);
    let event = bench.twin.debit_tier(&bench.anna, 1).unwrap();
    assert_eq!(
        (event.event_name.as_str(), &event.body["headers"]["eventName"]),
        ("CLIENT.COMPOSITE.MOONPHASE", &json!("CLIENT.COMPOSITE.MOONPHASE"))
    );
    assert_eq!(operations(&event)[..2], ["walletHoroscopeEntity UPDATE", "walletEntity READ"]);
    assert_eq!(event.body["headers"]["eesAPIVersion"], "2.0");
    assert_eq!(event.body["headers"].get("eesApiVersion"), None);
}

#[test]
fn a_refund_has_two_names() {
    for (refund_name, name) in
        [(RefundName::Refund, "POSCONNECT.WALLET.REFUND"), (RefundName::Return, "POSCONNECT.WALLET.RETURN")]
    {
        let bench = bench_with(Switches { refund_name, ..Switches::default() });
        bench.twin.settle(&bench.anna, &Purchase::new("POS-1")).unwrap();
        let event = bench.twin.refund(&bench.anna, "POS-1", &Refund::full("POS-2")).unwrap();
        assert_eq!((event.event_name.as_str(), &event.body["headers"]["eventName"]), (name, &json!(name)));
    }
}

#[tokio::test]
async fn a_trigger_is_told_with_its_reference_and_transaction() {
    let bench = bench();
    let answer = bench.welcome("aud-1").await.json();
    let event = bench.twin.events().pop().unwrap();
    assert_eq!(event.event_name, "SERVICE.TRIGGER");
    assert_eq!(event.body["headers"]["clientId"], Options::CLIENT);
    assert_eq!(inner(&event.body["request"]["body"])["walletTransaction"]["reference"], "aud-1");
    assert_eq!((&event.body["response"]["code"], &event.body["response"]["body"]), (&json!(201), &answer));
    assert_eq!(
        operations(&event),
        [
            "walletAccountTransactionEntity CREATE BEHAVIOURAL_ACTION CREATE 0",
            "walletAccountTransactionEntity CREATE BEHAVIOURAL_ACTION REDEEM 100",
            "walletAccountTransactionEntity CREATE POINTS CREDIT 100",
            "tierMembershipTransactionEntity CREATE CREDIT",
            "tierMembershipEntity UPDATE",
        ]
    );
}

#[tokio::test]
async fn a_coupons_id_may_be_blank_in_its_operation_only() {
    for blank in [true, false] {
        let bench = bench_with(Switches { blank_coupon_id: blank, ..Switches::default() });
        bench.post(&trigger(ANNA, "aud-1", "TREAT")).await;
        let body = bench.twin.events().pop().unwrap().body;
        assert_eq!(body["atomicOperations"][2]["objectValue"]["accountId"] == "", blank);
        assert_ne!(body["response"]["body"]["accounts"][2]["accountId"], "");
    }
}

#[tokio::test]
async fn a_refused_trigger_is_told_too_unless_switched() {
    let bench = bench();
    bench.post(&trigger(ANNA, "aud-1", "UNKNOWN")).await;
    let event = bench.twin.events().pop().unwrap();
    assert_eq!((&event.body["response"]["code"], operations(&event).len()), (&json!(404), 0));
    bench.twin.with_switches(|s| s.refused_triggers_echo = false);
    bench.post(&trigger(ANNA, "aud-1", "UNKNOWN")).await;
    assert_eq!(bench.twin.events().len(), 1);
    bench.twin.with_switches(|s| s.trigger_echo = TriggerEcho::Never);
    bench.welcome("aud-2").await;
    assert_eq!(bench.twin.events().len(), 1);
    assert_eq!(event.body["enrichmentData"].as_object().map(serde_json::Map::len), Some(1));
}

#[test]
fn any_json_can_be_sent() {
    let bench = bench();
    let event = bench.twin.emit(json!({"headers": {"eesEventId": "e-1"}, "odd": [1]}));
    assert_eq!((event.event_id.as_str(), event.event_name.as_str()), ("e-1", ""));
    assert_eq!(bench.twin.events()[0].body["odd"], json!([1]));
    assert_eq!(bench.twin.emit(Value::Null).event_id, "");
}
