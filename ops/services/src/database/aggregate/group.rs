//! `$group`: one document for all documents that have something in common.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::parse::invalid;
use super::run::Budget;
use super::{MAX_GROUP_FIELDS, MAX_GROUPS};
use crate::database::error::DatabaseError;
use crate::database::expression::{Expression, Input, check_name};
use crate::database::limits::Room;
use crate::database::order::{self, Key};
use crate::database::value::{Object, Value};

const ACCUMULATORS: [&str; 9] = ["$sum", "$avg", "$min", "$max", "$count", "$push", "$addToSet", "$first", "$last"];

/// What documents are grouped by, and what is computed from each group.
#[derive(Clone, Debug)]
pub struct Group {
    by: Expression,
    fields: Vec<(String, Accumulator, Expression)>,
}

/// How a field of a group is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accumulator {
    Sum,
    Average,
    Least,
    Greatest,
    Push,
    AddToSet,
    First,
    Last,
}

impl Group {
    pub(super) fn parse(group: &Object) -> Result<Self, DatabaseError> {
        let by = group.get("_id").ok_or_else(|| invalid("$group needs an _id to group by; null makes one group"))?;
        if group.len() > MAX_GROUP_FIELDS {
            return Err(invalid(format!("$group has {} fields, the limit is {MAX_GROUP_FIELDS}", group.len())));
        }
        let fields = group.iter().filter(|(name, _)| *name != "_id").map(|(name, operand)| {
            check_name(name)?;
            let (accumulator, expression) = accumulator(name, operand)?;
            Ok::<_, DatabaseError>((name.to_owned(), accumulator, expression))
        });
        Ok(Self { by: Expression::parse(by)?, fields: fields.collect::<Result<_, _>>()? })
    }
}

fn accumulator(name: &str, operand: &Value) -> Result<(Accumulator, Expression), DatabaseError> {
    let single = match operand {
        Value::Object(object) if object.len() == 1 => object.iter().next(),
        _ => None,
    };
    let Some((operator, operand)) = single else {
        return Err(invalid(format!("the field {name:?} of $group needs one accumulator, such as {{ $sum: 1 }}")));
    };
    let accumulator = match operator {
        "$sum" => Accumulator::Sum,
        "$avg" => Accumulator::Average,
        "$min" => Accumulator::Least,
        "$max" => Accumulator::Greatest,
        "$push" => Accumulator::Push,
        "$addToSet" => Accumulator::AddToSet,
        "$first" => Accumulator::First,
        "$last" => Accumulator::Last,
        "$count" => {
            return match operand {
                Value::Object(nothing) if nothing.is_empty() => {
                    Ok((Accumulator::Sum, Expression::Literal(Value::Number(1.0))))
                }
                _ => Err(invalid("$count in a $group takes no operand: { $count: {} }")),
            };
        }
        _ => return Err(DatabaseError::unknown_operator("accumulator of $group", operator, &ACCUMULATORS)),
    };
    Ok((accumulator, Expression::parse(operand)?))
}

/// The groups made so far, in the order in which they came up.
pub(super) struct Groups<'g> {
    group: &'g Group,
    places: HashMap<Key<Value>, usize>,
    states: Vec<Vec<State>>,
    budget: Budget,
    /// What each group takes apart from its values, now and as a document: many groups of many fields are large even
    /// where they count nothing but numbers.
    frame: usize,
}

impl<'g> Groups<'g> {
    pub fn new(group: &'g Group) -> Self {
        let names: usize = group.fields.iter().map(|(name, ..)| size_of::<(String, Value)>() + name.len()).sum();
        let frame = size_of::<(Key<Value>, usize)>() + group.fields.len() * size_of::<State>() + names;
        Self { group, places: HashMap::new(), states: Vec::new(), budget: Budget::new("$group"), frame }
    }

    /// Counts a document in.
    pub fn add(&mut self, document: &Object) -> Result<(), DatabaseError> {
        let room = Room::of_computed();
        let input = Input { document, room: &room };
        let by = self.group.by.compute(input)?.map_or(Value::Null, Cow::into_owned);
        let key = Key(by);
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => {
                let place = self.states.len();
                if place == MAX_GROUPS {
                    return Err(DatabaseError::PipelineTooLarge { stage: "$group", what: "groups", limit: MAX_GROUPS });
                }
                self.budget.take_value(&key.0)?;
                self.budget.take_bytes(self.frame)?;
                self.places.insert(key, place);
                self.states.push(self.group.fields.iter().map(|(_, kind, _)| State::new(*kind)).collect());
                place
            }
        };
        for ((_, _, expression), state) in self.group.fields.iter().zip(&mut self.states[place]) {
            state.add(expression.compute(input)?, &mut self.budget)?;
        }
        Ok(())
    }

    /// The document of each group.
    pub fn finish(self) -> Result<Vec<Object>, DatabaseError> {
        let mut keys: Vec<_> = self.places.into_iter().map(|(key, place)| (place, key.0)).collect();
        keys.sort_unstable_by_key(|(place, _)| *place);
        let groups = keys.into_iter().zip(self.states).map(|((_, by), states)| {
            let mut fields = vec![("_id".to_owned(), by)];
            for ((name, ..), state) in self.group.fields.iter().zip(states) {
                fields.push((name.clone(), state.finish(name)?));
            }
            Ok(fields.into_iter().collect())
        });
        groups.collect()
    }
}

