//! Heyloyalty: what its documentation leaves open, read every way, and what only it has.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use muster::destination::{Action, Item, Mode, Resend, Verdict, Verdicts};
use muster::model::Identifier;
use muster_tests::contract::bench::with_memos;
use muster_tests::contract::world::{Membership, Standing, VendorWorld};
use muster_tests::contract::{Bench, Want, assert_unharmed};
use muster_tests::worlds::HeyloyaltyWorld;
use muster_tests::worlds::heyloyalty::audience_field;
use muster_twins::heyloyalty::{
    Duplicates, Format, LongText, MemberShape, PatchListStatus, PatchMatch, SeedField, SeedList, SeedMember,
    SeedStanding, Standing as TwinStanding, Switches, UnknownField, WriteStatus,
};
use serde_json::json;

/// Prepare, enter, leave, and a former member's memo; live and in bulk.
async fn round(change: impl Fn(&mut Switches)) {
    let world = HeyloyaltyWorld::start().await;
    world.twin.with_switches(&change);
    (1..=4).for_each(|person| world.put(person, Standing::Reachable));
    // One of each: a hard bounce, somebody unsubscribed, a complaint.
    (10..=12).for_each(|person| world.put(person, Standing::Unsubscribed));
    let untouched = [10, 11, 12].map(|person| world.record(person));
    let mut bench = Bench::prepared(&world).await;
    assert!(bench.check().await.unwrap().findings.iter().all(|finding| finding.good));
    for lane in [Mode::Live, Mode::Bulk] {
        let everybody = || (1..=4).chain(10..=13);
        let verdicts = bench.deliver(lane, &bench.show_all(everybody(), &Want::entered())).await;
        world.land();
        for (id, verdict) in &verdicts {
            let filtered = matches!(verdict, Verdict::Filtered { open: true, .. });
            assert_eq!(filtered, bench.person(id) >= 10, "{verdict:?}");
        }
        (1..=4).for_each(|person| bench.assert_shows(person, &Want::entered()));
        // Another name for an audience, and one that went and came back.
        bench.links.audiences[1].name.push('!');
        assert_eq!(bench.prepare().await.resend, Resend::Nobody);
        let verdicts = bench.deliver_well(lane, &bench.show_all(1..=2, &Want::left())).await;
        world.land();
        (1..=2).for_each(|person| bench.assert_shows(person, &Want::left()));
        (3..=4).for_each(|person| bench.assert_shows(person, &Want::entered()));
        world.clock().advance(SignedDuration::from_mins(16));
        let items = with_memos(&bench.show_all(1..=2, &Want::entered()), &verdicts);
        bench.deliver_well(lane, &items).await;
        world.land();
        assert!(bench.confirm(&items).await.values().all(|landed| *landed == muster::destination::Landed::Yes));
        (1..=4).for_each(|person| bench.assert_shows(person, &Want::entered()));
        bench.deliver_well(lane, &bench.tell(3, 0, &Action::Leave)).await;
        bench.deliver_well(lane, &bench.tell(4, 0, &Action::Forget)).await;
        world.land();
        bench.assert_shows(3, &Want::outside());
    }
    let names: Vec<String> = world.twin.list(world.list).unwrap().fields.into_iter().map(|field| field.name).collect();
    let ours: Vec<&String> = names.iter().filter(|name| name.starts_with("cdp_")).collect();
    assert_eq!(ours.len(), 5, "no field twice: {ours:?}");
    assert_eq!([10, 11, 12].map(|person| world.record(person)), untouched);
    assert_unharmed(&world);
}

macro_rules! rounds {
    ($($name:ident: $change:expr,)*) => { $(
        #[tokio::test]
        async fn $name() {
            let change: fn(&mut Switches) = $change;
            round(change).await;
        }
    )* };
}

