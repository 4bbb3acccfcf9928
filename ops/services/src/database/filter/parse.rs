//! Reads filters, and refuses what MongoDB refuses.

use super::{Comparison, ElemMatch, Filter, In, Predicate, Types};
use crate::database::error::DatabaseError;
use crate::database::order;
use crate::database::path::Path;
use crate::database::regex::{Options, Pattern};
use crate::database::value::{Object, Value};

/// Conditions in a filter, all levels together.
pub const MAX_CLAUSES: usize = 10_000;

/// Levels of conditions within conditions; MongoDB's own bound.
pub const MAX_FILTER_DEPTH: usize = 100;

/// Values in an `$in`, `$nin` or `$all`.
pub const MAX_IN_VALUES: usize = 10_000;

/// Regular expressions in a filter.
pub const MAX_PATTERNS: usize = 100;

/// The operators that combine filters and have no path of their own.
const COMBINING: [&str; 4] = ["$and", "$or", "$nor", "$comment"];

/// The operators that follow a path.
const PREDICATES: [&str; 17] = [
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$not",
    "$exists",
    "$type",
    "$regex",
    "$options",
    "$size",
    "$all",
    "$elemMatch",
    "$mod",
];

impl Filter {
    /// Reads a filter.
    pub fn parse(filter: &Object) -> Result<Self, DatabaseError> {
        Reader::default().filter(filter)
    }

    /// Reads a filter that may be no object, which is an error.
    pub fn parse_value(filter: &Value) -> Result<Self, DatabaseError> {
        match filter {
            Value::Object(filter) => Self::parse(filter),
            other => Err(invalid(format!("it has to be an object, not {}", other.type_name()))),
        }
    }

    /// The conjunction of filters, in the simplest form.
    pub(crate) fn all(mut filters: Vec<Filter>) -> Self {
        filters.retain(|filter| *filter != Self::True);
        match filters.len() {
            0 => Self::True,
            1 => filters.remove(0),
            _ => Self::And(filters),
        }
    }
}

/// Reads the operand of an `$elemMatch` that stands outside of a filter.
pub(crate) fn read_elem_match(operand: &Value) -> Result<ElemMatch, DatabaseError> {
    Reader::default().elem_match(operand)
}

/// Whether an object is an expression of operators rather than a value to be equal to.
pub(crate) fn is_expression(value: &Value) -> bool {
    let Value::Object(object) = value else { return false };
    let reference = || object.get("$ref").is_some() && object.get("$id").is_some();
    object.iter().next().is_some_and(|(name, _)| name.starts_with('$')) && !reference()
}

/// Whether an object is an expression about a value itself rather than about fields of it.
pub(crate) fn is_predicate(value: &Value) -> bool {
    match value {
        Value::Object(object) if is_expression(value) => {
            object.iter().next().is_some_and(|(name, _)| !COMBINING.contains(&name))
        }
        _ => false,
    }
}

/// Reads an operand that is to be an object.
fn object_of<'v>(operator: &str, operand: &'v Value) -> Result<&'v Object, DatabaseError> {
    match operand {
        Value::Object(object) => Ok(object),
        other => Err(invalid(format!("{operator} needs an object, not {}", other.type_name()))),
    }
}

/// Reads an operand that is to be compared with. No document holds a regular expression, so that none is meant.
fn value_of(operator: &str, operand: &Value) -> Result<Value, DatabaseError> {
    match operand {
        Value::Object(object) if object.get("$regularExpression").is_some() => Err(invalid(format!(
            "{operator} needs a value, not a regular expression; use {{ field: /…/ }}, or {{ field: {{ $not: /…/ }} }}"
        ))),
        value => Ok(value.clone()),
    }
}

/// Reads an operand that is to be an array.
fn items_of<'v>(operator: &str, operand: &'v Value) -> Result<&'v [Value], DatabaseError> {
    match operand {
        Value::Array(items) if items.len() > MAX_IN_VALUES => {
            Err(invalid(format!("{operator} has {} values, the limit is {MAX_IN_VALUES}", items.len())))
        }
        Value::Array(items) => Ok(items),
        other => Err(invalid(format!("{operator} needs an array, not {}", other.type_name()))),
    }
}

fn invalid(reason: impl Into<String>) -> DatabaseError {
    DatabaseError::FilterInvalid(reason.into())
}

/// Reads a filter and counts what it has read.
#[derive(Default)]
struct Reader {
    clauses: usize,
    patterns: usize,
    depth: usize,
}

impl Reader {
    fn filter(&mut self, filter: &Object) -> Result<Filter, DatabaseError> {
        self.nested(|reader| {
            let mut parts = Vec::with_capacity(filter.len());
            for (name, operand) in filter.iter() {
                parts.push(if name.starts_with('$') {
                    reader.combination(name, operand)?
                } else {
                    reader.field(name, operand)?
                });
            }
            Ok(Filter::all(parts))
        })
    }

