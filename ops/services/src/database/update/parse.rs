//! Reads updates, and refuses what MongoDB refuses.

use super::array::{AddToSet, ItemOrder, Pull, Push};
use super::change::{Change, DateForm};
use super::target::{Step, Steps};
use super::{ArrayFilter, Kind, Targeted, Update};
use crate::database::error::DatabaseError;
use crate::database::filter::{Filter, is_predicate};
use crate::database::path::Path;
use crate::database::value::{Object, Value};

/// Fields that an update may change.
pub const MAX_CHANGES: usize = 1000;

/// Array filters of an update.
pub const MAX_ARRAY_FILTERS: usize = 100;

const OPERATORS: [&str; 14] = [
    "$set",
    "$unset",
    "$inc",
    "$mul",
    "$min",
    "$max",
    "$rename",
    "$push",
    "$pull",
    "$pullAll",
    "$pop",
    "$addToSet",
    "$setOnInsert",
    "$currentDate",
];

const PUSH_MODIFIERS: [&str; 4] = ["$each", "$position", "$sort", "$slice"];

impl Update {
    /// Reads an object of operators. An object without any sets the fields it has, as `$set` does.
    pub fn parse(update: &Value) -> Result<Self, DatabaseError> {
        Self::parse_with_array_filters(update, &[])
    }

    /// Reads an update in the paths of which `$[name]` stands for the items that an array filter matches: one of the
    /// filters is about the field `name`, or about fields of it.
    pub fn parse_with_array_filters(update: &Value, array_filters: &[Value]) -> Result<Self, DatabaseError> {
        let Value::Object(update) = update else {
            return Err(invalid(format!("it has to be an object, not {}", update.type_name())));
        };
        let array_filters = read_array_filters(array_filters)?;
        let mut reader = Reader { changes: Vec::new(), array_filters: &array_filters };
        match update.iter().filter(|(name, _)| name.starts_with('$')).count() {
            0 => reader.operator("$set", update)?,
            operators if operators == update.len() => {
                for (operator, operand) in update.iter() {
                    let Value::Object(fields) = operand else {
                        return Err(match OPERATORS.contains(&operator) {
                            true => {
                                invalid(format!("{operator} needs an object of fields, not {}", operand.type_name()))
                            }
                            false => unknown(operator),
                        });
                    };
                    reader.operator(operator, fields)?;
                }
            }
            _ => return Err(invalid("it mixes operators with plain fields; put the fields into $set")),
        }
        let changes = reader.finish()?;
        Ok(Self { kind: Kind::Changes { changes, array_filters } })
    }
}

fn invalid(reason: impl Into<String>) -> DatabaseError {
    DatabaseError::UpdateInvalid(reason.into())
}

fn unknown(operator: &str) -> DatabaseError {
    DatabaseError::unknown_operator("operator of an update", operator, &OPERATORS)
}

fn read_array_filters(array_filters: &[Value]) -> Result<Vec<ArrayFilter>, DatabaseError> {
    if array_filters.len() > MAX_ARRAY_FILTERS {
        return Err(invalid(format!("it has more than {MAX_ARRAY_FILTERS} array filters")));
    }
    let mut read: Vec<ArrayFilter> = Vec::with_capacity(array_filters.len());
    for array_filter in array_filters {
        let Value::Object(object) = array_filter else {
            return Err(invalid(format!("an array filter has to be an object, not {}", array_filter.type_name())));
        };
        let filter = Filter::parse(object)?;
        let mut names = Vec::new();
        collect_names(&filter, &mut names);
        names.sort_unstable();
        names.dedup();
        let [name] = names.as_slice() else {
            return Err(invalid("an array filter has to be about one name, such as { \"item.price\": { $gt: 5 } }"));
        };
        let is_plain = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_plain {
            let reason =
                format!("the name {name:?} of an array filter has to be letters and digits, the first lower case");
            return Err(invalid(reason));
        }
        if read.iter().any(|other| *other.name == **name) {
            return Err(invalid(format!("there are two array filters with the name {name:?}")));
        }
        read.push(ArrayFilter { name: (*name).into(), filter });
    }
    Ok(read)
}

fn collect_names<'f>(filter: &'f Filter, names: &mut Vec<&'f str>) {
    match filter {
        Filter::True => {}
        Filter::And(filters) | Filter::Or(filters) | Filter::Nor(filters) => {
            filters.iter().for_each(|filter| collect_names(filter, names));
        }
        Filter::Field { path, .. } => names.push(path.root()),
    }
}

struct Reader<'r> {
    changes: Vec<Targeted>,
    array_filters: &'r [ArrayFilter],
}

