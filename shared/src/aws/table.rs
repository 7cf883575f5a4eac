//! A DynamoDB table as the ports use it: consistent reads in batches, conditional updates one by one,
//! queries over all their pages. All waits go through the clock and end after a few rounds.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::SignedDuration;

use super::failure::unavailable;
use crate::ports::{Clock, PortError, PortResult};

/// Calls under way at a time within one call of a port.
pub(super) const PARALLEL: usize = 32;
/// Most keys of one `BatchGetItem`.
const MOST_KEYS: usize = 100;
/// How often what DynamoDB left undone, or somebody else overtook, is tried before the caller gives up.
pub(super) const ROUNDS: u32 = 10;
/// The longest wait between two rounds.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(2);

/// An item, or its key.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A table.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) name: String,
    /// The port's name, for errors.
    pub(super) store: &'static str,
    pub(super) clock: Arc<dyn Clock>,
}

/// An `UpdateItem`.
#[derive(Clone)]
pub(super) struct Update {
    key: Item,
    set: String,
    condition: Option<String>,
    names: HashMap<String, String>,
    values: Item,
}

impl Update {
    /// Of the item of this key, by this update expression.
    pub(super) fn new(key: Item, set: impl Into<String>) -> Self {
        Self { key, set: set.into(), condition: None, names: HashMap::new(), values: HashMap::new() }
    }

    /// On this condition.
    pub(super) fn when(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// With this name for a placeholder.
    pub(super) fn name(mut self, placeholder: &str, name: impl Into<String>) -> Self {
        self.names.insert(placeholder.to_owned(), name.into());
        self
    }

    /// With this value for a placeholder.
    pub(super) fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }
}

/// What became of a conditional update.
pub(super) enum Updated {
    /// It is done.
    Done,
    /// The condition does not hold; the item as it is, `None` where there is none.
    Refused(Option<Item>),
}

/// What a read brings of each item.
#[derive(Clone, Default)]
pub(super) struct Projection {
    /// The expression; everything where it is empty.
    pub(super) expression: String,
    /// Its placeholders.
    pub(super) names: HashMap<String, String>,
}

/// A page of a scan.
pub(super) struct Scanned {
    pub(super) items: Vec<Item>,
    pub(super) next: Option<Item>,
}

/// What is scanned.
pub(super) struct Scan {
    pub(super) segment: u32,
    pub(super) of: u32,
    pub(super) filter: String,
    pub(super) values: Item,
    pub(super) projection: Projection,
    pub(super) after: Option<Item>,
    pub(super) limit: usize,
}

impl Table {
    /// One item, strongly consistent.
    pub(super) async fn get(&self, key: Item) -> PortResult<Option<Item>> {
        let read = self.client.get_item().table_name(&self.name).set_key(Some(key)).consistent_read(true).send();
        Ok(read.await.map_err(|error| unavailable(self.store, &error))?.item)
    }

