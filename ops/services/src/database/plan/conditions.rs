//! The conditions that every match of a filter meets, taken apart by field: what bounds and guards are made of.

use crate::database::filter::{ElemMatch, Filter, Predicate};
use crate::database::guard::{Guard, GuardTest, GuardValue};
use crate::database::path::Path;
use crate::database::value::Value;

/// Most values of an `$in` that a store is asked to test.
const MAX_GUARD_VALUES: usize = 100;

/// Something that holds of a field in every document that the filter matches.
#[derive(Clone, Debug)]
pub(super) struct Condition<'f> {
    /// The path of the field. No name in it is a number.
    pub(super) path: String,
    /// What holds.
    pub(super) predicates: Vec<&'f Predicate>,
    /// Whether one value meets all of them: they come from one `$elemMatch`.
    pub(super) one_value: bool,
    /// Whether it is items of an array that meet them: they come from within an `$elemMatch`.
    pub(super) of_items: bool,
}

/// The conditions of a filter, and the alternatives it has besides.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions<'f> {
    /// All of these hold.
    pub(super) all: Vec<Condition<'f>>,
    /// Of each of these, one holds.
    pub(super) alternatives: Vec<&'f [Filter]>,
    /// The filters that all hold, as they are written, whether or not there is more to be said of them.
    pub(super) written: Vec<&'f Filter>,
}

impl<'f> Conditions<'f> {
    pub(super) fn of(filter: &'f Filter) -> Self {
        let mut conditions = Self::default();
        conditions.add(filter, "");
        conditions
    }

    /// Adds what a filter on what lies under `prefix` says.
    fn add(&mut self, filter: &'f Filter, prefix: &str) {
        if prefix.is_empty() {
            self.written.push(filter);
        }
        match filter {
            Filter::And(filters) => filters.iter().for_each(|filter| self.add(filter, prefix)),
            Filter::Or(filters) if filters.len() == 1 => self.add(&filters[0], prefix),
            Filter::Or(filters) if prefix.is_empty() => self.alternatives.push(filters),
            Filter::Field { path, predicate } => {
                if let Some(path) = joined(prefix, path) {
                    self.add_predicate(path, predicate, !prefix.is_empty());
                }
            }
            Filter::True | Filter::Or(_) | Filter::Nor(_) => {}
        }
    }

    fn add_predicate(&mut self, path: String, predicate: &'f Predicate, of_items: bool) {
        match predicate {
            Predicate::All(predicates) => {
                predicates.iter().for_each(|predicate| self.add_predicate(path.clone(), predicate, of_items));
            }
            Predicate::ElemMatch(ElemMatch::Document(filter)) => self.add(filter, &path),
            Predicate::ElemMatch(ElemMatch::Item(predicates)) => {
                // What an item is not, or how many items it has itself, says nothing of the field.
                let of_field = |predicate: &&Predicate| {
                    !matches!(
                        predicate,
                        Predicate::Not(_) | Predicate::Size(_) | Predicate::ElemMatch(_) | Predicate::All(_)
                    )
                };
                let predicates = predicates.iter().filter(of_field).collect();
                self.all.push(Condition { path, predicates, one_value: true, of_items: true });
            }
            Predicate::Not(_) => {}
            other => {
                let joins =
                    |known: &&mut Condition| known.path == path && !known.one_value && known.of_items == of_items;
                match self.all.iter_mut().find(joins) {
                    Some(known) => known.predicates.push(other),
                    None => self.all.push(Condition { path, predicates: vec![other], one_value: false, of_items }),
                }
            }
        }
    }

    /// The conditions as guards, except on fields that `is_bounded` says are known already.
    pub(super) fn guards(&self, is_bounded: impl Fn(&str) -> bool) -> Vec<Guard> {
        let unbounded = self.all.iter().filter(|condition| !is_bounded(&condition.path));
        let guards = unbounded.flat_map(|condition| {
            let path: Vec<String> = condition.path.split('.').map(str::to_owned).collect();
            let tests = condition.predicates.iter().filter_map(|predicate| guard_test(predicate));
            tests.map(move |test| Guard { path: path.clone(), test })
        });
        guards.collect()
    }
}

/// The path below a prefix, unless a number in it may be a place in an array.
fn joined(prefix: &str, path: &Path) -> Option<String> {
    let plain = path.components().iter().all(|name| name.index.is_none() && !name.name.is_empty());
    plain.then(|| if prefix.is_empty() { path.as_str().to_owned() } else { format!("{prefix}.{}", path.as_str()) })
}

fn guard_test(predicate: &Predicate) -> Option<GuardTest> {
    Some(match predicate {
        Predicate::Equal(value) => GuardTest::OneOf(vec![guard_value(value)?]),
        Predicate::In(list) if list.patterns.is_empty() && !list.values.is_empty() => {
            if list.values.len() > MAX_GUARD_VALUES {
                return None;
            }
            GuardTest::OneOf(list.values.iter().map(guard_value).collect::<Option<_>>()?)
        }
        Predicate::Compare { operator, operand: Value::Number(number) } => {
            use crate::database::filter::Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
            match operator {
                Less | LessOrEqual => GuardTest::NumberWithin { least: f64::MIN, most: *number },
                Greater | GreaterOrEqual => GuardTest::NumberWithin { least: *number, most: f64::MAX },
            }
        }
        Predicate::Compare { operand: Value::String(_), .. } | Predicate::Regex(_) => GuardTest::IsString,
        Predicate::Mod { .. } => GuardTest::NumberWithin { least: f64::MIN, most: f64::MAX },
        Predicate::Exists | Predicate::Type(_) | Predicate::Size(_) => GuardTest::Exists,
        _ => return None,
    })
}

fn guard_value(value: &Value) -> Option<GuardValue> {
    match value {
        Value::Number(number) => Some(GuardValue::Number(*number)),
        Value::String(text) => Some(GuardValue::String(text.clone())),
        Value::Bool(value) => Some(GuardValue::Bool(*value)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
