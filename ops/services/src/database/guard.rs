//! Conditions that a store can test by itself while it scans, so that fewer documents have to be read. Each holds for
//! every document that a filter matches, and for others too: what passes is always rechecked with the filter itself.

/// A necessary condition on one field.
///
/// Where the field, or any field on the way to it, holds an array, the condition is met, whatever it says: a store
/// must let such documents pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// The names that lead to the field, at least one. None of them is a number.
    pub path: Vec<String>,
    /// What must hold of its value.
    pub test: GuardTest,
}

/// What a [`Guard`] demands of a field's value.
#[derive(Clone, Debug, PartialEq)]
pub enum GuardTest {
    /// It is there; `null` counts as there.
    Exists,
    /// It is one of these scalars (at least one; numbers, strings and booleans only).
    OneOf(Vec<GuardValue>),
    /// It is a number within these bounds, both included.
    NumberWithin {
        /// The least it may be.
        least: f64,
        /// The most it may be.
        most: f64,
    },
    /// It is a string.
    IsString,
}

/// A scalar to compare with.
#[derive(Clone, Debug, PartialEq)]
pub enum GuardValue {
    /// A number.
    Number(f64),
    /// A string.
    String(String),
    /// A boolean.
    Bool(bool),
}