    fn combination(&mut self, operator: &str, operand: &Value) -> Result<Filter, DatabaseError> {
        match operator {
            "$comment" => Ok(Filter::True),
            "$and" => Ok(Filter::all(self.filters(operator, operand)?)),
            "$or" => Ok(Filter::Or(self.filters(operator, operand)?)),
            "$nor" => Ok(Filter::Nor(self.filters(operator, operand)?)),
            _ => {
                if PREDICATES.contains(&operator) {
                    let reason = format!("{operator} belongs behind a field: {{ field: {{ {operator}: … }} }}");
                    return Err(invalid(reason));
                }
                Err(DatabaseError::unknown_operator("operator of a filter", operator, &COMBINING))
            }
        }
    }

    fn filters(&mut self, operator: &str, operand: &Value) -> Result<Vec<Filter>, DatabaseError> {
        match operand {
            Value::Array(items) if !items.is_empty() => {
                items.iter().map(|item| self.filter(object_of(&format!("each item of {operator}"), item)?)).collect()
            }
            _ => Err(invalid(format!("{operator} needs an array of at least one filter"))),
        }
    }

    fn field(&mut self, name: &str, operand: &Value) -> Result<Filter, DatabaseError> {
        let path = Path::parse(name)?;
        let predicates = match operand {
            Value::Object(expression) if is_expression(operand) => match self.literal_pattern(expression)? {
                Some(pattern) => vec![Predicate::Regex(pattern)],
                None => self.predicates(expression)?,
            },
            value => vec![Predicate::Equal(value.clone())],
        };
        self.count(predicates.len())?;
        let fields = predicates.into_iter().map(|predicate| Filter::Field { path: path.clone(), predicate });
        Ok(Filter::all(fields.collect()))
    }

    /// Reads the operators behind a path, or those that `$elemMatch` applies to an item.
    fn predicates(&mut self, expression: &Object) -> Result<Vec<Predicate>, DatabaseError> {
        self.nested(|reader| {
            let mut predicates = Vec::with_capacity(expression.len());
            for (operator, operand) in expression.iter() {
                match operator {
                    "$options" if expression.get("$regex").is_some() => {}
                    "$options" => return Err(invalid("$options needs a $regex beside it")),
                    "$regex" => predicates.push(reader.regex(operand, expression.get("$options"))?),
                    _ => predicates.push(reader.predicate(operator, operand)?),
                }
            }
            reader.count(predicates.len())?;
            Ok(predicates)
        })
    }

    fn predicate(&mut self, operator: &str, operand: &Value) -> Result<Predicate, DatabaseError> {
        let value = || value_of(operator, operand);
        let compare = |by: Comparison| value().map(|operand| Predicate::Compare { operator: by, operand });
        Ok(match operator {
            "$eq" => Predicate::Equal(value()?),
            "$ne" => Predicate::Not(vec![Predicate::Equal(value()?)]),
            "$lt" => compare(Comparison::Less)?,
            "$lte" => compare(Comparison::LessOrEqual)?,
            "$gt" => compare(Comparison::Greater)?,
            "$gte" => compare(Comparison::GreaterOrEqual)?,
            "$in" => self.any_of(operator, operand)?,
            "$nin" => Predicate::Not(vec![self.any_of(operator, operand)?]),
            "$exists" if is_true(operand) => Predicate::Exists,
            "$exists" => Predicate::Not(vec![Predicate::Exists]),
            "$type" => Predicate::Type(Types::parse(operand)?),
            "$size" => size(operand)?,
            "$mod" => modulus(operand)?,
            "$not" => self.negation(operand)?,
            "$all" => self.all_of(operand)?,
            "$elemMatch" => Predicate::ElemMatch(self.elem_match(operand)?),
            unknown => {
                return Err(DatabaseError::unknown_operator("operator behind a field", unknown, &PREDICATES));
            }
        })
    }

    fn any_of(&mut self, operator: &str, operand: &Value) -> Result<Predicate, DatabaseError> {
        let mut list = In::default();
        for item in items_of(operator, operand)? {
            match item {
                Value::Object(object) if is_expression(item) => match self.literal_pattern(object)? {
                    Some(pattern) => list.patterns.push(pattern),
                    None => return Err(invalid(format!("{operator} takes values, no operators"))),
                },
                value => list.values.push(value.clone()),
            }
        }
        list.values.sort_by(order::compare);
        list.values.dedup();
        Ok(Predicate::In(list))
    }

    fn negation(&mut self, operand: &Value) -> Result<Predicate, DatabaseError> {
        let expression = object_of("$not", operand)?;
        if let Some(pattern) = self.literal_pattern(expression)? {
            return Ok(Predicate::Not(vec![Predicate::Regex(pattern)]));
        }
        if expression.is_empty() {
            return Err(invalid("$not needs at least one operator"));
        }
        Ok(Predicate::Not(self.predicates(expression)?))
    }

