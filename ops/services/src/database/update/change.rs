//! What each operator makes of a value.

use super::array::{AddToSet, Pull, Push};
use super::target::{Changer, dotted};
use super::unfit;
use crate::clock::UnixMillis;
use crate::database::error::DatabaseError;
use crate::database::order;
use crate::database::path::Path;
use crate::database::value::Value;

/// An operator with its operand.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// `$set` and `$setOnInsert`
    Set(Value),
    /// `$unset`
    Unset,
    /// `$inc`
    Add(f64),
    /// `$mul`
    Multiply(f64),
    /// `$min`
    Least(Value),
    /// `$max`
    Greatest(Value),
    /// `$rename`, at the new path.
    Rename {
        /// The old path.
        from: Path,
    },
    /// What `$rename` does at the old path; it is made along with the change at the new one.
    MovedAway,
    /// `$currentDate`
    Now(DateForm),
    /// `$push`
    Push(Push),
    /// `$pull` and `$pullAll`
    Pull(Pull),
    /// `$pop`
    Pop {
        /// Whether the first item goes, not the last.
        first: bool,
    },
    /// `$addToSet`
    AddToSet(AddToSet),
}

/// How `$currentDate` writes a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateForm {
    /// As `Date.prototype.toJSON` does.
    Iso,
    /// Whole seconds since the Unix epoch.
    UnixSeconds,
}

/// What becomes of a value that was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    Removed,
}

impl Change {
    /// Whether a path that leads nowhere is as good as a missing field.
    pub fn ignores_obstacles(&self) -> bool {
        matches!(self, Self::Unset | Self::MovedAway)
    }

    /// Changes a value that is there.
    pub fn apply(&self, value: &mut Value, at: &Changer<'_>) -> Result<Fate, DatabaseError> {
        match self {
            Self::Unset => return Ok(Fate::Removed),
            Self::Rename { .. } | Self::MovedAway => {}
            Self::Set(new) => *value = at.copy(new)?,
            Self::Now(form) => *value = form.write(at.now),
            Self::Least(other) if order::compare(other, value).is_lt() => *value = at.copy(other)?,
            Self::Greatest(other) if order::compare(other, value).is_gt() => *value = at.copy(other)?,
            Self::Least(_) | Self::Greatest(_) => {}
            Self::Add(by) => *value = calculate("$inc", value, at, |number| number + by)?,
            Self::Multiply(by) => *value = calculate("$mul", value, at, |number| number * by)?,
            Self::Push(push) => push.apply(items("$push", value, at)?, at)?,
            Self::Pull(pull) => pull.apply(items("$pull", value, at)?)?,
            Self::AddToSet(set) => set.apply(items("$addToSet", value, at)?, at)?,
            Self::Pop { first } => pop(items("$pop", value, at)?, *first),
        }
        Ok(Fate::Kept)
    }

    /// The value that a missing field gets, if the operator makes one.
    pub fn create(&self, at: &Changer<'_>) -> Result<Option<Value>, DatabaseError> {
        Ok(match self {
            Self::Unset | Self::Rename { .. } | Self::MovedAway | Self::Pull(_) | Self::Pop { .. } => None,
            Self::Set(value) | Self::Least(value) | Self::Greatest(value) => Some(at.copy(value)?),
            Self::Now(form) => Some(form.write(at.now)),
            Self::Add(by) => Some(Value::Number(*by)),
            Self::Multiply(_) => Some(Value::Number(0.0)),
            Self::Push(_) | Self::AddToSet(_) => {
                let mut array = Value::Array(Vec::new());
                self.apply(&mut array, at)?;
                Some(array)
            }
        })
    }
}

fn calculate(
    operator: &str,
    value: &Value,
    at: &Changer<'_>,
    result: impl Fn(f64) -> f64,
) -> Result<Value, DatabaseError> {
    let path = || dotted(at.path);
    let Value::Number(number) = value else { return Err(unfit(operator, &path(), "a number", value)) };
    let result = result(*number);
    if result.is_finite() { Ok(Value::Number(result)) } else { Err(DatabaseError::NumberOverflow(path())) }
}

fn items<'v>(operator: &str, value: &'v mut Value, at: &Changer<'_>) -> Result<&'v mut Vec<Value>, DatabaseError> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(unfit(operator, &dotted(at.path), "an array", other)),
    }
}

fn pop(items: &mut Vec<Value>, first: bool) {
    if first && !items.is_empty() {
        items.remove(0);
    } else {
        items.pop();
    }
}

impl DateForm {
    fn write(self, now: UnixMillis) -> Value {
        match self {
            Self::UnixSeconds => Value::Number((now / 1000) as f64),
            Self::Iso => Value::String(iso_8601(now)),
        }
    }
}

/// A moment as `YYYY-MM-DDTHH:mm:ss.sssZ`. Beyond the year 9999 the year has a sign and six digits, as in JavaScript.
fn iso_8601(moment: UnixMillis) -> String {
    const DAY: u64 = 86_400_000;
    let (day, time) = (moment / DAY, moment % DAY);
    let (year, month, day) = date_of(day);
    let (hour, minute, second, milli) = (time / 3_600_000, time / 60_000 % 60, time / 1000 % 60, time % 1000);
    let year = if year <= 9999 { format!("{year:04}") } else { format!("+{year:06}") };
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// The year, month and day of a day since the Unix epoch. Counts in eras of 400 years, each of 146,097 days and
/// beginning on the first of March, so that a leap day is the last of its year.
fn date_of(day: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    const MARCH_OF_YEAR_0_TO_EPOCH: u64 = 719_468;
    let day = day + MARCH_OF_YEAR_0_TO_EPOCH;
    let (era, day) = (day / ERA, day % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next_year, month, day_of_month)
}
