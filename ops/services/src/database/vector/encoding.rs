//! The bytes of a stored vector. They are the same whichever store keeps them.
//!
//! - `float32`: each dimension as a little-endian float.
//! - `int8`: the scale as a little-endian float, then each dimension as a signed byte. A dimension is its byte times the
//!   scale, which is a 127th of the vector's largest magnitude.
//! - `bit`: 8 dimensions to a byte, the first in the lowest bit; the bits after the last dimension are 0.

use super::super::error::DatabaseError;
use super::definition::{Storage, VectorDefinition};

/// The bytes in which a store keeps a vector of an index.
pub fn encode(definition: &VectorDefinition, vector: &[f32]) -> Vec<u8> {
    match definition.storage {
        Storage::Float32 => vector.iter().flat_map(|number| number.to_le_bytes()).collect(),
        Storage::Int8 => {
            let (scale, codes) = quantise(vector);
            scale.to_le_bytes().into_iter().chain(codes.into_iter().map(|code| code as u8)).collect()
        }
        Storage::Bit => sign_bits(vector),
    }
}

/// The vector that stored bytes stand for; a bit stands for 1 or −1.
///
/// # Errors
/// `DB_VECTOR_CORRUPT` where the bytes are not those of a vector of this index.
pub fn decode(definition: &VectorDefinition, bytes: &[u8]) -> Result<Vec<f32>, DatabaseError> {
    check(definition, bytes)?;
    Ok(match definition.storage {
        Storage::Float32 => floats(bytes).collect(),
        Storage::Int8 => {
            let (scale, codes) = split_scale(bytes);
            codes.iter().map(|code| f32::from(*code as i8) * scale).collect()
        }
        Storage::Bit => (0..definition.dimensions)
            .map(|place| if bytes[place / 8] >> (place % 8) & 1 == 1 { 1.0 } else { -1.0 })
            .collect(),
    })
}

/// Refuses bytes that [`encode`] cannot have made.
pub(super) fn check(definition: &VectorDefinition, bytes: &[u8]) -> Result<(), DatabaseError> {
    let finite = match definition.storage {
        _ if bytes.len() != definition.stored_bytes() => false,
        Storage::Float32 => floats(bytes).all(f32::is_finite),
        Storage::Int8 => split_scale(bytes).0.is_finite(),
        Storage::Bit => true,
    };
    if finite { Ok(()) } else { Err(DatabaseError::VectorCorrupt { index: definition.name.clone() }) }
}

/// The floats of little-endian bytes.
pub(super) fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number))
}

/// The scale of an `int8` vector and its codes. The bytes have been checked.
pub(super) fn split_scale(bytes: &[u8]) -> (f32, &[u8]) {
    bytes.split_first_chunk().map_or((0.0, &[]), |(scale, codes)| (f32::from_le_bytes(*scale), codes))
}

/// A vector in signed bytes, and what to multiply them with.
pub(super) fn quantise(vector: &[f32]) -> (f32, Vec<i8>) {
    const LARGEST: f32 = 127.0;
    let scale = vector.iter().fold(0.0_f32, |largest, number| largest.max(number.abs())) / LARGEST;
    // A vector of zeros, or of numbers so small that a 127th of them is zero.
    if scale == 0.0 {
        return (0.0, vec![0; vector.len()]);
    }
    let code = |number: &f32| (number / scale).round().clamp(-LARGEST, LARGEST) as i8;
    (scale, vector.iter().map(code).collect())
}

/// Which dimensions are above zero, packed.
pub(super) fn sign_bits(vector: &[f32]) -> Vec<u8> {
    let pack = |numbers: &[f32]| {
        numbers.iter().enumerate().fold(0, |byte, (place, number)| byte | (u8::from(*number > 0.0) << place))
    };
    vector.chunks(8).map(pack).collect()
}
