//! An activation that must stop: its owner is told once, nothing is dropped.

use super::Engine;
use crate::catalog::{Edit, edit_activation, get};
use crate::destination::Failure;
use crate::model::{Activation, ActivationStatus, Reason};
use crate::ports::{Mail, PortResult};

impl Engine {
    /// Stops an activation that is as `seen`; one that went on since stays as it is. The mail goes before
    /// the status: a crash between them doubles nothing, since a mail is sent once per change of status.
    pub(super) async fn stop(&self, seen: &Activation, failure: &Failure) -> PortResult<()> {
        let catalog = self.ports.catalog.as_ref();
        let Some(current) = get::<Activation>(catalog, seen.id.as_str()).await?.map(|stored| stored.value) else {
            return Ok(());
        };
        if current.transitions != seen.transitions || !current.status.delivers() {
            return Ok(());
        }
        let why = Reason::new(failure.to_string());
        if let Some(address) = &current.notify {
            self.ports.mailer.send(self.mail(&current, &why, address)).await?;
        }
        edit_activation(catalog, &seen.id, |activation| {
            if activation.transitions != seen.transitions {
                return Edit::Keep;
            }
            activation.set_status(ActivationStatus::Failing, Some(why.clone()));
            Edit::Write
        })
        .await?;
        tracing::error!(activation = %seen.id, %why, "the activation stopped; nothing is lost, it waits for its owner");
        self.catalog.forget().await;
        Ok(())
    }

    fn mail(&self, activation: &Activation, why: &Reason, address: &str) -> Mail {
        Mail {
            dedupe_key: format!("failing/{}/{}", activation.id, activation.transitions),
            to: address.to_owned(),
            subject: format!("Muster: \u{201c}{}\u{201d} has stopped", activation.name),
            text: format!(
                "The activation \u{201c}{name}\u{201d} ({id}) has stopped because of {provider}:\n\n    {why}\n\n\
                 Nothing is lost: changes are still taken and will be sent once it works again.\n\
                 Please look at the credentials of the authorization \u{201c}{authorization}\u{201d} and at the \
                 activation's settings.\nMuster tries again every few minutes, and at once when you change them.\n",
                name = activation.name,
                id = activation.id,
                provider = activation.destination,
                authorization = activation.authorization,
            ),
            at: self.now(),
        }
    }
}
