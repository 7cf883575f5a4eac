use muster_twins::heyloyalty::{
    DeleteMode, Duplicates, EmailStatus, LongText, SeedList, SeedMember, SeedStanding, Standing, UnknownField,
    UpsertMode, WriteStatus,
};
use serde_json::{Value, json};

use crate::support::{UNKNOWN, bench, double_opt_in, newsletter, with_list};

const ANNA: &str = "anna@example.com";

fn gone(email: &str) -> SeedMember {
    SeedMember::with_standing(email, SeedStanding::Unsubscribed)
}

#[tokio::test]
async fn create_needs_an_address_and_answers_an_id() {
    let bench = bench().await;
    let path = bench.path("/members");
    let (status, body) = bench.send("POST", &path, json!({"email": ANNA, "cdp_a_cats": true})).await;
    assert_eq!(status, 201);
    assert_eq!(bench.value(body["id"].as_str().unwrap(), "cdp_a_cats"), "1");
    for bad in [json!({}), json!({"email": "anna"}), json!({"firstname": "Anna"})] {
        assert_eq!(bench.send("POST", &path, bad).await.0, 400);
    }
    assert_eq!(bench.send("POST", &path, json!({"mobile": 4_512_345_678_u64})).await.0, 201);
    assert_eq!(bench.call("POST", &format!("{path}?email=b%40example.com")).await.0, 201);
    assert_eq!(bench.form("POST", &format!("{path}/"), "email=c%40example.com").await.0, 201);
    assert_eq!(bench.twin.counters().member_created, 4);
}

#[tokio::test]
async fn duplicates_follow_the_lists_rule() {
    let bench = bench().await;
    bench.seed(SeedMember::active(ANNA));
    let path = bench.path("/members");
    let body = json!({"email": "Anna@Example.com"});
    assert_eq!(bench.send("POST", &path, body.clone()).await.0, 400);
    for status in [409, 422] {
        bench.twin.with_switches(|s| s.dup_status = status);
        assert_eq!(bench.send("POST", &path, body.clone()).await.0, status);
    }
    let other = bench.seed(SeedMember::active("b@example.com"));
    let path = bench.member_path(&other);
    assert_eq!(bench.send("PATCH", &path, json!({"email": ANNA})).await.0, 422);

    let lax = with_list(SeedList { duplicates: Duplicates::AllowEmail, ..newsletter() }).await;
    lax.seed(SeedMember::active(ANNA).field("mobile", 45));
    let path = lax.path("/members");
    assert_eq!(lax.send("POST", &path, json!({"email": ANNA})).await.0, 201);
    assert_eq!(lax.send("POST", &path, json!({"email": ANNA, "mobile": 45})).await.0, 400);
}

#[tokio::test]
async fn members_that_are_duplicates_already_can_be_written() {
    let bench = bench().await;
    bench.seed(SeedMember::active(ANNA));
    let second = bench.seed(SeedMember::active(ANNA));
    let path = bench.member_path(&second);
    let body = json!({"email": ANNA, "cdp_a_cats": 1});
    assert_eq!(bench.send("PATCH", &path, json!({"cdp_a_cats": 1})).await.0, 204);
    assert_eq!(bench.send("PUT", &path, body).await.0, 204);
    bench.form("DELETE", &path, "obscureMemberData=true").await;
    assert_eq!(bench.send("PATCH", &path, json!({"cdp_a_cats": 0})).await.0, 204);
}

#[tokio::test]
async fn double_opt_in_makes_an_invisible_temporary_member() {
    let bench = double_opt_in().await;
    let path = bench.path("/members");
    assert_eq!(bench.send("POST", &path, json!({"email": ANNA})).await, (200, json!({})));
    let member = &bench.twin.members_by_email(bench.list, ANNA)[0];
    assert_eq!(member.standing, Standing::Temporary);
    assert_eq!(bench.call("GET", &bench.member_path(&member.id)).await.0, 404);
    assert_eq!(bench.call("GET", &path).await.1, json!({"members": []}));
    let skip = json!({"email": "b@example.com", "skipOptIn": 1});
    assert_eq!(bench.send("POST", &path, skip).await.0, 201);
    assert_eq!(bench.twin.counters().unknown_fields, 0);
}

