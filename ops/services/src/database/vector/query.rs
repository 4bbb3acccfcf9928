//! What is searched for: the `vector` clause of `find` and the options of `findSimilar`, checked against the index.
//!
//! # Distances and scores
//! Two vectors `q` (of the query) and `x` (stored) have a distance, which is lower the more alike they are, and a score
//! from 0 to 1, which is higher:
//!
//! | metric    | distance `d`                    | score             |
//! |-----------|---------------------------------|-------------------|
//! | `cosine`  | `1 − q·x / (|q| |x|)`, 0 to 2   | `1 − d / 2`       |
//! | `l2`      | `|q − x|`                       | `1 / (1 + d)`     |
//! | `hamming` | bits that differ                | `1 − d / bits`    |
//!
//! A vector of zeros has no direction: by `cosine` its distance to any other is 1. A query that is shorter than the
//! stored vectors (`matryoshka`) is compared with as many of their first dimensions, as if no others were stored: `|x|` is
//! the length of the slice, and `bits` the bits of it.
//!
//! A document with several vectors has one distance. In `single` mode it is that of its closest vector (`max-sim`) or
//! the sum of all its vectors' (`sum`). In `late-interaction` mode each vector of the query has the distance of the
//! document's closest vector to it, and the document the smallest of them (`max-sim`) or their sum (`sum`). The score of
//! a sum over the vectors of the query is that of their mean distance; the score of a sum over a document's vectors is
//! that of the sum, and 0 where the formula falls below. So the order of scores is always the order of distances.

use super::super::error::DatabaseError;
use super::super::value::{Object, Value};
use super::definition::{Metric, Storage, VectorDefinition, permitted};
use super::extract::numbers;
use super::options::{Choice, Options};

/// Most results of one search.
pub const MAX_K: usize = 1000;
/// Most vectors of a late-interaction query.
pub const MAX_QUERY_VECTORS: usize = 256;

/// What the value of a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryMode {
    /// One vector.
    Single,
    /// Several, each of which finds the vector of a document that is closest to it.
    LateInteraction,
}

impl Choice for QueryMode {
    const ALL: &'static [(&'static str, Self)] =
        &[("single", Self::Single), ("late-interaction", Self::LateInteraction)];
}

/// How several distances become the one of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// The smallest.
    MaxSim,
    /// Their sum.
    Sum,
}

impl Choice for Aggregation {
    const ALL: &'static [(&'static str, Self)] = &[("max-sim", Self::MaxSim), ("sum", Self::Sum)];
}

impl Aggregation {
    fn of(self, distances: impl Iterator<Item = f32>) -> f32 {
        match self {
            Self::MaxSim => distances.fold(f32::INFINITY, f32::min),
            Self::Sum => distances.sum(),
        }
    }
}

/// A search that its index can answer.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorQuery {
    vectors: Vec<Vec<f32>>,
    k: usize,
    metric: Metric,
    min_score: Option<f32>,
    mode: QueryMode,
    aggregation: Aggregation,
}

const KEYS: [&str; 7] = ["field", "value", "k", "metric", "minScore", "queryMode", "aggregation"];

impl VectorQuery {
    /// The field that a clause searches, by which the caller finds the index.
    ///
    /// # Errors
    /// `DB_VECTOR_QUERY_INVALID`
    pub fn field(options: &Object) -> Result<&str, DatabaseError> {
        Options::new(options, &KEYS)
            .and_then(|options| options.text("field")?.ok_or("`field` is missing: name an indexed field".to_owned()))
            .map_err(DatabaseError::VectorQueryInvalid)
    }

    /// Reads a clause that searches an index. Its `field` is taken for the index's own.
    ///
    /// # Errors
    /// `DB_VECTOR_QUERY_INVALID`, `DB_VECTOR_DIMENSIONS`
    pub fn parse(options: &Object, definition: &VectorDefinition) -> Result<Self, DatabaseError> {
        let query = Self::read(options, definition).map_err(DatabaseError::VectorQueryInvalid)?;
        match query.vectors.iter().find(|vector| !fits(definition, vector.len())) {
            None => Ok(query),
            Some(vector) => Err(DatabaseError::VectorDimensions {
                index: definition.name.clone(),
                expected: definition.dimensions,
                found: vector.len(),
            }),
        }
    }

    fn read(options: &Object, definition: &VectorDefinition) -> Result<Self, String> {
        let options = Options::new(options, &KEYS)?;
        let mode = options.choice("queryMode")?.unwrap_or(QueryMode::Single);
        let metric = options.choice("metric")?.unwrap_or(definition.metric);
        if !definition.storage.permits(metric) {
            return Err(match definition.storage {
                Storage::Bit => format!("the index `{}` stores bits: leave `metric` out", definition.name),
                _ => permitted(definition.storage).to_owned(),
            });
        }
        Ok(Self {
            vectors: vectors(options.get("value"), mode)?,
            k: options.count("k", MAX_K)?,
            metric,
            min_score: min_score(options.get("minScore"))?,
            mode,
            aggregation: options.choice("aggregation")?.unwrap_or(Aggregation::MaxSim),
        })
    }

