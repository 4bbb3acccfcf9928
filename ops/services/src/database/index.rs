//! Indexes: their definitions, and the entries that a document has in one.
//!
//! An index lists documents by the values of some of their fields. A field that holds an array, or lies within one,
//! gives an entry for each element ("multikey"). What a definition looks like in a request is [`super::index_options`]'
//! business; where entries are kept is the store's.

use super::error::DatabaseError;
use super::filter::Filter;
use super::key::{self, Part};
use super::tuples::{OrderedField, Unordered, each_key};
use super::value::{Object, Value};
use super::vector::VectorDefinition;

/// Entries of one document in one index; MongoDB's own bound.
pub const MAX_ENTRIES: usize = 100_000;

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
    pub fields: Vec<OrderedField>,
    /// Whether no two documents may have the same entry.
    pub unique: bool,
    /// Whether only documents are in it that have all the fields, none of them `null`.
    pub sparse: bool,
    /// Only documents that match this are in it.
    pub partial: Option<Partial>,
    /// Documents are deleted this many seconds after the Unix time, in seconds, in the one field.
    pub expire_after_seconds: Option<f64>,
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
    /// of elements. `DB_INDEX_TOO_MANY_ENTRIES` if it has more than [`MAX_ENTRIES`], or if they are too long all together.
    pub fn entries(&self, document: &Object) -> Result<Entries, DatabaseError> {
        let mut entries = Entries::default();
        if let Some(partial) = &self.partial
            && !partial.filter.matches(document)?
        {
            return Ok(entries);
        }
        let is_absent = |part: &Part<'_>| *part == Part::Value(&Value::Null);
        let multikey = each_key(document, &self.fields, &mut |tuple, mut key| {
            if self.sparse && tuple.iter().any(is_absent) {
                return Ok(());
            }
            if entries.keys.len() == MAX_ENTRIES {
                return Err(Unordered::TooMuch);
            }
            entries.truncated |= key::shorten(&mut key);
            entries.keys.push(key);
            Ok(())
        });
        entries.multikey = multikey.map_err(|unordered| {
            let index = self.name.clone();
            match unordered {
                Unordered::ParallelArrays => DatabaseError::IndexParallelArrays { index },
                Unordered::TooMuch => DatabaseError::IndexTooManyEntries(index),
            }
        })?;
        entries.keys.sort_unstable();
        entries.keys.dedup();
        Ok(entries)
    }
}
