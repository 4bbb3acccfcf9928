//! What several paths lead to at once: the tuples of values by which a document is indexed and sorted.
//!
//! Where a path comes to an array there is a tuple for each of its items, and paths that come through the same array
//! take their values from the same item. A position in a path chooses the same item every time.

use super::key::{self, Direction, Part};
use super::path::{Component, Path};
use super::value::{Object, Value};

/// A field that gives an order.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderedField {
    /// Where the field is.
    pub path: Path,
    /// Its order.
    pub direction: Direction,
}

/// Two paths come through two different arrays: there is no saying which items belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ParallelArrays;

/// Visits each tuple of a document. Bit n of the result is set if the n-th path has come to an array.
pub(super) fn each_tuple<'v>(
    document: &'v Object,
    fields: &[OrderedField],
    visit: &mut impl FnMut(&[Part<'v>]),
) -> Result<u32, ParallelArrays> {
    let steps = fields.iter().map(|field| Step::start(document, field.path.components())).collect();
    expand(steps, visit)
}

/// A tuple as bytes in the order of the fields.
pub(super) fn encoded(tuple: &[Part<'_>], fields: &[OrderedField]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 * tuple.len());
    for (part, field) in tuple.iter().zip(fields) {
        key::write_part(*part, field.direction, &mut bytes);
    }
    bytes
}

/// Goes into the first array that a path still leads through, once for each of its items, until every part is known.
fn expand<'v>(steps: Vec<Step<'v, '_>>, visit: &mut impl FnMut(&[Part<'v>])) -> Result<u32, ParallelArrays> {
    let Some(items) = steps.iter().find_map(Step::array) else {
        let tuple: Vec<_> = steps.into_iter().map(Step::part).collect();
        visit(&tuple);
        return Ok(0);
    };
    let mut through_arrays = 0;
    for (place, array) in steps.iter().enumerate().filter_map(|(place, step)| Some((place, step.array()?))) {
        if !std::ptr::eq(array, items) {
            return Err(ParallelArrays);
        }
        through_arrays |= 1 << place;
    }
    if items.is_empty() {
        return Ok(through_arrays | expand(steps.into_iter().map(Step::into_nothing).collect(), visit)?);
    }
    for item in items {
        through_arrays |= expand(steps.iter().map(|step| step.into_item(item)).collect(), visit)?;
    }
    Ok(through_arrays)
}

/// How far one path has been followed.
#[derive(Clone, Copy)]
enum Step<'v, 'p> {
    Found(Part<'v>),
    /// At an array, with what is left of the path.
    Array(&'v Vec<Value>, &'p [Component]),
}

impl<'v, 'p> Step<'v, 'p> {
    /// A missing field counts as null.
    const MISSING: Self = Self::Found(Part::Value(&Value::Null));

    /// Follows a path up to its end or the first array.
    fn start(document: &'v Object, path: &'p [Component]) -> Self {
        let Some((component, rest)) = path.split_first() else { return Self::MISSING };
        document.get(&component.name).map_or(Self::MISSING, |value| Self::at(value, rest))
    }

    fn at(value: &'v Value, rest: &'p [Component]) -> Self {
        match value {
            Value::Array(items) => Self::Array(items, rest),
            value if rest.is_empty() => Self::Found(Part::Value(value)),
            Value::Object(object) => Self::start(object, rest),
            _ => Self::MISSING,
        }
    }

    fn array(&self) -> Option<&'v Vec<Value>> {
        match self {
            Self::Array(items, _) => Some(items),
            Self::Found(_) => None,
        }
    }

    fn into_nothing(self) -> Self {
        match self {
            Self::Array(_, []) => Self::Found(Part::EmptyArray),
            Self::Array(..) => Self::MISSING,
            found => found,
        }
    }

    fn into_item(self, item: &'v Value) -> Self {
        let Self::Array(items, path) = self else { return self };
        let Some((next, rest)) = path.split_first() else { return Self::Found(Part::Value(item)) };
        match (next.index.and_then(|index| items.get(index)), item) {
            (Some(chosen), _) => Self::at(chosen, rest),
            (None, Value::Object(object)) => Self::start(object, path),
            (None, _) => Self::MISSING,
        }
    }

    fn part(self) -> Part<'v> {
        match self {
            Self::Found(part) => part,
            Self::Array(..) => Part::Value(&Value::Null),
        }
    }
}
