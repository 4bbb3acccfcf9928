//! Expressions: values computed from a document.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::error::DatabaseError;
use super::limits::Room;
use super::order;
use super::path::{Component, Path};
use super::value::{Object, Value};

/// What a value is computed from.
#[derive(Clone, Copy)]
pub struct Input<'d> {
    /// The document.
    pub document: &'d Object,
    /// What may be made of it.
    pub room: &'d Room,
}

/// Items of the operand of an operator.
const MAX_OPERANDS: usize = 1000;

const OPERATORS: [&str; 20] = [
    "$literal",
    "$add",
    "$subtract",
    "$multiply",
    "$divide",
    "$concat",
    "$cond",
    "$ifNull",
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$and",
    "$or",
    "$not",
    "$toUpper",
    "$toLower",
    "$size",
];

/// What computes a value from a document.
#[derive(Clone, Debug)]
pub enum Expression {
    /// The same for every document.
    Literal(Value),
    /// What a path leads to; through an array, the array of what it leads to in each item.
    Field(Path),
    /// The document itself: `$$ROOT`.
    Root,
    /// A missing field: `$$REMOVE`.
    Missing,
    /// An object of computed fields.
    Object(Vec<(String, Expression)>),
    /// An array of computed items.
    Array(Vec<Expression>),
    /// An operator on computed values.
    Apply(Operator, Vec<Expression>),
}

/// The operators of expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `$add`
    Add,
    /// `$subtract`
    Subtract,
    /// `$multiply`
    Multiply,
    /// `$divide`
    Divide,
    /// `$concat`
    Concat,
    /// `$cond`
    Cond,
    /// `$ifNull`
    IfNull,
    /// `$eq`
    Equal,
    /// `$ne`
    NotEqual,
    /// `$gt`
    Greater,
    /// `$gte`
    GreaterOrEqual,
    /// `$lt`
    Less,
    /// `$lte`
    LessOrEqual,
    /// `$and`
    And,
    /// `$or`
    Or,
    /// `$not`
    Not,
    /// `$toUpper`
    ToUpper,
    /// `$toLower`
    ToLower,
    /// `$size`
    Size,
}

/// A value, or `None` for a missing one.
type Computed<'d> = Option<Cow<'d, Value>>;

impl Expression {
    /// Reads an expression.
    pub fn parse(expression: &Value) -> Result<Self, DatabaseError> {
        match expression {
            Value::String(text) => match text.strip_prefix("$$") {
                Some("ROOT" | "CURRENT") => Ok(Self::Root),
                Some("REMOVE") => Ok(Self::Missing),
                Some(variable) => match variable.strip_prefix("ROOT.").or(variable.strip_prefix("CURRENT.")) {
                    Some(path) => Path::parse_field(path).map(Self::Field),
                    None => {
                        let known = ["$$ROOT", "$$CURRENT", "$$REMOVE"];
                        Err(DatabaseError::unknown_operator("variable", text, &known))
                    }
                },
                None => match text.strip_prefix('$') {
                    Some(path) => Path::parse_field(path).map(Self::Field),
                    None => Ok(Self::Literal(expression.clone())),
                },
            },
            Value::Array(items) => items.iter().map(Self::parse).collect::<Result<_, _>>().map(Self::Array),
            Value::Object(object) => Self::parse_object(object),
            literal => Ok(Self::Literal(literal.clone())),
        }
    }

    fn parse_object(object: &Object) -> Result<Self, DatabaseError> {
        match object.iter().find(|(name, _)| name.starts_with('$')) {
            Some(("$literal", value)) if object.len() == 1 => Ok(Self::Literal(value.clone())),
            Some((operator, operand)) if object.len() == 1 => Operator::parse(operator, operand),
            Some((operator, _)) => Err(invalid(format!("{operator} has to be the only field of its object"))),
            None => {
                let field = |(name, value): (&str, &Value)| {
                    check_name(name)?;
                    Ok((name.to_owned(), Self::parse(value)?))
                };
                object.iter().map(field).collect::<Result<_, _>>().map(Self::Object)
            }
        }
    }

    /// Computes the value for a document; `None` if it is missing.
    pub fn compute<'d>(&'d self, input: Input<'d>) -> Result<Computed<'d>, DatabaseError> {
        let Input { document, room } = input;
        Ok(match self {
            Self::Literal(value) => Some(Cow::Borrowed(value)),
            Self::Missing => None,
            Self::Root => {
                room.take(document.weight())?;
                Some(Cow::Owned(Value::Object(document.clone())))
            }
            Self::Field(path) => follow(document, path.components()),
            Self::Object(fields) => {
                let mut object = Vec::with_capacity(fields.len());
                for (name, expression) in fields {
                    if let Some(value) = expression.compute(input)? {
                        object.push((name.clone(), room.make(value)?));
                    }
                }
                Some(Cow::Owned(Value::Object(object.into_iter().collect())))
            }
            Self::Array(items) => {
                let item =
                    |item: &'d Expression| item.compute(input)?.map_or(Ok(Value::Null), |value| room.make(value));
                Some(Cow::Owned(Value::Array(items.iter().map(item).collect::<Result<_, DatabaseError>>()?)))
            }
            Self::Apply(operator, operands) => operator.apply(operands, input)?,
        })
    }
}

