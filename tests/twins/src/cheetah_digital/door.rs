//! The side door over HTTP; see the table in the parent module.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::credentials::Credential;
use super::handle::CheetahDigitalTwin;
use super::import::SeedDataMap;
use super::model::{Cell, SeedJoin, SeedTable};
use crate::door::done;
use crate::twin::Refused;

type Twin = State<CheetahDigitalTwin>;

pub(super) fn routes() -> Router<CheetahDigitalTwin> {
    Router::new()
        .route("/tables", get(tables).post(seed_table))
        .route("/tables/fixtures", post(seed_fixtures))
        .route("/tables/{table}", delete(remove_table))
        .route("/tables/{table}/columns/{column}", put(rename_column).delete(remove_column))
        .route("/joins", post(seed_join))
        .route("/data-maps", post(seed_data_map))
        .route("/folders/{id}", put(seed_folder))
        .route("/banned/{address}", put(ban))
        .route("/rows/{table}", get(rows).post(seed_row))
        .route("/rows/{table}/{id}", delete(erase_row))
        .route("/rows/{table}/{id}/{column}", put(edit))
        .route("/loads", get(loads))
        .route("/loads/apply", post(apply_loads))
        .route("/imports", get(imports))
        .route("/credentials/{key}", put(set_credential).delete(remove_credential))
        .route("/tokens", delete(revoke_tokens))
}

async fn tables(State(twin): Twin) -> impl IntoResponse {
    Json(twin.tables())
}

async fn seed_table(State(twin): Twin, Json(seed): Json<SeedTable>) -> Result<Json<Value>, Refused> {
    let name = twin.seed_table(&seed)?;
    Ok(Json(json!({ "name": name })))
}

async fn seed_fixtures(State(twin): Twin) -> Result<StatusCode, Refused> {
    twin.seed_fixtures()?;
    Ok(done(true))
}

async fn remove_table(State(twin): Twin, Path(table): Path<String>) -> StatusCode {
    done(twin.remove_table(&table))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisplayName {
    display_name: String,
}

async fn rename_column(
    State(twin): Twin,
    Path((table, column)): Path<(String, String)>,
    Json(name): Json<DisplayName>,
) -> StatusCode {
    done(twin.rename_column(&table, &column, &name.display_name))
}

async fn remove_column(State(twin): Twin, Path((table, column)): Path<(String, String)>) -> StatusCode {
    done(twin.remove_column(&table, &column))
}

async fn seed_join(State(twin): Twin, Json(seed): Json<SeedJoin>) -> Result<StatusCode, Refused> {
    twin.seed_join(seed)?;
    Ok(done(true))
}

async fn seed_data_map(State(twin): Twin, Json(seed): Json<SeedDataMap>) -> Result<Json<Value>, Refused> {
    let id = twin.seed_data_map(seed)?;
    Ok(Json(json!({ "id": id })))
}

async fn seed_folder(State(twin): Twin, Path(id): Path<u64>) -> StatusCode {
    twin.seed_folder(id);
    done(true)
}

async fn ban(State(twin): Twin, Path(address): Path<String>) -> StatusCode {
    twin.ban(&address);
    done(true)
}

async fn rows(State(twin): Twin, Path(table): Path<String>) -> impl IntoResponse {
    Json(twin.rows(&table))
}

async fn seed_row(
    State(twin): Twin,
    Path(table): Path<String>,
    Json(cells): Json<BTreeMap<String, Cell>>,
) -> Result<Json<Value>, Refused> {
    let id = twin.seed_row(&table, &cells)?;
    Ok(Json(json!({ "id": id })))
}

async fn erase_row(State(twin): Twin, Path((table, id)): Path<(String, u64)>) -> StatusCode {
    done(twin.erase_row(&table, id))
}

async fn edit(
    State(twin): Twin,
    Path((table, id, column)): Path<(String, u64, String)>,
    Json(cell): Json<Option<Cell>>,
) -> StatusCode {
    done(twin.edit(&table, id, &column, cell))
}

async fn loads(State(twin): Twin) -> impl IntoResponse {
    Json(twin.loads())
}

async fn apply_loads(State(twin): Twin) -> impl IntoResponse {
    Json(json!({ "applied": twin.apply_loads() }))
}

async fn imports(State(twin): Twin) -> impl IntoResponse {
    Json(twin.imports())
}

async fn set_credential(State(twin): Twin, Path(key): Path<String>, Json(credential): Json<Credential>) -> StatusCode {
    twin.set_credential(&key, credential);
    done(true)
}

async fn remove_credential(State(twin): Twin, Path(key): Path<String>) -> StatusCode {
    twin.remove_credential(&key);
    done(true)
}

async fn revoke_tokens(State(twin): Twin) -> StatusCode {
    twin.revoke_tokens();
    done(true)
}
