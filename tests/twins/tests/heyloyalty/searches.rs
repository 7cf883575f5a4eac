use muster_twins::heyloyalty::{MemberShape, PerpageOver, SeedMember, SeedStanding, UnknownField};
use serde_json::{Value, json};

use crate::support::{Bench, bench};

/// The emails a search answers, in order, without `@example.com`.
#[expect(clippy::unwrap_used, reason = "in a test that is how to fail")]
async fn hits(bench: &Bench, query: &str) -> Vec<String> {
    let (status, body) = bench.call("GET", &bench.path(&format!("/members?{query}"))).await;
    assert_eq!(status, 200, "{query}: {body}");
    let members = body["members"].as_array().unwrap().iter();
    let email = |member: &Value| member["fields"]["email"]["value"].as_str().unwrap().to_owned();
    members.map(|member| email(member).replace("@example.com", "")).collect()
}

#[expect(clippy::unwrap_used, reason = "in a test that is how to fail")]
async fn three() -> Bench {
    let bench = bench().await;
    let food = bench.option("interests", "Food");
    let toys = bench.option("interests", "Toys");
    let dog = bench.option("favourite", "Dog");
    let seeds = [
        SeedMember::active("Anna@example.com")
            .field("cdp_c_ltv", 5)
            .field("cdp_a_cats", 1)
            .field("cdp_c_seen", "2026-01-01")
            .field("cdp_c_note", "blue sky")
            .field("interests", json!([food, toys])),
        SeedMember::active("b+c@example.com")
            .field("cdp_c_ltv", 40)
            .field("cdp_a_cats", 0)
            .field("cdp_c_seen", "2026-01-03")
            .field("favourite", dog)
            .field("interests", json!([food])),
        SeedMember::active("d@example.com"),
        SeedMember::with_standing("left@example.com", SeedStanding::Unsubscribed),
        SeedMember::with_standing("waits@example.com", SeedStanding::Temporary),
    ];
    bench.twin.seed_members(bench.list, &seeds).unwrap();
    bench
}

#[tokio::test]
async fn a_search_by_email_is_exact_but_for_case() {
    let bench = three().await;
    let plus = "filter%5Bemail%5D%5Beq%5D%5B%5D=b%2Bc%40example.com&perpage=2";
    assert_eq!(hits(&bench, plus).await, ["b+c"]);
    assert!(hits(&bench, &plus.replace("%2B", "+")).await.is_empty());
    let anna = "filter[email][eq][]=anna@example.com";
    assert_eq!(hits(&bench, anna).await, ["Anna"]);
    let two = format!("{anna}&filter[email][eq][]=d@example.com");
    assert_eq!(hits(&bench, &two).await, ["Anna", "d"]);
    bench.twin.with_switches(|s| s.email_case_sensitive = true);
    assert!(hits(&bench, anna).await.is_empty());
}

