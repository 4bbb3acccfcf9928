//! The operators that change arrays.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::target::Changer;
use crate::database::error::DatabaseError;
use crate::database::filter::Filter;
use crate::database::order::{self, Key};
use crate::database::path::{Fields, Path};
use crate::database::regex::Effort;
use crate::database::value::Value;

/// `$push` with its modifiers.
#[derive(Clone, Debug)]
pub(super) struct Push {
    pub values: Vec<Value>,
    /// Where the values go; counted from the end if negative.
    pub position: Option<i64>,
    pub sort: Option<ItemOrder>,
    /// How many items stay: the first ones, or the last ones if negative.
    pub slice: Option<i64>,
}

impl Push {
    pub fn apply(&self, items: &mut Vec<Value>, at: &Changer<'_>) -> Result<(), DatabaseError> {
        let place = match self.position {
            None => items.len(),
            Some(position) if position >= 0 => items.len().min(clamped(position)),
            Some(position) => items.len().saturating_sub(clamped(position)),
        };
        let added = self.values.iter().map(|value| at.copy(value)).collect::<Result<Vec<_>, _>>()?;
        items.splice(place..place, added);
        if let Some(sort) = &self.sort {
            items.sort_by(|left, right| sort.compare(left, right));
        }
        let sliced_off = match self.slice {
            Some(kept) if kept >= 0 => clamped(kept).min(items.len())..items.len(),
            Some(kept) => 0..items.len().saturating_sub(clamped(kept)),
            None => 0..0,
        };
        items.drain(sliced_off).try_for_each(|item| at.give_back(&item))
    }
}

fn clamped(count: i64) -> usize {
    usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX)
}

/// How `$push` sorts the items of an array.
#[derive(Clone, Debug)]
pub(super) enum ItemOrder {
    /// By the items themselves.
    Whole {
        /// Whether the greatest comes first.
        descending: bool,
    },
    /// By fields of the items, each with whether the greatest comes first.
    Fields(Vec<(Path, bool)>),
}

impl ItemOrder {
    fn compare(&self, left: &Value, right: &Value) -> Ordering {
        let directed = |order: Ordering, descending: bool| if descending { order.reverse() } else { order };
        match self {
            Self::Whole { descending } => directed(order::compare(left, right), *descending),
            Self::Fields(fields) => fields
                .iter()
                .map(|(path, descending)| directed(order::compare(field(left, path), field(right, path)), *descending))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal),
        }
    }
}

/// A field of an item; null if it is missing. An array on the way is gone into by position only.
fn field<'v>(item: &'v Value, path: &Path) -> &'v Value {
    let Value::Object(_) = item else { return &Value::Null };
    let found = path.components().iter().try_fold(item, |value, component| Fields::of(value)?.get(component));
    found.unwrap_or(&Value::Null)
}

/// What `$pull` takes out of an array.
#[derive(Clone, Debug)]
pub(super) enum Pull {
    /// Items that are equal to one of these, which are in the order of values.
    Values(Vec<Value>),
    /// Items for which this holds, read as a condition on a field without a name.
    Items(Filter),
    /// Objects that this matches.
    Documents(Filter),
}

impl Pull {
    /// Takes out what is equal to one of these.
    pub fn values(mut values: Vec<Value>) -> Self {
        values.sort_by(order::compare);
        Self::Values(values)
    }

    pub fn apply(&self, items: &mut Vec<Value>) -> Result<(), DatabaseError> {
        let (mut failure, effort) = (None, Effort::of_document());
        items.retain(|item| match self.takes(item, &effort) {
            Ok(taken) => !taken,
            Err(error) => {
                failure = Some(error);
                true
            }
        });
        failure.map_or(Ok(()), Err)
    }

    fn takes(&self, item: &Value, effort: &Effort) -> Result<bool, DatabaseError> {
        match (self, item) {
            (Self::Values(values), item) => Ok(values.binary_search_by(|value| order::compare(value, item)).is_ok()),
            (Self::Items(filter), item) => filter.matches_named("", item, effort),
            (Self::Documents(filter), Value::Object(object)) => filter.matches_with(object, effort),
            (Self::Documents(_), _) => Ok(false),
        }
    }
}

/// `$addToSet`: values that are appended unless they are there.
#[derive(Clone, Debug)]
pub(super) struct AddToSet(pub Vec<Value>);

impl AddToSet {
    pub fn apply(&self, items: &mut Vec<Value>, at: &Changer<'_>) -> Result<(), DatabaseError> {
        let mut present: HashSet<Key<&Value>> = items.iter().map(Key).collect();
        let missing = self.0.iter().filter(|value| present.insert(Key(value)));
        let added = missing.map(|value| at.copy(value)).collect::<Result<Vec<_>, _>>()?;
        items.extend(added);
        Ok(())
    }
}