impl Reader<'_> {
    fn operator(&mut self, operator: &str, fields: &Object) -> Result<(), DatabaseError> {
        for (name, operand) in fields.iter() {
            let change = match operator {
                "$set" | "$setOnInsert" => Change::Set(operand.clone()),
                "$unset" => Change::Unset,
                "$inc" => Change::Add(number(operator, operand)?),
                "$mul" => Change::Multiply(number(operator, operand)?),
                "$min" => Change::Least(operand.clone()),
                "$max" => Change::Greatest(operand.clone()),
                "$push" => Change::Push(push(operand)?),
                "$pull" => Change::Pull(pull(operand)?),
                "$pullAll" => Change::Pull(Pull::values(array(operator, operand)?.to_vec())),
                "$pop" => pop(operand)?,
                "$addToSet" => Change::AddToSet(add_to_set(operand)?),
                "$currentDate" => Change::Now(date_form(operand)?),
                "$rename" => {
                    self.rename(name, operand)?;
                    continue;
                }
                _ => return Err(unknown(operator)),
            };
            let steps = self.steps(name)?;
            self.changes.push(Targeted { steps, change, only_on_insert: operator == "$setOnInsert" });
        }
        if OPERATORS.contains(&operator) { Ok(()) } else { Err(unknown(operator)) }
    }

    fn rename(&mut self, from: &str, to: &Value) -> Result<(), DatabaseError> {
        let Value::String(to) = to else {
            return Err(invalid(format!("$rename needs the new name of {from:?} as text, not {}", to.type_name())));
        };
        let (from, to) = (self.steps(from)?, self.steps(to)?);
        for steps in [&from, &to] {
            if steps.steps.iter().any(|step| !matches!(step, Step::Name(_))) {
                return Err(invalid(format!("$rename cannot have a placeholder in {:?}", steps.path.as_str())));
            }
        }
        if from.path.overlaps(&to.path) {
            return Err(invalid(format!("$rename cannot move {:?} to {:?}", from.path.as_str(), to.path.as_str())));
        }
        let change = Change::Rename { from: from.path.clone() };
        self.changes.push(Targeted { steps: to, change, only_on_insert: false });
        self.changes.push(Targeted { steps: from, change: Change::MovedAway, only_on_insert: false });
        Ok(())
    }

    fn steps(&self, name: &str) -> Result<Steps, DatabaseError> {
        let path = Path::parse_named(name)?;
        let steps: Vec<_> = path
            .components()
            .iter()
            .map(|component| match &*component.name {
                "$" => Ok(Step::Found),
                "$[]" => Ok(Step::Every),
                placeholder => match placeholder.strip_prefix("$[").and_then(|rest| rest.strip_suffix(']')) {
                    Some(name) => self.filtered(name),
                    None => Ok(Step::Name(component.clone())),
                },
            })
            .collect::<Result<_, _>>()?;
        let placeholder = |step: &Step| !matches!(step, Step::Name(_));
        if steps.first().is_some_and(placeholder) {
            return Err(invalid(format!("the path {name:?} cannot begin with a placeholder for items of an array")));
        }
        if steps.iter().filter(|step| **step == Step::Found).count() > 1 {
            return Err(invalid(format!("the path {name:?} has more than one `$`; use `$[]` for the others")));
        }
        Ok(Steps { path, steps })
    }

    fn filtered(&self, name: &str) -> Result<Step, DatabaseError> {
        let place = self.array_filters.iter().position(|array_filter| *array_filter.name == *name);
        place.map(Step::Filtered).ok_or_else(|| invalid(format!("there is no array filter for `$[{name}]`")))
    }

    /// The changes in the order in which they are made, once none of them is in another one's way.
    fn finish(mut self) -> Result<Vec<Targeted>, DatabaseError> {
        if self.changes.len() > MAX_CHANGES {
            return Err(invalid(format!("it changes more than {MAX_CHANGES} fields; use a replacement")));
        }
        let used = |place| self.changes.iter().any(|targeted| targeted.steps.steps.contains(&Step::Filtered(place)));
        if let Some(unused) = (0..self.array_filters.len()).find(|place| !used(*place)) {
            return Err(invalid(format!("no path uses the array filter `$[{}]`", self.array_filters[unused].name)));
        }
        self.changes.sort_by(|left, right| left.steps.order(&right.steps));
        for (place, targeted) in self.changes.iter().enumerate() {
            if let Some(other) = self.changes[..place].iter().find(|other| other.steps.conflicts(&targeted.steps)) {
                let path = |targeted: &Targeted| targeted.steps.path.as_str().to_owned();
                return Err(DatabaseError::UpdateConflict(path(other), path(targeted)));
            }
        }
        Ok(self.changes)
    }
}

