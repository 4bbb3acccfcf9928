//! Whether a document fulfils a filter. Runs once per document that is scanned, and allocates nothing.

use std::cmp::Ordering;

use super::{Comparison, ElemMatch, Filter, In, Predicate};
use crate::database::error::DatabaseError;
use crate::database::order::{self, rank};
use crate::database::path::{self, Fields, Leaf, Path};
use crate::database::regex::Effort;
use crate::database::value::{Object, Value};

impl Filter {
    /// Whether the filter matches a document. Fails if a regular expression takes too many steps.
    pub fn matches(&self, document: &Object) -> Result<bool, DatabaseError> {
        self.matches_with(document, &Effort::of_document())
    }

    /// The same for an object that is part of a document, all parts of which share an effort.
    pub(crate) fn matches_with(&self, object: &Object, effort: &Effort) -> Result<bool, DatabaseError> {
        self.holds(Fields::Object(object), effort)
    }

    /// Whether the filter matches an object whose only field has this name and value.
    pub(crate) fn matches_named(&self, name: &str, value: &Value, effort: &Effort) -> Result<bool, DatabaseError> {
        self.holds(Fields::Only(name, value), effort)
    }

    /// The position that `$` in the path of an update stands for: where, in the array it went through last, the filter
    /// found what it looked for. `None` if it does not match or goes through no array.
    pub fn position(&self, document: &Object) -> Result<Option<usize>, DatabaseError> {
        let mut position = None;
        let matches = self.locates(Fields::Object(document), &mut position, &Effort::of_document())?;
        Ok(if matches { position } else { None })
    }

    fn holds(&self, fields: Fields<'_>, effort: &Effort) -> Result<bool, DatabaseError> {
        match self {
            Self::True => Ok(true),
            Self::And(filters) => all(filters, |filter| filter.holds(fields, effort)),
            Self::Or(filters) => any(filters, |filter| filter.holds(fields, effort)),
            Self::Nor(filters) => Ok(!any(filters, |filter| filter.holds(fields, effort))?),
            Self::Field { path, predicate } => predicate.holds(fields, path, effort),
        }
    }

    fn locates(
        &self,
        fields: Fields<'_>,
        position: &mut Option<usize>,
        effort: &Effort,
    ) -> Result<bool, DatabaseError> {
        match self {
            Self::And(filters) => {
                let matches = all(filters, |filter| filter.locates(fields, position, effort))?;
                if !matches {
                    *position = None;
                }
                Ok(matches)
            }
            Self::Field { path, predicate } => predicate.locates(fields, path, position, effort),
            other => other.holds(fields, effort),
        }
    }
}

impl Predicate {
    /// Whether the predicate holds for what a path reaches.
    fn holds(&self, fields: Fields<'_>, path: &Path, effort: &Effort) -> Result<bool, DatabaseError> {
        match self {
            Self::Not(predicates) => Ok(!all(predicates, |predicate| predicate.holds(fields, path, effort))?),
            Self::All(predicates) => {
                Ok(!predicates.is_empty() && all(predicates, |predicate| predicate.holds(fields, path, effort))?)
            }
            _ => path::visit(fields, path.components(), self.leaf(), &mut |value, _| self.accepts(value, effort)),
        }
    }

    fn locates(
        &self,
        fields: Fields<'_>,
        path: &Path,
        position: &mut Option<usize>,
        effort: &Effort,
    ) -> Result<bool, DatabaseError> {
        match self {
            Self::Not(_) => self.holds(fields, path, effort),
            Self::All(predicates) => Ok(!predicates.is_empty()
                && all(predicates, |predicate| predicate.locates(fields, path, position, effort))?),
            _ => path::visit(fields, path.components(), self.leaf(), &mut |value, through| {
                let Some(inner) = self.accepts_at(value, effort)? else { return Ok(false) };
                *position = through.or(inner).or(*position);
                Ok(true)
            }),
        }
    }

    /// What the predicate looks at where its path ends at an array.
    fn leaf(&self) -> Leaf {
        match self {
            Self::Size(_) | Self::ElemMatch(_) => Leaf::Whole,
            _ => Leaf::Items,
        }
    }