#[tokio::test]
async fn a_member_reads_nested_with_the_chosen_options() {
    let bench = bench().await;
    let dog = bench.option("favourite", "Dog");
    let food = bench.option("interests", "Food");
    let seed = SeedMember::active(ANNA).field("favourite", dog);
    let id = bench.seed(seed.field("interests", json!([food])));
    let (status, body) = bench.call("GET", &bench.member_path(&id)).await;
    assert_eq!(status, 200);
    assert_eq!(body["id"], id);
    assert_eq!(body["status"], json!({"status": "active", "email": "active", "mobile": "active"}));
    assert_eq!(body["created_at"], "2026-01-05 07:08:09");
    assert_eq!(body["unsubscribed_at"], Value::Null);
    let fields = &body["fields"];
    assert_eq!(fields["email"], json!({"value": ANNA}));
    assert_eq!(fields["cdp_a_cats"], json!({"value": ""}));
    let shown = json!({"value": dog.to_string(), "options": {dog.to_string(): "Dog"}});
    assert_eq!(fields["favourite"], shown);
    assert_eq!(fields["interests"]["value"], json!([food.to_string()]));
    assert_eq!(fields["country"], json!({"value": "", "options": []}));
    assert_eq!(bench.call("GET", &bench.member_path(UNKNOWN)).await.0, 404);
    assert_eq!(bench.call("GET", &bench.member_path(&id.to_uppercase())).await.0, 404);
}

#[tokio::test]
async fn the_unsubscribed_read_by_id_with_their_date() {
    let bench = bench().await;
    let id = bench.seed(gone(ANNA));
    let (status, body) = bench.call("GET", &bench.member_path(&id)).await;
    assert_eq!(status, 200);
    assert_eq!(body["unsubscribed_at"], "2026-01-05 07:08:09");
    assert_eq!(body["status"]["status"], "unsubscribed");
    bench.twin.with_switches(|s| s.unsubscribed_status = "active".to_owned());
    let (_, body) = bench.call("GET", &bench.member_path(&id)).await;
    assert_eq!(body["status"]["status"], "active");
}

#[tokio::test]
async fn patch_changes_only_what_it_names() {
    let bench = bench().await;
    let id = bench.seed(SeedMember::active(ANNA).field("cdp_c_ltv", 1).field("cdp_a_cats", 1));
    let path = bench.member_path(&id);
    let body = json!({"cdp_a_cats": 0, "cdp_c_seen": "2026-01-01"});
    assert_eq!(bench.send("PATCH", &path, body).await, (204, Value::Null));
    assert_eq!(bench.value(&id, "cdp_a_cats"), "0");
    assert_eq!(bench.value(&id, "cdp_c_ltv"), "1");
    bench.send("PATCH", &path, json!({"cdp_c_ltv": ""})).await;
    assert_eq!(bench.value(&id, "cdp_c_ltv"), "");
    for bad in [json!({"cdp_c_ltv": 1.5}), json!({"cdp_c_ltv": null}), json!({"email": ""})] {
        assert_eq!(bench.send("PATCH", &path, bad).await.0, 400);
    }
    let unknown = bench.member_path(UNKNOWN);
    assert_eq!(bench.send("PATCH", &unknown, json!({"cdp_a_cats": 1})).await.0, 404);
    assert_eq!(bench.send("PATCH", "/v1/lists/1/members/x", json!({})).await.0, 404);
}

#[tokio::test]
async fn put_empties_what_it_does_not_name() {
    let bench = bench().await;
    let id = bench.seed(SeedMember::active(ANNA).field("cdp_c_ltv", 1));
    let path = bench.member_path(&id);
    assert_eq!(bench.send("PUT", &path, json!({"cdp_a_cats": 1})).await.0, 400);
    assert_eq!(bench.value(&id, "cdp_c_ltv"), "1");
    let body = json!({"email": ANNA, "cdp_a_cats": 1});
    assert_eq!(bench.send("PUT", &path, body).await, (204, Value::Null));
    assert_eq!(bench.value(&id, "cdp_c_ltv"), "");
    assert_eq!(bench.twin.counters().member_put, 2);
}

#[tokio::test]
async fn patch_and_put_reactivate_and_are_counted() {
    let bench = bench().await;
    let first = bench.seed(gone(ANNA));
    let second = bench.seed(gone("b@example.com"));
    bench.send("PATCH", &bench.member_path(&first), json!({"cdp_a_cats": 1})).await;
    let body = json!({"email": "b@example.com"});
    bench.send("PUT", &bench.member_path(&second), body).await;
    for id in [&first, &second] {
        let member = bench.twin.member(bench.list, id).unwrap();
        assert_eq!((member.standing, member.unsubscribed_at), (Standing::Active, None));
    }
    assert_eq!(bench.twin.counters().resubscribed, 2);
}

