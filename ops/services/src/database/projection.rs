//! Projections: which fields of a document are wanted, and which are computed.
//!
//! Fields keep the order they have in the document; computed ones come last, in the order in which they are named.
//! How a value is computed is the business of [`super::expression`].

use std::borrow::Cow;

use super::error::DatabaseError;
use super::expression::{Expression, Input};
use super::filter::{ElemMatch, is_expression, read_elem_match};
use super::limits::Room;
use super::path::{Component, Path};
use super::regex::Effort;
use super::value::{Object, Value};

/// Fields that a projection may name.
pub const MAX_PROJECTED_FIELDS: usize = 1000;

/// What of a document is wanted; by default everything.
#[derive(Clone, Debug)]
pub struct Projection {
    fields: Fields,
    /// Whether the fields that are named are the wanted ones; else they are the unwanted ones.
    inclusive: bool,
    /// Whether the `_id` is wanted; meant unless fields of it are named.
    id: bool,
    computed: Vec<(Path, Expression)>,
}

#[derive(Clone, Debug, Default)]
struct Fields(Vec<(Box<str>, Wish)>);

/// What is to become of a field that is named.
#[derive(Clone, Debug)]
enum Wish {
    /// It is wanted or unwanted as a whole.
    Whole,
    /// Fields of it are.
    Within(Fields),
    /// Of an array, these items are wanted.
    Slice { skip: i64, limit: usize },
    /// Of an array, the first item that fulfils the condition is wanted.
    ElemMatch(ElemMatch),
    /// A computed value is put in its place.
    Computed,
}

impl Default for Projection {
    fn default() -> Self {
        Self { fields: Fields::default(), inclusive: false, id: true, computed: Vec::new() }
    }
}

impl Projection {
    /// Reads an object `{ field: 1 }` of wanted fields or `{ field: 0 }` of unwanted ones. Only `_id`, which is wanted
    /// unless it is excluded, may differ from the others. Where fields are wanted, others may be computed:
    /// `{ field: expression }`. An object in it stands for fields of fields.
    pub fn parse(projection: &Value) -> Result<Self, DatabaseError> {
        let Value::Object(projection) = projection else {
            return Err(invalid(format!("it has to be an object, not {}", projection.type_name())));
        };
        let mut reader = Reader::default();
        reader.read("", projection)?;
        let inclusive = reader.inclusive.unwrap_or(reader.has_elem_match || reader.id.unwrap_or(false));
        Ok(Self { fields: reader.fields, inclusive, id: reader.id.unwrap_or(true), computed: reader.computed })
    }

    /// Whether the projection includes the fields it names; else it excludes them.
    pub fn is_inclusive(&self) -> bool {
        self.inclusive
    }

    /// What is wanted of a document. Fails if a regular expression takes too many steps, or if a value cannot be
    /// computed.
    pub fn apply(&self, document: Object) -> Result<Object, DatabaseError> {
        let mut computed = Vec::with_capacity(self.computed.len());
        let room = Room::of_computed();
        for (path, expression) in &self.computed {
            let value = expression.compute(Input { document: &document, room: &room })?;
            computed.push((path, value.map(|value| room.make(value)).transpose()?));
        }
        let mut projected = self.keep(document)?;
        for (path, value) in computed {
            // It counts wherever it is put.
            room.give_back(value.as_ref().map_or(0, Value::weight));
            place_everywhere(&mut projected, path.components(), value.as_ref(), &room)?;
        }
        Ok(projected)
    }

    fn keep(&self, document: Object) -> Result<Object, DatabaseError> {
        let id_is_plain = self.fields.wish("_id").is_none();
        let mut kept = Vec::with_capacity(document.len());
        for (name, value) in document {
            let value = if name == "_id" && id_is_plain {
                if self.id { Some(value) } else { None }
            } else {
                self.fields.of(&name, value, self.inclusive)?
            };
            kept.extend(value.map(|value| (name, value)));
        }
        Ok(kept.into_iter().collect())
    }
}

/// Reads a projection, with objects in it as paths.
#[derive(Default)]
struct Reader {
    fields: Fields,
    computed: Vec<(Path, Expression)>,
    id: Option<bool>,
    inclusive: Option<bool>,
    has_elem_match: bool,
    count: usize,
}

