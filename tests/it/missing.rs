//! Stories of people who are not on the list, or not on it any more.

use jiff::SignedDuration;
use muster_local::demo::compare::{Labels, compare};
use muster_local::demo::events::{Events, Expected};
use muster_tests::world::{LIST, Setup, World, entered, exited};
use muster_twins::heyloyalty::{Duplicates, OptIn, SeedList, SeedMember, SeedStanding};
use serde_json::{Value, json};

const NOT_FOUND: &str = "not found on the list: no member, or one who unsubscribed";
const NO_CONSENT: &str = "not found on the list, and without the consent that adding asks for";
const UNCONFIRMED: &str = "added to the list, and not yet confirmed by the person";

/// The customers of the example, of whom some are not on the list and some have unsubscribed.
struct Customers {
    world: World,
    expected: Expected,
    off_list: Vec<String>,
    unsubscribed: Vec<String>,
}

impl Customers {
    async fn new(search_shows_unsubscribed: bool) -> Self {
        let events = Events::read(std::path::Path::new("../examples/cdnow.ndjson.gz")).unwrap();
        let expected = events.fold().unwrap();
        // Every 39th, so that they are spread over the years and over the kinds of customers.
        let chosen: Vec<String> = expected.people.keys().step_by(39).take(60).cloned().collect();
        let (off_list, unsubscribed) = (chosen[..40].to_vec(), chosen[40..].to_vec());
        let members = expected.people.keys().filter(|email| !off_list.contains(email)).map(|email| {
            let left = unsubscribed.contains(email);
            SeedMember::with_standing(email, if left { SeedStanding::Unsubscribed } else { SeedStanding::Active })
        });
        let mut world = World::new(Setup { members: members.collect(), ..Setup::default() }).await;
        world.twin.with_switches(|switches| switches.search_includes_unsubscribed = search_shows_unsubscribed);
        let audiences: Vec<&str> = expected.audiences.iter().map(String::as_str).collect();
        let attributes: Vec<(&str, &str)> =
            expected.attributes.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        world.link(&audiences, &attributes).await;
        world.activate().await;
        world.settle().await;
        let changes: Vec<Value> = events.lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        world.ingest(&changes).await;
        world.settle().await;
        Self { world, expected, off_list, unsubscribed }
    }

    /// How many of these people have every field as it must be.
    fn equal<'a>(&self, people: impl IntoIterator<Item = &'a String>) -> usize {
        let facts = self.expected.audiences.iter().chain(self.expected.attributes.keys());
        let labels: Labels = facts.filter_map(|name| Some((name.clone(), self.world.field(name)?))).collect();
        let people = people.into_iter().map(|email| (email.clone(), self.expected.people[email].clone()));
        let expected = Expected { people: people.collect(), ..self.expected.clone() };
        compare(&self.world.twin, LIST, &expected, &labels, &[].into()).equal
    }

    fn others(&self) -> Vec<&String> {
        let missing = |email: &&String| self.off_list.contains(email) || self.unsubscribed.contains(email);
        self.expected.people.keys().filter(|email| !missing(email)).collect()
    }

    async fn filtered(&self) -> Value {
        let changes = self.world.account().await;
        assert_eq!(changes["waiting"], 0, "{changes}");
        changes["filtered_by_reason"].clone()
    }
}

#[tokio::test]
async fn forty_off_the_list_and_twenty_unsubscribed_are_filtered_and_get_everything_once_they_join() {
    let mut customers = Customers::new(true).await;
    assert_eq!(customers.filtered().await, json!({NOT_FOUND: 40, "unsubscribed": 20}));
    assert_eq!(customers.equal(customers.others()), 2_297, "all others");
    customers.world.assert_unharmed();

    // Thirty join by themselves and ten subscribe again; one catch-up finds them.
    let world = &mut customers.world;
    let mut joined: Vec<String> = customers.off_list[..30].to_vec();
    joined.extend_from_slice(&customers.unsubscribed[..10]);
    for email in &joined {
        world.twin.subscribe_member(LIST, email, &Default::default()).unwrap();
    }
    world.post("/v1/activations/act/catch-up", Value::Null).await;
    world.settle().await;
    assert_eq!(customers.equal(&joined), 40, "by the catch-up");

    // Of the others Heyloyalty tells.
    let world = &mut customers.world;
    let login = json!({"user": "heyloyalty", "password": "a long password of ours"});
    world.call("PUT", "/v1/activations/act/signal", login).await;
    let mut told: Vec<String> = customers.off_list[30..].to_vec();
    told.extend_from_slice(&customers.unsubscribed[10..]);
    for email in &told {
        let id = world.twin.subscribe_member(LIST, email, &Default::default()).unwrap();
        let body = json!({"member_id": id, "list_id": LIST, "type": "subscribe", "signature": "0", "member": {}});
        let (status, answer) = world.signal("heyloyalty", "wrong", &body).await;
        assert_eq!(status, 401, "{answer}");
        let (status, answer) = world.signal("heyloyalty", "a long password of ours", &body).await;
        assert_eq!(status, 200, "{answer}");
    }
    world.settle().await;
    assert_eq!(customers.equal(&told), 20, "at once");
    assert_eq!(customers.filtered().await, json!({}));
    assert_eq!(customers.equal(customers.expected.people.keys()), 2_357);
    customers.world.assert_unharmed();
}

/// What cannot be told apart is not told apart: the reason names both.
#[tokio::test]
async fn where_the_search_hides_the_unsubscribed_nobody_is_subscribed_again_either() {
    let customers = Customers::new(false).await;
    assert_eq!(customers.filtered().await, json!({NOT_FOUND: 60}));
    assert_eq!(customers.equal(customers.others()), 2_297);
    customers.world.assert_unharmed();
}

