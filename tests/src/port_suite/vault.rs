//! Secrets.

use muster::ports::Secret;
use serde_json::json;

use super::PortWorld;
use super::fixtures::eight;

pub async fn a_secret_comes_back_as_it_was_written(world: &impl PortWorld) {
    let ports = world.ports().await;
    assert_eq!(ports.vault.get("source/cdp").await.unwrap(), None);
    let secret = Secret(json!({"key": "schlüssel", "old": ["a", "b"]}));
    ports.vault.put("source/cdp", &secret).await.unwrap();
    assert_eq!(world.ports().await.vault.get("source/cdp").await.unwrap(), Some(secret));
    assert_eq!(ports.vault.get("source/cd").await.unwrap(), None);
}

pub async fn a_secret_is_replaced(world: &impl PortWorld) {
    let ports = world.ports().await;
    ports.vault.put("api", &Secret(json!("first"))).await.unwrap();
    ports.vault.put("api", &Secret(json!("second"))).await.unwrap();
    assert_eq!(ports.vault.get("api").await.unwrap(), Some(Secret(json!("second"))));
}

pub async fn of_eight_first_writers_one_decides(world: &impl PortWorld) {
    let ports = world.ports().await;
    let answers = eight(|number| {
        let ports = ports.clone();
        async move { ports.vault.put_if_absent("installation", &Secret(json!(number))).await.unwrap() }
    })
    .await;
    let there = ports.vault.get("installation").await.unwrap().unwrap();
    assert!(answers.iter().all(|answer| *answer == there));
}

pub async fn a_removed_secret_is_gone(world: &impl PortWorld) {
    let ports = world.ports().await;
    ports.vault.put("api", &Secret(json!("first"))).await.unwrap();
    ports.vault.delete("api").await.unwrap();
    assert_eq!(ports.vault.get("api").await.unwrap(), None);
    ports.vault.delete("api").await.unwrap();
    let second = Secret(json!("second"));
    assert_eq!(ports.vault.put_if_absent("api", &second).await.unwrap(), second);
}
