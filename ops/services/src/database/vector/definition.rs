//! What a vector index is made of: the field, the vectors' length, how they are compared and how they are stored.

use super::super::error::DatabaseError;
use super::super::value::{Object, Value};
use super::options::{Choice, Options, name_of};

/// Most dimensions of an indexed vector.
pub const MAX_DIMENSIONS: usize = 4096;

/// How two vectors are compared. [`VectorQuery`](super::VectorQuery) has the formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// By the angle between them, whatever their lengths.
    Cosine,
    /// By the Euclidean distance.
    L2,
    /// By the number of bits in which they differ.
    Hamming,
}

impl Choice for Metric {
    const ALL: &'static [(&'static str, Self)] =
        &[("cosine", Self::Cosine), ("l2", Self::L2), ("hamming", Self::Hamming)];
}

/// The precision in which vectors are stored and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// 4 bytes per dimension.
    Float32,
    /// 1 byte per dimension and a scale for each vector, so that magnitudes survive and `l2` has its meaning.
    Int8,
    /// 1 bit per dimension: whether it is above zero.
    Bit,
}

impl Choice for Storage {
    const ALL: &'static [(&'static str, Self)] =
        &[("float32", Self::Float32), ("int8", Self::Int8), ("bit", Self::Bit)];
}

impl Storage {
    /// Whether vectors that are stored so can be compared so: bits by Hamming distance only, and nothing else by it.
    pub fn permits(self, metric: Metric) -> bool {
        (self == Self::Bit) == (metric == Metric::Hamming)
    }
}

/// A vector index of a collection, as it was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorDefinition {
    /// The index's name; `<field>_vector` where none was given.
    pub name: String,
    /// The dotted path of the indexed field.
    pub field: String,
    /// The length of every vector, 1 to [`MAX_DIMENSIONS`].
    pub dimensions: usize,
    /// How vectors are compared unless a query says otherwise.
    pub metric: Metric,
    /// How vectors are stored. [`Storage::permits`] the metric.
    pub storage: Storage,
    /// Whether queries may be shorter than the stored vectors, which are then cut to the query's length.
    pub matryoshka: bool,
    /// Whether each document holds an array of vectors instead of one.
    pub multi_vector: bool,
}

const KEYS: [&str; 7] = ["field", "dimensions", "metric", "storage", "matryoshka", "multiVector", "name"];

impl VectorDefinition {
    /// Reads the options of `createVectorIndex`, which are also what the catalog keeps.
    ///
    /// # Errors
    /// `DB_VECTOR_INDEX_INVALID`
    pub fn parse(options: &Object) -> Result<Self, DatabaseError> {
        Self::read(options).map_err(DatabaseError::VectorIndexInvalid)
    }

    fn read(options: &Object) -> Result<Self, String> {
        let options = Options::new(options, &KEYS)?;
        let field = options.text("field")?.ok_or("`field` is missing: name the field that holds the vectors")?;
        if field.split('.').any(|part| part.is_empty() || part.starts_with('$')) {
            return Err(format!("`{field}` is no path of a field: no part of it may be empty or start with `$`"));
        }
        let definition = Self {
            name: options.text("name")?.map_or_else(|| format!("{field}_vector"), str::to_owned),
            field: field.to_owned(),
            dimensions: options.count("dimensions", MAX_DIMENSIONS)?,
            metric: options.choice("metric")?.unwrap_or(Metric::Cosine),
            storage: options.choice("storage")?.unwrap_or(Storage::Float32),
            matryoshka: options.boolean("matryoshka")?,
            multi_vector: options.boolean("multiVector")?,
        };
        if !definition.storage.permits(definition.metric) {
            return Err(permitted(definition.storage).to_owned());
        }
        Ok(definition)
    }

    /// The definition as the catalog keeps it: [`VectorDefinition::parse`] reads it back.
    pub fn to_object(&self) -> Object {
        Object::from_iter([
            ("name", Value::from(self.name.as_str())),
            ("field", Value::from(self.field.as_str())),
            ("dimensions", Value::from(self.dimensions as f64)),
            ("metric", Value::from(name_of(self.metric))),
            ("storage", Value::from(name_of(self.storage))),
            ("matryoshka", Value::Bool(self.matryoshka)),
            ("multiVector", Value::Bool(self.multi_vector)),
        ])
    }

    /// How many bytes a stored vector has.
    pub fn stored_bytes(&self) -> usize {
        match self.storage {
            Storage::Float32 => 4 * self.dimensions,
            Storage::Int8 => 4 + self.dimensions,
            Storage::Bit => self.dimensions.div_ceil(8),
        }
    }

    /// Whether another definition indexes the same vectors in the same way, whatever its name. Then creating it again
    /// changes nothing; with the same field and a different shape it is a conflict.
    pub fn same_shape(&self, other: &Self) -> bool {
        Self { name: String::new(), ..self.clone() } == Self { name: String::new(), ..other.clone() }
    }
}

/// What to say when a metric does not go with a storage.
pub(super) fn permitted(storage: Storage) -> &'static str {
    match storage {
        Storage::Bit => "vectors stored as `bit` are compared by `hamming` only: set `metric` to `hamming`",
        _ => "`hamming` compares bits: set `storage` to `bit`, or use `cosine` or `l2`",
    }
}
