//! The order of values: what comes before what, what is equal, and what counts as the same in a set.
//!
//! The order is BSON's, for the types that JSON has: null, then numbers, text, objects, arrays and booleans. Text is
//! compared by its UTF-8 bytes; objects field by field, each first by the type of its value, then by its name, then by
//! the value. Which documents a comparison in a filter matches is not decided here: see [`super::filter`].

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::value::{Object, Value};

/// The place of a value's type in the order of types.
pub fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Object(_) => 4,
        Value::Array(_) => 5,
        Value::Bool(_) => 6,
    }
}

/// Which of two values comes first. Total, and consistent with `==`.
pub fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(*left, *right),
        (Value::String(left), Value::String(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Object(left), Value::Object(right)) => compare_objects(left, right),
        (Value::Array(left), Value::Array(right)) => compare_arrays(left, right),
        _ => rank(left).cmp(&rank(right)),
    }
}

/// Zero and minus zero are equal; no number is NaN.
fn compare_numbers(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.total_cmp(&right))
}

fn compare_arrays(left: &[Value], right: &[Value]) -> Ordering {
    let differing = left.iter().zip(right).map(|(left, right)| compare(left, right)).find(|order| order.is_ne());
    differing.unwrap_or_else(|| left.len().cmp(&right.len()))
}

fn compare_objects(left: &Object, right: &Object) -> Ordering {
    let pairs = left.iter().zip(right.iter());
    let differing = pairs
        .map(|((left_name, left), (right_name, right))| {
            rank(left)
                .cmp(&rank(right))
                .then_with(|| left_name.as_bytes().cmp(right_name.as_bytes()))
                .then_with(|| compare(left, right))
        })
        .find(|order| order.is_ne());
    differing.unwrap_or_else(|| left.len().cmp(&right.len()))
}

/// A value as a key of a map or set: equal, hashed and ordered as this module says.
#[derive(Clone, Debug)]
pub struct Key<V>(pub V);

impl<V: Borrow<Value>> PartialEq for Key<V> {
    fn eq(&self, other: &Self) -> bool {
        self.0.borrow() == other.0.borrow()
    }
}

impl<V: Borrow<Value>> Eq for Key<V> {}

impl<V: Borrow<Value>> PartialOrd for Key<V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<V: Borrow<Value>> Ord for Key<V> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0.borrow(), other.0.borrow())
    }
}

impl<V: Borrow<Value>> Hash for Key<V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.0.borrow(), state);
    }
}

fn hash<H: Hasher>(value: &Value, state: &mut H) {
    state.write_u8(rank(value));
    match value {
        Value::Null => {}
        Value::Bool(value) => value.hash(state),
        // Adding zero turns minus zero into zero.
        Value::Number(number) => (number + 0.0).to_bits().hash(state),
        Value::String(text) => text.hash(state),
        Value::Array(items) => {
            state.write_usize(items.len());
            items.iter().for_each(|item| hash(item, state));
        }
        Value::Object(object) => {
            state.write_usize(object.len());
            for (name, value) in object.iter() {
                name.hash(state);
                hash(value, state);
            }
        }
    }
}
