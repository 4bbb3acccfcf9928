//! Takes the vectors of an index out of a document, and refuses what is not a vector of the index's length.

use super::super::error::DatabaseError;
use super::super::value::{Object, Value};
use super::definition::VectorDefinition;
use super::encoding::encode;

/// Most vectors of one document in a multi-vector index.
pub const MAX_VECTORS_PER_DOCUMENT: usize = 1024;

/// Largest magnitude of a number in a vector: no sum of [`MAX_DIMENSIONS`](super::MAX_DIMENSIONS) squares of such
/// differences leaves float32, so that every distance is a number.
pub const MAX_MAGNITUDE: f32 = 1e15;

/// The vectors that a document brings to an index, as a store keeps them.
///
/// # Errors
/// Those of [`vectors_in`].
pub fn encoded_vectors_in(definition: &VectorDefinition, document: &Object) -> Result<Vec<Vec<u8>>, DatabaseError> {
    Ok(vectors_in(definition, document)?.iter().map(|vector| encode(definition, vector)).collect())
}

/// The vectors that a document brings to an index, in their order. There are none where the field is missing or null,
/// and then the document is not in the index.
///
/// # Errors
/// `DB_VECTOR_DIMENSIONS`, `DB_VECTOR_INVALID`, `DB_VECTOR_TOO_MANY`
pub fn vectors_in(definition: &VectorDefinition, document: &Object) -> Result<Vec<Vec<f32>>, DatabaseError> {
    let invalid = |reason: String| DatabaseError::VectorInvalid { index: definition.name.clone(), reason };
    let Some(value) = at(document, &definition.field).filter(|value| **value != Value::Null) else {
        return Ok(Vec::new());
    };
    let Value::Array(items) = value else {
        return Err(invalid(format!("`{}` is {}, not an array", definition.field, value.type_name())));
    };
    if !definition.multi_vector {
        return Ok(vec![vector(definition, items)?]);
    }
    if items.len() > MAX_VECTORS_PER_DOCUMENT {
        return Err(DatabaseError::VectorTooMany { index: definition.name.clone(), found: items.len() });
    }
    items
        .iter()
        .map(|item| match item {
            Value::Array(numbers) => vector(definition, numbers),
            other => Err(invalid(format!(
                "the index is multi-vector, so `{}` is an array of arrays of numbers, and in it is {}",
                definition.field,
                other.type_name()
            ))),
        })
        .collect()
}

fn vector(definition: &VectorDefinition, items: &[Value]) -> Result<Vec<f32>, DatabaseError> {
    let numbers =
        numbers(items).map_err(|reason| DatabaseError::VectorInvalid { index: definition.name.clone(), reason })?;
    if numbers.len() != definition.dimensions {
        return Err(DatabaseError::VectorDimensions {
            index: definition.name.clone(),
            expected: definition.dimensions,
            found: numbers.len(),
        });
    }
    Ok(numbers)
}

/// The numbers of an array in the precision of a vector, or what is wrong with them.
pub(super) fn numbers(items: &[Value]) -> Result<Vec<f32>, String> {
    let number = |(place, item): (usize, &Value)| match item {
        Value::Number(number) if number.abs() <= f64::from(MAX_MAGNITUDE) => Ok(*number as f32),
        Value::Number(number) => Err(format!(
            "item {place} of the vector is {number}: a number is from -{MAX_MAGNITUDE:e} to {MAX_MAGNITUDE:e}"
        )),
        other => Err(format!("item {place} of the vector is {}, not a number", other.type_name())),
    };
    items.iter().enumerate().map(number).collect()
}

/// The value at a dotted path, through fields of objects and positions of arrays.
fn at<'a>(document: &'a Object, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let first = document.get(parts.next()?)?;
    parts.try_fold(first, |value, part| match value {
        Value::Object(object) => object.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}
