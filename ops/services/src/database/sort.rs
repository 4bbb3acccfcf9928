//! The order in which documents are wanted.
//!
//! A document is sorted by its key, which [`Sort::key`] computes once. Where a path goes through an array, the document
//! counts with the item that comes first in the wanted order: the least one ascending, the greatest one descending.

use super::error::DatabaseError;
use super::key::Direction;
use super::path::Path;
use super::store::RowId;
use super::tuples::{MAX_KEY_BYTES, OrderedField, Unordered, each_key};
use super::value::{Object, Value};

/// Fields that can be sorted by at once; MongoDB's own bound.
pub const MAX_SORT_FIELDS: usize = 32;

/// What to sort by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sort {
    /// The fields, the first of which counts most.
    pub fields: Vec<OrderedField>,
}

/// The place of a document in the order of a sort: by its key, and among those with the same one by its row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) key: Vec<u8>,
    pub(super) row: RowId,
}

impl Sort {
    /// Reads an object `{ field: 1 | -1 }` or an array of pairs `[field, 1 | -1]`.
    pub fn parse(sort: &Value) -> Result<Self, DatabaseError> {
        let fields = match sort {
            Value::Object(object) => {
                object.iter().map(|(name, direction)| OrderedField::parse(name, direction)).collect::<Result<_, _>>()?
            }
            Value::Array(pairs) => pairs.iter().map(OrderedField::parse_pair).collect::<Result<Vec<_>, _>>()?,
            other => {
                let reason = format!("use {{ field: 1 }} or [[\"field\", 1]], not {}", other.type_name());
                return Err(DatabaseError::SortInvalid(reason));
            }
        };
        if fields.len() > MAX_SORT_FIELDS {
            let reason = format!("it has {} fields, the limit is {MAX_SORT_FIELDS}", fields.len());
            return Err(DatabaseError::SortInvalid(reason));
        }
        Ok(Self { fields })
    }

    /// Whether there is nothing to sort by.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The place of a document in this order: documents come in the order of these bytes. Fails if two fields lead
    /// through different arrays, or if a long text would have to be compared for each of many items.
    pub fn key(&self, document: &Object) -> Result<Vec<u8>, DatabaseError> {
        let mut first: Option<Vec<u8>> = None;
        let keys = each_key(document, &self.fields, &mut |_, key| {
            if first.as_ref().is_none_or(|first| key < *first) {
                first = Some(key);
            }
            Ok(())
        });
        keys.map_err(|unordered| {
            DatabaseError::SortInvalid(match unordered {
                Unordered::ParallelArrays => {
                    "two of its fields lead through different arrays; sort by one of them".to_owned()
                }
                Unordered::TooMuch => {
                    format!(
                        "the items of a document make keys of more than {MAX_KEY_BYTES} bytes; sort by fewer fields"
                    )
                }
            })
        })?;
        Ok(first.unwrap_or_default())
    }

    /// Sorts documents. Those with the same key keep their order.
    pub fn sort(&self, documents: Vec<Object>) -> Result<Vec<Object>, DatabaseError> {
        let keyed = documents.into_iter().map(|document| Ok((self.key(&document)?, document)));
        let mut keyed = keyed.collect::<Result<Vec<_>, DatabaseError>>()?;
        keyed.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(keyed.into_iter().map(|(_, document)| document).collect())
    }
}

impl OrderedField {
    fn parse(name: &str, direction: &Value) -> Result<Self, DatabaseError> {
        let path = Path::parse_field(name)?;
        let direction = match direction {
            Value::Number(number) if number.trunc() == 1.0 => Direction::Ascending,
            Value::Number(number) if number.trunc() == -1.0 => Direction::Descending,
            _ => {
                let reason = format!("the direction of {name:?} has to be 1 (ascending) or -1 (descending)");
                return Err(DatabaseError::SortInvalid(reason));
            }
        };
        Ok(Self { path, direction })
    }

    fn parse_pair(pair: &Value) -> Result<Self, DatabaseError> {
        match pair {
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(name), direction] => Self::parse(name, direction),
                _ => Err(DatabaseError::SortInvalid("each pair has to be [field, 1] or [field, -1]".to_owned())),
            },
            _ => Err(DatabaseError::SortInvalid("each item has to be a pair [field, 1] or [field, -1]".to_owned())),
        }
    }
}
