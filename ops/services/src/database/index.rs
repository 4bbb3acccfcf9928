//! Indexes: their definitions, and the entries that a document has in one.
//!
//! An index lists documents by the values of some of their fields. A field that holds an array, or lies within one,
//! gives an entry for each element ("multikey"). What a definition looks like in a request is [`super::index_options`]'
//! business; where entries are kept is the store's.

use super::error::DatabaseError;
use super::filter::Filter;
use super::key::{self, Component, Direction};
use super::value::{Object, Value};
use super::vector::VectorDefinition;

/// An index of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Index {
    /// Lists documents in the order of some fields.
    Document(DocumentIndex),
    /// Finds documents by the vectors in a field.
    Vector(VectorDefinition),
}

/// An ordered index.
#[derive(Clone, Debug)]
pub struct DocumentIndex {
    /// Its name, unique within the collection.
    pub name: String,
    /// What it is ordered by, the first field first.
    pub fields: Vec<IndexField>,
    /// Whether no two documents may have the same entry.
    pub unique: bool,
    /// Whether only documents are in it that have all the fields, none of them `null`.
    pub sparse: bool,
    /// Only documents that match this are in it.
    pub partial: Option<Partial>,
    /// Documents are deleted this many seconds after the Unix time, in seconds, in the one field.
    pub expire_after_seconds: Option<f64>,
}

/// A field of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexField {
    /// The dotted path of the field.
    pub path: String,
    /// Its order.
    pub direction: Direction,
}

/// The filter of a partial index.
#[derive(Clone, Debug)]
pub struct Partial {
    /// The filter as it was given.
    pub source: Object,
    /// The filter.
    pub filter: Filter,
}

impl PartialEq for DocumentIndex {
    fn eq(&self, other: &Self) -> bool {
        let partial = |index: &Self| index.partial.as_ref().map(|partial| partial.source.clone());
        self.name == other.name && self.same_shape(other) && partial(self) == partial(other)
    }
}

/// The entries of one document in one index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries {
    /// Their keys, each once.
    pub keys: Vec<Vec<u8>>,
    /// Bit n is set if the n-th field came through an array.
    pub multikey: u32,
    /// Whether a key had to be shortened.
    pub truncated: bool,
}

impl Index {
    /// The index's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Document(index) => &index.name,
            Self::Vector(vector) => &vector.name,
        }
    }
}

impl DocumentIndex {
    /// Whether the two hold the same entries under the same rules, whatever they are called.
    pub fn same_shape(&self, other: &Self) -> bool {
        let source = |index: &Self| index.partial.as_ref().map(|partial| partial.source.clone());
        self.fields == other.fields
            && self.unique == other.unique
            && self.sparse == other.sparse
            && self.expire_after_seconds == other.expire_after_seconds
            && source(self) == source(other)
    }

    /// The entries that a document has in this index.
    ///
    /// # Errors
    ///
    /// `DB_INDEX_PARALLEL_ARRAYS` if two fields come through two different arrays: that would be an entry for each pair
    /// of elements.
    pub fn entries(&self, document: &Object) -> Result<Entries, DatabaseError> {
        let mut entries = Entries::default();
        if let Some(partial) = &self.partial
            && !partial.filter.matches(document)?
        {
            return Ok(entries);
        }
        let keys = Keys::of(document, &self.fields, self.sparse);
        let keys = keys.map_err(|ParallelArrays| DatabaseError::IndexParallelArrays { index: self.name.clone() })?;
        entries.multikey = keys.multikey;
        entries.keys = keys.keys;
        for key in &mut entries.keys {
            entries.truncated |= key::shorten(key);
        }
        entries.keys.sort_unstable();
        entries.keys.dedup();
        Ok(entries)
    }
}

/// The keys of a document for some fields, in full. The least of them is what the document is sorted by.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) multikey: u32,
}

/// Two fields come through two different arrays.
#[derive(Debug)]
pub(super) struct ParallelArrays;

