//! AES-GCM in pieces, with initialization vectors of any length (NIST SP 800-38D). aes-gcm, the crate, takes data as a whole only; so
//! this puts together the same counter and the same hash.

use aes::Block;
use ctr::Ctr32BE;
use ghash::GHash;
use ghash::universal_hash::{KeyInit as _, UniversalHash};
use subtle::ConstantTimeEq;

use super::blocks::{Aes, BLOCK_BYTES, keystream};
use super::{CipherError, Keystream};

/// Bytes of a vector that needs no hashing.
const PLAIN_VECTOR_BYTES: usize = 12;

/// An encryption or decryption under way.
pub struct Gcm {
    keystream: Keystream,
    /// What hides the hash in the tag.
    mask: [u8; BLOCK_BYTES],
    hash: Hash,
    additional_bytes: u64,
    data_bytes: u64,
    is_decryption: bool,
}

impl Gcm {
    /// Nothing authenticated so far.
    pub fn new<C: Aes>(key: &[u8], vector: &[u8], is_decryption: bool) -> Result<Self, CipherError> {
        if vector.is_empty() {
            return Err(CipherError::InvalidVector);
        }
        let mut hash_key = Block::default();
        C::new_from_slice(key).map_err(|_| CipherError::InvalidVector)?.encrypt_block(&mut hash_key);
        let hash = Hash { ghash: GHash::new(&hash_key), rest: Vec::new() };
        let mut keystream = keystream::<Ctr32BE<C>>(key, &first_counter(hash.clone(), vector))?;
        let mut mask = [0; BLOCK_BYTES];
        keystream(&mut mask)?;
        Ok(Self { keystream, mask, hash, additional_bytes: 0, data_bytes: 0, is_decryption })
    }

    /// Data that is authenticated only; none after the first that is encrypted.
    pub fn additional_data(&mut self, data: &[u8]) -> Result<(), CipherError> {
        if self.data_bytes > 0 {
            return Err(CipherError::InvalidState);
        }
        self.additional_bytes += data.len() as u64;
        self.hash.update(data);
        Ok(())
    }

    /// What comes out of more data.
    pub fn update(&mut self, input: &[u8]) -> Result<Vec<u8>, CipherError> {
        if self.data_bytes == 0 {
            self.hash.pad();
        }
        self.data_bytes += input.len() as u64;
        let mut output = input.to_vec();
        (self.keystream)(&mut output)?;
        self.hash.update(if self.is_decryption { input } else { &output });
        Ok(output)
    }

    /// The tag of all that came.
    pub fn tag(mut self) -> [u8; BLOCK_BYTES] {
        self.hash.pad();
        self.hash.update(&(self.additional_bytes * 8).to_be_bytes());
        self.hash.update(&(self.data_bytes * 8).to_be_bytes());
        let mut tag = self.hash.finish();
        tag.iter_mut().zip(self.mask).for_each(|(byte, mask)| *byte ^= mask);
        tag
    }

    /// Whether the tag begins like this, in time that tells nothing.
    pub fn verify(self, expected: &[u8]) -> Result<(), CipherError> {
        let tag = self.tag();
        let begins =
            tag.get(..expected.len()).filter(|begins| !begins.is_empty() && bool::from((*begins).ct_eq(expected)));
        begins.map(drop).ok_or(CipherError::NotAuthentic)
    }
}

/// The counter that the vector stands for.
fn first_counter(mut hash: Hash, vector: &[u8]) -> [u8; BLOCK_BYTES] {
    if vector.len() == PLAIN_VECTOR_BYTES {
        let mut counter = [0; BLOCK_BYTES];
        counter[..PLAIN_VECTOR_BYTES].copy_from_slice(vector);
        counter[BLOCK_BYTES - 1] = 1;
        return counter;
    }
    hash.update(vector);
    hash.pad();
    hash.update(&(u128::from(vector.len() as u64) * 8).to_be_bytes());
    hash.finish()
}

/// GHASH of data that comes in pieces of any length.
#[derive(Clone)]
struct Hash {
    ghash: GHash,
    /// What came and is no whole block yet.
    rest: Vec<u8>,
}

impl Hash {
    fn update(&mut self, mut bytes: &[u8]) {
        if !self.rest.is_empty() {
            let (head, tail) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.rest.len()));
            self.rest.extend_from_slice(head);
            if self.rest.len() < BLOCK_BYTES {
                return;
            }
            self.pad();
            bytes = tail;
        }
        let (whole, rest) = bytes.split_at(bytes.len() / BLOCK_BYTES * BLOCK_BYTES);
        self.ghash.update_padded(whole);
        self.rest.extend_from_slice(rest);
    }

    /// Fills up a block that is not whole with zeroes.
    fn pad(&mut self) {
        self.ghash.update_padded(&self.rest);
        self.rest.clear();
    }

    fn finish(mut self) -> [u8; BLOCK_BYTES] {
        self.pad();
        self.ghash.finalize().into()
    }
}
