//! Asks a vendor by which identities it knows somebody, for sources whose events may leave them out.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{Engine, Errand};
use crate::destination::{Context, Failure, Links};
use crate::model::{AuthorizationId, Provider};
use crate::ports::PortResult;

/// Who is asked, and with what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inquiry<'a> {
    /// The vendor.
    pub(crate) provider: &'a Provider,
    /// With whose credentials, within whose limits.
    pub(crate) authorization: &'a AuthorizationId,
    /// The destination's settings, as far as they say where the vendor is.
    pub(crate) settings: &'a Json,
}

impl Engine {
    /// The identities of the person that the vendor knows by this id, as its events show them.
    pub(crate) async fn identities(
        &self,
        inquiry: Inquiry<'_>,
        vendor_id: &str,
        deadline: Timestamp,
    ) -> PortResult<Result<Vec<Json>, Failure>> {
        let Inquiry { provider, authorization, settings } = inquiry;
        let destination = self.destination(provider)?;
        let snapshot = self.catalog.snapshot().await?;
        let account = (authorization, destination.spec());
        let origins = destination.origins(settings);
        let (session, credentials) = self.session(&snapshot, account, origins, Errand::bulk(deadline)).await?;
        let (notes, links) = (Json::Null, Links::default());
        let context = Context {
            session: &session,
            credentials: &credentials,
            settings,
            notes: &notes,
            links: &links,
            now: self.now(),
        };
        let found = destination.identities(&context, vendor_id).await;
        session.end().await;
        Ok(found)
    }
}