#[tokio::test]
async fn all_fifteen_operators() {
    let bench = three().await;
    let food = bench.option("interests", "Food");
    let toys = bench.option("interests", "Toys");
    let dog = bench.option("favourite", "Dog");
    for (filter, expected) in [
        ("[cdp_a_cats][eq][]=true".to_owned(), vec!["Anna"]),
        ("[cdp_a_cats][neq][]=1".to_owned(), vec!["b+c", "d"]),
        ("[cdp_c_note][sw][]=BLUE".to_owned(), vec!["Anna"]),
        ("[cdp_c_note][ew][]=sky".to_owned(), vec!["Anna"]),
        ("[cdp_c_note][ct][]=e%20s".to_owned(), vec!["Anna"]),
        ("[cdp_c_note][nct][]=blue".to_owned(), vec!["b+c", "d"]),
        ("[cdp_c_ltv][gt][]=5".to_owned(), vec!["b+c"]),
        ("[cdp_c_ltv][gte][]=5".to_owned(), vec!["Anna", "b+c"]),
        ("[cdp_c_ltv][lt][]=40".to_owned(), vec!["Anna"]),
        ("[cdp_c_seen][lte][]=2026-01-01".to_owned(), vec!["Anna"]),
        (format!("[favourite][in][]={dog}"), vec!["b+c"]),
        (format!("[interests][in][]={food}"), vec!["Anna", "b+c"]),
        (format!("[interests][nin][]={toys}"), vec!["b+c", "d"]),
        (format!("[interests][ina][]={food}&filter[interests][ina][]={toys}"), vec!["Anna"]),
        ("[cdp_c_ltv][ie][]=1".to_owned(), vec!["d"]),
        ("[cdp_c_ltv][nie][]=1".to_owned(), vec!["Anna", "b+c"]),
    ] {
        assert_eq!(hits(&bench, &format!("filter{filter}")).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn logic_order_and_pages() {
    let bench = three().await;
    let both = "filter[cdp_c_ltv][gt][]=1&filter[cdp_a_cats][eq][]=1";
    assert_eq!(hits(&bench, both).await, ["Anna"]);
    assert_eq!(hits(&bench, &format!("{both}&logic=or")).await, ["Anna", "b+c"]);
    assert_eq!(hits(&bench, "order=-1").await, ["d", "b+c", "Anna"]);
    assert_eq!(hits(&bench, "orderby=cdp_c_ltv&order=-1").await, ["b+c", "Anna", "d"]);
    assert_eq!(hits(&bench, "perpage=2&page=2").await, ["d"]);
    assert!(hits(&bench, "perpage=2&page=3").await.is_empty());
}

#[tokio::test]
async fn bad_searches_are_refused() {
    let bench = three().await;
    for query in [
        "page=0",
        "perpage=x",
        "order=2",
        "logic=xor",
        "orderby=nothing",
        "filter[email][like][]=a",
        "filter[cdp_a_cats][gt][]=1",
        "filter[cdp_c_ltv][eq][]=many",
        "filter[email][eq]=a",
        "filter[email]=a",
    ] {
        let path = bench.path(&format!("/members?{query}"));
        assert_eq!(bench.call("GET", &path).await.0, 400, "{query}");
    }
    assert_eq!(bench.call("GET", "/v1/lists/1/members").await.0, 404);
}

#[tokio::test]
async fn an_unknown_filter_is_ignored_or_refused() {
    let bench = three().await;
    assert_eq!(hits(&bench, "filter[shoe][eq][]=1").await.len(), 3);
    assert_eq!(bench.twin.counters().unknown_fields, 1);
    bench.twin.with_switches(|s| s.unknown_field = UnknownField::Refuse);
    let path = bench.path("/members?filter[shoe][eq][]=1");
    assert_eq!(bench.call("GET", &path).await.0, 400);
}

#[tokio::test]
async fn search_switches() {
    let bench = three().await;
    let nobody = bench.path("/members?filter[email][eq][]=x@example.com");
    assert_eq!(bench.call("GET", &nobody).await, (200, json!({"members": []})));
    bench.twin.with_switches(|s| s.no_match_404 = true);
    assert_eq!(bench.call("GET", &nobody).await.0, 404);

    bench.twin.with_switches(|s| s.search_includes_unsubscribed = true);
    assert_eq!(hits(&bench, "").await, ["Anna", "b+c", "d", "left"]);

    assert_eq!(hits(&bench, "perpage=5001").await.len(), 4);
    bench.twin.with_switches(|s| s.perpage_over = PerpageOver::Refuse);
    assert_eq!(bench.call("GET", &bench.path("/members?perpage=5001")).await.0, 400);
}

#[tokio::test]
async fn the_flat_shape_is_for_searches_only() {
    let bench = three().await;
    bench.twin.with_switches(|s| s.member_list_shape = MemberShape::Flat);
    let dog = bench.option("favourite", "Dog");
    let (_, body) = bench.call("GET", &bench.path("/members")).await;
    let member = &body["members"][1];
    assert_eq!(member["email"], "b+c@example.com");
    assert_eq!(member["favourite"], json!({"id": dog, "label": "Dog"}));
    assert_eq!(member["birthdate"], "0000-00-00");
    assert_eq!(member["unsubscribed_at"], "0000-00-00 00:00:00");
    let id = member["id"].as_str().unwrap();
    let (_, single) = bench.call("GET", &bench.member_path(id)).await;
    assert!(single["fields"].is_object());
}

#[tokio::test]
async fn a_large_list_pages_to_its_end() {
    let bench = bench().await;
    let seeds: Vec<_> = (0..12_000).map(|n| SeedMember::active(&format!("p{n}@example.com"))).collect();
    bench.twin.seed_members(bench.list, &seeds).unwrap();
    let mut seen = Vec::new();
    for page in 1..=4 {
        let found = hits(&bench, &format!("perpage=5000&page={page}")).await;
        seen.push(found.len());
    }
    assert_eq!(seen, [5_000, 5_000, 2_000, 0]);
    let one = "filter[email][eq][]=p11999@example.com";
    assert_eq!(hits(&bench, one).await, ["p11999"]);
}
