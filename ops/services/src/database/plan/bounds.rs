//! What a predicate says of the index keys of the documents that meet it.
//!
//! Bounds are prefixes of a component's ascending bytes: a lower bound that is included starts at all keys with that
//! prefix, one that is excluded after them. So "every number" is bounded by the type's byte on both sides.

use crate::database::filter::{Comparison, Predicate};
use crate::database::key::{self, Direction, tag};
use crate::database::store::KeySpan;
use crate::database::value::Value;

/// Most values of an `$in` that become spans of their own.
pub const MAX_POINTS: usize = 1000;

/// What is known of one component of the key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bounds {
    /// It is one of these, in ascending order, each once.
    Points(Vec<Vec<u8>>),
    /// It lies between these.
    Range {
        /// The lower bound.
        lower: Edge,
        /// The upper bound.
        upper: Edge,
    },
}

/// One side of a range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Edge {
    /// The first bytes of the component.
    pub(super) prefix: Vec<u8>,
    /// Whether components with that prefix are within.
    pub(super) included: bool,
}

impl Bounds {
    /// The bounds of a component that meets all of some predicates. With `one_value`, the same value meets them all;
    /// otherwise, in an array, each may be met by another element, and only one of them can be used.
    pub(super) fn of(predicates: &[&Predicate], multikey: bool, one_value: bool) -> Option<Self> {
        let mut known = predicates.iter().filter_map(|predicate| Self::of_one(predicate, multikey));
        let mut best = known.next()?;
        for other in known {
            if multikey && !one_value {
                if matches!((&best, &other), (Self::Range { .. }, Self::Points(_))) {
                    best = other;
                }
            } else {
                best = best.narrowed(other);
            }
        }
        Some(best)
    }

    fn of_one(predicate: &Predicate, multikey: bool) -> Option<Self> {
        match predicate {
            Predicate::Equal(value) => Some(Self::Points(vec![point(value, multikey)?])),
            Predicate::In(list) if list.patterns.is_empty() && list.values.len() <= MAX_POINTS => {
                let mut points: Vec<_> =
                    list.values.iter().map(|value| point(value, multikey)).collect::<Option<_>>()?;
                points.sort_unstable();
                points.dedup();
                Some(Self::Points(points))
            }
            Predicate::Compare { operator, operand } => compare(*operator, operand),
            Predicate::Regex(pattern) => {
                let mut prefix = Vec::new();
                key::write_text_prefix(pattern.prefix()?, &mut prefix);
                Some(Self::within_prefix(prefix))
            }
            _ => None,
        }
    }

    fn within_prefix(prefix: Vec<u8>) -> Self {
        let edge = Edge { prefix, included: true };
        Self::Range { lower: edge.clone(), upper: edge }
    }

    /// What is left where both hold. It may be more than that, never less.
    fn narrowed(self, other: Self) -> Self {
        match (self, other) {
            (Self::Points(left), Self::Points(right)) => {
                Self::Points(left.into_iter().filter(|point| right.binary_search(point).is_ok()).collect())
            }
            (points @ Self::Points(_), Self::Range { .. }) | (Self::Range { .. }, points @ Self::Points(_)) => points,
            (Self::Range { lower, upper }, Self::Range { lower: other_lower, upper: other_upper }) => {
                Self::Range { lower: lower.max_lower(other_lower), upper: upper.min_upper(other_upper) }
            }
        }
    }

    /// The spans of keys that start with `prefix` and go on with such a component, in ascending order of the bytes.
    pub(super) fn spans(&self, prefix: &[u8], direction: Direction) -> Vec<KeySpan> {
        match self {
            Self::Points(points) => {
                let mut spans: Vec<_> =
                    points.iter().map(|point| key::span_of_prefix(extended(prefix, point, direction))).collect();
                spans.sort_unstable();
                spans
            }
            Self::Range { lower, upper } => {
                let (first, last) = if direction == Direction::Ascending { (lower, upper) } else { (upper, lower) };
                let from = extended(prefix, &first.prefix, direction);
                let from = if first.included { Some(from) } else { key::after_prefix(&from) };
                let until = extended(prefix, &last.prefix, direction);
                let until = if last.included { key::after_prefix(&until) } else { Some(until) };
                from.map(|from| KeySpan { from, until }).filter(|span| !is_empty(span)).into_iter().collect()
            }
        }
    }
}

impl Edge {
    /// The greater of two lower bounds, where one is not a prefix of the other; then the longer one is within the other.
    fn max_lower(self, other: Self) -> Self {
        if self.prefix == other.prefix {
            return Self { included: self.included && other.included, ..self };
        }
        if self.prefix > other.prefix { self } else { other }
    }

    fn min_upper(self, other: Self) -> Self {
        if self.prefix == other.prefix {
            return Self { included: self.included && other.included, ..self };
        }
        // "Up to all with this prefix" is wider than any bound within it.
        if other.prefix.starts_with(&self.prefix) {
            return if self.included { other } else { self };
        }
        if self.prefix.starts_with(&other.prefix) {
            return if other.included { self } else { other };
        }
        if self.prefix < other.prefix { self } else { other }
    }
}

fn is_empty(span: &KeySpan) -> bool {
    span.until.as_ref().is_some_and(|until| *until <= span.from)
}

pub(super) fn extended(prefix: &[u8], component: &[u8], direction: Direction) -> Vec<u8> {
    let mut extended = prefix.to_vec();
    extended.extend_from_slice(component);
    if direction == Direction::Descending {
        key::flip(&mut extended[prefix.len()..]);
    }
    extended
}

/// The one key component of what equals a value. An array may be equal as a whole, or be one of the elements; and what
/// is `null` in an array of objects may be anything that is missing: neither is looked up.
fn point(value: &Value, multikey: bool) -> Option<Vec<u8>> {
    match value {
        Value::Array(_) => None,
        Value::Null if multikey => None,
        scalar => Some(key::encode(scalar)),
    }
}

/// Comparisons hold within a type only.
fn compare(operator: Comparison, operand: &Value) -> Option<Bounds> {
    let type_prefix = match operand {
        Value::Number(_) | Value::String(_) | Value::Bool(_) | Value::Object(_) => vec![key::type_tag(operand)],
        Value::Null | Value::Array(_) => return None,
    };
    debug_assert_ne!(type_prefix[0], tag::NULL);
    let all = Edge { prefix: type_prefix, included: true };
    let at = |included| Edge { prefix: key::encode(operand), included };
    Some(match operator {
        Comparison::Less => Bounds::Range { lower: all, upper: at(false) },
        Comparison::LessOrEqual => Bounds::Range { lower: all, upper: at(true) },
        Comparison::Greater => Bounds::Range { lower: at(false), upper: all },
        Comparison::GreaterOrEqual => Bounds::Range { lower: at(true), upper: all },
    })
}
