//! Stands between the ports and the emulator and does what AWS does under load: leaves a part undone, or
//! loses an answer after the work was done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// How often each trouble is still to come.
#[derive(Default)]
pub(crate) struct Door {
    /// Half of a batch's keys are left unread.
    pub(crate) unread: AtomicUsize,
    /// Half of a batch's messages are left unsent.
    pub(crate) unsent: AtomicUsize,
    /// An update is applied, and its answer is an error that the client tries again.
    pub(crate) lost: AtomicUsize,
    emulator: String,
    client: reqwest::Client,
}

fn take(trouble: &AtomicUsize) -> bool {
    trouble.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Door {
    /// A door to `emulator`, and where it answers.
    pub(crate) async fn open(emulator: &str) -> (Arc<Self>, String) {
        let door = Arc::new(Self { emulator: emulator.to_owned(), ..Self::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(Arc::clone(&door));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (door, url)
    }

    async fn forward(&self, headers: &HeaderMap, body: Vec<u8>) -> (u16, Value) {
        let wanted = ["authorization", "content-type", "x-amz-date", "x-amz-target"];
        let headers = headers.iter().filter(|(name, _)| wanted.contains(&name.as_str()));
        let headers: HeaderMap = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
        let answer = self.client.post(&self.emulator).headers(headers).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

async fn pass(State(door): State<Arc<Door>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    let mut asked: Value = serde_json::from_slice(&body).unwrap();
    let (status, answer) = if target.ends_with(".BatchGetItem") && take(&door.unread) {
        let request = asked["RequestItems"].as_object_mut().unwrap().values_mut().next().unwrap();
        let keys = request["Keys"].as_array_mut().unwrap();
        let left = keys.split_off(keys.len() / 2);
        let mut unread = asked.clone();
        unread["RequestItems"].as_object_mut().unwrap().values_mut().next().unwrap()["Keys"] = json!(left);
        let (status, mut answer) = door.forward(&headers, asked.to_string().into_bytes()).await;
        answer["UnprocessedKeys"] = unread["RequestItems"].take();
        (status, answer)
    } else if target.ends_with(".SendMessageBatch") && take(&door.unsent) {
        let entries = asked["Entries"].as_array_mut().unwrap();
        let left = entries.split_off(entries.len() / 2);
        let (status, mut answer) = door.forward(&headers, asked.to_string().into_bytes()).await;
        let failed = left.iter().map(|entry| json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError"}));
        answer["Failed"] = failed.collect();
        (status, answer)
    } else if target.ends_with(".UpdateItem") && take(&door.lost) {
        assert_eq!(door.forward(&headers, body.to_vec()).await.0, 200);
        (500, json!({"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError", "message": "lost"}))
    } else {
        door.forward(&headers, body.to_vec()).await
    };
    let json = "application/x-amz-json-1.0";
    Response::builder().status(status).header("content-type", json).body(Body::from(answer.to_string())).unwrap()
}
