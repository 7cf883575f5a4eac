use muster_twins::braze::{Alias, Origin, SeedProfile};
use serde_json::{Value, json};

use crate::support::{Bench, bench, event, of_anna, with};

fn alias() -> Alias {
    Alias { label: "card".to_owned(), name: "7001".to_owned() }
}

fn seed(bench: &Bench, seed: SeedProfile) -> String {
    bench.twin.seed_profile(seed).unwrap()
}

fn with_email(external_id: Option<&str>) -> SeedProfile {
    let external_id = external_id.map(str::to_owned);
    SeedProfile { external_id, email: Some("a@example.com".to_owned()), ..SeedProfile::default() }
}

/// Who has the attribute `hit`, as external ids.
async fn hit(bench: &Bench, whom: Value) -> Vec<Option<String>> {
    bench.apply(json!({ "attributes": [with(whom, json!({ "hit": true }))] })).await;
    let profiles = bench.twin.profiles();
    let hit = profiles.into_iter().filter(|profile| profile.attributes.contains_key("hit"));
    hit.map(|profile| profile.external_id).collect()
}

#[tokio::test]
async fn an_unknown_external_id_creates_a_profile() {
    let bench = bench();
    bench.write(json!({ "a": 1 })).await;
    let anna = bench.twin.person("anna").unwrap();
    assert_eq!((anna.origin, anna.writes, anna.external_id.as_deref()), (Origin::Created, 1, Some("anna")));
    assert_eq!(bench.twin.counters().created_profiles, 1);
}

#[tokio::test]
async fn nobody_is_created_by_updates_of_whoever_is_there() {
    let bench = bench();
    let only = json!({ "_update_existing_only": true, "a": 1 });
    let body = json!({
        "attributes": [of_anna(only.clone()), with(json!({ "email": "a@example.com" }), only)],
        "events": [with(event("a", 0), json!({ "_update_existing_only": true }))],
    });
    bench.apply(body.clone()).await;
    assert!(bench.twin.profiles().is_empty() && bench.twin.events().is_empty());
    assert_eq!(bench.twin.counters().ignored_objects, 3);
    bench.twin.seed_person("anna");
    bench.apply(body).await;
    assert_eq!((bench.anna(), bench.event_names()), (json!({ "a": 1 }), vec!["a".to_owned()]));
    assert_eq!(bench.twin.person("anna").unwrap().origin, Origin::Seeded);
}

#[tokio::test]
async fn an_alias_creates_nobody_unless_it_is_told_to() {
    let bench = bench();
    let whom = json!({ "user_alias": { "alias_label": "card", "alias_name": "7001" } });
    assert!(hit(&bench, whom.clone()).await.is_empty());
    assert_eq!(hit(&bench, with(whom, json!({ "_update_existing_only": false }))).await, [None]);
    assert_eq!(bench.twin.profiles()[0].alias, Some(alias()));
    assert!(bench.twin.people().is_empty());
}

#[tokio::test]
async fn an_unknown_address_creates_a_profile_of_its_own() {
    let bench = bench();
    let whom = json!({ "email": "a@example.com", "phone": "+4512345678" });
    assert_eq!(hit(&bench, whom.clone()).await, [None]);
    let known = bench.twin.profiles().remove(0);
    assert_eq!((known.email.as_deref(), known.phone.as_deref()), (Some("a@example.com"), Some("+4512345678")));
    hit(&bench, json!({ "phone": "+4512345678" })).await;
    assert_eq!(bench.twin.profiles().len(), 1);
}

#[tokio::test]
async fn email_wins_over_phone() {
    let bench = bench();
    seed(&bench, with_email(Some("anna")));
    let phone = Some("+4512345678".to_owned());
    seed(&bench, SeedProfile { external_id: Some("bea".to_owned()), phone, ..SeedProfile::default() });
    let whom = json!({ "email": "a@example.com", "phone": "+4512345678", "name": "a", "time": "2026-01-05T07:08:09Z" });
    bench.apply(json!({ "events": [whom] })).await;
    assert_eq!(bench.twin.events()[0].external_id.as_deref(), Some("anna"));
}

#[tokio::test]
async fn of_several_with_an_address_the_latest_identified_one_is_meant() {
    let bench = bench();
    for id in [Some("anna"), Some("bea"), None] {
        seed(&bench, with_email(id));
    }
    for id in ["bea", "anna"] {
        bench.apply(json!({ "events": [with(event("a", 0), json!({ "external_id": id }))] })).await;
    }
    assert_eq!(hit(&bench, json!({ "email": "a@example.com" })).await, [Some("anna".to_owned())]);
}

#[tokio::test]
async fn beside_another_identifier_an_address_is_an_attribute() {
    let bench = bench();
    bench.write(json!({ "email": "a@example.com", "phone": "+4512345678" })).await;
    let anna = bench.twin.person("anna").unwrap();
    assert_eq!((anna.email.as_deref(), anna.phone.as_deref()), (Some("a@example.com"), Some("+4512345678")));
    bench.write(json!({ "email": null })).await;
    assert_eq!(bench.twin.person("anna").unwrap().email, None);
    assert_eq!(bench.anna(), json!({}));
}

#[tokio::test]
async fn brazes_own_id_finds_and_never_creates() {
    let bench = bench();
    let id = seed(&bench, with_email(Some("anna")));
    assert_eq!(hit(&bench, json!({ "braze_id": id })).await, [Some("anna".to_owned())]);
    hit(&bench, json!({ "braze_id": "unknown" })).await;
    assert_eq!((bench.twin.profiles().len(), bench.twin.counters().ignored_objects), (1, 1));
}

#[tokio::test]
async fn external_ids_have_their_case() {
    let bench = bench();
    bench.twin.seed_person("ANNA");
    bench.write(json!({ "a": 1 })).await;
    assert_eq!(bench.twin.people().len(), 2);
}

#[tokio::test]
async fn people_are_put_there_and_removed() {
    let bench = bench();
    bench.twin.seed_person("anna");
    let taken = SeedProfile { external_id: Some("anna".to_owned()), ..SeedProfile::default() };
    assert!(bench.twin.seed_profile(taken).is_err());
    seed(&bench, SeedProfile { alias: Some(alias()), ..with_email(Some("bea")) });
    assert!(bench.twin.seed_profile(SeedProfile { alias: Some(alias()), ..SeedProfile::default() }).is_err());
    assert!(bench.twin.remove_person("bea"));
    assert!(!bench.twin.remove_person("bea"));
    assert_eq!(bench.twin.person("bea"), None);
    seed(&bench, SeedProfile { alias: Some(alias()), ..SeedProfile::default() });
}