impl Reader {
    fn read(&mut self, parent: &str, projection: &Object) -> Result<(), DatabaseError> {
        self.count += projection.len();
        if self.count > MAX_PROJECTED_FIELDS {
            return Err(invalid(format!("it names more than {MAX_PROJECTED_FIELDS} fields")));
        }
        for (name, operand) in projection.iter() {
            let name = if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
            let path = Path::parse_field(&name)?;
            match operand {
                Value::Bool(wanted) => self.plain(path, *wanted)?,
                Value::Number(number) => self.plain(path, *number != 0.0)?,
                Value::Object(object) if object.is_empty() => {
                    return Err(invalid(format!(
                        "{name:?} is an empty object; use {{ $literal: {{}} }} to compute one"
                    )));
                }
                Value::Object(object) if !is_expression(operand) => self.read(&name, object)?,
                operand => match operator_wish(&path, operand)? {
                    Some(wish) => {
                        self.has_elem_match |= matches!(wish, Wish::ElemMatch(_));
                        self.fields.insert(&path, wish)?;
                    }
                    None => {
                        self.includes(&path, true)?;
                        self.fields.insert(&path, Wish::Computed)?;
                        self.computed.push((path, Expression::parse(operand)?));
                    }
                },
            }
        }
        Ok(())
    }

    fn plain(&mut self, path: Path, wanted: bool) -> Result<(), DatabaseError> {
        if path.as_str() == "_id" {
            self.id = Some(wanted);
            return Ok(());
        }
        self.includes(&path, wanted)?;
        self.fields.insert(&path, Wish::Whole)
    }

    fn includes(&mut self, path: &Path, wanted: bool) -> Result<(), DatabaseError> {
        if self.inclusive.is_some_and(|inclusive| inclusive != wanted) {
            let path = path.as_str();
            return Err(invalid(format!("it includes or computes some fields and excludes others: {path:?} differs")));
        }
        self.inclusive = Some(wanted);
        Ok(())
    }
}

fn invalid(reason: impl Into<String>) -> DatabaseError {
    DatabaseError::ProjectionInvalid(reason.into())
}

/// Reads the operators that only a projection has; every other operand is an expression.
fn operator_wish(path: &Path, operand: &Value) -> Result<Option<Wish>, DatabaseError> {
    let Value::Object(expression) = operand else { return Ok(None) };
    match expression.iter().next() {
        Some(("$slice", operand)) if expression.len() == 1 => slice(operand).map(Some),
        Some(("$elemMatch", _)) if path.components().len() > 1 => {
            Err(invalid("$elemMatch works on fields of the document itself, not on fields within them"))
        }
        Some(("$elemMatch", operand)) if expression.len() == 1 => Ok(Some(Wish::ElemMatch(read_elem_match(operand)?))),
        _ => Ok(None),
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
            (Some(Wish::ElemMatch(wanted)), Value::Array(mut items)) => wanted
                .find(&items, &Effort::of_document())?
                .map(|position| Value::Array(vec![items.swap_remove(position)])),
            (Some(Wish::Slice { .. }), other) => Some(other),
            (Some(Wish::ElemMatch(_) | Wish::Computed), _) => None,
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

/// Gives a field a value; in each item of an array on the way. What is no object on the way becomes one. Without a
/// value, only the way is made.
fn place_everywhere(
    object: &mut Object,
    path: &[Component],
    value: Option<&Value>,
    room: &Room,
) -> Result<(), DatabaseError> {
    let Some((component, rest)) = path.split_first() else { return Ok(()) };
    if rest.is_empty() {
        if let Some(value) = value {
            room.take(component.name.len())?;
            object.insert(&*component.name, room.make(Cow::Borrowed(value))?);
        }
        return Ok(());
    }
    if object.get(&component.name).is_none() {
        room.take(size_of::<(String, Value)>() + component.name.len())?;
        object.insert(&*component.name, Value::Null);
    }
    match object.get_mut(&component.name) {
        Some(inner) => place_within(inner, rest, value, room),
        None => Ok(()),
    }
}

fn place_within(at: &mut Value, path: &[Component], value: Option<&Value>, room: &Room) -> Result<(), DatabaseError> {
    match at {
        Value::Object(object) => place_everywhere(object, path, value, room),
        Value::Array(items) => items.iter_mut().try_for_each(|item| place_within(item, path, value, room)),
        other => {
            let mut object = Object::new();
            place_everywhere(&mut object, path, value, room)?;
            *other = Value::Object(object);
            Ok(())
        }
    }
}
