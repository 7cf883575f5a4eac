//! Mails to owners.

use std::collections::BTreeSet;

use async_trait::async_trait;
use muster::ports::{Mail, Mailed, Mailer, PortResult};
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    sent: Mutex<Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    keys: BTreeSet<String>,
    mails: Vec<Mail>,
}

impl Outbox {
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.sent.lock().mails.clone()
    }
}

#[async_trait]
impl Mailer for Outbox {
    async fn send(&self, mail: Mail) -> PortResult<Mailed> {
        let mut sent = self.sent.lock();
        if sent.keys.insert(mail.dedupe_key.clone()) {
            sent.mails.push(mail);
        }
        Ok(Mailed::Sent)
    }
}
