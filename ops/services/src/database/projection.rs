//! Projections: which fields of a document are wanted.
//!
//! Fields keep the order they have in the document. Computing new ones is the business of [`super::aggregate`].

use super::error::DatabaseError;
use super::filter::{ElemMatch, is_expression, read_elem_match};
use super::path::Path;
use super::value::{Object, Value};

/// Fields that a projection may name.
pub const MAX_PROJECTED_FIELDS: usize = 1000;

const OPERATORS: [&str; 2] = ["$slice", "$elemMatch"];

/// What of a document is wanted; by default everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    fields: Fields,
    /// Whether the fields that are named are the wanted ones; else they are the unwanted ones.
    inclusive: bool,
    /// Whether the `_id` is wanted; meant unless fields of it are named.
    id: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Fields(Vec<(Box<str>, Wish)>);

/// What is to become of a field that is named.
#[derive(Clone, Debug, PartialEq)]
enum Wish {
    /// It is wanted or unwanted as a whole.
    Whole,
    /// Fields of it are.
    Within(Fields),
    /// Of an array, these items are wanted.
    Slice { skip: i64, limit: usize },
    /// Of an array, the first item that fulfils the condition is wanted.
    ElemMatch(ElemMatch),
    /// Something else will be put in its place.
    Room,
}

impl Default for Projection {
    fn default() -> Self {
        Self { fields: Fields::default(), inclusive: false, id: true }
    }
}

impl Projection {
    /// Reads an object `{ field: 1 }` of wanted fields or `{ field: 0 }` of unwanted ones. Only `_id`, which is wanted
    /// unless it is excluded, may differ from the others.
    pub fn parse(projection: &Value) -> Result<Self, DatabaseError> {
        let Value::Object(projection) = projection else {
            return Err(invalid(format!("it has to be an object, not {}", projection.type_name())));
        };
        if projection.len() > MAX_PROJECTED_FIELDS {
            return Err(invalid(format!("it names more than {MAX_PROJECTED_FIELDS} fields")));
        }
        let mut fields = Fields::default();
        let (mut id, mut inclusive, mut has_elem_match) = (None, None, false);
        for (name, operand) in projection.iter() {
            let path = Path::parse_field(name)?;
            if let Some(wish) = operator_wish(&path, operand)? {
                has_elem_match |= matches!(wish, Wish::ElemMatch(_));
                fields.insert(&path, wish)?;
                continue;
            }
            let wanted = is_wanted(name, operand)?;
            if name == "_id" {
                id = Some(wanted);
                continue;
            }
            if inclusive.is_some_and(|inclusive| inclusive != wanted) {
                return Err(invalid(format!("it includes some fields and excludes others: {name:?} differs")));
            }
            inclusive = Some(wanted);
            fields.insert(&path, Wish::Whole)?;
        }
        let inclusive = inclusive.unwrap_or(has_elem_match || id.unwrap_or(false));
        Ok(Self { fields, inclusive, id: id.unwrap_or(true) })
    }

    /// Makes the projection one that includes fields and leaves room for a computed one: what there is at its path goes,
    /// the objects around it stay. Fails if the projection excludes fields, or names this one.
    pub(super) fn make_room(&mut self, path: &Path) -> Result<(), DatabaseError> {
        if !self.inclusive && !self.fields.0.is_empty() {
            return Err(invalid(format!(
                "it excludes some fields and computes others: {:?} is computed",
                path.as_str()
            )));
        }
        self.inclusive = true;
        self.fields.insert(path, Wish::Room)
    }

    /// Whether the projection includes the fields it names; else it excludes them.
    pub fn is_inclusive(&self) -> bool {
        self.inclusive
    }

    /// What is wanted of a document. Fails if a regular expression takes too many steps.
    pub fn apply(&self, document: Object) -> Result<Object, DatabaseError> {
        let id_is_plain = self.fields.wish("_id").is_none();
        let mut projected = Vec::with_capacity(document.len());
        for (name, value) in document {
            let value = if name == "_id" && id_is_plain {
                if self.id { Some(value) } else { None }
            } else {
                self.fields.of(&name, value, self.inclusive)?
            };
            projected.extend(value.map(|value| (name, value)));
        }
        Ok(projected.into_iter().collect())
    }
}

fn invalid(reason: impl Into<String>) -> DatabaseError {
    DatabaseError::ProjectionInvalid(reason.into())
}

fn is_wanted(name: &str, operand: &Value) -> Result<bool, DatabaseError> {
    match operand {
        Value::Bool(wanted) => Ok(*wanted),
        Value::Number(number) => Ok(*number != 0.0),
        other => {
            let found = other.type_name();
            Err(invalid(format!(
                "{name:?} has to be 1 (wanted) or 0 (unwanted), not {found}; $project computes fields"
            )))
        }
    }
}

