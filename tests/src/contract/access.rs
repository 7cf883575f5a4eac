//! Credentials, settings, and where requests go.

use muster::destination::{Action, Failure, Mode, Verdict};
use muster::ports::Secret;
use serde_json::{Value as Json, json};

use super::bench::{Bench, Want};
use super::world::{Aim, Refusals, Standing, Struck, Trouble, VendorWorld};

pub async fn good_credentials_are_found_good(world: &dyn VendorWorld) {
    world.put(1, Standing::Reachable);
    let bench = Bench::new(world);
    let before = (world.structure(), world.record(1));
    let checked = bench.check().await.unwrap();
    assert!(!checked.findings.is_empty());
    for finding in &checked.findings {
        assert!(finding.good, "{finding:?}");
    }
    assert_eq!(before, (world.structure(), world.record(1)), "a check changes nothing");
}

pub async fn refused_credentials_stop_everything(world: &dyn VendorWorld) {
    world.put(1, Standing::Reachable);
    let mut bench = Bench::prepared(world).await;
    let before = (world.structure(), world.record(1));
    bench.credentials = world.refused_credentials();
    let refused = |failure: &Failure| matches!(failure, Failure::Unauthorized { .. });
    match bench.check().await {
        Ok(checked) => assert!(checked.findings.iter().any(|finding| !finding.good), "{checked:?}"),
        Err(failure) => assert!(refused(&failure), "{failure:?}"),
    }
    match world.place() {
        Some(_) => {
            assert!(refused(&bench.try_prepare().await.unwrap_err()));
            let discovered = world.destination().discover(&bench.session(), &bench.credentials).await;
            assert!(refused(&discovered.unwrap_err()));
        }
        None => assert_asks_nothing(&bench).await,
    }
    for action in [None, Some(Action::Leave), Some(Action::Forget)] {
        let items = match &action {
            None => bench.show(1, &Want::entered()),
            Some(action) => bench.tell(1, 0, action),
        };
        for verdict in bench.deliver(Mode::Live, &items).await.values() {
            assert!(matches!(verdict, Verdict::Failed(failure) if refused(failure)), "{verdict:?}");
        }
    }
    assert_eq!(before, (world.structure(), world.record(1)));
}

/// Where there is nothing to pick from and nothing to make, neither verb calls the vendor.
async fn assert_asks_nothing(bench: &Bench<'_>) {
    let before = bench.world.requests();
    bench.try_prepare().await.unwrap();
    let discovered = bench.world.destination().discover(&bench.session(), &bench.credentials).await.unwrap();
    assert!(discovered.places.is_empty(), "{discovered:?}");
    assert_eq!(bench.world.requests(), before);
}

pub async fn refused_credentials_are_not_tried_person_by_person(world: &dyn VendorWorld) {
    let people = 1..=40;
    people.clone().for_each(|person| world.put(person, Standing::Reachable));
    let mut bench = Bench::prepared(world).await;
    bench.credentials = world.refused_credentials();
    let before = world.requests();
    // One call of `deliver` at a time: what a batch learns the next batch is not told.
    let items = bench.show_all(people, &Want::entered());
    let items: Vec<_> = items.into_iter().take(bench.spec().batch).collect();
    bench.deliver(Mode::Live, &items).await;
    let sent = world.requests() - before;
    assert!(sent <= 10, "{sent} requests for credentials that the first one showed to be refused");
}

async fn a_single_refusal(world: &dyn VendorWorld, aim: Aim) {
    let people = 1..=3;
    people.clone().for_each(|person| world.put(person, Standing::Reachable));
    let bench = Bench::prepared(world).await;
    if world.strike(&Trouble::Unauthorized, aim, 1) == Struck::Impossible {
        return;
    }
    let items = bench.show_all(people.clone(), &Want::entered());
    match world.refusals() {
        Refusals::Doubted => {}
        Refusals::Believed => {
            for verdict in bench.deliver(Mode::Live, &items).await.values() {
                assert!(matches!(verdict, Verdict::Failed(Failure::Unauthorized { .. })), "{verdict:?}");
            }
        }
    }
    bench.deliver_well(Mode::Live, &items).await;
    people.for_each(|person| bench.assert_shows(person, &Want::entered()));
}

