//! The document database: JSON documents in collections, found and changed with MongoDB's filters and operators.

pub mod error;
pub mod value;
pub mod vector;

pub use self::error::DatabaseError;
