//! Synchronous digests, for `node:crypto`, which WebCrypto cannot serve because it answers with promises, and for what fetch
//! verifies.

use std::cell::RefCell;

use deno_core::{GarbageCollected, convert::Uint8Array, op2, v8};
use hmac::{Hmac, Mac};
use sha2::Digest;
use sha2::digest::DynDigest;
use subtle::ConstantTimeEq;

use crate::digests::with_digest;
use crate::error::BindingError;

/// A digest or an HMAC under way.
pub struct HashState(RefCell<Option<Running>>);

enum Running {
    Digest(Box<dyn DynDigest>),
    Mac(Box<dyn DynMac>),
}

// SAFETY: the state holds no reference into V8's heap, so there is nothing to trace.
unsafe impl GarbageCollected for HashState {
    fn trace(&self, _visitor: &mut v8::cppgc::Visitor) {}

    fn get_name(&self) -> &'static std::ffi::CStr {
        c"HashState"
    }
}

trait DynMac {
    fn update(&mut self, data: &[u8]);
    fn copy(&self) -> Box<dyn DynMac>;
    fn finish(self: Box<Self>) -> Vec<u8>;
}

impl<M: Mac + Clone + 'static> DynMac for M {
    fn update(&mut self, data: &[u8]) {
        Mac::update(self, data);
    }

    fn copy(&self) -> Box<dyn DynMac> {
        Box::new(self.clone())
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        (*self).finalize().into_bytes().to_vec()
    }
}

impl Running {
    fn digest(algorithm: String) -> Result<Self, BindingError> {
        let digest: Box<dyn DynDigest> = with_digest!(
            algorithm.as_str(),
            Algorithm => Box::new(Algorithm::new()),
            return Err(BindingError::HashUnknown(algorithm))
        );
        Ok(Self::Digest(digest))
    }

    fn mac(algorithm: String, key: &[u8]) -> Result<Self, BindingError> {
        fn keyed<M: Mac + Clone + hmac::digest::KeyInit + 'static>(key: &[u8]) -> Option<Box<dyn DynMac>> {
            Some(Box::new(<M as Mac>::new_from_slice(key).ok()?))
        }
        let mac = with_digest!(algorithm.as_str(), Algorithm => keyed::<Hmac<Algorithm>>(key), None);
        Ok(Self::Mac(mac.ok_or(BindingError::HashUnknown(algorithm))?))
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Digest(digest) => digest.update(bytes),
            Self::Mac(mac) => mac.update(bytes),
        }
    }

    fn copy(&self) -> Self {
        match self {
            Self::Digest(digest) => Self::Digest(digest.box_clone()),
            Self::Mac(mac) => Self::Mac(mac.copy()),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Digest(digest) => digest.finalize().into_vec(),
            Self::Mac(mac) => mac.finish(),
        }
    }

    /// The digest of all there is to digest.
    fn of(mut self, bytes: &[u8]) -> Uint8Array {
        self.update(bytes);
        Uint8Array::from(self.finish())
    }

    fn into_state(self) -> HashState {
        HashState(RefCell::new(Some(self)))
    }
}

#[op2]
#[cppgc]
pub fn op_hash_create(#[string] algorithm: String) -> Result<HashState, BindingError> {
    Ok(Running::digest(algorithm)?.into_state())
}

#[op2]
#[cppgc]
pub fn op_hmac_create(#[string] algorithm: String, #[anybuffer] key: &[u8]) -> Result<HashState, BindingError> {
    Ok(Running::mac(algorithm, key)?.into_state())
}

/// A digest without a state, which V8's C++ heap would have to hold.
#[op2]
pub fn op_hash_of(#[string] algorithm: String, #[anybuffer] bytes: &[u8]) -> Result<Uint8Array, BindingError> {
    Ok(Running::digest(algorithm)?.of(bytes))
}

/// An HMAC without a state.
#[op2]
pub fn op_hmac_of(
    #[string] algorithm: String,
    #[anybuffer] key: &[u8],
    #[anybuffer] bytes: &[u8],
) -> Result<Uint8Array, BindingError> {
    Ok(Running::mac(algorithm, key)?.of(bytes))
}

#[op2]
pub fn op_hash_update(#[cppgc] hash: &HashState, #[anybuffer] bytes: &[u8]) -> Result<(), BindingError> {
    hash.0.borrow_mut().as_mut().ok_or(BindingError::HashEnded)?.update(bytes);
    Ok(())
}

/// An independent digest that has seen the same data.
#[op2]
#[cppgc]
pub fn op_hash_copy(#[cppgc] hash: &HashState) -> Result<HashState, BindingError> {
    Ok(hash.0.borrow().as_ref().ok_or(BindingError::HashEnded)?.copy().into_state())
}

#[op2]
pub fn op_hash_digest(#[cppgc] hash: &HashState) -> Result<Uint8Array, BindingError> {
    let running = hash.0.borrow_mut().take().ok_or(BindingError::HashEnded)?;
    Ok(Uint8Array::from(running.finish()))
}

#[op2]
pub fn op_timing_safe_equal(#[anybuffer] a: &[u8], #[anybuffer] b: &[u8]) -> Result<bool, BindingError> {
    if a.len() != b.len() {
        return Err(BindingError::UnequalLengths);
    }
    Ok(bool::from(a.ct_eq(b)))
}
