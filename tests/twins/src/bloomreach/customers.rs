//! Whom ids stand for, and what is written to them.

use serde_json::{Map, Value};

use super::model::{Customer, HARD_ID, Ids, Property};
use super::state::State;
use super::switches::{NullProperty, UpdateOrder};
use crate::twin::take;

impl State {
    /// Whoever has the hard id, else whoever has a soft one; a new customer where nobody has. Whoever was known by
    /// soft ids alone is from now on whoever has the hard id.
    pub(super) fn customer_of(&mut self, ids: &Ids) -> u64 {
        let registered = ids.get(HARD_ID);
        let known = registered.and_then(|value| self.number(HARD_ID, value));
        let anonymous: Vec<u64> = ids.iter().filter_map(|(name, value)| self.anonymous(name, value)).collect();
        let by_soft = || match registered {
            Some(_) => anonymous.first().copied(),
            None => ids.iter().find_map(|(name, value)| self.number(name, value)),
        };
        let number = known.or_else(by_soft).unwrap_or_else(|| self.new_customer());
        for other in anonymous {
            self.merge(other, number);
        }
        for (name, value) in ids {
            self.attach(number, name, value);
        }
        number
    }

    pub(super) fn number(&self, name: &str, value: &str) -> Option<u64> {
        self.numbers.get(&(name.to_owned(), value.to_owned())).copied()
    }

    /// Whoever has this id and no hard one.
    fn anonymous(&self, name: &str, value: &str) -> Option<u64> {
        let number = self.number(name, value)?;
        let customer = self.customers.get(&number)?;
        customer.registered.is_none().then_some(number)
    }

    fn new_customer(&mut self) -> u64 {
        let number = take(&mut self.next_customer);
        self.customers.insert(number, Customer::default());
        self.desk.counters.customers_created += 1;
        number
    }

    /// Values that only the other has are kept.
    fn merge(&mut self, other: u64, into: u64) {
        if other == into {
            return;
        }
        let Some(gone) = self.customers.remove(&other) else { return };
        for (name, values) in gone.soft {
            for value in values {
                self.attach(into, &name, &value);
            }
        }
        if let Some(customer) = self.customers.get_mut(&into) {
            for (name, property) in gone.properties {
                customer.properties.entry(name).or_insert(property);
            }
        }
    }

    fn attach(&mut self, number: u64, name: &str, value: &str) {
        let before = self.numbers.insert((name.to_owned(), value.to_owned()), number);
        if let Some(customer) = before.filter(|other| *other != number).and_then(|other| self.customers.get_mut(&other))
            && let Some(values) = customer.soft.get_mut(name)
        {
            values.remove(value);
        }
        let Some(customer) = self.customers.get_mut(&number) else { return };
        if name == HARD_ID {
            customer.registered = Some(value.to_owned());
        } else {
            customer.soft.entry(name.to_owned()).or_default().insert(value.to_owned());
        }
    }

    /// `updated` is the `update_timestamp` of them all.
    pub(super) fn write(&mut self, number: u64, properties: &Map<String, Value>, updated: f64) {
        let Some(customer) = self.customers.get_mut(&number) else { return };
        customer.written_at = self.desk.now;
        for (name, value) in properties {
            let is_stale = customer.properties.get(name).is_some_and(|before| before.updated > updated);
            self.desk.counters.stale_properties += u64::from(is_stale);
            self.desk.counters.null_properties += u64::from(value.is_null());
            let wins = match self.desk.switches.update_order {
                UpdateOrder::LastArrival => true,
                UpdateOrder::ByTimestamp => !is_stale,
            };
            let counts = match self.desk.switches.null_property {
                NullProperty::Ignored => !value.is_null(),
                NullProperty::Stored => true,
            };
            if wins && counts {
                customer.properties.insert(name.clone(), Property { value: value.clone(), updated });
            }
        }
    }

    /// Without a trace, but for the events. Whether there was somebody.
    pub(super) fn remove(&mut self, registered: &str) -> bool {
        let Some(number) = self.number(HARD_ID, registered) else { return false };
        self.numbers.retain(|_, other| *other != number);
        self.customers.remove(&number).is_some()
    }
}
