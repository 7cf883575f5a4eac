//! What can be looked up (vendor file 5).

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::entities;
use super::envelope::with_maps;
use super::model::Wallet;
use super::reply::error;
use super::routes::{Filter, Route};
use super::state::State;
use super::switches::ByReference;
use super::unit::Transaction;
use crate::reply::Reply;

/// Of a list that was asked for without one.
const LIMIT: usize = 100;

impl State {
    pub(super) fn look_up(&self, route: &Route) -> Reply {
        let found = match route {
            Route::WalletByIdentity(value) => self.unit.find(value).map(|(wallet, _)| entities::wallet(wallet)),
            Route::Wallet(id) => self.unit.wallets.get(id).map(entities::wallet),
            Route::Identities(id) => self.unit.wallets.get(id).map(identities),
            Route::Consumer(id) => self.unit.wallets.get(id).and_then(consumer),
            Route::Accounts(id) => self.unit.wallets.get(id).map(accounts),
            Route::TransactionByReference(reference) => self.by_reference(reference),
            Route::Transaction(wallet, id) => self.transaction(*wallet, *id),
            Route::Transactions(wallet, filter) => {
                self.unit.wallets.contains_key(wallet).then(|| self.transactions(*wallet, filter))
            }
            Route::Trigger => None,
        };
        match found {
            Some(found) => Reply::json(200, &with_maps(found, self.desk.switches.empty_maps)),
            None => error(404, "Not found"),
        }
    }

    fn by_reference(&self, reference: &str) -> Option<Value> {
        let mut same = self.visible().filter(|known| known.movement.reference == reference);
        match self.desk.switches.by_reference {
            ByReference::RouteMissing => None,
            ByReference::One => same.next().map(|known| known.shown.clone()),
            ByReference::Several => Some(listed(same.map(|known| known.shown.clone()).collect())),
        }
    }

    fn transaction(&self, wallet: u64, id: u64) -> Option<Value> {
        let mut all = self.visible();
        let found = all.find(|known| known.movement.id == id && known.movement.wallet == wallet)?;
        Some(found.shown.clone())
    }

    fn transactions(&self, wallet: u64, filter: &Filter) -> Value {
        let Filter { kind, status, limit, offset } = filter;
        let wanted = |known: &&Transaction| {
            let movement = &known.movement;
            movement.wallet == wallet
                && kind.as_deref().is_none_or(|kind| kind == movement.kind)
                && status.as_deref().is_none_or(|status| status == movement.status)
        };
        let all: Vec<Value> = self.visible().filter(wanted).map(|known| known.shown.clone()).collect();
        let total = all.len();
        let page: Vec<Value> = all.into_iter().skip(*offset).take(limit.unwrap_or(LIMIT)).collect();
        json!({ "total": total, "limit": limit.unwrap_or(LIMIT), "offset": offset, "results": page })
    }

    /// Those that a look-up sees yet.
    fn visible(&self) -> impl Iterator<Item = &Transaction> {
        let lag = SignedDuration::from_secs(i64::from(self.desk.switches.lookup_lag_seconds));
        let now = self.unit.now;
        self.unit.transactions.iter().filter(move |known| now.duration_since(known.movement.at) >= lag)
    }
}

fn listed(results: Vec<Value>) -> Value {
    json!({ "total": results.len(), "results": results })
}

fn identities(wallet: &Wallet) -> Value {
    listed(wallet.identities.iter().map(|identity| entities::identity(wallet.id, identity)).collect())
}

fn consumer(wallet: &Wallet) -> Option<Value> {
    Some(entities::consumer(wallet.id, wallet.consumer.as_ref()?))
}

fn accounts(wallet: &Wallet) -> Value {
    listed(wallet.accounts.iter().map(entities::account).collect())
}