fn invalid(reason: impl Into<String>) -> DatabaseError {
    DatabaseError::ExpressionInvalid(reason.into())
}

/// Checks the name of a computed field.
pub(super) fn check_name(name: &str) -> Result<(), DatabaseError> {
    if name.is_empty() || name.starts_with('$') || name.contains(['.', '\0']) {
        return Err(invalid(format!("a computed field cannot be named {name:?}: leave out `$`, `.` and U+0000")));
    }
    Ok(())
}

/// What a path leads to. In arrays it leads to something in each object; an array in an array is gone into as well.
fn follow<'d>(document: &'d Object, path: &[Component]) -> Computed<'d> {
    let (component, rest) = path.split_first()?;
    let value = document.get(&component.name)?;
    if rest.is_empty() { Some(Cow::Borrowed(value)) } else { follow_value(value, rest) }
}

fn follow_value<'d>(value: &'d Value, path: &[Component]) -> Computed<'d> {
    match value {
        Value::Object(object) => follow(object, path),
        Value::Array(items) => {
            let found = items.iter().filter_map(|item| follow_value(item, path)).map(Cow::into_owned);
            Some(Cow::Owned(Value::Array(found.collect())))
        }
        _ => None,
    }
}

/// Whether a computed value counts as true: all but missing ones, `null`, `false` and zero do.
fn is_true(value: &Computed<'_>) -> bool {
    match value.as_deref() {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Number(number)) => *number != 0.0,
        Some(_) => true,
    }
}

fn is_null(value: &Computed<'_>) -> bool {
    matches!(value.as_deref(), None | Some(Value::Null))
}

/// The order of computed values: a missing one comes before all others.
fn compare(left: &Computed<'_>, right: &Computed<'_>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => order::compare(left, right),
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}

impl Operator {
    fn parse(name: &str, operand: &Value) -> Result<Expression, DatabaseError> {
        let any = (0, MAX_OPERANDS);
        let (operator, (least, most)) = match name {
            "$add" => (Self::Add, any),
            "$subtract" => (Self::Subtract, (2, 2)),
            "$multiply" => (Self::Multiply, any),
            "$divide" => (Self::Divide, (2, 2)),
            "$concat" => (Self::Concat, any),
            "$cond" => (Self::Cond, (3, 3)),
            "$ifNull" => (Self::IfNull, (2, MAX_OPERANDS)),
            "$eq" => (Self::Equal, (2, 2)),
            "$ne" => (Self::NotEqual, (2, 2)),
            "$gt" => (Self::Greater, (2, 2)),
            "$gte" => (Self::GreaterOrEqual, (2, 2)),
            "$lt" => (Self::Less, (2, 2)),
            "$lte" => (Self::LessOrEqual, (2, 2)),
            "$and" => (Self::And, any),
            "$or" => (Self::Or, any),
            "$not" => (Self::Not, (1, 1)),
            "$toUpper" => (Self::ToUpper, (1, 1)),
            "$toLower" => (Self::ToLower, (1, 1)),
            "$size" => (Self::Size, (1, 1)),
            _ => return Err(DatabaseError::unknown_operator("operator of an expression", name, &OPERATORS)),
        };
        let operands = match operand {
            Value::Array(items) => items.iter().map(Expression::parse).collect::<Result<Vec<_>, _>>()?,
            Value::Object(choice) if operator == Self::Cond => {
                if let Some((other, _)) = choice.iter().find(|(name, _)| !["if", "then", "else"].contains(name)) {
                    return Err(invalid(format!("$cond has if, then and else, not {other:?}")));
                }
                ["if", "then", "else"]
                    .iter()
                    .filter_map(|name| choice.get(name))
                    .map(Expression::parse)
                    .collect::<Result<_, _>>()?
            }
            single => vec![Expression::parse(single)?],
        };
        if (least..=most).contains(&operands.len()) {
            Ok(Expression::Apply(operator, operands))
        } else {
            let wanted = if least == most { format!("{least}") } else { format!("{least} to {most}") };
            Err(invalid(format!("{name} needs {wanted} operands, not {}", operands.len())))
        }
    }