rounds! {
    as_the_twin_reads_it: |_| {},
    ids_come_as_strings: |switches| switches.ids_as_strings = true,
    codes_come_as_strings: |switches| switches.code_as_string = true,
    codes_come_as_strings_where_nobody_is_found: |switches| {
        switches.code_as_string = true;
        switches.no_match_404 = true;
    },
    empty_maps_come_as_maps: |switches| switches.empty_map_as_array = false,
    members_come_flat: |switches| switches.member_list_shape = MemberShape::Flat,
    nobody_found_is_a_404: |switches| switches.no_match_404 = true,
    a_patch_is_answered_200: |switches| switches.patch_status = WriteStatus::Ok,
    a_patch_is_answered_with_the_member: |switches| switches.patch_status = WriteStatus::OkWithMember,
    a_patch_is_answered_201: |switches| switches.patch_status = WriteStatus::Created,
    a_put_would_be_answered_with_the_member: |switches| switches.put_status = WriteStatus::OkWithMember,
    a_put_would_be_answered_201: |switches| switches.put_status = WriteStatus::Created,
    a_patch_of_the_list_is_answered_with_it: |switches| switches.patch_list_status = PatchListStatus::OkWithList,
    fields_are_matched_by_id_only: |switches| switches.patch_match = PatchMatch::IdOnly,
    the_unsubscribed_are_called_active: |switches| switches.unsubscribed_status = "active".to_owned(),
    searches_show_the_unsubscribed: |switches| switches.search_includes_unsubscribed = true,
    searches_show_the_unsubscribed_and_call_them_active: |switches| {
        switches.search_includes_unsubscribed = true;
        switches.unsubscribed_status = "active".to_owned();
    },
    searches_show_the_unsubscribed_flat_and_call_them_active: |switches| {
        switches.search_includes_unsubscribed = true;
        switches.member_list_shape = MemberShape::Flat;
        switches.unsubscribed_status = "active".to_owned();
    },
    searches_keep_case: |switches| switches.email_case_sensitive = true,
    a_double_is_answered_409: |switches| switches.dup_status = 409,
    a_double_is_answered_422: |switches| switches.dup_status = 422,
    long_texts_are_cut: |switches| switches.text_over_255 = LongText::Cut,
    unknown_fields_are_refused: |switches| switches.unknown_field = UnknownField::Refuse,
    imports_leave_the_unsubscribed: |switches| switches.import_resubscribes = false,
    the_clock_may_differ_by_five_minutes: |switches| switches.skew_seconds = Some(300),
    the_account_is_limited: |switches| switches.rate_limit = Some(20),
    everything_is_otherwise: |switches| {
        *switches = Switches {
            ids_as_strings: true,
            code_as_string: true,
            empty_map_as_array: false,
            member_list_shape: MemberShape::Flat,
            no_match_404: true,
            patch_status: WriteStatus::OkWithMember,
            put_status: WriteStatus::Created,
            patch_list_status: PatchListStatus::OkWithList,
            patch_match: PatchMatch::IdOnly,
            unsubscribed_status: "active".to_owned(),
            search_includes_unsubscribed: true,
            email_case_sensitive: true,
            dup_status: 422,
            ..Switches::default()
        };
    },
}

fn sharing() -> SeedList {
    SeedList { name: "Families".to_owned(), duplicates: Duplicates::Allow, ..SeedList::default() }
}

fn under(items: Vec<Item>, address: &str) -> Vec<Item> {
    let key = Identifier::normalise(&"email".parse().unwrap(), address).unwrap();
    items.into_iter().map(|item| Item { key: key.clone(), ..item }).collect()
}

fn said(verdicts: &Verdicts) -> Vec<String> {
    verdicts.values().map(|verdict| format!("{verdict:?}")).collect()
}

#[tokio::test]
async fn all_members_of_one_address_are_written() {
    let world = HeyloyaltyWorld::with_list(sharing()).await;
    for standing in [SeedStanding::Active, SeedStanding::Active, SeedStanding::Unsubscribed, SeedStanding::Active] {
        let member = SeedMember::with_standing(world.key(1).expose(), standing);
        world.twin.seed_members(world.list, &[member]).unwrap();
    }
    world.put(2, Standing::Reachable);
    let bench = Bench::prepared(&world).await;
    let field = audience_field(&bench.links.audiences[0]);
    let shown = || world.members(1).iter().map(|member| member.text(&field).to_owned()).collect::<Vec<_>>();
    let verdicts = bench.deliver_well(Mode::Live, &bench.show(1, &Want::entered())).await;
    assert_eq!(shown(), ["1", "1", "", "1"], "the unsubscribed one is left alone: {:?}", said(&verdicts));
    // Whoever shares an address is not left to a file that is matched by it.
    bench.deliver_well(Mode::Bulk, &with_memos(&bench.show_all(1..=2, &Want::left()), &verdicts)).await;
    world.land();
    assert_eq!(shown(), ["0", "0", "", "0"]);
    bench.deliver_well(Mode::Live, &bench.tell(1, 0, &Action::Forget)).await;
    assert_eq!(shown(), ["", "", "", ""]);
    assert_unharmed(&world);
}

