//! What an index looks like in a request, in the manifest and in the catalog, and the name it gets.

use std::fmt::Write as _;

use super::error::DatabaseError;
use super::filter::Filter;
use super::index::{DocumentIndex, Index, Partial};
use super::key::Direction;
use super::path::Path;
use super::store::{IndexRecord, IndexState};
use super::tuples::OrderedField;
use super::value::{Object, Value};
use super::vector::VectorDefinition;

/// Most fields of an index; MongoDB's own bound.
pub const MAX_INDEX_FIELDS: usize = 32;
/// Most bytes of an index's name.
pub const MAX_INDEX_NAME_BYTES: usize = 128;

/// What may be said of an index.
const OPTIONS: [&str; 6] = ["keys", "unique", "sparse", "partial", "expireAfterSeconds", "name"];

impl DocumentIndex {
    /// Reads the options of `createIndex`, or an entry of the manifest's `database.indexes` without its `collection`.
    pub fn parse(collection: &str, options: &Object) -> Result<Self, DatabaseError> {
        if let Some((unknown, _)) = options.iter().find(|(name, _)| !OPTIONS.contains(name)) {
            return Err(invalid(format!("unknown option {unknown:?}{}", did_you_mean(unknown, &OPTIONS))));
        }
        let fields = fields(options.get("keys"))?;
        let partial = match options.get("partial") {
            None | Some(Value::Null) => None,
            Some(Value::Object(source)) => Some(Partial { source: source.clone(), filter: Filter::parse(source)? }),
            Some(other) => return Err(invalid(format!("partial must be a filter, not {}", other.type_name()))),
        };
        let expire_after_seconds = expire_after(options.get("expireAfterSeconds"), &fields)?;
        let mut index = Self {
            name: String::new(),
            fields,
            unique: flag(options, "unique")?,
            sparse: flag(options, "sparse")?,
            partial,
            expire_after_seconds,
        };
        index.name = match options.get("name") {
            None | Some(Value::Null) => index.derived_name(collection),
            Some(Value::String(name)) => name.clone(),
            Some(other) => return Err(invalid(format!("name must be a string, not {}", other.type_name()))),
        };
        check_name(&index.name)?;
        Ok(index)
    }

    /// The index as `listIndexes` shows it.
    pub fn describe(&self) -> Object {
        let direction = |field: &OrderedField| if field.direction == Direction::Ascending { 1.0 } else { -1.0 };
        let pair =
            |field: &OrderedField| Value::Array(vec![Value::from(field.path.as_str()), Value::from(direction(field))]);
        let mut described = Object::new();
        described.insert("kind", Value::from("document"));
        described.insert("name", Value::from(&*self.name));
        described.insert("keys", Value::Array(self.fields.iter().map(pair).collect()));
        described.insert("unique", Value::Bool(self.unique));
        described.insert("sparse", Value::Bool(self.sparse));
        if let Some(partial) = &self.partial {
            described.insert("partial", Value::Object(partial.source.clone()));
        }
        if let Some(seconds) = self.expire_after_seconds {
            described.insert("expireAfterSeconds", Value::Number(seconds));
        }
        described
    }

    fn derived_name(&self, collection: &str) -> String {
        let mut name = collection.to_owned();
        for field in &self.fields {
            let order = if field.direction == Direction::Descending { "_desc" } else { "" };
            let _ = write!(name, "_{}{order}", field.path.as_str().replace('.', "_"));
        }
        let options = [
            (self.unique, "_unique"),
            (self.sparse, "_sparse"),
            (self.partial.is_some(), "_partial"),
            (self.expire_after_seconds.is_some(), "_ttl"),
        ];
        name.extend(options.iter().filter(|(is_set, _)| *is_set).map(|(_, ending)| *ending));
        if name.len() > MAX_INDEX_NAME_BYTES {
            // Long names stay different by their hash.
            let hash = blake3::hash(name.as_bytes()).to_hex();
            let kept = name.floor_char_boundary(MAX_INDEX_NAME_BYTES - 17);
            name.truncate(kept);
            let _ = write!(name, "_{}", &hash[..16]);
        }
        name
    }
}

impl IndexRecord {
    /// The index as `listIndexes` shows it.
    pub fn describe(&self) -> Object {
        let mut described = self.index.describe();
        let state = if self.state == IndexState::Ready { "ready" } else { "building" };
        described.insert("state", Value::from(state));
        described
    }
}

impl Index {
    /// The index without what it is like at the moment.
    pub fn describe(&self) -> Object {
        match self {
            Self::Document(index) => index.describe(),
            Self::Vector(vector) => {
                let mut described = Object::new();
                described.insert("kind", Value::from("vector"));
                for (name, value) in vector.to_object() {
                    described.insert(name, value);
                }
                described
            }
        }
    }