    fn apply<'d>(self, operands: &'d [Expression], input: Input<'d>) -> Result<Computed<'d>, DatabaseError> {
        let compute = |place: usize| operands.get(place).map_or(Ok(None), |operand| operand.compute(input));
        let compared = |holds: fn(Ordering) -> bool| Ok::<_, DatabaseError>(holds(compare(&compute(0)?, &compute(1)?)));
        let value = match self {
            Self::Add => self.fold(operands, input, 0.0, |sum, number| sum + number)?,
            Self::Multiply => self.fold(operands, input, 1.0, |product, number| product * number)?,
            Self::Subtract | Self::Divide => self.of_two(&compute(0)?, &compute(1)?)?,
            Self::Concat => concat(operands, input)?,
            Self::Cond => return compute(if is_true(&compute(0)?) { 1 } else { 2 }),
            Self::IfNull => return first_present(operands, input),
            Self::Equal => Value::Bool(compared(Ordering::is_eq)?),
            Self::NotEqual => Value::Bool(compared(Ordering::is_ne)?),
            Self::Greater => Value::Bool(compared(Ordering::is_gt)?),
            Self::GreaterOrEqual => Value::Bool(compared(Ordering::is_ge)?),
            Self::Less => Value::Bool(compared(Ordering::is_lt)?),
            Self::LessOrEqual => Value::Bool(compared(Ordering::is_le)?),
            Self::And => Value::Bool(!any(operands, input, |value| !is_true(value))?),
            Self::Or => Value::Bool(any(operands, input, is_true)?),
            Self::Not => Value::Bool(!is_true(&compute(0)?)),
            Self::ToUpper => Value::String(text("$toUpper", &compute(0)?)?.to_ascii_uppercase()),
            Self::ToLower => Value::String(text("$toLower", &compute(0)?)?.to_ascii_lowercase()),
            Self::Size => match compute(0)?.as_deref() {
                Some(Value::Array(items)) => Value::Number(items.len() as f64),
                other => return Err(unfit("$size", "an array", other)),
            },
        };
        Ok(Some(Cow::Owned(value)))
    }

    /// Combines numbers; null if one of the operands is null or missing.
    fn fold(
        self,
        operands: &[Expression],
        input: Input<'_>,
        initial: f64,
        combine: fn(f64, f64) -> f64,
    ) -> Result<Value, DatabaseError> {
        let (mut result, mut null) = (initial, false);
        for operand in operands {
            match operand.compute(input)?.as_deref() {
                None | Some(Value::Null) => null = true,
                Some(Value::Number(number)) => result = combine(result, *number),
                other => return Err(unfit(self.name(), "numbers", other)),
            }
        }
        if null { Ok(Value::Null) } else { self.finite(result) }
    }

    fn of_two(self, left: &Computed<'_>, right: &Computed<'_>) -> Result<Value, DatabaseError> {
        if is_null(left) || is_null(right) {
            return Ok(Value::Null);
        }
        match (left.as_deref(), right.as_deref()) {
            (Some(Value::Number(_)), Some(Value::Number(0.0))) if self == Self::Divide => {
                Err(invalid("$divide cannot divide by 0; exclude it with $cond or $match"))
            }
            (Some(Value::Number(left)), Some(Value::Number(right))) => {
                self.finite(if self == Self::Divide { left / right } else { left - right })
            }
            (Some(Value::Number(_)), other) | (other, _) => Err(unfit(self.name(), "numbers", other)),
        }
    }

    fn finite(self, number: f64) -> Result<Value, DatabaseError> {
        if number.is_finite() {
            Ok(Value::Number(number))
        } else {
            Err(DatabaseError::NumberOverflow(self.name().to_owned()))
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Add => "$add",
            Self::Subtract => "$subtract",
            Self::Multiply => "$multiply",
            Self::Divide => "$divide",
            _ => "the expression",
        }
    }
}

fn unfit(operator: &str, needed: &str, found: Option<&Value>) -> DatabaseError {
    let found = found.map_or("a missing field", Value::type_name);
    invalid(format!("{operator} needs {needed}, but a document has {found} there; use $ifNull or $match"))
}

fn any(
    operands: &[Expression],
    input: Input<'_>,
    holds: impl Fn(&Computed<'_>) -> bool,
) -> Result<bool, DatabaseError> {
    for operand in operands {
        if holds(&operand.compute(input)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn first_present<'d>(operands: &'d [Expression], input: Input<'d>) -> Result<Computed<'d>, DatabaseError> {
    let Some((last, others)) = operands.split_last() else { return Ok(None) };
    for operand in others {
        let value = operand.compute(input)?;
        if !is_null(&value) {
            return Ok(value);
        }
    }
    last.compute(input)
}

fn concat(operands: &[Expression], input: Input<'_>) -> Result<Value, DatabaseError> {
    let mut joined = String::new();
    for operand in operands {
        match operand.compute(input)?.as_deref() {
            None | Some(Value::Null) => return Ok(Value::Null),
            Some(Value::String(text)) => {
                input.room.take(text.len())?;
                joined.push_str(text);
            }
            other => return Err(unfit("$concat", "text", other)),
        }
    }
    Ok(Value::String(joined))
}

/// Text, a number as text, or nothing for null.
fn text(operator: &str, value: &Computed<'_>) -> Result<String, DatabaseError> {
    match value.as_deref() {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(number @ Value::Number(_)) => Ok(number.to_json()),
        other => Err(unfit(operator, "text", other)),
    }
}
