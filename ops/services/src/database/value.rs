//! Documents in memory: JSON with ordered keys, and numbers as JavaScript has them.
//!
//! This module reads and writes JSON and holds the bounds of a document. What is equal to or less than what is the
//! business of [`super::order`].

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::error::DatabaseError;

/// Levels of arrays and objects within a document; MongoDB's own bound.
pub const MAX_DEPTH: usize = 100;

/// Levels that are read: a document comes within the array of a call's arguments, and perhaps within one of documents. That
/// it has no more than [`MAX_DEPTH`] itself is checked when it is stored.
const MAX_READ_DEPTH: usize = MAX_DEPTH + 2;

/// A JSON value. Every number is a double, as in JavaScript; none is NaN or infinite.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// Text, any of Unicode.
    String(String),
    /// Values in order.
    Array(Vec<Value>),
    /// Named values in order.
    Object(Object),
}

/// Named values in the order in which they were written. Names are unique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    fields: Vec<(String, Value)>,
}

impl Object {
    /// The memory, roughly, that it takes.
    pub fn weight(&self) -> usize {
        self.iter().map(|(name, value)| size_of::<String>() + name.len() + value.weight()).sum()
    }

    /// An object without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// The value of a field, to be changed in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.fields.iter_mut().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// Gives a field a value. A new field comes last; one that is there keeps its place.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) -> Option<Value> {
        let name = name.into();
        match self.get_mut(&name) {
            Some(present) => Some(std::mem::replace(present, value)),
            None => {
                self.fields.push((name, value));
                None
            }
        }
    }

    /// Gives a field a value and makes it the first.
    pub fn insert_first(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        self.remove(&name);
        self.fields.insert(0, (name, value));
    }

    /// Takes a field out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let place = self.fields.iter().position(|(field, _)| field == name)?;
        Some(self.fields.remove(place).1)
    }

    /// The fields in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Value)> + ExactSizeIterator {
        self.fields.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Reads the JSON text of an object.
    pub fn parse(json: &str) -> Result<Self, DatabaseError> {
        match Value::parse(json)? {
            Value::Object(object) => Ok(object),
            other => Err(DatabaseError::DocumentInvalid(format!("expected an object, not {}", other.type_name()))),
        }
    }

    /// The object as JSON text.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(64 * self.len() + 2);
        write_object(self, &mut json);
        json
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.fields.into_iter()
    }
}

impl<N: Into<String>> FromIterator<(N, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(fields: I) -> Self {
        without_repeats(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

impl Value {
    /// The memory, roughly, that it takes.
    pub fn weight(&self) -> usize {
        let behind = match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => 0,
            Self::String(text) => text.len(),
            Self::Array(items) => items.iter().map(Self::weight).sum(),
            Self::Object(object) => object.weight(),
        };
        size_of::<Self>() + behind
    }

    /// Reads JSON text. Many more than [`MAX_DEPTH`] levels are refused.
    pub fn parse(json: &str) -> Result<Self, DatabaseError> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let value = Level(0).deserialize(&mut reader).map_err(|error| DatabaseError::from_json(&error))?;
        reader.end().map_err(|error| DatabaseError::from_json(&error))?;
        Ok(value)
    }

    /// The value as JSON text.
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        write_value(self, &mut json);
        json
    }

    /// The name of the value's type, as error messages call it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_json())
    }
}

/// Reads a value that lies this many levels deep.
struct Level(usize);

/// What [`Level`] says of a document that is nested too deeply; [`DatabaseError::from_json`] looks for it.
pub(super) const TOO_DEEP: &str = "nested too deeply";

impl Level {
    fn down<E: de::Error>(&self) -> Result<Level, E> {
        if self.0 == MAX_READ_DEPTH { Err(E::custom(TOO_DEEP)) } else { Ok(Level(self.0 + 1)) }
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::with_capacity(items.size_hint().unwrap_or_default());
        while let Some(item) = items.next_element_seed(self.down()?)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Vec::with_capacity(8);
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.down()?)?;
            fields.push((name, value));
        }
        Ok(Value::Object(without_repeats(fields)))
    }
}

/// JSON text may name a field twice; the last one counts, as in `JSON.parse`.
fn without_repeats(fields: Vec<(String, Value)>) -> Object {
    const FEW: usize = 16;
    let repeats = if fields.len() <= FEW {
        fields.iter().enumerate().any(|(place, (name, _))| fields[..place].iter().any(|(other, _)| other == name))
    } else {
        let mut names = std::collections::HashSet::with_capacity(fields.len());
        !fields.iter().all(|(name, _)| names.insert(name.as_str()))
    };
    if !repeats {
        return Object { fields };
    }
    let mut object = Object::new();
    for (name, value) in fields {
        object.insert(name, value);
    }
    object
}

fn write_value(value: &Value, json: &mut String) {
    match value {
        Value::Null => json.push_str("null"),
        Value::Bool(true) => json.push_str("true"),
        Value::Bool(false) => json.push_str("false"),
        Value::Number(number) => write_number(*number, json),
        Value::String(text) => write_text(text, json),
        Value::Array(items) => {
            json.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    json.push(',');
                }
                write_value(item, json);
            }
            json.push(']');
        }
        Value::Object(object) => write_object(object, json),
    }
}

fn write_object(object: &Object, json: &mut String) {
    json.push('{');
    for (place, (name, value)) in object.iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        write_text(name, json);
        json.push(':');
        write_value(value, json);
    }
    json.push('}');
}

/// Whole numbers are written without a fraction, as `JSON.stringify` does.
fn write_number(number: f64, json: &mut String) {
    use fmt::Write as _;
    /// Above it a double has gaps between whole numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let written = if number.fract() == 0.0 && number.abs() <= EXACT {
        write!(json, "{}", number as i64)
    } else {
        write!(json, "{number:e}")
    };
    debug_assert!(written.is_ok(), "a String takes whatever it is given");
}

fn write_text(text: &str, json: &mut String) {
    json.push('"');
    let mut plain = 0;
    for (place, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        json.push_str(&text[plain..place]);
        plain = place + 1;
        match byte {
            b'"' => json.push_str("\\\""),
            b'\\' => json.push_str("\\\\"),
            b'\n' => json.push_str("\\n"),
            b'\r' => json.push_str("\\r"),
            b'\t' => json.push_str("\\t"),
            control => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                json.push_str("\\u00");
                json.push(char::from(HEX[usize::from(control >> 4)]));
                json.push(char::from(HEX[usize::from(control & 15)]));
            }
        }
    }
    json.push_str(&text[plain..]);
    json.push('"');
}