fn creating(opt_in: &str) -> Value {
    json!({"list_id": LIST, "missing_people": {"create": {"consent": "newsletter", "opt_in": opt_in}}})
}

/// Entering with what the person said about the newsletter.
fn entered_saying(user: &str, consent: Value, second: i64) -> Value {
    let mut change = entered(user, "cats", second);
    change["fields"] = json!({"newsletter": consent});
    change
}

async fn filtered(world: &World) -> Value {
    world.account().await["filtered_by_reason"].clone()
}

#[tokio::test]
async fn only_people_who_consented_are_added() {
    let mut world = World::new(Setup::with_members(["known@example.com"])).await;
    world.link_with(creating("skip"), &["cats"], &[("orders", "integer")]).await;
    world.activate().await;
    world.settle().await;
    let said = [json!(true), json!(false), json!("true"), Value::Null];
    for (number, consent) in said.into_iter().enumerate() {
        world.ingest(&[entered_saying(&format!("u{number}"), consent, 1)]).await;
    }
    world.ingest(&[entered("u4", "cats", 1), entered("known", "cats", 1)]).await;
    world.settle().await;
    assert_eq!(world.twin.counters().member_created, 1);
    assert_eq!(world.shows("u0@example.com", "cats"), "1");
    assert_eq!(world.shows("known@example.com", "cats"), "1", "a member needs no consent");
    assert_eq!(filtered(&world).await, json!({NO_CONSENT: 4}));
    // Consent that is given later is acted upon, and nobody is added twice.
    let mut agrees = entered_saying("u1", json!(true), 2);
    agrees["type"] = json!("profile.updated");
    agrees.as_object_mut().unwrap().remove("audience");
    world.ingest(&[agrees]).await;
    world.settle().await;
    assert_eq!(world.shows("u1@example.com", "cats"), "1");
    world.post("/v1/activations/act/catch-up", Value::Null).await;
    world.settle().await;
    assert_eq!(world.twin.counters().member_created, 2);
    assert_eq!(filtered(&world).await, json!({NO_CONSENT: 3}));
    assert_eq!(world.twin.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn somebody_who_unsubscribed_is_not_added_again() {
    let mut world = World::new(Setup::with_members(["u1@example.com"])).await;
    world.link_with(creating("skip"), &["cats", "dogs"], &[]).await;
    world.activate().await;
    world.ingest(&[entered_saying("u1", json!(true), 1)]).await;
    world.settle().await;
    assert_eq!(world.shows("u1@example.com", "cats"), "1");
    let id = world.member("u1@example.com").id;
    assert!(world.twin.unsubscribe_member(LIST, &id));
    for change in [entered("u1", "dogs", 2), exited("u1", "dogs", 3), entered("u1", "dogs", 4)] {
        world.clock.advance(SignedDuration::from_mins(20));
        world.ingest(&[change]).await;
        world.settle().await;
        world.post("/v1/activations/act/catch-up", Value::Null).await;
        world.settle().await;
    }
    assert_eq!(filtered(&world).await, json!({"unsubscribed": 1}), "though a search does not show the member");
    world.assert_unharmed();
}

#[tokio::test]
async fn a_list_with_double_opt_in_asks_once() {
    let list = SeedList { opt_in: OptIn::Double, ..SeedList::default() };
    let mut world = World::new(Setup { list, ..Setup::default() }).await;
    world.link_with(creating("as_the_list"), &["cats"], &[]).await;
    world.activate().await;
    world.ingest(&[entered_saying("u1", json!(true), 1)]).await;
    world.settle().await;
    for _ in 0..3 {
        world.post("/v1/activations/act/catch-up", Value::Null).await;
        world.settle().await;
    }
    assert_eq!(world.twin.counters().member_created, 1, "asked once");
    assert_eq!(filtered(&world).await, json!({UNCONFIRMED: 1}));
    let id = world.member("u1@example.com").id;
    assert!(world.twin.confirm_member(LIST, &id));
    world.post("/v1/activations/act/catch-up", Value::Null).await;
    world.settle().await;
    assert_eq!(world.shows("u1@example.com", "cats"), "1");
    assert_eq!(filtered(&world).await, json!({}));
    assert_eq!(world.twin.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_is_added_to_a_list_that_takes_an_address_twice() {
    let list = SeedList { duplicates: Duplicates::Allow, ..SeedList::default() };
    let mut world = World::new(Setup { list, ..Setup::default() }).await;
    world.link_with(creating("skip"), &["cats"], &[]).await;
    let checked = world.post("/v1/activations/act/check", Value::Null).await;
    assert!(checked.to_string().contains("several members of one `email`"), "{checked}");
    world.activate().await;
    world.ingest(&[entered_saying("u1", json!(true), 1)]).await;
    world.settle().await;
    let activation = world.get("/v1/activations/act").await;
    assert_eq!(activation["status"], "failing", "{activation}");
    assert_eq!(world.account().await["waiting"], 1);
    world.assert_unharmed();
}

#[tokio::test]
async fn people_are_added_by_an_address_or_a_number_only() {
    let world = World::new(Setup::default()).await;
    let mut settings = creating("skip");
    settings["identifier"] = json!("reference");
    let activation = json!({"id": "act", "name": "A", "source": "shop", "destination": "heyloyalty",
        "authorization": "auth", "settings": settings, "audiences": ["cats"]});
    let (status, answer) = world.try_call("POST", "/v1/activations", activation).await;
    assert_eq!(status, 422, "{answer}");
}
