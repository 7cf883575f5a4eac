//! Secrets, as open as the memory that they are in.

use std::collections::BTreeMap;

use async_trait::async_trait;
use muster::ports::{PortResult, Secret, Vault};
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(crate) struct Secrets {
    by_name: Mutex<BTreeMap<String, Secret>>,
}

#[async_trait]
impl Vault for Secrets {
    async fn get(&self, name: &str) -> PortResult<Option<Secret>> {
        Ok(self.by_name.lock().get(name).cloned())
    }

    async fn put(&self, name: &str, secret: &Secret) -> PortResult<()> {
        self.by_name.lock().insert(name.to_owned(), secret.clone());
        Ok(())
    }

    async fn put_if_absent(&self, name: &str, secret: &Secret) -> PortResult<Secret> {
        Ok(self.by_name.lock().entry(name.to_owned()).or_insert_with(|| secret.clone()).clone())
    }

    async fn delete(&self, name: &str) -> PortResult<()> {
        self.by_name.lock().remove(name);
        Ok(())
    }
}