    /// The items that exist among these keys, none of which may be named twice; strongly consistent, in any
    /// order.
    pub(super) async fn get_all(&self, keys: Vec<Item>, projection: &Projection) -> PortResult<Vec<Item>> {
        let batches: Vec<Vec<Item>> = keys.chunks(MOST_KEYS).map(<[Item]>::to_vec).collect();
        let read = batches.into_iter().map(|batch| self.get_batch(batch, projection));
        let found: Vec<Vec<Item>> = stream::iter(read).buffer_unordered(PARALLEL).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn get_batch(&self, mut keys: Vec<Item>, projection: &Projection) -> PortResult<Vec<Item>> {
        let mut found = Vec::with_capacity(keys.len());
        for round in 0..ROUNDS {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .set_projection_expression(Some(projection.expression.clone()).filter(|text| !text.is_empty()))
                .set_expression_attribute_names(Some(projection.names.clone()).filter(|names| !names.is_empty()))
                .build()
                .map_err(|error| self.broken(&error.to_string()))?;
            let answer = self.client.batch_get_item().request_items(&self.name, wanted).send().await;
            let answer = answer.map_err(|error| unavailable(self.store, &error))?;
            found.extend(answer.responses.into_iter().flat_map(HashMap::into_values).flatten());
            let left = answer.unprocessed_keys.unwrap_or_default().into_values().flat_map(|left| left.keys);
            keys = left.collect();
            if keys.is_empty() {
                return Ok(found);
            }
            pause(self.clock.as_ref(), round).await;
        }
        Err(self.broken(&format!("{} keys were left unread {ROUNDS} times", keys.len())))
    }

    /// An update whose condition, if it has one, says by the values stored whether it was done already.
    pub(super) async fn update(&self, update: Update) -> PortResult<Updated> {
        let Update { key, set, condition, names, values } = update;
        let on_failure = condition.is_some().then_some(OnFailure::AllOld);
        let sent = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .update_expression(set)
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(names).filter(|names| !names.is_empty()))
            .set_expression_attribute_values(Some(values).filter(|values| !values.is_empty()))
            .set_return_values_on_condition_check_failure(on_failure)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Updated::Done),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Updated::Refused(refused.item.clone()))
                }
                _ => Err(unavailable(self.store, &error)),
            },
        }
    }

    /// A conditional update that knows its own work again. The SDK repeats a request whose answer was lost;
    /// if the first one was applied, the second is refused although it is ours. Each such update therefore
    /// sets the attribute `w` to a token of its own, and a refusal that shows the token is a success.
    pub(super) async fn update_once(&self, mut update: Update) -> PortResult<Updated> {
        let token = binary(rand::random::<u64>().to_be_bytes());
        update.set.push_str(", w = :w");
        let updated = self.update(update.value(":w", token.clone())).await?;
        let ours = matches!(&updated, Updated::Refused(Some(item)) if item.get("w") == Some(&token));
        Ok(if ours { Updated::Done } else { updated })
    }

    /// Deletes an item, on condition that `holds`, a `name = value`; answers the item where it was deleted.
    pub(super) async fn delete(&self, key: Item, holds: Option<(&str, AttributeValue)>) -> PortResult<Option<Item>> {
        let mut request = self.client.delete_item().table_name(&self.name).set_key(Some(key));
        if let Some((name, value)) = holds {
            request = request
                .condition_expression("#c = :c")
                .expression_attribute_names("#c", name)
                .expression_attribute_values(":c", value);
        }
        match request.return_values(ReturnValue::AllOld).send().await {
            Ok(answer) => Ok(answer.attributes),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(None),
                _ => Err(unavailable(self.store, &error)),
            },
        }
    }

    /// All items of a partition whose sort key begins so, in the order of sort keys, strongly consistent.
    pub(super) async fn query(&self, partition: (&str, &str), sort: &str, sort_prefix: &str) -> PortResult<Vec<Item>> {
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let mut request = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .expression_attribute_names("#p", partition.0)
                .expression_attribute_values(":p", text(partition.1))
                .set_exclusive_start_key(after);
            request = if sort_prefix.is_empty() {
                request.key_condition_expression("#p = :p")
            } else {
                request
                    .key_condition_expression("#p = :p AND begins_with(#s, :s)")
                    .expression_attribute_names("#s", sort)
                    .expression_attribute_values(":s", text(sort_prefix))
            };
            let page = request.send().await.map_err(|error| unavailable(self.store, &error))?;
            items.extend(page.items.unwrap_or_default());
            after = page.last_evaluated_key.filter(|key| !key.is_empty());
            if after.is_none() {
                return Ok(items);
            }
        }
    }

    /// The first items of a partition whose sort keys do not come after `last`, at most about `most` of them, in the order
    /// of sort keys, strongly consistent.
    pub(super) async fn query_until(
        &self,
        partition: (&str, &str),
        (sort, last): (&str, &str),
        most: usize,
    ) -> PortResult<Vec<Item>> {
        let mut items = Vec::new();
        let mut after = None;
        while items.len() < most {
            let left = i32::try_from(most - items.len()).unwrap_or(i32::MAX);
            let request = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .key_condition_expression("#p = :p AND #s <= :s")
                .expression_attribute_names("#p", partition.0)
                .expression_attribute_values(":p", text(partition.1))
                .expression_attribute_names("#s", sort)
                .expression_attribute_values(":s", text(last))
                .limit(left)
                .set_exclusive_start_key(after);
            let page = request.send().await.map_err(|error| unavailable(self.store, &error))?;
            items.extend(page.items.unwrap_or_default());
            after = page.last_evaluated_key.filter(|key| !key.is_empty());
            if after.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// A page of a scan, eventually consistent: half the price, and a walk's rows are read again anyway.
    pub(super) async fn scan(&self, scan: Scan) -> PortResult<Scanned> {
        let Scan { segment, of, filter, values, projection, after, limit } = scan;
        let page = self
            .client
            .scan()
            .table_name(&self.name)
            .segment(whole(segment))
            .total_segments(whole(of.max(1)))
            .limit(whole(limit.max(1)))
            .filter_expression(filter)
            .set_expression_attribute_values(Some(values))
            .projection_expression(projection.expression)
            .set_expression_attribute_names(Some(projection.names).filter(|names| !names.is_empty()))
            .set_exclusive_start_key(after)
            .send()
            .await
            .map_err(|error| unavailable(self.store, &error))?;
        let next = page.last_evaluated_key.filter(|key| !key.is_empty());
        Ok(Scanned { items: page.items.unwrap_or_default(), next })
    }

    /// About how many items there are. DynamoDB counts every six hours.
    pub(super) async fn count(&self) -> PortResult<u64> {
        let answer = self.client.describe_table().table_name(&self.name).send().await;
        let table = answer.map_err(|error| unavailable(self.store, &error))?.table;
        Ok(table.and_then(|table| table.item_count).and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
    }

    /// An error of this store.
    pub(super) fn broken(&self, what: &str) -> PortError {
        PortError::Unavailable { store: self.store, what: what.to_owned() }
    }

    /// What an item holds under a name.
    pub(super) fn of<'a>(&self, item: &'a Item, name: &str) -> PortResult<&'a AttributeValue> {
        item.get(name).ok_or_else(|| PortError::Unreadable { store: self.store, what: format!("attribute {name}") })
    }

    /// A text that an item holds.
    pub(super) fn text_of<'a>(&self, item: &'a Item, name: &str) -> PortResult<&'a str> {
        let value = self.of(item, name)?;
        value.as_s().map(String::as_str).map_err(|_| self.unreadable(name))
    }

    /// A number that an item holds.
    pub(super) fn number_of(&self, item: &Item, name: &str) -> PortResult<u64> {
        let value = self.of(item, name)?.as_n().ok().and_then(|number| number.parse().ok());
        value.ok_or_else(|| self.unreadable(name))
    }

    /// 128 bits that an item holds.
    pub(super) fn key_of(&self, item: &Item, name: &str) -> PortResult<[u8; 16]> {
        let value = self.of(item, name)?.as_b().ok().and_then(|blob| blob.as_ref().try_into().ok());
        value.ok_or_else(|| self.unreadable(name))
    }

    fn unreadable(&self, name: &str) -> PortError {
        PortError::Unreadable { store: self.store, what: format!("attribute {name}") }
    }
}

/// Waits before the next round: doubling from 25 ms to two seconds, at random below that, so that those who
/// collided do not meet again.
pub(super) async fn pause(clock: &dyn Clock, round: u32) {
    let longest = SignedDuration::from_millis(25 << round.min(10)).min(LONGEST_PAUSE);
    clock.sleep(longest.mul_f64(rand::random::<f64>())).await;
}

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn binary(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes.into()))
}

fn whole<T: TryInto<i32>>(number: T) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}
