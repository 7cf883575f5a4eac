//! What the owner configures.

use muster::ports::{Kind, Ports};
use serde_json::{Value, json};

use super::PortWorld;
use super::fixtures::eight;

async fn put(ports: &Ports, id: &str, body: Value, read_version: u64) -> bool {
    ports.catalog.put(Kind::Activation, id, body, read_version).await.unwrap()
}

pub async fn a_document_comes_back_as_it_was_written(world: &impl PortWorld) {
    let ports = world.ports().await;
    assert_eq!(ports.catalog.get(Kind::Activation, "a").await.unwrap(), None);
    assert!(put(&ports, "a", json!({"name": "Ä", "n": [1, 2.5, null]}), 0).await);
    let document = world.ports().await.catalog.get(Kind::Activation, "a").await.unwrap().unwrap();
    assert_eq!((document.id.as_str(), document.version), ("a", 1));
    assert_eq!(document.body, json!({"name": "Ä", "n": [1, 2.5, null]}));
}

pub async fn a_put_of_an_outdated_version_writes_nothing(world: &impl PortWorld) {
    let ports = world.ports().await;
    assert!(!put(&ports, "a", json!(0), 1).await, "there is no version 1 yet");
    assert!(put(&ports, "a", json!(1), 0).await);
    assert!(!put(&ports, "a", json!(2), 0).await, "it exists");
    assert!(put(&ports, "a", json!(3), 1).await);
    assert!(!put(&ports, "a", json!(4), 1).await, "it is at version 2");
    let document = ports.catalog.get(Kind::Activation, "a").await.unwrap().unwrap();
    assert_eq!((document.body, document.version), (json!(3), 2));
}

pub async fn eight_editors_of_one_document_lose_nothing(world: &impl PortWorld) {
    let ports = world.ports().await;
    put(&ports, "a", json!([]), 0).await;
    eight(|number| {
        let ports = ports.clone();
        async move {
            loop {
                let mut document = ports.catalog.get(Kind::Activation, "a").await.unwrap().unwrap();
                document.body.as_array_mut().unwrap().push(json!(number));
                if put(&ports, "a", document.body, document.version).await {
                    break;
                }
            }
        }
    })
    .await;
    let document = ports.catalog.get(Kind::Activation, "a").await.unwrap().unwrap();
    assert_eq!((document.body.as_array().unwrap().len(), document.version), (8, 9));
}

pub async fn a_list_is_of_one_kind_in_the_order_of_ids(world: &impl PortWorld) {
    let ports = world.ports().await;
    for id in ["b", "a/z", "a", "c"] {
        put(&ports, id, json!({}), 0).await;
    }
    ports.catalog.put(Kind::Source, "d", json!({}), 0).await.unwrap();
    let ids: Vec<_> =
        ports.catalog.list(Kind::Activation).await.unwrap().into_iter().map(|document| document.id).collect();
    assert_eq!(ids, ["a", "a/z", "b", "c"]);
}

pub async fn former_versions_are_kept(world: &impl PortWorld) {
    let ports = world.ports().await;
    for version in 0..3 {
        put(&ports, "a", json!(version), version).await;
    }
    put(&ports, "a", json!("refused"), 1).await;
    let kept: Vec<_> =
        world.history(Kind::Activation, "a").await.into_iter().map(|one| (one.version, one.body)).collect();
    assert_eq!(kept, [(1, json!(0)), (2, json!(1))]);
}

pub async fn a_removed_document_is_gone_and_kept_as_history(world: &impl PortWorld) {
    let ports = world.ports().await;
    put(&ports, "a", json!("content"), 0).await;
    assert!(ports.catalog.delete(Kind::Activation, "a").await.unwrap());
    assert!(!ports.catalog.delete(Kind::Activation, "a").await.unwrap());
    assert_eq!(ports.catalog.get(Kind::Activation, "a").await.unwrap(), None);
    assert_eq!(ports.catalog.list(Kind::Activation).await.unwrap(), []);
    assert_eq!(world.history(Kind::Activation, "a").await[0].body, json!("content"));
}