#[tokio::test]
async fn creating_beside_an_unsubscribed_member_resubscribes_the_person() {
    let bench = bench().await;
    bench.seed(gone(ANNA));
    assert_eq!(bench.send("POST", &bench.path("/members"), json!({"email": ANNA})).await.0, 201);
    assert_eq!(bench.twin.members_by_email(bench.list, ANNA).len(), 2);
    assert_eq!(bench.twin.counters().resubscribed, 1);
}

#[tokio::test]
async fn writes_to_complaints_and_hard_bounces_are_counted() {
    let bench = bench().await;
    for (email, standing, shown) in
        [(ANNA, SeedStanding::Complaint, "complaint"), ("b@example.com", SeedStanding::HardBounce, "hard_bounce")]
    {
        let id = bench.seed(SeedMember::with_standing(email, standing));
        let path = bench.member_path(&id);
        assert_eq!(bench.call("GET", &path).await.1["status"]["email"], shown);
        bench.send("PATCH", &path, json!({"cdp_a_cats": 1})).await;
    }
    assert_eq!(bench.twin.counters().suppressed_writes, 2);
}

#[tokio::test]
async fn write_answers_follow_their_switches() {
    let bench = bench().await;
    let id = bench.seed(SeedMember::active(ANNA));
    let path = bench.member_path(&id);
    for (switch, expected) in [(WriteStatus::Ok, 200), (WriteStatus::Created, 201)] {
        bench.twin.with_switches(|s| {
            s.put_status = switch;
            s.patch_status = switch;
        });
        assert_eq!(bench.send("PUT", &path, json!({"email": ANNA})).await.0, expected);
        assert_eq!(bench.send("PATCH", &path, json!({})).await.0, expected);
    }
    bench.twin.with_switches(|s| s.patch_status = WriteStatus::OkWithMember);
    let (status, body) = bench.send("PATCH", &path, json!({})).await;
    assert_eq!((status, &body["id"]), (200, &json!(id)));
}

#[tokio::test]
async fn long_text_and_unknown_fields_follow_their_switches() {
    let bench = bench().await;
    let id = bench.seed(SeedMember::active(ANNA));
    let path = bench.member_path(&id);
    let long = json!({"cdp_c_note": "x".repeat(300)});
    assert_eq!(bench.send("PATCH", &path, long.clone()).await.0, 400);
    bench.twin.with_switches(|s| s.text_over_255 = LongText::Cut);
    assert_eq!(bench.send("PATCH", &path, long).await.0, 204);
    assert_eq!(bench.value(&id, "cdp_c_note").len(), 255);

    let unknown = json!({"cdp_a_dogs": 1});
    assert_eq!(bench.send("PATCH", &path, unknown.clone()).await.0, 204);
    bench.twin.with_switches(|s| s.unknown_field = UnknownField::Refuse);
    assert_eq!(bench.send("PATCH", &path, unknown).await.0, 400);
    assert_eq!(bench.twin.counters().unknown_fields, 2);
}

#[tokio::test]
async fn delete_unsubscribes_then_purges() {
    let bench = bench().await;
    let id = bench.seed(SeedMember::active(ANNA));
    let path = bench.member_path(&id);
    assert_eq!(bench.call("DELETE", &path).await.0, 204);
    assert_eq!(bench.call("GET", &path).await.1["unsubscribed_at"], "2026-01-05 07:08:09");
    assert_eq!(bench.call("DELETE", &path).await.0, 204);
    assert_eq!(bench.call("DELETE", &path).await.0, 404);
    assert_eq!(bench.twin.counters().member_deleted, 2);

    bench.twin.with_switches(|s| s.delete_mode = DeleteMode::Purge);
    let id = bench.seed(SeedMember::active(ANNA));
    bench.call("DELETE", &bench.member_path(&id)).await;
    assert_eq!(bench.twin.member(bench.list, &id), None);
}

#[tokio::test]
async fn obscuring_blanks_personal_fields_and_unsubscribes() {
    let bench = bench().await;
    let id = bench.seed(SeedMember::active(ANNA).field("cdp_c_ltv", 1));
    let path = bench.member_path(&id);
    assert_eq!(bench.form("DELETE", &path, "obscureMemberData=true").await.0, 204);
    let member = bench.twin.member(bench.list, &id).unwrap();
    assert_eq!((member.text("email"), member.text("cdp_c_ltv")), ("", "1"));
    assert_eq!(member.standing, Standing::Unsubscribed);
}