pub async fn a_single_refusal_of_a_look_is_tried_again(world: &dyn VendorWorld) {
    a_single_refusal(world, Aim::Look).await;
}

pub async fn a_single_refusal_of_a_write_is_tried_again(world: &dyn VendorWorld) {
    a_single_refusal(world, Aim::Write).await;
}

pub async fn what_there_is_to_pick_from_is_found(world: &dyn VendorWorld) {
    let bench = Bench::new(world);
    let Some(picked) = world.place() else {
        return assert_asks_nothing(&bench).await;
    };
    let discovered = world.destination().discover(&bench.session(), &bench.credentials).await.unwrap();
    let place = discovered.places.iter().find(|place| place.id == picked).unwrap();
    assert!(!place.name.is_empty());
    assert!(!place.fields.is_empty());
}

pub async fn no_host_is_called_but_the_destinations_own(world: &dyn VendorWorld) {
    world.put(1, Standing::Reachable);
    let mut bench = Bench::prepared(world).await;
    bench.origins = vec!["https://elsewhere.example".to_owned()];
    let before = world.requests();
    let misconfigured = |failure: &Failure| matches!(failure, Failure::Misconfigured { .. });
    assert!(misconfigured(&bench.check().await.unwrap_err()));
    if world.place().is_some() {
        assert!(misconfigured(&bench.try_prepare().await.unwrap_err()));
    }
    for verdict in bench.deliver(Mode::Live, &bench.show(1, &Want::entered())).await.values() {
        assert!(matches!(verdict, Verdict::Failed(failure) if misconfigured(failure)), "{verdict:?}");
    }
    assert_eq!(world.requests(), before);
}

pub async fn origins_are_encrypted(world: &dyn VendorWorld) {
    let origins = world.destination().origins(&world.settings());
    assert!(!origins.is_empty());
    for origin in origins {
        let host = origin.strip_prefix("https://").unwrap();
        assert!(!host.is_empty() && !host.contains('/'), "{origin} is more or less than a host");
    }
}

pub async fn unknown_settings_are_refused_with_their_path(world: &dyn VendorWorld) {
    let check = |settings: &Json| world.destination().check_settings(settings);
    check(&world.settings()).unwrap();
    for settings in world.settings_of_never() {
        check(&settings).unwrap();
    }
    let error = check(&with_unknown(world.settings())).unwrap_err();
    assert!(error.starts_with('$') && error.contains("surely_unknown"), "{error}");
    for none in [Json::Null, json!([]), json!("text")] {
        assert!(check(&none).unwrap_err().starts_with('$'));
    }
    refuses_more(&world.destination().spec().settings.clone().to_value());
}

pub async fn unknown_credentials_are_refused_with_their_path(world: &dyn VendorWorld) {
    let check = |credentials: Json| world.destination().check_credentials(&Secret(credentials));
    check(world.credentials().0).unwrap();
    check(world.refused_credentials().0).unwrap();
    let error = check(with_unknown(world.credentials().0)).unwrap_err();
    assert!(error.starts_with('$') && error.contains("surely_unknown"), "{error}");
    let told = |error: &str| world.markers().iter().any(|marker| error.contains(marker));
    assert!(!told(&error), "{error}");
    // A secret under the wrong type, or in the place of the whole, is not quoted either.
    let texts = world.credentials().0.as_object().unwrap().clone();
    for (name, value) in &texts {
        let mut wrong = texts.clone();
        wrong.insert(name.clone(), json!([value]));
        let error = check(Json::Object(wrong)).unwrap_err();
        assert!(error.starts_with(&format!("$.{name}")), "{error}");
        assert!(!told(&error), "{error}");
        assert!(!told(&check(value.clone()).unwrap_err()));
    }
    refuses_more(&world.destination().spec().credentials.clone().to_value());
}

fn with_unknown(mut json: Json) -> Json {
    json["surely_unknown"] = json!(1);
    json
}

fn refuses_more(schema: &Json) {
    assert_eq!(schema["additionalProperties"], json!(false), "the published schema is as strict as the reader");
}
