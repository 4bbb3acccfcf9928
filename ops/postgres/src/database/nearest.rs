//! A second copy of an index's vectors, in a table of pgvector's types with an HNSW index: the server names the nearest, and
//! the service compares them as they are stored. So the answers are the same with and without the extension.

use std::fmt::Write as _;

use orilla_services::database::DatabaseError;
use orilla_services::database::store::IndexId;
use orilla_services::database::vector::{Metric, Storage, VectorDefinition, decode};

/// Most dimensions of the extension's indexes on `vector`; those on `bit` take all that the service does.
const MAX_INDEXED_DIMENSIONS: usize = 2000;

/// What every connection says to the extension, whether there is one or not: how much of the graph is looked at for each
/// search, and that a search goes on until it has enough.
pub(super) const SESSION: &str = "SET hnsw.ef_search = 400; SET hnsw.iterative_scan = strict_order";

/// Whether the extension can index such vectors.
pub(super) fn supports(definition: &VectorDefinition) -> bool {
    definition.storage == Storage::Bit || definition.dimensions <= MAX_INDEXED_DIMENSIONS
}

/// The table that belongs to an index.
#[derive(Debug)]
pub(super) struct Table {
    index: IndexId,
    /// The schema of the extension's types, quoted.
    schema: String,
    definition: VectorDefinition,
}

impl Table {
    pub(super) fn new(index: IndexId, schema: String, definition: VectorDefinition) -> Self {
        Self { index, schema, definition }
    }

    /// Statements that make the table.
    pub(super) fn create(&self) -> String {
        let Self { index, schema, definition } = self;
        let class = match definition.metric {
            Metric::Cosine => "vector_cosine_ops",
            Metric::L2 => "vector_l2_ops",
            Metric::Hamming => "bit_hamming_ops",
        };
        let column = self.column();
        format!(
            "CREATE TABLE orilla.nearest_{index} (row bigint NOT NULL, ordinal integer NOT NULL, \
                embedding {column} NOT NULL, PRIMARY KEY (row, ordinal)); \
             CREATE INDEX ON orilla.nearest_{index} USING hnsw (embedding {schema}.{class}) WITH (ef_construction = 100)"
        )
    }

    /// Statements that remove the table of an index that may have had one.
    pub(super) fn drop(index: IndexId) -> String {
        format!("SET LOCAL client_min_messages = warning; DROP TABLE IF EXISTS orilla.nearest_{index}")
    }

    /// Keeps the vectors of a document in place of those it had: row `$1`, `$2` as [`Self::literal`]s, `$3` of them.
    pub(super) fn put(&self) -> String {
        let (index, column) = (self.index, self.column());
        format!(
            "WITH gone AS (DELETE FROM orilla.nearest_{index} WHERE row = $1 AND ordinal >= $3) \
             INSERT INTO orilla.nearest_{index} (row, ordinal, embedding) \
             SELECT $1, place - 1, literal::{column} FROM unnest($2::text[]) WITH ORDINALITY AS given (literal, place) \
             ON CONFLICT (row, ordinal) DO UPDATE SET embedding = excluded.embedding"
        )
    }

    /// The rows of the `$2` vectors nearest to `$1`, by the index.
    pub(super) fn search(&self) -> String {
        let (index, distance) = (self.index, self.distance());
        format!("SELECT row FROM orilla.nearest_{index} ORDER BY {distance} LIMIT $2")
    }

    /// The same by comparing all: the index does not know this order.
    pub(super) fn search_all(&self) -> String {
        let (index, distance) = (self.index, self.distance());
        format!("SELECT row FROM orilla.nearest_{index} ORDER BY ({distance}) + 0, row LIMIT $2")
    }

    /// The same among the rows `$3`.
    pub(super) fn search_among(&self) -> String {
        let (index, distance) = (self.index, self.distance());
        format!("SELECT row FROM orilla.nearest_{index} WHERE row = ANY ($3) ORDER BY ({distance}) + 0, row LIMIT $2")
    }

    /// How many vectors are in one of the table and `orilla.vectors`, and not in the other.
    pub(super) fn strays(&self) -> String {
        let index = self.index;
        format!(
            "SELECT count(*) FROM (SELECT row, ordinal FROM orilla.nearest_{index}) searched \
             FULL JOIN (SELECT row, ordinal FROM orilla.vectors WHERE index = {index}) kept USING (row, ordinal) \
             WHERE searched IS NULL OR kept IS NULL"
        )
    }

    /// A stored vector as the extension reads it.
    pub(super) fn stored(&self, bytes: &[u8]) -> Result<String, DatabaseError> {
        Ok(self.literal(&decode(&self.definition, bytes)?))
    }

    /// A vector as the extension reads it.
    pub(super) fn literal(&self, vector: &[f32]) -> String {
        if self.definition.storage == Storage::Bit {
            return vector.iter().map(|number| if *number > 0.0 { '1' } else { '0' }).collect();
        }
        let mut literal = String::with_capacity(vector.len() * 12);
        for (place, number) in vector.iter().enumerate() {
            literal.push(if place == 0 { '[' } else { ',' });
            // A text takes whatever is written to it.
            let _ = write!(literal, "{number}");
        }
        literal.push(']');
        literal
    }

    fn distance(&self) -> String {
        let (schema, column) = (&self.schema, self.column());
        let operator = match self.definition.metric {
            Metric::Cosine => "<=>",
            Metric::L2 => "<->",
            Metric::Hamming => "<~>",
        };
        format!("embedding OPERATOR({schema}.{operator}) $1::text::{column}")
    }

    fn column(&self) -> String {
        let Self { schema, definition: VectorDefinition { dimensions, storage, .. }, .. } = self;
        match storage {
            Storage::Bit => format!("bit({dimensions})"),
            Storage::Float32 | Storage::Int8 => format!("{schema}.vector({dimensions})"),
        }
    }
}
