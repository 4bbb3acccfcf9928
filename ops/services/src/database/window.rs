//! Which part of an ordered result is wanted.

use super::error::DatabaseError;
use super::value::Value;

/// A part of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// How many documents are left out at the start.
    pub skip: u64,
    /// How many of the following ones are wanted at most.
    pub limit: Option<u64>,
}

impl Window {
    /// Reads the options `skip` and `limit`: whole numbers of at least 0. A limit of 0 is none, as in MongoDB.
    pub fn parse(skip: Option<&Value>, limit: Option<&Value>) -> Result<Self, DatabaseError> {
        let skip = skip.map_or(Ok(0), |value| count("skip", value))?;
        let limit = limit.map(|value| count("limit", value)).transpose()?;
        Ok(Self { skip, limit: limit.filter(|limit| *limit > 0) })
    }

    /// The wanted part.
    pub fn of<T>(self, items: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        let clamped = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        items.into_iter().skip(clamped(self.skip)).take(self.limit.map_or(usize::MAX, clamped))
    }
}

fn count(name: &'static str, value: &Value) -> Result<u64, DatabaseError> {
    match value {
        Value::Number(number) if *number >= 0.0 && number.fract() == 0.0 => Ok(*number as u64),
        other => Err(DatabaseError::WindowInvalid { name, found: other.to_json() }),
    }
}
