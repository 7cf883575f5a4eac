//! Where an activation's owner is told by signed webhooks.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use muster::control::NoticeReceiver;
use muster::model::ActivationId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Body, Named};
use crate::{Api, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(set_notice_receiver, remove_notice_receiver))
}

/// Sets the receiver of an activation's notices: it started failing, works again, or parked records.
#[utoipa::path(put, path = "/v1/activations/{activation}/notices", tag = "activations",
    params(("activation" = String, Path)),
    request_body(content = ref("#/components/schemas/NoticeReceiver"), content_type = "application/json"),
    responses((status = 204, description = "The receiver is set")))]
async fn set_notice_receiver(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
    Body(receiver): Body<NoticeReceiver>,
) -> Result<StatusCode, Problem> {
    api.control.set_notice_receiver(&id, &receiver).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the receiver of an activation's notices away, with its secret.
#[utoipa::path(delete, path = "/v1/activations/{activation}/notices", tag = "activations",
    params(("activation" = String, Path)), responses((status = 204, description = "There is none any more")))]
async fn remove_notice_receiver(
    State(api): State<Arc<Api>>,
    Named(id): Named<ActivationId>,
) -> Result<StatusCode, Problem> {
    api.control.remove_notice_receiver(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
