//! Filters: which documents of a collection are meant.
//!
//! A filter is read once into a tree, which a planner may look at, and then matched against any number of documents.
//! What a filter matches is decided here and nowhere else; whatever a store selects is a guess that is checked here.

mod matching;
mod parse;
mod types;

pub use self::parse::{MAX_CLAUSES, MAX_FILTER_DEPTH, MAX_IN_VALUES};
pub(crate) use self::parse::{is_expression, is_predicate, read_elem_match};
pub use self::types::{Type, Types};
use super::path::Path;
use super::regex::Pattern;
use super::value::Value;

/// A condition on a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Every document.
    True,
    /// All of these hold.
    And(Vec<Filter>),
    /// At least one of these holds; there is at least one.
    Or(Vec<Filter>),
    /// None of these holds; there is at least one.
    Nor(Vec<Filter>),
    /// The predicate holds for something that the path reaches.
    Field {
        /// Where to look.
        path: Path,
        /// What must hold there.
        predicate: Predicate,
    },
}

/// A condition on what a path reaches.
///
/// Except for [`Predicate::Not`], [`Predicate::Size`] and [`Predicate::ElemMatch`], it holds if it does for one of the
/// values: where the path ends at an array, for one of its items or for the array itself. `$ne`, `$nin` and
/// `$exists: false` are the negations of [`Predicate::Equal`], [`Predicate::In`] and [`Predicate::Exists`].
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// Equal to the value; null is equal to a missing field as well.
    Equal(Value),
    /// Less or greater than a value of the same type.
    Compare {
        /// Which side of the operand is meant.
        operator: Comparison,
        /// What is compared with.
        operand: Value,
    },
    /// Equal to one of the values, or text in which one of the patterns is found.
    In(In),
    /// There is a value, be it null.
    Exists,
    /// Of one of the types.
    Type(Types),
    /// Text in which the pattern is found.
    Regex(Pattern),
    /// An array of so many items.
    Size(usize),
    /// All of these hold, each perhaps for another item; without any, nothing matches.
    All(Vec<Predicate>),
    /// An array of which one item fulfils the condition.
    ElemMatch(ElemMatch),
    /// A number which, without its fraction, leaves the remainder when divided.
    Mod {
        /// Never zero.
        divisor: i64,
        /// With the sign of the number.
        remainder: i64,
    },
    /// Not all of these hold; there is at least one.
    Not(Vec<Predicate>),
}

/// The comparisons within a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `$lt`
    Less,
    /// `$lte`
    LessOrEqual,
    /// `$gt`
    Greater,
    /// `$gte`
    GreaterOrEqual,
}

/// The list of an `$in`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct In {
    /// In the order of values, none of them twice.
    pub values: Vec<Value>,
    /// Patterns that stood among the values.
    pub patterns: Vec<Pattern>,
}

/// What `$elemMatch` asks of one item of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum ElemMatch {
    /// All of these hold for the item itself.
    Item(Vec<Predicate>),
    /// The item is an object, or an array looked at as one, that the filter matches.
    Document(Box<Filter>),
}
