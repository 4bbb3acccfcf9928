//! What a document must be like to be stored.

use super::error::DatabaseError;
use super::value::{MAX_DEPTH, Object, Value};

/// Bytes of a document as JSON; MongoDB's own bound for BSON.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// Checks that a document can be stored: its size, its depth, its names and its `_id`.
pub fn check_document(document: &Object) -> Result<(), DatabaseError> {
    if let Some((name, _)) = document.iter().find(|(name, _)| name.starts_with('$')) {
        let reason = "the name of a field of a document cannot begin with `$`; choose another one";
        return Err(DatabaseError::FieldNameInvalid { name: name.to_owned(), reason });
    }
    if let Some(id) = document.get("_id") {
        check_id(id)?;
    }
    let mut size = Size { bytes: 0 };
    size.object(document, 1)?;
    if size.bytes > MAX_DOCUMENT_BYTES { Err(DatabaseError::DocumentTooLarge(size.bytes)) } else { Ok(()) }
}

/// The bytes of a value as JSON. Fails if no document can hold it.
pub fn json_bytes(value: &Value) -> Result<usize, DatabaseError> {
    let mut size = Size { bytes: 0 };
    size.value(value, 1)?;
    Ok(size.bytes)
}

/// Checks that a value can be the `_id` of a document.
pub fn check_id(id: &Value) -> Result<(), DatabaseError> {
    match id {
        Value::Array(_) => Err(DatabaseError::IdInvalid("it is an array; use text, a number or an object")),
        Value::Object(object) if object.iter().any(|(name, _)| name.starts_with('$')) => {
            Err(DatabaseError::IdInvalid("it has a field whose name begins with `$`; choose another name"))
        }
        _ => Ok(()),
    }
}

/// Counts the bytes of JSON text without writing it.
struct Size {
    bytes: usize,
}

impl Size {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), DatabaseError> {
        match value {
            Value::Null | Value::Bool(true) => self.bytes += 4,
            Value::Bool(false) => self.bytes += 5,
            Value::Number(_) => self.bytes += value.to_json().len(),
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                check_depth(depth)?;
                self.bytes += 2 + items.len().saturating_sub(1);
                for item in items {
                    self.value(item, depth + 1)?;
                }
            }
            Value::Object(object) => self.object(object, depth)?,
        }
        Ok(())
    }

    fn object(&mut self, object: &Object, depth: usize) -> Result<(), DatabaseError> {
        check_depth(depth)?;
        self.bytes += 2 + object.len().saturating_sub(1);
        for (name, value) in object.iter() {
            if name.contains('\0') {
                let reason = "it contains the character U+0000; leave it out";
                return Err(DatabaseError::FieldNameInvalid { name: name.to_owned(), reason });
            }
            self.text(name);
            self.bytes += 1;
            self.value(value, depth + 1)?;
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        let escapes = text.bytes().map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
            0..0x20 => 5,
            _ => 0,
        });
        self.bytes += 2 + text.len() + escapes.sum::<usize>();
    }
}

/// What is within `MAX_DEPTH` levels of arrays and objects is too deep.
fn check_depth(depth: usize) -> Result<(), DatabaseError> {
    if depth > MAX_DEPTH { Err(DatabaseError::TooDeep) } else { Ok(()) }
}