#[tokio::test]
async fn byfield_deletes_all_matches_on_the_given_lists() {
    let bench = bench().await;
    let first = bench.seed(SeedMember::active(ANNA));
    let second = bench.seed(SeedMember::active(ANNA));
    let path = "/v2/lists/members/byfield";
    let body = json!({"field": "email", "value": ANNA, "lists": [bench.list]});
    assert_eq!(bench.send("DELETE", path, body).await.0, 204);
    for id in [first, second] {
        let member = bench.twin.member(bench.list, &id).unwrap();
        assert_eq!(member.standing, Standing::Unsubscribed);
    }
    assert_eq!(bench.send("DELETE", path, json!({"field": "email"})).await.0, 400);
    let unknown = json!({"field": "email", "value": ANNA, "lists": [1]});
    assert_eq!(bench.send("DELETE", path, unknown).await.0, 404);
}

#[tokio::test]
async fn upsert_creates_updates_and_empties_unsent_fields() {
    let bench = bench().await;
    let path = bench.path("/members/upsert");
    let upsert = |member: Value| json!({"unique_field": "email", "member": member});
    let (status, body) = bench.send("POST", &path, upsert(json!({"email": ANNA, "cdp_c_ltv": 7}))).await;
    assert_eq!((status, &body["type"]), (200, &json!("create")));
    let id = body["member_id"].as_str().unwrap().to_owned();

    bench.twin.with_switches(|s| s.upsert_mode = UpsertMode::Patch);
    let (_, body) = bench.send("POST", &path, upsert(json!({"email": ANNA, "cdp_a_cats": 1}))).await;
    assert_eq!(body, json!({"type": "update", "member_id": id}));
    assert_eq!(bench.value(&id, "cdp_c_ltv"), "7");

    bench.twin.with_switches(|s| s.upsert_mode = UpsertMode::Put);
    bench.send("POST", &path, upsert(json!({"email": ANNA, "cdp_a_cats": 1}))).await;
    assert_eq!(bench.value(&id, "cdp_c_ltv"), "");
    assert_eq!(bench.value(&id, "cdp_a_cats"), "1");
}

#[tokio::test]
async fn upsert_refuses_what_it_cannot_tell() {
    let bench = bench().await;
    let path = bench.path("/members/upsert");
    bench.seed(SeedMember::active(ANNA));
    bench.seed(SeedMember::active(ANNA));
    for bad in [
        json!({"unique_field": "email", "member": {"email": ANNA}}),
        json!({"unique_field": "email", "member": {"cdp_a_cats": 1}}),
        json!({"member": {"email": ANNA}}),
    ] {
        assert_eq!(bench.send("POST", &path, bad).await.0, 400);
    }
    let form = "unique_field=email&member[email]=b%40example.com";
    assert_eq!(bench.form("POST", &path, form).await.0, 400);
    assert_eq!(bench.twin.counters().member_created, 0);
}

#[tokio::test]
async fn upsert_does_not_match_the_unsubscribed() {
    let bench = bench().await;
    let old = bench.seed(gone(ANNA));
    let body = json!({"unique_field": "email", "member": {"email": ANNA}});
    let (_, body) = bench.send("POST", &bench.path("/members/upsert"), body).await;
    assert_eq!(body["type"], "create");
    assert_ne!(body["member_id"], old);
    let counters = bench.twin.counters();
    assert_eq!((counters.resubscribed, counters.member_created), (1, 1));
}

#[tokio::test]
async fn upsert_matches_the_temporary_only_when_asked() {
    let bench = double_opt_in().await;
    let path = bench.path("/members/upsert");
    let waiting = bench.seed(SeedMember::with_standing(ANNA, SeedStanding::Temporary));
    let asked = json!({"unique_field": "email", "search_temporary": true, "skipOptIn": 1,
        "member": {"email": ANNA}});
    let (_, body) = bench.send("POST", &path, asked).await;
    assert_eq!(body, json!({"type": "update", "member_id": waiting}));
    let member = bench.twin.member(bench.list, &waiting).unwrap();
    assert_eq!((member.standing, member.email_status), (Standing::Active, EmailStatus::Active));

    bench.seed(SeedMember::with_standing("b@example.com", SeedStanding::Temporary));
    let unasked = json!({"unique_field": "email", "member": {"email": "b@example.com"}});
    let (_, body) = bench.send("POST", &path, unasked).await;
    assert_eq!(body["type"], "create");
}
