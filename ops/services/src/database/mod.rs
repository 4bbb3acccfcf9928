//! The document database: JSON documents in collections, found and changed with MongoDB's filters and operators.

pub mod aggregate;
pub mod document;
pub mod error;
pub mod expression;
pub mod filter;
pub mod order;
pub mod path;
pub mod projection;
pub mod regex;
pub mod sort;
pub mod update;
pub mod value;
pub mod window;

pub use self::error::DatabaseError;
