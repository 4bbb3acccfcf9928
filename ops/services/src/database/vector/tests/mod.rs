//! The vector search through its public surface, compared with a reference that does the same in the simplest way.

mod options;
mod searching;

use super::*;
use crate::database::value::{Object, Value};

fn object(json: &str) -> Object {
    Object::parse(json).unwrap()
}

fn definition(json: &str) -> VectorDefinition {
    VectorDefinition::parse(&object(json)).unwrap()
}

/// A query from its options, with the value given apart.
fn query(definition: &VectorDefinition, value: &[Vec<f32>], options: &str) -> VectorQuery {
    let array = |vector: &Vec<f32>| Value::Array(vector.iter().map(|number| Value::from(f64::from(*number))).collect());
    let mut options = object(options);
    let late = options.get("queryMode").is_some();
    options.insert("value", if late { Value::Array(value.iter().map(array).collect()) } else { array(&value[0]) });
    VectorQuery::parse(&options, definition).unwrap()
}

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Around zero.
    fn number(&mut self) -> f32 {
        (0..4).map(|_| self.below(2001) as f32 / 1000.0 - 1.0).sum()
    }

    fn vector(&mut self, length: usize) -> Vec<f32> {
        (0..length).map(|_| self.number()).collect()
    }

    /// A vector of one of a few clusters.
    fn clustered(&mut self, length: usize) -> Vec<f32> {
        let centre = Random(self.below(20)).vector(length);
        centre.iter().map(|number| number + 0.3 * self.number()).collect()
    }
}
