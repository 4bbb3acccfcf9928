//! The vectors of an index in memory, and how far each is from a vector of a query.
//!
//! It knows vectors by their place and nothing of documents.

use super::blocks::Blocks;
use super::definition::{Metric, Storage, VectorDefinition};
use super::encoding::{floats, quantise, sign_bits, split_scale};
use super::kernels::{Kernels, kernels};

/// Vectors in the precision they are stored in, and in bytes.
#[derive(Clone)]
pub(super) struct Matrix {
    dimensions: usize,
    storage: Storage,
    /// The vectors of a `float32` index; no rows in any other.
    floats: Blocks<f32>,
    /// Signed bytes: the vectors of an `int8` index and a copy of a `float32` index's; packed bits in a `bit` index.
    codes: Blocks<i8>,
    /// What to multiply the signed bytes with, and the Euclidean length, for each vector.
    measures: Vec<Measures>,
    kernels: &'static Kernels,
}

#[derive(Clone, Copy)]
struct Measures {
    scale: f32,
    length: f32,
}

/// A vector in signed bytes or bits.
pub(super) struct Coded<'a> {
    pub codes: &'a [i8],
    /// What to multiply the bytes with.
    pub scale: f32,
    /// The Euclidean length of the vector.
    pub length: f32,
}

/// A vector of a query, ready to be compared with many.
pub(super) struct Needle<'a> {
    numbers: &'a [f32],
    metric: Metric,
    codes: Vec<i8>,
    scale: f32,
    length: f32,
}

impl Needle<'_> {
    pub(super) fn coded(&self) -> Coded<'_> {
        Coded { codes: &self.codes, scale: self.scale, length: self.length }
    }
}

impl Matrix {
    pub(super) fn new(definition: &VectorDefinition) -> Self {
        let &VectorDefinition { dimensions, storage, .. } = definition;
        let floats = Blocks::new(dimensions);
        let codes = Blocks::new(coded_width(storage, dimensions));
        Self { dimensions, storage, floats, codes, measures: Vec::new(), kernels: kernels() }
    }

    /// How many vectors there are.
    pub(super) fn len(&self) -> usize {
        self.measures.len()
    }

