//! Paths such as `address.city` or `items.0.price`, and what of a document they reach.
//!
//! The path of a filter goes through objects by name and through arrays by position or, implicitly, through every object
//! in them: that is [`visit`]. How an update goes through arrays is the business of [`super::update`].

use super::error::DatabaseError;
use super::value::{Object, Value};

/// Components of a path; MongoDB's own bound.
pub const MAX_COMPONENTS: usize = 200;

/// Bytes of a path.
pub const MAX_PATH_BYTES: usize = 4096;

/// A dotted path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    text: Box<str>,
    components: Box<[Component]>,
}

/// One name of a path, which may also be a position in an array.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Component {
    /// The name as it was written.
    pub name: Box<str>,
    /// The position that the name stands for, if it is a whole number without leading zeros.
    pub index: Option<usize>,
}

impl Component {
    fn new(name: &str) -> Self {
        let canonical = !name.is_empty()
            && name.len() <= 9
            && name.bytes().all(|byte| byte.is_ascii_digit())
            && (name == "0" || !name.starts_with('0'));
        Self { name: name.into(), index: if canonical { name.parse().ok() } else { None } }
    }

    /// A position in an array.
    pub fn of(index: usize) -> Self {
        Self { name: index.to_string().into(), index: Some(index) }
    }
}

impl Path {
    /// Reads the path of a filter. Empty names are names like any other, as in MongoDB's filters.
    pub fn parse(text: &str) -> Result<Self, DatabaseError> {
        if text.len() > MAX_PATH_BYTES {
            return Err(DatabaseError::path(text, format!("is longer than {MAX_PATH_BYTES} bytes")));
        }
        if text.contains('\0') {
            return Err(DatabaseError::path(text, "contains the character U+0000"));
        }
        let components: Box<[_]> = text.split('.').map(Component::new).collect();
        if components.len() > MAX_COMPONENTS {
            return Err(DatabaseError::path(text, format!("has more than {MAX_COMPONENTS} components")));
        }
        Ok(Self { text: text.into(), components })
    }

    /// Reads a path that names a field to sort by, project, group by or change: no name in it is empty.
    pub fn parse_named(text: &str) -> Result<Self, DatabaseError> {
        let path = Self::parse(text)?;
        if path.components.iter().any(|component| component.name.is_empty()) {
            return Err(DatabaseError::path(text, "has an empty name before, between or after its dots"));
        }
        Ok(path)
    }

    /// Reads a path like [`Path::parse_named`], no name of which begins with `$`.
    pub fn parse_field(text: &str) -> Result<Self, DatabaseError> {
        let path = Self::parse_named(text)?;
        if path.components.iter().any(|component| component.name.starts_with('$')) {
            return Err(DatabaseError::path(text, "has a name that begins with `$`"));
        }
        Ok(path)
    }

    /// The path of the `_id`.
    pub fn of_id() -> Self {
        Self { text: "_id".into(), components: [Component::new("_id")].into() }
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names between the dots; at least one.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The first name: the field of the document that the path begins with.
    pub fn root(&self) -> &str {
        self.components.first().map_or("", |component| &component.name)
    }

    /// Whether both paths are the same or one of them leads into the other.
    pub fn overlaps(&self, other: &Path) -> bool {
        self.components.iter().zip(&other.components).all(|(left, right)| left.name == right.name)
    }

    /// The value that the path reaches through objects alone, without looking into arrays.
    pub fn get<'v>(&self, document: &'v Object) -> Option<&'v Value> {
        let (last, parents) = self.components.split_last()?;
        let mut current = document;
        for component in parents {
            match current.get(&component.name)? {
                Value::Object(object) => current = object,
                _ => return None,
            }
        }
        current.get(&last.name)
    }
}

/// Gives the field that a path leads to a value, and returns the one it had. What is no object on the way becomes one.
pub fn place(object: &mut Object, path: &[Component], value: Value) -> Option<Value> {
    let (component, rest) = path.split_first()?;
    if rest.is_empty() {
        return object.insert(&*component.name, value);
    }
    if !matches!(object.get(&component.name), Some(Value::Object(_))) {
        object.insert(&*component.name, Value::Object(Object::new()));
    }
    match object.get_mut(&component.name) {
        Some(Value::Object(inner)) => place(inner, rest, value),
        _ => None,
    }
}