    fn all_of(&mut self, operand: &Value) -> Result<Predicate, DatabaseError> {
        let items = items_of("$all", operand)?;
        self.count(items.len())?;
        let elem_match = |item: &Value| match item {
            Value::Object(object) => object.iter().next().is_some_and(|(name, _)| name == "$elemMatch"),
            _ => false,
        };
        let of_elem_match = items.first().is_some_and(elem_match);
        let mut predicates = Vec::with_capacity(items.len());
        for item in items {
            predicates.push(match item {
                Value::Object(object) if of_elem_match && elem_match(item) && object.len() == 1 => {
                    let operand = object.get("$elemMatch").unwrap_or(item);
                    Predicate::ElemMatch(self.elem_match(operand)?)
                }
                _ if of_elem_match => {
                    return Err(invalid("if one item of $all is an $elemMatch, all of them have to be"));
                }
                Value::Object(object) if is_expression(item) => match self.literal_pattern(object)? {
                    Some(pattern) => Predicate::Regex(pattern),
                    None => return Err(invalid("$all takes values or $elemMatch, no other operators")),
                },
                value => Predicate::Equal(value.clone()),
            });
        }
        Ok(Predicate::All(predicates))
    }

    fn elem_match(&mut self, operand: &Value) -> Result<ElemMatch, DatabaseError> {
        let expression = object_of("$elemMatch", operand)?;
        if is_predicate(operand) {
            Ok(ElemMatch::Item(self.predicates(expression)?))
        } else {
            Ok(ElemMatch::Document(Box::new(self.filter(expression)?)))
        }
    }

    fn regex(&mut self, operand: &Value, options: Option<&Value>) -> Result<Predicate, DatabaseError> {
        let letters = match options {
            None => None,
            Some(Value::String(letters)) => Some(letters.as_str()),
            Some(other) => return Err(invalid(format!("$options needs text, not {}", other.type_name()))),
        };
        let pattern = match operand {
            Value::String(source) => self.pattern(source, letters.unwrap_or_default())?,
            Value::Object(literal) => match (self.literal_pattern(literal)?, letters) {
                (Some(pattern), None) => pattern,
                (Some(pattern), Some(letters)) => self.pattern(pattern.source(), letters)?,
                (None, _) => return Err(invalid("$regex needs text, not an object")),
            },
            other => return Err(invalid(format!("$regex needs text, not {}", other.type_name()))),
        };
        Ok(Predicate::Regex(pattern))
    }

    /// A regular expression that stands for itself: `{ $regularExpression: { pattern, options } }`, which is how
    /// MongoDB writes a `RegExp` as JSON.
    fn literal_pattern(&mut self, object: &Object) -> Result<Option<Pattern>, DatabaseError> {
        let Some(literal) = object.get("$regularExpression") else { return Ok(None) };
        let literal = object_of("$regularExpression", literal)?;
        match (literal.get("pattern"), literal.get("options")) {
            (Some(Value::String(source)), None) => self.pattern(source, "").map(Some),
            (Some(Value::String(source)), Some(Value::String(letters))) => self.pattern(source, letters).map(Some),
            _ => Err(invalid("$regularExpression needs a pattern and options, both text")),
        }
    }

    fn pattern(&mut self, source: &str, letters: &str) -> Result<Pattern, DatabaseError> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            let reason = format!("it has more than {MAX_PATTERNS} regular expressions; join them with `|`");
            return Err(invalid(reason));
        }
        Pattern::new(source, Options::parse(letters)?)
    }

    fn count(&mut self, clauses: usize) -> Result<(), DatabaseError> {
        self.clauses += clauses;
        if self.clauses > MAX_CLAUSES {
            return Err(invalid(format!("it has more than {MAX_CLAUSES} conditions; use $in, or several queries")));
        }
        Ok(())
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        if self.depth == MAX_FILTER_DEPTH {
            return Err(invalid(format!("it is nested more than {MAX_FILTER_DEPTH} levels deep")));
        }
        self.depth += 1;
        let read = read(self)?;
        self.depth -= 1;
        Ok(read)
    }
}

/// Whether an operand counts as true: all but `null`, `false` and zero do.
fn is_true(operand: &Value) -> bool {
    match operand {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => *number != 0.0,
        _ => true,
    }
}

fn size(operand: &Value) -> Result<Predicate, DatabaseError> {
    match operand {
        Value::Number(size) if *size >= 0.0 && size.fract() == 0.0 => Ok(Predicate::Size(*size as usize)),
        _ => Err(invalid("$size needs a whole number of at least 0")),
    }
}

fn modulus(operand: &Value) -> Result<Predicate, DatabaseError> {
    let Value::Array(items) = operand else { return Err(invalid("$mod needs an array [divisor, remainder]")) };
    let [divisor, remainder] = items.as_slice() else {
        return Err(invalid("$mod needs exactly two numbers [divisor, remainder]"));
    };
    match (whole(divisor)?, whole(remainder)?) {
        (0, _) => Err(invalid("the divisor of $mod cannot be 0")),
        (divisor, remainder) => Ok(Predicate::Mod { divisor, remainder }),
    }
}

/// A number without its fraction.
fn whole(operand: &Value) -> Result<i64, DatabaseError> {
    /// 2 to the power of 63.
    const END: f64 = 9_223_372_036_854_775_808.0;
    match operand {
        Value::Number(number) if (-END..END).contains(&number.trunc()) => Ok(number.trunc() as i64),
        _ => Err(invalid("$mod needs two numbers of at most 64 bits: [divisor, remainder]")),
    }
}
