//! What several paths lead to at once: the tuples of values by which a document is indexed and sorted, as keys.
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

/// Bytes of all keys of a document in one order, each at its full length: 128 MiB. A long text that stands beside the items
/// of an array is in the key of each of them.
pub const MAX_KEY_BYTES: usize = 128 << 20;

/// Why a document has no place in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unordered {
    /// Two paths come through two different arrays: there is no saying which items belong together.
    ParallelArrays,
    /// Its keys are too many, or too long all together.
    TooMuch,
}

/// Visits each tuple of a document with its key: its bytes in the order of the fields. Bit n of the result is set if the
/// n-th path has come to an array.
pub(super) fn each_key<'v>(
    document: &'v Object,
    fields: &[OrderedField],
    visit: &mut impl FnMut(&[Part<'v>], Vec<u8>) -> Result<(), Unordered>,
) -> Result<u32, Unordered> {
    let steps = fields.iter().map(|field| Step::start(document, field.path.components())).collect();
    let mut left = MAX_KEY_BYTES;
    expand(steps, &mut |tuple| visit(tuple, encoded(tuple, fields, &mut left)?))
}

fn encoded(tuple: &[Part<'_>], fields: &[OrderedField], left: &mut usize) -> Result<Vec<u8>, Unordered> {
    let mut bytes = Vec::with_capacity(16 * tuple.len());
    for (part, field) in tuple.iter().zip(fields) {
        let written = bytes.len();
        key::write_part(*part, field.direction, &mut bytes);
        *left = left.checked_sub(bytes.len() - written).ok_or(Unordered::TooMuch)?;
    }
    Ok(bytes)
}

/// Goes into the first array that a path still leads through, once for each of its items, until every part is known.
fn expand<'v>(
    steps: Vec<Step<'v, '_>>,
    visit: &mut impl FnMut(&[Part<'v>]) -> Result<(), Unordered>,
) -> Result<u32, Unordered> {
    let Some(items) = steps.iter().find_map(Step::array) else {
        let tuple: Vec<_> = steps.into_iter().map(Step::part).collect();
        return visit(&tuple).map(|()| 0);
    };
    let mut through_arrays = 0;
    for (place, array) in steps.iter().enumerate().filter_map(|(place, step)| Some((place, step.array()?))) {
        if !std::ptr::eq(array, items) {
            return Err(Unordered::ParallelArrays);
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
