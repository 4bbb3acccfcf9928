//! `$unwind`: a document for each item of an array.

use super::parse::{invalid, text_of};
use super::shape::{remove, set};
use crate::database::error::DatabaseError;
use crate::database::path::Path;
use crate::database::value::{Object, Value};

/// Which array is taken apart, and how.
#[derive(Clone, Debug)]
pub struct Unwind {
    path: Path,
    index: Option<Path>,
    keep_empty: bool,
}

impl Unwind {
    pub(super) fn parse(operand: &Value) -> Result<Self, DatabaseError> {
        let options = match operand {
            Value::String(path) => return Ok(Self { path: field(path)?, index: None, keep_empty: false }),
            Value::Object(options) => options,
            other => return Err(invalid(format!("$unwind needs a path or an object, not {}", other.type_name()))),
        };
        let (mut path, mut index, mut keep_empty) = (None, None, false);
        for (name, operand) in options.iter() {
            match (name, operand) {
                ("path", operand) => path = Some(field(text_of("the path of $unwind", operand)?)?),
                ("includeArrayIndex", operand) => {
                    index = Some(Path::parse_field(text_of("includeArrayIndex of $unwind", operand)?)?);
                }
                ("preserveNullAndEmptyArrays", Value::Bool(keep)) => keep_empty = *keep,
                ("preserveNullAndEmptyArrays", other) => {
                    let found = other.type_name();
                    return Err(invalid(format!("preserveNullAndEmptyArrays has to be a boolean, not {found}")));
                }
                (other, _) => {
                    let known = ["path", "includeArrayIndex", "preserveNullAndEmptyArrays"];
                    return Err(DatabaseError::unknown_operator("option of $unwind", other, &known));
                }
            }
        }
        let path = path.ok_or_else(|| invalid("$unwind needs the path of an array"))?;
        Ok(Self { path, index, keep_empty })
    }

    /// The documents made of one.
    pub(super) fn apply(&self, document: Object) -> Vec<Object> {
        match self.path.get(&document) {
            Some(Value::Array(items)) if !items.is_empty() => {
                let made = items.iter().enumerate().map(|(position, item)| {
                    let mut made = document.clone();
                    set(&mut made, self.path.components(), item);
                    self.number(made, Value::Number(position as f64))
                });
                made.collect()
            }
            Some(Value::Array(_)) if self.keep_empty => {
                let mut made = document;
                remove(&mut made, self.path.components());
                vec![self.number(made, Value::Null)]
            }
            None | Some(Value::Null) if self.keep_empty => vec![self.number(document, Value::Null)],
            None | Some(Value::Null | Value::Array(_)) => Vec::new(),
            Some(_) => vec![self.number(document, Value::Null)],
        }
    }

    fn number(&self, mut document: Object, position: Value) -> Object {
        if let Some(index) = &self.index {
            set(&mut document, index.components(), &position);
        }
        document
    }
}

fn field(path: &str) -> Result<Path, DatabaseError> {
    let name = path
        .strip_prefix('$')
        .ok_or_else(|| invalid(format!("the path of $unwind has to begin with `$`: use \"${path}\"")))?;
    Path::parse_field(name)
}
