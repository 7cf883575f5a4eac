//! A receiver of webhooks in a process of its own, so that its work is not counted: it takes everything, and tells how
//! many different people it was told of.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::{Outcome, say};

type People = Arc<Mutex<BTreeSet<String>>>;

/// The other process; it ends with this.
pub(crate) struct Receiver {
    _process: Child,
    pub(crate) origin: String,
}

impl Receiver {
    pub(crate) async fn start() -> Outcome<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--receiver")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = process.stdout.take().ok_or("the receiver says nothing")?;
        let origin = BufReader::new(out).lines().next_line().await?.ok_or("the receiver did not start")?;
        Ok(Self { _process: process, origin })
    }

    /// Different people it was told of.
    pub(crate) async fn people(&self) -> Outcome<usize> {
        Ok(reqwest::get(format!("{}/people", self.origin)).await?.text().await?.parse()?)
    }
}

/// Says where it listens, then serves for ever.
pub(crate) async fn serve() -> Outcome<()> {
    let people = People::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    say(&format!("http://{}", listener.local_addr()?));
    let router = Router::new().route("/in", post(take)).route("/people", get(count)).with_state(people);
    Ok(axum::serve(listener, router).await?)
}

async fn take(State(people): State<People>, body: Bytes) -> StatusCode {
    let Ok(message) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    let Some(records) = message["data"]["records"].as_array() else { return StatusCode::BAD_REQUEST };
    let ids = records.iter().filter_map(|record| record["id"].as_str().map(str::to_owned));
    people.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    StatusCode::NO_CONTENT
}

async fn count(State(people): State<People>) -> String {
    people.lock().unwrap_or_else(PoisonError::into_inner).len().to_string()
}
