//! Whether every document that a filter matches is in a partial or sparse index. "No" may be wrong, "yes" never is.

use super::conditions::{Condition, Conditions};
use crate::database::filter::{Comparison, Filter, Predicate};
use crate::database::index::DocumentIndex;
use crate::database::order;
use crate::database::value::Value;

/// Whether an index holds all documents that meet the conditions of a filter.
pub(super) fn covers(index: &DocumentIndex, multikey: u32, conditions: &Conditions<'_>) -> bool {
    // Two fields within one array may have their values in different items: then no entry has both.
    let is_whole = || multikey.count_ones() <= 1;
    let has_values = || index.fields.iter().all(|field| has_value(field.path.as_str(), conditions));
    (!index.sparse || is_whole() && has_values())
        && index.partial.as_ref().is_none_or(|partial| implies(conditions, &partial.filter))
}

/// Whether the field is there, and not `null`, in every match.
fn has_value(path: &str, conditions: &Conditions<'_>) -> bool {
    // A sparse index leaves out elements of arrays that are `null`, and never those that meet one of these.
    let has_value = |predicate: &&Predicate| match predicate {
        Predicate::Equal(value) => !matches!(value, Value::Null | Value::Array(_)),
        Predicate::In(list) => {
            list.patterns.is_empty() && list.values.iter().all(|value| !matches!(value, Value::Null | Value::Array(_)))
        }
        Predicate::Compare { operand, .. } => !matches!(operand, Value::Null | Value::Array(_)),
        Predicate::Regex(_) | Predicate::Mod { .. } => true,
        _ => false,
    };
    predicates(path, conditions).any(|predicate| has_value(&predicate))
}

fn implies(conditions: &Conditions<'_>, wanted: &Filter) -> bool {
    match wanted {
        // What is negated or has alternatives follows from itself at least.
        _ if conditions.written.contains(&wanted) => true,
        Filter::True => true,
        Filter::And(filters) => filters.iter().all(|filter| implies(conditions, filter)),
        Filter::Or(filters) => filters.iter().any(|filter| implies(conditions, filter)),
        Filter::Field { path, predicate } => {
            predicates(path.as_str(), conditions).any(|known| *known == *predicate || entails(known, predicate))
        }
        Filter::Nor(_) => false,
    }
}

fn predicates<'c>(path: &'c str, conditions: &'c Conditions<'_>) -> impl Iterator<Item = &'c Predicate> {
    let of_path = conditions.all.iter().filter(move |condition: &&Condition<'_>| condition.path == path);
    // What an item lacks, the path of the field may not even come to: an array in an array has no fields.
    of_path.flat_map(|condition| {
        let all = condition.predicates.iter().copied();
        all.filter(|predicate| !(condition.of_items && accepts_missing(predicate)))
    })
}

/// Whether a missing field may meet a predicate.
fn accepts_missing(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Equal(value) | Predicate::Compare { operand: value, .. } => *value == Value::Null,
        Predicate::In(list) => list.values.contains(&Value::Null),
        _ => false,
    }
}

/// Whether a value that meets `known` always meets `wanted`.
fn entails(known: &Predicate, wanted: &Predicate) -> bool {
    match (known, wanted) {
        (Predicate::Equal(value), wanted) => meets(value, wanted),
        (Predicate::In(list), wanted) => {
            list.patterns.is_empty() && list.values.iter().all(|value| meets(value, wanted))
        }
        (Predicate::Compare { .. } | Predicate::Regex(_) | Predicate::Mod { .. }, Predicate::Exists) => {
            !accepts_missing(known)
        }
        (
            Predicate::Compare { operator: known, operand: bound },
            Predicate::Compare { operator: wanted, operand: limit },
        ) => {
            use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
            let order = order::compare(bound, limit);
            order::rank(bound) == order::rank(limit)
                && match (known, wanted) {
                    (Greater, Greater | GreaterOrEqual) | (GreaterOrEqual, GreaterOrEqual) => order.is_ge(),
                    (GreaterOrEqual, Greater) => order.is_gt(),
                    (Less, Less | LessOrEqual) | (LessOrEqual, LessOrEqual) => order.is_le(),
                    (LessOrEqual, Less) => order.is_lt(),
                    _ => false,
                }
        }
        _ => false,
    }
}

/// Whether a scalar meets a predicate. Other values may be met as elements or as a whole, and are left alone.
fn meets(value: &Value, wanted: &Predicate) -> bool {
    let is_scalar = matches!(value, Value::Number(_) | Value::String(_) | Value::Bool(_));
    let equals = |other: &Value| order::compare(value, other).is_eq();
    is_scalar
        && match wanted {
            Predicate::Equal(other) => equals(other),
            Predicate::In(list) => list.values.iter().any(equals),
            Predicate::Exists => true,
            Predicate::Compare { operator, operand } => {
                let order = order::compare(value, operand);
                order::rank(value) == order::rank(operand)
                    && match operator {
                        Comparison::Less => order.is_lt(),
                        Comparison::LessOrEqual => order.is_le(),
                        Comparison::Greater => order.is_gt(),
                        Comparison::GreaterOrEqual => order.is_ge(),
                    }
            }
            _ => false,
        }
}
