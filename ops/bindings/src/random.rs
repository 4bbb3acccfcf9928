//! Random bytes for `crypto`, without the engine that WebCrypto's keys need.

use deno_core::op2;
use rand::RngCore as _;

/// From a generator that the system seeds, fit for secrets.
#[op2(fast)]
pub fn op_random_fill(#[buffer] bytes: &mut [u8]) {
    rand::rng().fill_bytes(bytes);
}
