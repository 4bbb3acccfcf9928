//! Values as bytes whose order is that of the values: what index entries and encoded ids are made of.
//!
//! The order is MongoDB's, as [`super::order`] has it. Each value starts with a byte for its type; text ends with two
//! zero bytes, and a zero byte within it is followed by 0xFF; a double is its bits, turned so that they count upwards.
//! A descending part has all its bits flipped. The idea is that of FoundationDB's tuple layer
//! (<https://github.com/apple/foundationdb/blob/main/design/tuple.md>).

use super::store::KeySpan;
use super::value::{Object, Value};

/// Bytes of an index entry that are kept. Of a longer one the first [`KEPT_BYTES`] are, and a hash of the whole.
pub const MAX_ENTRY_BYTES: usize = 1024;
/// See [`MAX_ENTRY_BYTES`].
const KEPT_BYTES: usize = MAX_ENTRY_BYTES - blake3::OUT_LEN;

/// The first byte of each value. Gaps leave room for types to come.
pub mod tag {
    /// Ends an array or object. Below all types, so that a shorter one comes first.
    pub const END: u8 = 0x00;
    /// What stands for an array without elements, where its elements are indexed.
    pub const EMPTY_ARRAY: u8 = 0x08;
    /// `null`, and a field that is not there.
    pub const NULL: u8 = 0x10;
    /// A number.
    pub const NUMBER: u8 = 0x20;
    /// A string.
    pub const STRING: u8 = 0x30;
    /// An object.
    pub const OBJECT: u8 = 0x40;
    /// An array as a value of its own.
    pub const ARRAY: u8 = 0x50;
    /// A boolean.
    pub const BOOL: u8 = 0x60;
}

/// Which way a part of a key is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Least first.
    Ascending,
    /// Greatest first.
    Descending,
}

/// One part of a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part<'v> {
    /// An array without items, where its items count.
    EmptyArray,
    /// A value; null for a missing one.
    Value(&'v Value),
}

/// The bytes of a value.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16);
    write_value(value, &mut bytes);
    bytes
}

/// Appends a part to a key.
pub fn write_part(part: Part<'_>, direction: Direction, key: &mut Vec<u8>) {
    let start = key.len();
    match part {
        Part::EmptyArray => key.push(tag::EMPTY_ARRAY),
        Part::Value(value) => write_value(value, key),
    }
    if direction == Direction::Descending {
        flip(&mut key[start..]);
    }
}

/// Turns the order of a part round.
pub fn flip(part: &mut [u8]) {
    for byte in part {
        *byte = !*byte;
    }
}

/// Shortens an entry that is too long to be kept, and says whether it was. Two different entries stay different, and an
/// entry stays equal to itself; of two that were shortened, only those that differ early are still in order.
pub fn shorten(key: &mut Vec<u8>) -> bool {
    if key.len() <= MAX_ENTRY_BYTES {
        return false;
    }
    let hash = blake3::hash(key);
    key.truncate(KEPT_BYTES);
    key.extend_from_slice(hash.as_bytes());
    key.shrink_to_fit();
    true
}

/// The span of all keys that start with `prefix`.
pub fn span_of_prefix(prefix: Vec<u8>) -> KeySpan {
    let until = after_prefix(&prefix);
    KeySpan { from: prefix, until }
}

/// The first key that is greater than all that start with `prefix`.
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    Some(after)
}

/// Widens a span so that it holds the shortened form of each key that it holds in full.
pub fn span_of_shortened(mut span: KeySpan) -> KeySpan {
    span.from.truncate(KEPT_BYTES);
    if let Some(until) = &mut span.until
        && until.len() > KEPT_BYTES
    {
        span.until = after_prefix(&until[..KEPT_BYTES]);
    }
    span
}

/// The bytes of a string, without its end: all strings that start with it start with these.
pub fn write_text_prefix(text: &str, key: &mut Vec<u8>) {
    key.push(tag::STRING);
    write_escaped(text, key);
}

fn write_value(value: &Value, key: &mut Vec<u8>) {
    match value {
        Value::Null => key.push(tag::NULL),
        Value::Number(number) => {
            key.push(tag::NUMBER);
            key.extend_from_slice(&ordered_bits(*number).to_be_bytes());
        }
        Value::String(text) => {
            key.push(tag::STRING);
            write_text(text, key);
        }
        Value::Object(object) => write_object(object, key),
        Value::Array(items) => {
            key.push(tag::ARRAY);
            for item in items {
                write_value(item, key);
            }
            key.push(tag::END);
        }
        Value::Bool(value) => key.extend_from_slice(&[tag::BOOL, u8::from(*value)]),
    }
}

/// Objects are ordered field by field: first by the type of the value, then by name, then by the value.
fn write_object(object: &Object, key: &mut Vec<u8>) {
    key.push(tag::OBJECT);
    for (name, value) in object.iter() {
        key.push(type_tag(value));
        write_text(name, key);
        write_value(value, key);
    }
    key.push(tag::END);
}

/// The first byte of a value's encoding.
pub fn type_tag(value: &Value) -> u8 {
    match value {
        Value::Null => tag::NULL,
        Value::Number(_) => tag::NUMBER,
        Value::String(_) => tag::STRING,
        Value::Object(_) => tag::OBJECT,
        Value::Array(_) => tag::ARRAY,
        Value::Bool(_) => tag::BOOL,
    }
}

fn write_text(text: &str, key: &mut Vec<u8>) {
    write_escaped(text, key);
    key.extend_from_slice(&[0, 0]);
}

fn write_escaped(text: &str, key: &mut Vec<u8>) {
    for byte in text.bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(u8::MAX);
        }
    }
}

/// Bits that are ordered as the doubles are. Zero has one form only.
fn ordered_bits(number: f64) -> u64 {
    let bits = if number == 0.0 { 0 } else { number.to_bits() };
    let negative = bits >> 63 == 1;
    if negative { !bits } else { bits | 1 << 63 }
}
