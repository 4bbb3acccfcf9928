//! Reads pipelines.

use super::{Group, Join, Pipeline, Shape, Stage, Unwind};
use crate::database::error::DatabaseError;
use crate::database::filter::Filter;
use crate::database::sort::Sort;
use crate::database::value::{Object, Value};

/// Stages of a pipeline.
pub const MAX_STAGES: usize = 100;

const STAGES: [&str; 9] = ["$match", "$sort", "$skip", "$limit", "$project", "$unwind", "$lookup", "$group", "$count"];

impl Pipeline {
    /// Reads an array of stages, each an object with the stage's name as its only field.
    pub fn parse(pipeline: &Value) -> Result<Self, DatabaseError> {
        let Value::Array(stages) = pipeline else {
            return Err(invalid(format!("it has to be an array of stages, not {}", pipeline.type_name())));
        };
        if stages.len() > MAX_STAGES {
            return Err(invalid(format!("it has {} stages, the limit is {MAX_STAGES}", stages.len())));
        }
        Ok(Self { stages: stages.iter().map(stage).collect::<Result<_, _>>()? })
    }
}

pub(super) fn invalid(reason: impl Into<String>) -> DatabaseError {
    DatabaseError::PipelineInvalid(reason.into())
}

/// Reads an operand that is to be an object.
pub(super) fn object_of<'v>(stage: &str, operand: &'v Value) -> Result<&'v Object, DatabaseError> {
    match operand {
        Value::Object(object) => Ok(object),
        other => Err(invalid(format!("{stage} needs an object, not {}", other.type_name()))),
    }
}

/// Reads an operand that is to be text.
pub(super) fn text_of<'v>(what: &str, operand: &'v Value) -> Result<&'v str, DatabaseError> {
    match operand {
        Value::String(text) => Ok(text),
        other => Err(invalid(format!("{what} has to be text, not {}", other.type_name()))),
    }
}

fn stage(stage: &Value) -> Result<Stage, DatabaseError> {
    let object = object_of("a stage", stage)?;
    let Some((name, operand)) = object.iter().next().filter(|_| object.len() == 1) else {
        return Err(invalid("a stage has to be an object with one field, such as { $match: { … } }"));
    };
    Ok(match name {
        "$match" => Stage::Match(Filter::parse(object_of(name, operand)?)?),
        "$sort" => Stage::Sort(sort(operand)?),
        "$skip" => Stage::Skip(count_of(name, operand, 0.0)?),
        "$limit" => Stage::Limit(count_of(name, operand, 1.0)?),
        "$project" => Stage::Project(Shape::parse(object_of(name, operand)?)?),
        "$unwind" => Stage::Unwind(Unwind::parse(operand)?),
        "$lookup" => Stage::Lookup(Join::parse(object_of(name, operand)?)?),
        "$group" => Stage::Group(Group::parse(object_of(name, operand)?)?),
        "$count" => Stage::Count(count_name(operand)?),
        _ => return Err(DatabaseError::unknown_operator("stage of a pipeline", name, &STAGES)),
    })
}

fn sort(operand: &Value) -> Result<Sort, DatabaseError> {
    let sort = Sort::parse(operand)?;
    if sort.is_empty() { Err(invalid("$sort needs at least one field")) } else { Ok(sort) }
}

fn count_of(name: &str, operand: &Value, least: f64) -> Result<u64, DatabaseError> {
    match operand {
        Value::Number(number) if *number >= least && number.fract() == 0.0 => Ok(*number as u64),
        other => Err(invalid(format!("{name} needs a whole number of at least {least}, not {other}"))),
    }
}

fn count_name(operand: &Value) -> Result<String, DatabaseError> {
    let name = text_of("the name that $count gives to the number", operand)?;
    if name.is_empty() || name.starts_with('$') || name.contains(['.', '\0']) {
        return Err(invalid(format!("$count cannot give the name {name:?}: use one without `$`, `.` and U+0000")));
    }
    Ok(name.to_owned())
}