#[tokio::test]
async fn a_memo_does_not_hide_a_second_member_of_the_address() {
    let world = HeyloyaltyWorld::with_list(sharing()).await;
    world.put(1, Standing::Reachable);
    let bench = Bench::prepared(&world).await;
    let verdicts = bench.deliver_well(Mode::Live, &bench.show(1, &Want::entered())).await;
    world.put(1, Standing::Reachable);
    bench.deliver_well(Mode::Live, &with_memos(&bench.show(1, &Want::left()), &verdicts)).await;
    let field = audience_field(&bench.links.audiences[0]);
    assert!(world.members(1).iter().all(|member| member.text(&field) == "0"));
    assert_unharmed(&world);
}

#[tokio::test]
async fn odd_addresses_are_found_and_no_others() {
    let world = HeyloyaltyWorld::start().await;
    let addresses = [
        "anna+cats@example.test",
        "annacats@example.test",
        "søren.æø@smørrebrød.example",
        "o'neill@example.test",
        "100%25@example.test",
        "a&filter[email][ct][]=@example.test",
        "a#b=c?d/e@example.test",
        "\"quoted\"@example.test",
    ];
    for address in addresses {
        world.twin.seed_members(world.list, &[SeedMember::active(address)]).unwrap();
    }
    let bench = Bench::prepared(&world).await;
    let field = audience_field(&bench.links.audiences[0]);
    let shown = |address: &str| world.twin.members_by_email(world.list, address)[0].text(&field).to_owned();
    // A plus sign that is lost on the way would name somebody else.
    let real: Vec<&str> = addresses.into_iter().filter(|address| *address != "annacats@example.test").collect();
    for (lane, want, text) in [(Mode::Live, Want::entered(), "1"), (Mode::Bulk, Want::left(), "0")] {
        let items: Vec<Item> =
            (1..).zip(&real).flat_map(|(person, address)| under(bench.show(person, &want), address)).collect();
        bench.deliver_well(lane, &items).await;
        world.land();
        for address in &real {
            assert_eq!(shown(address), text, "{address}");
        }
        assert_eq!(shown("annacats@example.test"), "");
        assert_eq!(shown("zqmarker-bystander@example.test"), "");
    }
    assert_unharmed(&world);
}

#[tokio::test]
async fn an_address_with_capitals_on_the_list_is_found() {
    let world = HeyloyaltyWorld::start().await;
    world.twin.seed_members(world.list, &[SeedMember::active("ZQMarker1@Example.TEST")]).unwrap();
    let bench = Bench::prepared(&world).await;
    for (lane, want) in [(Mode::Live, Want::entered()), (Mode::Bulk, Want::left())] {
        bench.deliver_well(lane, &bench.show(1, &want)).await;
        world.land();
        bench.assert_shows(1, &want);
    }
    assert_eq!(world.members(1)[0].text("email"), "ZQMarker1@Example.TEST", "the address stays as it was written");
    assert_unharmed(&world);
}

#[tokio::test]
async fn a_member_whose_address_changed_is_not_taken_for_the_person() {
    let world = HeyloyaltyWorld::start().await;
    world.put(1, Standing::Reachable);
    let bench = Bench::prepared(&world).await;
    let verdicts = bench.deliver_well(Mode::Live, &bench.show(1, &Want::entered())).await;
    let id = world.members(1)[0].id.clone();
    assert!(world.twin.change_email(world.list, &id, world.key(2).expose()));
    world.clock().advance(SignedDuration::from_mins(16));
    let before = world.record(2);
    let verdicts = bench.deliver(Mode::Live, &with_memos(&bench.show(1, &Want::left()), &verdicts)).await;
    assert!(verdicts.values().all(|verdict| matches!(verdict, Verdict::Filtered { open: true, .. })));
    assert_eq!(world.record(2), before);
    assert_unharmed(&world);
}

#[tokio::test]
async fn a_deleted_field_is_made_anew_and_everybody_sent_again() {
    let world = HeyloyaltyWorld::start().await;
    (1..=2).for_each(|person| world.put(person, Standing::Reachable));
    let mut bench = Bench::prepared(&world).await;
    let verdicts = bench.deliver_well(Mode::Live, &bench.show_all(1..=2, &Want::entered())).await;
    let field = audience_field(&bench.links.audiences[0]);
    assert!(world.twin.remove_field(world.list, &field));
    let prepared = bench.prepare().await;
    assert_eq!(prepared.resend, Resend::Everybody);
    assert_eq!(prepared.warnings.len(), 1);
    bench.deliver_well(Mode::Live, &with_memos(&bench.show_all(1..=2, &Want::entered()), &verdicts)).await;
    (1..=2).for_each(|person| bench.assert_shows(person, &Want::entered()));
    assert_unharmed(&world);
}

