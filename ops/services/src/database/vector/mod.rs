//! Vector search: the nearest documents by the embeddings they carry.
//!
//! A [`VectorDefinition`] says which field is indexed and how. [`vectors_in`] takes the vectors out of a document and
//! [`encode`] turns each into the bytes that a store keeps in the document's own transaction. A [`ResidentIndex`] holds
//! those bytes in memory and answers a [`VectorQuery`]; it is a cache of the rows and can be filled from them at any
//! time. Nothing here reads or writes a store, and nothing here knows the time.

mod allowed;
mod blocks;
mod definition;
mod encoding;
mod extract;
mod graph;
mod kernels;
mod matrix;
mod options;
mod query;
mod resident;
mod scan;
mod search;
#[cfg(test)]
mod tests;

pub use self::allowed::{Allowed, RowSet};
pub use self::definition::{MAX_DIMENSIONS, Metric, Storage, VectorDefinition};
pub use self::encoding::{decode, encode};
pub use self::extract::{MAX_MAGNITUDE, MAX_VECTORS_PER_DOCUMENT, encoded_vectors_in, vectors_in};
pub use self::graph::{Additions, Graph, GraphError};
pub use self::query::{Aggregation, MAX_K, MAX_QUERY_VECTORS, QueryMode, VectorQuery};
pub use self::resident::ResidentIndex;
pub use self::search::{Found, Hit, Regime};