    /// Adds a vector. Its bytes have been checked.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (scale, length) = match self.storage {
            Storage::Float32 => {
                let vector: Vec<f32> = floats(bytes).collect();
                let (scale, codes) = quantise(&vector);
                let length = (self.kernels.dot)(&vector, &vector).sqrt();
                self.codes.push(codes);
                self.floats.push(vector);
                (scale, length)
            }
            Storage::Int8 => {
                let (scale, codes) = split_scale(bytes);
                let codes: Vec<i8> = codes.iter().map(|code| *code as i8).collect();
                let length = self.coded_length(&codes, scale);
                self.codes.push(codes);
                (scale, length)
            }
            Storage::Bit => {
                self.codes.push(bytes.iter().map(|byte| *byte as i8));
                (1.0, 1.0)
            }
        };
        self.measures.push(Measures { scale, length });
    }

    /// Keeps the vectors at some places, which ascend.
    pub(super) fn keep(&mut self, places: impl Iterator<Item = usize>) {
        let mut kept = 0;
        for place in places {
            if place != kept {
                if self.storage == Storage::Float32 {
                    self.floats.move_row(place, kept);
                }
                self.codes.move_row(place, kept);
                self.measures[kept] = self.measures[place];
            }
            kept += 1;
        }
        self.floats.truncate(kept);
        self.codes.truncate(kept);
        self.measures.truncate(kept);
        self.measures.shrink_to_fit();
    }

    /// Bytes that are read to compare a vector as it is stored.
    pub(super) fn stored_width(&self) -> usize {
        match self.storage {
            Storage::Float32 => size_of::<f32>() * self.dimensions,
            _ => self.coded_width(),
        }
    }

    /// Bytes that are read to compare a vector in signed bytes or bits.
    pub(super) fn coded_width(&self) -> usize {
        coded_width(self.storage, self.dimensions)
    }

    /// The memory of the vectors.
    pub(super) fn bytes(&self) -> usize {
        self.floats.bytes() + self.codes.bytes() + self.measures.capacity() * size_of::<Measures>()
    }

    /// A vector as the graph keeps it.
    pub(super) fn coded(&self, place: usize) -> Coded<'_> {
        let Measures { scale, length } = self.measures[place];
        Coded { codes: self.codes.row(place), scale, length }
    }

    /// Prepares a vector of a query, which may be shorter than the stored ones.
    pub(super) fn needle<'a>(&self, numbers: &'a [f32], metric: Metric) -> Needle<'a> {
        let (scale, codes) = match self.storage {
            Storage::Bit => (1.0, sign_bits(numbers).into_iter().map(|byte| byte as i8).collect()),
            _ => quantise(numbers),
        };
        Needle { numbers, metric, codes, scale, length: (self.kernels.dot)(numbers, numbers).sqrt() }
    }

    /// The distance of the vector at a place, as it is stored.
    pub(super) fn distance(&self, needle: &Needle<'_>, place: usize) -> f32 {
        let width = needle.numbers.len();
        match (needle.metric, self.storage) {
            (Metric::Hamming, _) | (_, Storage::Bit) => self.hamming(needle, place),
            (Metric::Cosine, Storage::Float32) => {
                let stored = &self.floats.row(place)[..width];
                let length = self.length(place, width, || (self.kernels.dot)(stored, stored).sqrt());
                cosine((self.kernels.dot)(needle.numbers, stored), needle.length, length)
            }
            (Metric::L2, Storage::Float32) => {
                (self.kernels.squared_l2)(needle.numbers, &self.floats.row(place)[..width]).sqrt()
            }
            (Metric::Cosine, Storage::Int8) => {
                let (stored, scale) = (&self.codes.row(place)[..width], self.measures[place].scale);
                let length = self.length(place, width, || self.coded_length(stored, scale));
                cosine((self.kernels.mixed_dot)(needle.numbers, stored) * scale, needle.length, length)
            }
            (Metric::L2, Storage::Int8) => {
                let (stored, scale) = (&self.codes.row(place)[..width], self.measures[place].scale);
                (self.kernels.mixed_squared_l2)(needle.numbers, stored, scale).sqrt()
            }
        }
    }

    /// About the distance of the vector at a place: what signed bytes tell of it.
    pub(super) fn estimate(&self, needle: &Needle<'_>, place: usize) -> f32 {
        let width = needle.numbers.len();
        if self.storage == Storage::Bit {
            return self.hamming(needle, place);
        }
        let (stored, scale) = (&self.codes.row(place)[..width], self.measures[place].scale);
        let product = (self.kernels.dot_i8)(&needle.codes, stored) as f32 * needle.scale * scale;
        let length = self.length(place, width, || self.coded_length(stored, scale));
        match needle.metric {
            Metric::L2 => (needle.length * needle.length + length * length - 2.0 * product).max(0.0).sqrt(),
            _ => cosine(product, needle.length, length),
        }
    }

    /// The length of a slice of a vector: the one that is kept where the slice is all of it.
    fn length(&self, place: usize, width: usize, of_slice: impl Fn() -> f32) -> f32 {
        if width == self.dimensions { self.measures[place].length } else { of_slice() }
    }

    fn coded_length(&self, codes: &[i8], scale: f32) -> f32 {
        scale * ((self.kernels.dot_i8)(codes, codes) as f32).sqrt()
    }

    /// The bits that differ, among as many as the query has.
    fn hamming(&self, needle: &Needle<'_>, place: usize) -> f32 {
        let (stored, bits) = (self.codes.row(place), needle.numbers.len());
        let whole = bits / 8;
        let differing = (self.kernels.hamming)(&needle.codes[..whole], &stored[..whole]);
        let rest = match bits % 8 {
            0 => 0,
            bits => ((needle.codes[whole] ^ stored[whole]) as u8 & ((1 << bits) - 1)).count_ones(),
        };
        (differing + rest) as f32
    }
}

/// How wide a vector in signed bytes or bits is.
fn coded_width(storage: Storage, dimensions: usize) -> usize {
    if storage == Storage::Bit { dimensions.div_ceil(8) } else { dimensions }
}

/// The cosine distance, of which rounding may have left the bounds.
fn cosine(product: f32, a: f32, b: f32) -> f32 {
    let lengths = a * b;
    if lengths == 0.0 { 1.0 } else { (1.0 - product / lengths).clamp(0.0, 2.0) }
}
