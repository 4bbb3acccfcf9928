//! The order in which documents are wanted.
//!
//! A document is sorted by its key, which [`Sort::key`] computes once. Where a path goes through an array, the document
//! counts with the item that comes first in the wanted order: the least one ascending, the greatest one descending.

use std::cmp::Ordering;

use super::error::DatabaseError;
use super::order;
use super::path::{Component, Path};
use super::value::{Object, Value};

/// Fields that can be sorted by at once; MongoDB's own bound.
pub const MAX_SORT_FIELDS: usize = 32;

/// What to sort by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sort {
    /// The fields, the first of which counts most.
    pub fields: Vec<SortField>,
}

/// A field to sort by.
#[derive(Clone, Debug, PartialEq)]
pub struct SortField {
    /// Where the field is.
    pub path: Path,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

/// What one field contributes to the place of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyPart<'v> {
    /// An array without items, which comes before everything else.
    Empty,
    /// A value; null for a missing one.
    Value(&'v Value),
}

impl KeyPart<'_> {
    /// Which of two parts comes first, ascending.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Value(left), Self::Value(right)) => order::compare(left, right),
            (Self::Empty, Self::Empty) => Ordering::Equal,
            (Self::Empty, Self::Value(_)) => Ordering::Less,
            (Self::Value(_), Self::Empty) => Ordering::Greater,
        }
    }
}

/// The place of a document in an order: one part for each field of the [`Sort`].
pub type SortKey<'v> = Vec<KeyPart<'v>>;

impl Sort {
    /// Reads an object `{ field: 1 | -1 }` or an array of pairs `[field, 1 | -1]`.
    pub fn parse(sort: &Value) -> Result<Self, DatabaseError> {
        let fields = match sort {
            Value::Object(object) => {
                object.iter().map(|(name, direction)| SortField::parse(name, direction)).collect::<Result<_, _>>()?
            }
            Value::Array(pairs) => pairs.iter().map(SortField::parse_pair).collect::<Result<Vec<_>, _>>()?,
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

    /// The place of a document in this order. Fails if two fields lead through different arrays: which items belong
    /// together would be undefined.
    pub fn key<'v>(&self, document: &'v Object) -> Result<SortKey<'v>, DatabaseError> {
        let open = self.fields.iter().map(|field| Part::start(document, field.path.components())).collect();
        let mut best = None;
        self.expand(open, &mut best)?;
        Ok(best.unwrap_or_default())
    }

    /// Which of two keys comes first in this order.
    pub fn compare(&self, left: &[KeyPart<'_>], right: &[KeyPart<'_>]) -> Ordering {
        let parts = self.fields.iter().zip(left.iter().zip(right));
        let orders = parts.map(|(field, (left, right))| {
            let ascending = left.compare(right);
            if field.descending { ascending.reverse() } else { ascending }
        });
        orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// Sorts documents. Those with the same key keep their order.
    pub fn sort(&self, documents: Vec<Object>) -> Result<Vec<Object>, DatabaseError> {
        let mut places = Vec::with_capacity(documents.len());
        for (place, document) in documents.iter().enumerate() {
            places.push((self.key(document)?, place));
        }
        places.sort_by(|(left, _), (right, _)| self.compare(left, right));
        let places: Vec<usize> = places.into_iter().map(|(_, place)| place).collect();
        let mut documents: Vec<_> = documents.into_iter().map(Some).collect();
        Ok(places.into_iter().filter_map(|place| documents[place].take()).collect())
    }

    /// Goes into the first array that a field still leads through, once for each of its items, until every part is
    /// known; keeps the key that comes first.
    fn expand<'v>(&self, parts: Vec<Part<'v, '_>>, best: &mut Option<SortKey<'v>>) -> Result<(), DatabaseError> {
        let Some(items) = parts.iter().find_map(Part::array) else {
            let key: SortKey<'v> = parts.into_iter().map(Part::finish).collect();
            if best.as_ref().is_none_or(|best| self.compare(&key, best) == Ordering::Less) {
                *best = Some(key);
            }
            return Ok(());
        };
        if parts.iter().filter_map(Part::array).any(|other| !std::ptr::eq(other, items)) {
            let reason = "two of its fields lead through different arrays; sort by one of them";
            return Err(DatabaseError::SortInvalid(reason.to_owned()));
        }
        if items.is_empty() {
            return self.expand(parts.into_iter().map(Part::into_empty).collect(), best);
        }
        for item in items {
            self.expand(parts.iter().map(|part| part.clone().into_item(item)).collect(), best)?;
        }
        Ok(())
    }
}

impl SortField {
    fn parse(name: &str, direction: &Value) -> Result<Self, DatabaseError> {
        let path = Path::parse_field(name)?;
        let descending = match direction {
            Value::Number(number) if number.trunc() == 1.0 => false,
            Value::Number(number) if number.trunc() == -1.0 => true,
            _ => {
                let reason = format!("the direction of {name:?} has to be 1 (ascending) or -1 (descending)");
                return Err(DatabaseError::SortInvalid(reason));
            }
        };
        Ok(Self { path, descending })
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

/// How far the path of one field has been followed.
#[derive(Clone)]
enum Part<'v, 'p> {
    Found(KeyPart<'v>),
    /// At an array, with what is left of the path.
    Array(&'v [Value], &'p [Component]),
}

impl<'v, 'p> Part<'v, 'p> {
    const NULL: Self = Self::Found(KeyPart::Value(&Value::Null));

    /// Follows a path up to its end or the first array.
    fn start(document: &'v Object, path: &'p [Component]) -> Self {
        let Some((component, rest)) = path.split_first() else { return Self::NULL };
        match document.get(&component.name) {
            Some(value) => Self::at(value, rest),
            None => Self::NULL,
        }
    }

    fn at(value: &'v Value, rest: &'p [Component]) -> Self {
        match value {
            Value::Array(items) => Self::Array(items, rest),
            Value::Object(object) if !rest.is_empty() => Self::start(object, rest),
            value if rest.is_empty() => Self::Found(KeyPart::Value(value)),
            _ => Self::NULL,
        }
    }

    fn array(&self) -> Option<&'v [Value]> {
        match self {
            Self::Array(items, _) => Some(items),
            Self::Found(_) => None,
        }
    }

    fn into_empty(self) -> Self {
        match self {
            Self::Array(_, []) => Self::Found(KeyPart::Empty),
            Self::Array(..) => Self::NULL,
            found => found,
        }
    }

    /// Follows the path into an item of the array. A position in the path chooses the same item every time.
    fn into_item(self, item: &'v Value) -> Self {
        let Self::Array(items, path) = self else { return self };
        match path.split_first() {
            None => Self::Found(KeyPart::Value(item)),
            Some((next, rest)) => match (next.index.and_then(|index| items.get(index)), item) {
                (Some(chosen), _) => Self::at(chosen, rest),
                (None, Value::Object(object)) => Self::start(object, path),
                (None, _) => Self::NULL,
            },
        }
    }

    fn finish(self) -> KeyPart<'v> {
        match self {
            Self::Found(part) => part,
            Self::Array(..) => KeyPart::Value(&Value::Null),
        }
    }
}