fn number(operator: &str, operand: &Value) -> Result<f64, DatabaseError> {
    match operand {
        Value::Number(number) => Ok(*number),
        other => Err(invalid(format!("{operator} needs a number, not {}", other.type_name()))),
    }
}

fn array<'v>(operator: &str, operand: &'v Value) -> Result<&'v [Value], DatabaseError> {
    match operand {
        Value::Array(items) => Ok(items),
        other => Err(invalid(format!("{operator} needs an array, not {}", other.type_name()))),
    }
}

/// A whole number; beyond 64 bits the nearest one.
fn whole(operator: &str, operand: &Value) -> Result<i64, DatabaseError> {
    match operand {
        Value::Number(number) if number.fract() == 0.0 => Ok(*number as i64),
        other => Err(invalid(format!("{operator} needs a whole number, not {other}"))),
    }
}

fn push(operand: &Value) -> Result<Push, DatabaseError> {
    let single = Push { values: vec![operand.clone()], position: None, sort: None, slice: None };
    let Value::Object(modifiers) = operand else { return Ok(single) };
    let Some(each) = modifiers.get("$each") else { return Ok(single) };
    if let Some((name, _)) = modifiers.iter().find(|(name, _)| !PUSH_MODIFIERS.contains(name)) {
        return Err(DatabaseError::unknown_operator("modifier of $push", name, &PUSH_MODIFIERS));
    }
    Ok(Push {
        values: array("$each", each)?.to_vec(),
        position: modifiers.get("$position").map(|operand| whole("$position", operand)).transpose()?,
        sort: modifiers.get("$sort").map(item_order).transpose()?,
        slice: modifiers.get("$slice").map(|operand| whole("$slice", operand)).transpose()?,
    })
}

fn item_order(operand: &Value) -> Result<ItemOrder, DatabaseError> {
    let descending = |direction: &Value| match direction {
        Value::Number(number) if number.abs() == 1.0 => Ok(*number < 0.0),
        _ => Err(invalid("the direction of $sort has to be 1 (ascending) or -1 (descending)")),
    };
    match operand {
        Value::Number(_) => Ok(ItemOrder::Whole { descending: descending(operand)? }),
        Value::Object(fields) if !fields.is_empty() => fields
            .iter()
            .map(|(name, direction)| Ok((Path::parse_named(name)?, descending(direction)?)))
            .collect::<Result<_, _>>()
            .map(ItemOrder::Fields),
        _ => Err(invalid("$sort needs 1 or -1 for the items, or { field: 1 } for a field of them")),
    }
}

fn pull(operand: &Value) -> Result<Pull, DatabaseError> {
    match operand {
        Value::Object(_) if is_predicate(operand) => {
            let condition = Object::from_iter([("", operand.clone())]);
            Ok(Pull::Items(Filter::parse(&condition)?))
        }
        Value::Object(filter) => Ok(Pull::Documents(Filter::parse(filter)?)),
        value => Ok(Pull::values(vec![value.clone()])),
    }
}

fn pop(operand: &Value) -> Result<Change, DatabaseError> {
    match operand {
        Value::Number(end) if end.abs() == 1.0 => Ok(Change::Pop { first: *end < 0.0 }),
        _ => Err(invalid("$pop needs 1 (the last item) or -1 (the first item)")),
    }
}

fn add_to_set(operand: &Value) -> Result<AddToSet, DatabaseError> {
    let Value::Object(modifiers) = operand else { return Ok(AddToSet(vec![operand.clone()])) };
    match modifiers.iter().next() {
        Some(("$each", each)) if modifiers.len() == 1 => Ok(AddToSet(array("$each", each)?.to_vec())),
        Some(("$each", _)) => Err(invalid("$addToSet takes no modifier beside $each")),
        _ => Ok(AddToSet(vec![operand.clone()])),
    }
}

fn date_form(operand: &Value) -> Result<DateForm, DatabaseError> {
    let form = match operand {
        Value::Bool(_) => Some("date"),
        Value::Object(object) => match (object.get("$type"), object.len()) {
            (Some(Value::String(form)), 1) => Some(form.as_str()),
            _ => None,
        },
        _ => None,
    };
    match form {
        Some("date") => Ok(DateForm::Iso),
        Some("timestamp") => Ok(DateForm::UnixSeconds),
        _ => Err(invalid("$currentDate needs true, { $type: \"date\" } or { $type: \"timestamp\" }")),
    }
}