/// Takes the field that a path leads to through objects out.
pub fn remove(object: &mut Object, path: &[Component]) {
    match path.split_first() {
        Some((component, [])) => drop(object.remove(&component.name)),
        Some((component, rest)) => {
            if let Some(Value::Object(inner)) = object.get_mut(&component.name) {
                remove(inner, rest);
            }
        }
        None => {}
    }
}

/// What a path starts from. An array may stand for an object whose names are its positions.
#[derive(Clone, Copy, Debug)]
pub enum Fields<'v> {
    /// A document or an object in one.
    Object(&'v Object),
    /// An array that is looked at as if it were an object.
    Array(&'v [Value]),
    /// A value that is looked at as if it were the only field of an object.
    Only(&'v str, &'v Value),
}

impl<'v> Fields<'v> {
    /// The fields of an object or array; other values have none.
    pub fn of(value: &'v Value) -> Option<Self> {
        match value {
            Value::Object(object) => Some(Self::Object(object)),
            Value::Array(items) => Some(Self::Array(items)),
            _ => None,
        }
    }

    /// The value of a field.
    pub fn get(self, component: &Component) -> Option<&'v Value> {
        match self {
            Self::Object(object) => object.get(&component.name),
            Self::Array(items) => items.get(component.index?),
            Self::Only(name, value) => {
                if *component.name == *name {
                    Some(value)
                } else {
                    None
                }
            }
        }
    }
}

/// What is visited where a path ends at an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// The array alone.
    Whole,
    /// Each of its items, then the array.
    Items,
}

/// Visits what a path reaches, until a visit answers `true` or fails; tells whether one answered `true`.
///
/// A visit gets `None` where the path comes upon a missing field. Its second argument is the position in the
/// outermost array that was gone through implicitly: what `$` in the path of an update stands for.
pub fn visit<'v, E>(
    fields: Fields<'v>,
    path: &[Component],
    leaf: Leaf,
    visitor: &mut impl FnMut(Option<&'v Value>, Option<usize>) -> Result<bool, E>,
) -> Result<bool, E> {
    visit_fields(fields, path, leaf, None, visitor)
}

fn visit_fields<'v, E>(
    mut fields: Fields<'v>,
    path: &[Component],
    leaf: Leaf,
    outer: Option<usize>,
    visitor: &mut impl FnMut(Option<&'v Value>, Option<usize>) -> Result<bool, E>,
) -> Result<bool, E> {
    let mut rest = path;
    while let Some((component, after)) = rest.split_first() {
        match fields.get(component) {
            Some(Value::Object(object)) if !after.is_empty() => fields = Fields::Object(object),
            Some(array @ Value::Array(items)) => {
                return match (after, leaf) {
                    ([], Leaf::Whole) => visitor(Some(array), outer),
                    ([], Leaf::Items) => visit_items(array, items, outer, visitor),
                    _ => visit_array(items, after, leaf, outer, visitor),
                };
            }
            value if after.is_empty() => return visitor(value, outer),
            _ => return visitor(None, outer),
        }
        rest = after;
    }
    Ok(false)
}

fn visit_items<'v, E>(
    array: &'v Value,
    items: &'v [Value],
    outer: Option<usize>,
    visitor: &mut impl FnMut(Option<&'v Value>, Option<usize>) -> Result<bool, E>,
) -> Result<bool, E> {
    for (position, item) in items.iter().enumerate() {
        if visitor(Some(item), outer.or(Some(position)))? {
            return Ok(true);
        }
    }
    visitor(Some(array), outer)
}

/// Goes through an array with the rest of a path. Objects in it are gone into by name; the item whose position the
/// path names next is gone into as well. Where neither holds, nothing is visited, not even as missing.
fn visit_array<'v, E>(
    items: &'v [Value],
    path: &[Component],
    leaf: Leaf,
    outer: Option<usize>,
    visitor: &mut impl FnMut(Option<&'v Value>, Option<usize>) -> Result<bool, E>,
) -> Result<bool, E> {
    let Some((next, after)) = path.split_first() else { return Ok(false) };
    for (position, item) in items.iter().enumerate() {
        if let Value::Object(object) = item
            && visit_fields(Fields::Object(object), path, leaf, outer.or(Some(position)), visitor)?
        {
            return Ok(true);
        }
        if next.index != Some(position) {
            continue;
        }
        let found = match item {
            _ if after.is_empty() => visitor(Some(item), outer)?,
            Value::Object(object) => visit_fields(Fields::Object(object), after, leaf, outer, visitor)?,
            Value::Array(inner) => visit_array(inner, after, leaf, outer, visitor)?,
            _ => false,
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