/// What is known of a field of a group so far.
enum State {
    Sum(Sum),
    Average(Sum, f64),
    Least(Option<Value>),
    Greatest(Option<Value>),
    Push(Vec<Value>),
    AddToSet(HashSet<Key<Value>>, Vec<Value>),
    First(Option<Value>),
    Last(Option<Value>),
}

impl State {
    fn new(accumulator: Accumulator) -> Self {
        match accumulator {
            Accumulator::Sum => Self::Sum(Sum::default()),
            Accumulator::Average => Self::Average(Sum::default(), 0.0),
            Accumulator::Least => Self::Least(None),
            Accumulator::Greatest => Self::Greatest(None),
            Accumulator::Push => Self::Push(Vec::new()),
            Accumulator::AddToSet => Self::AddToSet(HashSet::new(), Vec::new()),
            Accumulator::First => Self::First(None),
            Accumulator::Last => Self::Last(None),
        }
    }

    fn add(&mut self, value: Option<Cow<'_, Value>>, budget: &mut Budget) -> Result<(), DatabaseError> {
        match (self, value) {
            (Self::Sum(sum), Some(value)) => {
                sum.add(&value);
            }
            (Self::Average(sum, count), Some(value)) => *count += if sum.add(&value) { 1.0 } else { 0.0 },
            (Self::Least(kept), Some(value)) => keep(kept, value, Ordering::Less, budget)?,
            (Self::Greatest(kept), Some(value)) => keep(kept, value, Ordering::Greater, budget)?,
            (Self::Push(items), Some(value)) => {
                budget.take_value(&value)?;
                items.push(value.into_owned());
            }
            (Self::AddToSet(known, items), Some(value)) => {
                let key = Key(value.into_owned());
                if !known.contains(&key) {
                    // Once among those known, once in its place.
                    budget.take_value(&key.0)?;
                    budget.take_value(&key.0)?;
                    items.push(key.0.clone());
                    known.insert(key);
                }
            }
            (Self::First(first @ None), value) => replace(first, value.unwrap_or(Cow::Owned(Value::Null)), budget)?,
            (Self::Last(last), value) => replace(last, value.unwrap_or(Cow::Owned(Value::Null)), budget)?,
            _ => {}
        }
        Ok(())
    }

    fn finish(self, name: &str) -> Result<Value, DatabaseError> {
        let finite = |number: f64| {
            if number.is_finite() {
                Ok(Value::Number(number))
            } else {
                Err(DatabaseError::NumberOverflow(name.to_owned()))
            }
        };
        match self {
            Self::Sum(sum) => finite(sum.total()),
            Self::Average(_, 0.0) => Ok(Value::Null),
            Self::Average(sum, count) => finite(sum.total() / count),
            Self::Least(value) | Self::Greatest(value) | Self::First(value) | Self::Last(value) => {
                Ok(value.unwrap_or(Value::Null))
            }
            Self::Push(items) | Self::AddToSet(_, items) => Ok(Value::Array(items)),
        }
    }
}

/// Keeps a value if it comes before or after the one that is kept. Null does not count.
fn keep(
    kept: &mut Option<Value>,
    value: Cow<'_, Value>,
    side: Ordering,
    budget: &mut Budget,
) -> Result<(), DatabaseError> {
    if *value != Value::Null && kept.as_ref().is_none_or(|kept| order::compare(&value, kept) == side) {
        replace(kept, value, budget)?;
    }
    Ok(())
}

/// Keeps a value instead of the one that is kept.
fn replace(kept: &mut Option<Value>, value: Cow<'_, Value>, budget: &mut Budget) -> Result<(), DatabaseError> {
    if let Some(before) = kept.take() {
        budget.give_back(&before);
    }
    budget.take_value(&value)?;
    *kept = Some(value.into_owned());
    Ok(())
}

/// A sum that carries along what rounding would lose, so that many small numbers add up.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    rounded: f64,
    lost: f64,
}

impl Sum {
    /// Adds a value, if it is a number.
    fn add(&mut self, value: &Value) -> bool {
        let Value::Number(number) = value else { return false };
        let sum = self.rounded + number;
        let part = sum - self.rounded;
        self.lost += (self.rounded - (sum - part)) + (number - part);
        self.rounded = sum;
        true
    }

    fn total(self) -> f64 {
        self.rounded + self.lost
    }
}