    /// Like [`Predicate::accepts`], with the item that an `$elemMatch` chose.
    fn accepts_at(&self, value: Option<&Value>, effort: &Effort) -> Result<Option<Option<usize>>, DatabaseError> {
        match (self, value) {
            (Self::ElemMatch(wanted), Some(Value::Array(items))) => Ok(wanted.find(items, effort)?.map(Some)),
            _ => Ok(if self.accepts(value, effort)? { Some(None) } else { None }),
        }
    }

    /// Whether the predicate holds for one value, or for a missing one.
    fn accepts(&self, value: Option<&Value>, effort: &Effort) -> Result<bool, DatabaseError> {
        Ok(match self {
            Self::Equal(operand) => match value {
                Some(value) => value == operand,
                None => *operand == Value::Null,
            },
            Self::Compare { operator, operand } => operator.accepts(value, operand),
            Self::In(list) => return list.accepts(value, effort),
            Self::Exists => value.is_some(),
            Self::Type(types) => value.is_some_and(|value| types.contain(value)),
            Self::Regex(pattern) => match value {
                Some(Value::String(text)) => return pattern.matches(text, effort),
                _ => false,
            },
            Self::Size(size) => matches!(value, Some(Value::Array(items)) if items.len() == *size),
            Self::All(predicates) => {
                !predicates.is_empty() && all(predicates, |predicate| predicate.accepts(value, effort))?
            }
            Self::ElemMatch(wanted) => match value {
                Some(Value::Array(items)) => wanted.find(items, effort)?.is_some(),
                _ => false,
            },
            Self::Mod { divisor, remainder } => match value {
                Some(Value::Number(number)) => leaves(*number, *divisor, *remainder),
                _ => false,
            },
            Self::Not(predicates) => !all(predicates, |predicate| predicate.accepts(value, effort))?,
        })
    }
}

impl Comparison {
    fn accepts(self, value: Option<&Value>, operand: &Value) -> bool {
        let value = value.unwrap_or(&Value::Null);
        if rank(value) != rank(operand) {
            return false;
        }
        let order = order::compare(value, operand);
        match self {
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
        }
    }
}

impl In {
    fn accepts(&self, value: Option<&Value>, effort: &Effort) -> Result<bool, DatabaseError> {
        let wanted = value.unwrap_or(&Value::Null);
        if self.values.binary_search_by(|listed| order::compare(listed, wanted)).is_ok() {
            return Ok(true);
        }
        match value {
            Some(Value::String(text)) => any(&self.patterns, |pattern| pattern.matches(text, effort)),
            _ => Ok(false),
        }
    }
}

impl ElemMatch {
    /// The position of the first item that fulfils the condition.
    pub(crate) fn find(&self, items: &[Value], effort: &Effort) -> Result<Option<usize>, DatabaseError> {
        for (position, item) in items.iter().enumerate() {
            let fulfils = match (self, item) {
                (Self::Item(predicates), item) => all(predicates, |predicate| predicate.accepts(Some(item), effort))?,
                (Self::Document(filter), Value::Object(object)) => filter.holds(Fields::Object(object), effort)?,
                (Self::Document(filter), Value::Array(inner)) => filter.holds(Fields::Array(inner), effort)?,
                _ => false,
            };
            if fulfils {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }
}

/// Whether a number, without its fraction, leaves a remainder. One that does not fit into 64 bits leaves none.
fn leaves(number: f64, divisor: i64, remainder: i64) -> bool {
    /// 2 to the power of 63.
    const END: f64 = 9_223_372_036_854_775_808.0;
    let whole = number.trunc();
    (-END..END).contains(&whole) && (whole as i64).wrapping_rem(divisor) == remainder
}

fn all<T>(items: &[T], mut holds: impl FnMut(&T) -> Result<bool, DatabaseError>) -> Result<bool, DatabaseError> {
    for item in items {
        if !holds(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any<T>(items: &[T], mut holds: impl FnMut(&T) -> Result<bool, DatabaseError>) -> Result<bool, DatabaseError> {
    for item in items {
        if holds(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}