    /// The index as the catalog keeps it.
    pub fn to_json(&self) -> String {
        self.describe().to_json()
    }

    /// Reads what [`Index::to_json`] wrote.
    pub fn from_json(json: &str) -> Result<Self, DatabaseError> {
        let mut definition = Object::parse(json)?;
        match definition.remove("kind") {
            Some(Value::String(kind)) if kind == "vector" => Ok(Self::Vector(VectorDefinition::parse(&definition)?)),
            _ => Ok(Self::Document(DocumentIndex::parse("", &definition)?)),
        }
    }
}

/// Reads `keys`: an object, or pairs where the order must survive whatever wrote the object.
fn fields(keys: Option<&Value>) -> Result<Vec<OrderedField>, DatabaseError> {
    let fields = match keys {
        Some(Value::Object(keys)) => keys.iter().map(|(path, direction)| field(path, direction)).collect(),
        Some(Value::Array(pairs)) => pairs
            .iter()
            .map(|pair| match pair {
                Value::Array(pair) => match pair.as_slice() {
                    [Value::String(path), direction] => field(path, direction),
                    _ => Err(invalid("each of keys must be [field, 1 or -1]".into())),
                },
                _ => Err(invalid("each of keys must be [field, 1 or -1]".into())),
            })
            .collect::<Result<Vec<_>, _>>(),
        _ => Err(invalid("keys must be an object of fields, each 1 or -1, or an array of [field, 1 or -1]".into())),
    }?;
    if fields.is_empty() || fields.len() > MAX_INDEX_FIELDS {
        return Err(invalid(format!("keys must name 1 to {MAX_INDEX_FIELDS} fields, not {}", fields.len())));
    }
    for (place, field) in fields.iter().enumerate() {
        if fields[..place].iter().any(|other| other.path == field.path) {
            return Err(invalid(format!("keys name {:?} twice", field.path.as_str())));
        }
    }
    Ok(fields)
}

fn field(path: &str, direction: &Value) -> Result<OrderedField, DatabaseError> {
    let direction = match direction {
        Value::Number(1.0) => Direction::Ascending,
        Value::Number(-1.0) => Direction::Descending,
        other => return Err(invalid(format!("the direction of {path:?} must be 1 or -1, not {other}"))),
    };
    let is_sound = |name: &str| !name.is_empty() && !name.starts_with('$') && !name.contains('\0');
    if path.len() > MAX_INDEX_NAME_BYTES * 2 || !path.split('.').all(is_sound) {
        return Err(invalid(format!("{path:?} is not the path of a field")));
    }
    if path.split('.').any(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(invalid(format!(
            "{path:?} names a place in an array: index the array, which indexes its elements"
        )));
    }
    Ok(OrderedField { path: Path::parse_field(path)?, direction })
}

fn expire_after(seconds: Option<&Value>, fields: &[OrderedField]) -> Result<Option<f64>, DatabaseError> {
    match seconds {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(seconds)) if *seconds >= 0.0 && *seconds <= f64::from(i32::MAX) => {
            if fields.len() != 1 || fields[0].path.as_str() == "_id" {
                return Err(invalid("expireAfterSeconds needs an index on exactly one field other than _id".into()));
            }
            Ok(Some(*seconds))
        }
        Some(other) => Err(invalid(format!("expireAfterSeconds must be a number from 0 to {}, not {other}", i32::MAX))),
    }
}

fn flag(options: &Object, name: &str) -> Result<bool, DatabaseError> {
    match options.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(other) => Err(invalid(format!("{name} must be true or false, not {}", other.type_name()))),
    }
}

fn check_name(name: &str) -> Result<(), DatabaseError> {
    if name.is_empty() || name.len() > MAX_INDEX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(invalid(format!("a name has 1 to {MAX_INDEX_NAME_BYTES} bytes and no control characters")));
    }
    Ok(())
}

/// ` (did you mean …?)`, where something is near.
pub(super) fn did_you_mean(unknown: &str, known: &[&str]) -> String {
    let similarity = |candidate: &&&str| strsim::jaro_winkler(&unknown.to_lowercase(), &candidate.to_lowercase());
    let nearest = known.iter().max_by(|left, right| similarity(left).total_cmp(&similarity(right)));
    nearest
        .filter(|candidate| similarity(candidate) > 0.8)
        .map_or_else(String::new, |candidate| format!(" (did you mean {candidate:?}?)"))
}

fn invalid(reason: String) -> DatabaseError {
    DatabaseError::IndexInvalid(reason)
}