#[tokio::test]
async fn a_deleted_field_is_seen_while_people_are_written() {
    let world = HeyloyaltyWorld::start().await;
    world.twin.with_switches(|switches| switches.unknown_field = UnknownField::Refuse);
    world.put(1, Standing::Reachable);
    let bench = Bench::prepared(&world).await;
    assert!(world.twin.remove_field(world.list, &audience_field(&bench.links.audiences[0])));
    let verdicts = bench.deliver(Mode::Live, &bench.show(1, &Want::entered())).await;
    let failed = |verdict: &Verdict| matches!(verdict, Verdict::Failed(muster::destination::Failure::Retryable { .. }));
    assert!(verdicts.values().all(failed), "{verdicts:?}");
}

#[tokio::test]
async fn a_field_of_another_format_is_left_alone() {
    let world = HeyloyaltyWorld::start().await;
    let mut bench = Bench::new(&world);
    let field = audience_field(&bench.links.audiences[0]);
    let theirs = SeedField::new(&field, "Somebody's own", Format::Text);
    let list =
        world.twin.seed_list(&SeedList { name: "Other".to_owned(), fields: vec![theirs], ..SeedList::default() });
    let list = list.unwrap();
    bench.settings = json!({ "list_id": list });
    assert_eq!(bench.prepare().await.warnings.len(), 1);
    let list = world.twin.list(list).unwrap();
    assert_eq!(list.field(&field).unwrap().label, "Somebody's own");
    assert_eq!(list.field(&format!("{field}_2")).unwrap().format, Format::Boolean);
    assert_unharmed(&world);
}

#[tokio::test]
async fn whoever_asks_to_be_obscured_is() {
    let world = HeyloyaltyWorld::start().await;
    (1..=2).for_each(|person| world.put(person, Standing::Reachable));
    let mut bench = Bench::prepared(&world).await;
    bench.settings = json!({ "list_id": world.list, "forget": "obscure_member" });
    bench.deliver_well(Mode::Live, &bench.show_all(1..=2, &Want::entered())).await;
    let (id, other) = (world.members(1)[0].id.clone(), world.record(2));
    for _ in 0..2 {
        bench.deliver_well(Mode::Live, &bench.tell(1, 0, &Action::Forget)).await;
    }
    let member = world.twin.member(world.list, &id).unwrap();
    assert_eq!(member.standing, TwinStanding::Unsubscribed);
    assert_eq!((member.text("email"), member.text("firstname")), ("", ""));
    assert_eq!(world.record(2), other);
    assert_eq!(world.twin.counters().member_deleted, 1);
    assert_eq!(world.twin.counters().resubscribed, 0);
}

#[tokio::test]
async fn settings_are_strict_all_the_way_down() {
    let world = HeyloyaltyWorld::start().await;
    let check = |settings| world.destination().check_settings(&settings).unwrap_err();
    let nested = check(json!({ "list_id": 1, "decimals": { "scaled_integer": { "digits": 2, "surely_unknown": 1 } } }));
    assert!(nested.starts_with("$.decimals") && nested.contains("surely_unknown"), "{nested}");
    assert!(check(json!({ "list_id": 1, "never_inside": "nought" })).starts_with("$.never_inside"));
    assert!(check(json!({ "list_id": 0 })).starts_with("$.list_id"));
}

#[tokio::test]
async fn an_import_that_lands_after_a_newer_write_is_seen() {
    let world = HeyloyaltyWorld::start().await;
    (1..=3).for_each(|person| world.put(person, Standing::Reachable));
    let bench = Bench::prepared(&world).await;
    bench.deliver_well(Mode::Bulk, &bench.show_all(1..=3, &Want::entered())).await;
    let newer = bench.show(2, &Want::left());
    bench.deliver_well(Mode::Live, &newer).await;
    world.land();
    // The engine looks at what it sent last, and puts it in doubt.
    let looked: BTreeMap<_, _> = bench.confirm(&newer).await;
    assert!(looked.values().all(|landed| *landed == muster::destination::Landed::No));
    bench.deliver_well(Mode::Live, &newer).await;
    bench.assert_shows(2, &Want::left());
    assert_eq!(bench.shown(1).unwrap().memberships[0], Membership::Inside);
    assert_unharmed(&world);
}