    /// The vectors to compare with: one in `single` mode, all of the same length.
    pub fn vectors(&self) -> &[Vec<f32>] {
        &self.vectors
    }

    /// The same query for more or fewer results.
    #[must_use]
    pub fn with_k(&self, k: usize) -> Self {
        Self { k, ..self.clone() }
    }

    /// How many results there are at most.
    pub fn k(&self) -> usize {
        self.k
    }

    /// How vectors are compared.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Whether a result with this score is similar enough.
    pub fn is_similar(&self, score: f32) -> bool {
        self.min_score.is_none_or(|least| score >= least)
    }

    /// Whether a document is as near as the closest pair of one of its vectors and one of the query's, both in full length
    /// and by the index's metric. Then whoever finds the nearest vectors finds the nearest documents.
    pub fn is_by_closest_pair(&self, definition: &VectorDefinition) -> bool {
        let is_full = self.vectors.iter().all(|vector| vector.len() == definition.dimensions);
        let is_alone = self.mode == QueryMode::Single && !definition.multi_vector;
        is_full && self.metric == definition.metric && (is_alone || self.aggregation == Aggregation::MaxSim)
    }

    /// Whether only the vectors of a document that are closest to those of the query count.
    pub(super) fn seeks_closest(&self) -> bool {
        self.mode == QueryMode::LateInteraction || self.aggregation == Aggregation::MaxSim
    }

    /// The distance of a document that has this many vectors, from that between any of the query's and any of its own.
    pub(super) fn aggregate(&self, count: usize, distance: impl Fn(usize, usize) -> f32) -> f32 {
        match self.mode {
            QueryMode::Single => self.aggregation.of((0..count).map(|stored| distance(0, stored))),
            QueryMode::LateInteraction => {
                let closest = |token| Aggregation::MaxSim.of((0..count).map(|stored| distance(token, stored)));
                self.aggregation.of((0..self.vectors.len()).map(closest))
            }
        }
    }

    /// The score of a document at a distance.
    pub(super) fn score(&self, distance: f32) -> f32 {
        let length = self.vectors[0].len() as f32;
        let distance = match (self.mode, self.aggregation) {
            (QueryMode::LateInteraction, Aggregation::Sum) => distance / self.vectors.len() as f32,
            _ => distance,
        };
        let score = match self.metric {
            Metric::Cosine => 1.0 - distance / 2.0,
            Metric::L2 => 1.0 / (1.0 + distance),
            Metric::Hamming => 1.0 - distance / length,
        };
        score.max(0.0)
    }
}

fn fits(definition: &VectorDefinition, length: usize) -> bool {
    length == definition.dimensions || definition.matryoshka && (1..definition.dimensions).contains(&length)
}

fn vectors(value: Option<&Value>, mode: QueryMode) -> Result<Vec<Vec<f32>>, String> {
    let Some(Value::Array(items)) = value else {
        return Err("`value` is the vector to search with: an array of numbers".to_owned());
    };
    let nested = items.iter().any(|item| matches!(item, Value::Array(_)));
    match mode {
        QueryMode::Single if nested => {
            Err("`value` is an array of arrays: for that set `queryMode` to `late-interaction`".to_owned())
        }
        QueryMode::Single => Ok(vec![numbers(items)?]),
        QueryMode::LateInteraction => tokens(items),
    }
}

fn tokens(items: &[Value]) -> Result<Vec<Vec<f32>>, String> {
    if items.is_empty() || items.len() > MAX_QUERY_VECTORS {
        return Err(format!(
            "a late-interaction query has 1 to {MAX_QUERY_VECTORS} vectors, and this one has {}",
            items.len()
        ));
    }
    let token = |item: &Value| match item {
        Value::Array(items) => numbers(items),
        other => Err(format!("a late-interaction `value` is an array of vectors, and in it is {}", other.type_name())),
    };
    let vectors: Vec<_> = items.iter().map(token).collect::<Result<_, _>>()?;
    if vectors.iter().any(|vector| vector.len() != vectors[0].len()) {
        return Err("the vectors of `value` differ in length".to_owned());
    }
    Ok(vectors)
}

fn min_score(value: Option<&Value>) -> Result<Option<f32>, String> {
    match value {
        None => Ok(None),
        Some(Value::Number(number)) if (0.0..=1.0).contains(number) => Ok(Some(*number as f32)),
        Some(other) => Err(format!("`minScore` is a number from 0 to 1, not {other}")),
    }
}