impl Keys {
    pub(super) fn of(document: &Object, fields: &[IndexField], sparse: bool) -> Result<Self, ParallelArrays> {
        let slots = fields.iter().map(|field| Slot::of(document, &field.path)).collect();
        let mut keys = Self::default();
        keys.expand(fields, sparse, slots)?;
        Ok(keys)
    }

    /// Follows all fields to their values, one entry for each element of the array on the way.
    fn expand(&mut self, fields: &[IndexField], sparse: bool, mut slots: Vec<Slot<'_>>) -> Result<(), ParallelArrays> {
        slots.iter_mut().for_each(Slot::advance);
        let mut arrays = slots.iter().filter_map(Slot::array);
        let Some(array) = arrays.next() else {
            self.emit(fields, sparse, &slots);
            return Ok(());
        };
        if arrays.any(|other| !std::ptr::eq(array, other)) {
            return Err(ParallelArrays);
        }
        for (place, slot) in slots.iter().enumerate() {
            if slot.array().is_some() {
                self.multikey |= 1 << place;
            }
        }
        let elements = array.iter().map(Some);
        for element in elements.chain(array.is_empty().then_some(None)) {
            let within = slots.iter().map(|slot| if slot.array().is_some() { slot.within(element) } else { *slot });
            self.expand(fields, sparse, within.collect())?;
        }
        Ok(())
    }

    fn emit(&mut self, fields: &[IndexField], sparse: bool, slots: &[Slot<'_>]) {
        let absent = |slot: &Slot<'_>| matches!(slot.component(), Component::Missing | Component::Value(Value::Null));
        if sparse && slots.iter().any(absent) {
            return;
        }
        let mut key = Vec::with_capacity(16 * slots.len());
        for (slot, field) in slots.iter().zip(fields) {
            key::write_component(slot.component(), field.direction, &mut key);
        }
        self.keys.push(key);
    }
}

/// How far one field has been followed.
#[derive(Clone, Copy)]
struct Slot<'v> {
    at: Place<'v>,
    /// The rest of the path; `None` at its end.
    rest: Option<&'v str>,
}

#[derive(Clone, Copy)]
enum Place<'v> {
    Missing,
    /// An array without elements, at the end of the path.
    Empty,
    /// A value whose elements, if it is an array, give entries.
    Value(&'v Value),
    /// An object to look into; the document itself is one.
    Object(&'v Object),
    /// An element of an array at the end of the path: indexed as it is.
    Element(&'v Value),
}

impl<'v> Slot<'v> {
    fn of(document: &'v Object, path: &'v str) -> Self {
        Self { at: Place::Object(document), rest: Some(path) }
    }

    /// Follows the path to its end or to an array.
    fn advance(&mut self) {
        while let Some(path) = self.rest {
            let object = match self.at {
                Place::Object(object) | Place::Value(Value::Object(object)) => object,
                Place::Value(Value::Array(_)) => return,
                _ => {
                    *self = Self { at: Place::Missing, rest: None };
                    return;
                }
            };
            let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
            *self = Self { at: object.get(name).map_or(Place::Missing, Place::Value), rest };
        }
    }

    fn array(&self) -> Option<&'v Vec<Value>> {
        match self.at {
            Place::Value(Value::Array(items)) => Some(items),
            _ => None,
        }
    }

    /// The slot in one element of the array it has come to, or in none.
    fn within(&self, element: Option<&'v Value>) -> Self {
        let at = match (element, self.rest) {
            (Some(element), None) => Place::Element(element),
            (Some(Value::Object(object)), Some(_)) => Place::Object(object),
            (None, None) => Place::Empty,
            // A field of an element that has none, an array directly within an array included.
            (_, Some(_)) => Place::Missing,
        };
        Self { at, rest: self.rest }
    }

    fn component(&self) -> Component<'v> {
        match self.at {
            Place::Missing | Place::Object(_) => Component::Missing,
            Place::Empty => Component::EmptyArray,
            Place::Value(value) | Place::Element(value) => Component::Value(value),
        }
    }
}