fn operator_wish(path: &Path, operand: &Value) -> Result<Option<Wish>, DatabaseError> {
    let Value::Object(expression) = operand else { return Ok(None) };
    if !is_expression(operand) {
        return Ok(None);
    }
    match expression.iter().next() {
        Some(_) if expression.len() > 1 => Err(invalid(format!("{:?} has more than one operator", path.as_str()))),
        Some(("$slice", operand)) => slice(operand).map(Some),
        Some(("$elemMatch", _)) if path.components().len() > 1 => {
            Err(invalid("$elemMatch works on fields of the document itself, not on fields within them"))
        }
        Some(("$elemMatch", operand)) => Ok(Some(Wish::ElemMatch(read_elem_match(operand)?))),
        Some((other, _)) => Err(DatabaseError::unknown_operator("operator of a projection", other, &OPERATORS)),
        None => Ok(None),
    }
}

fn slice(operand: &Value) -> Result<Wish, DatabaseError> {
    let whole = |operand: &Value| match operand {
        Value::Number(number) => Ok(number.trunc() as i64),
        other => Err(invalid(format!("$slice needs a number or an array [skip, limit], not {}", other.type_name()))),
    };
    let clamped = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    match operand {
        Value::Array(items) => match items.as_slice() {
            [skip, limit] => match whole(limit)? {
                limit if limit > 0 => Ok(Wish::Slice { skip: whole(skip)?, limit: clamped(limit.unsigned_abs()) }),
                _ => Err(invalid("the limit of $slice has to be greater than 0")),
            },
            _ => Err(invalid("$slice needs a number or an array [skip, limit]")),
        },
        count => match whole(count)? {
            last if last < 0 => Ok(Wish::Slice { skip: last, limit: usize::MAX }),
            first => Ok(Wish::Slice { skip: 0, limit: clamped(first.unsigned_abs()) }),
        },
    }
}

impl Fields {
    fn insert(&mut self, path: &Path, wish: Wish) -> Result<(), DatabaseError> {
        let collision = || invalid(format!("{:?} and a field in it or around it are both named", path.as_str()));
        let Some((last, parents)) = path.components().split_last() else { return Ok(()) };
        let mut fields = self;
        for component in parents {
            let place = match fields.0.iter().position(|(name, _)| *name == component.name) {
                Some(place) => place,
                None => {
                    fields.0.push((component.name.clone(), Wish::Within(Self::default())));
                    fields.0.len() - 1
                }
            };
            match &mut fields.0[place].1 {
                Wish::Within(inner) => fields = inner,
                _ => return Err(collision()),
            }
        }
        if fields.wish(&last.name).is_some() {
            return Err(collision());
        }
        fields.0.push((last.name.clone(), wish));
        Ok(())
    }

    fn wish(&self, name: &str) -> Option<&Wish> {
        self.0.iter().find(|(field, _)| **field == *name).map(|(_, wish)| wish)
    }

    /// What is left of a field.
    fn of(&self, name: &str, value: Value, inclusive: bool) -> Result<Option<Value>, DatabaseError> {
        Ok(match (self.wish(name), value) {
            (None, value) => {
                if inclusive {
                    None
                } else {
                    Some(value)
                }
            }
            (Some(Wish::Whole), value) => {
                if inclusive {
                    Some(value)
                } else {
                    None
                }
            }
            (Some(Wish::Within(inner)), value) => inner.within(value, inclusive)?,
            (Some(Wish::Slice { skip, limit }), Value::Array(items)) => Some(sliced(items, *skip, *limit)),
            (Some(Wish::ElemMatch(wanted)), Value::Array(mut items)) => {
                wanted.find(&items)?.map(|position| Value::Array(vec![items.swap_remove(position)]))
            }
            (Some(Wish::Slice { .. }), other) => Some(other),
            (Some(Wish::ElemMatch(_) | Wish::Room), _) => None,
        })
    }

    /// What is left of a value, fields of which are named. Arrays stand for the objects in them.
    fn within(&self, value: Value, inclusive: bool) -> Result<Option<Value>, DatabaseError> {
        Ok(match value {
            Value::Object(object) => {
                let mut kept = Vec::with_capacity(object.len());
                for (name, value) in object {
                    let value = self.of(&name, value, inclusive)?;
                    kept.extend(value.map(|value| (name, value)));
                }
                Some(Value::Object(kept.into_iter().collect()))
            }
            Value::Array(items) => {
                let mut kept = Vec::with_capacity(items.len());
                for item in items {
                    kept.extend(self.within(item, inclusive)?);
                }
                Some(Value::Array(kept))
            }
            other => {
                if inclusive {
                    None
                } else {
                    Some(other)
                }
            }
        })
    }
}

fn sliced(items: Vec<Value>, skip: i64, limit: usize) -> Value {
    let distance = usize::try_from(skip.unsigned_abs()).unwrap_or(usize::MAX);
    let skip = if skip < 0 { items.len().saturating_sub(distance) } else { distance };
    Value::Array(items.into_iter().skip(skip).take(limit).collect())
}
