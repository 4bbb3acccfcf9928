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

#[op2]
#[cppgc]
pub fn op_hash_create(#[string] algorithm: String) -> Result<HashState, BindingError> {
    let digest: Box<dyn DynDigest> = with_digest!(
        algorithm.as_str(),
        Algorithm => Box::new(Algorithm::new()),
        return Err(BindingError::HashUnknown(algorithm))
    );
    Ok(HashState(RefCell::new(Some(Running::Digest(digest)))))
}

#[op2]
#[cppgc]
pub fn op_hmac_create(#[string] algorithm: String, #[anybuffer] key: &[u8]) -> Result<HashState, BindingError> {
    fn keyed<M: Mac + Clone + hmac::digest::KeyInit + 'static>(key: &[u8]) -> Option<Box<dyn DynMac>> {
        Some(Box::new(<M as Mac>::new_from_slice(key).ok()?))
    }
    let mac = with_digest!(algorithm.as_str(), Algorithm => keyed::<Hmac<Algorithm>>(key), None);
    let mac = mac.ok_or(BindingError::HashUnknown(algorithm))?;
    Ok(HashState(RefCell::new(Some(Running::Mac(mac)))))
}

#[op2]
pub fn op_hash_update(#[cppgc] hash: &HashState, #[anybuffer] bytes: &[u8]) -> Result<(), BindingError> {
    match hash.0.borrow_mut().as_mut() {
        Some(Running::Digest(digest)) => digest.update(bytes),
        Some(Running::Mac(mac)) => mac.update(bytes),
        None => return Err(BindingError::HashEnded),
    }
    Ok(())
}

/// An independent digest that has seen the same data.
#[op2]
#[cppgc]
pub fn op_hash_copy(#[cppgc] hash: &HashState) -> Result<HashState, BindingError> {
    let copy = match hash.0.borrow().as_ref() {
        Some(Running::Digest(digest)) => Running::Digest(digest.box_clone()),
        Some(Running::Mac(mac)) => Running::Mac(mac.copy()),
        None => return Err(BindingError::HashEnded),
    };
    Ok(HashState(RefCell::new(Some(copy))))
}

#[op2]
pub fn op_hash_digest(#[cppgc] hash: &HashState) -> Result<Uint8Array, BindingError> {
    let bytes = match hash.0.borrow_mut().take() {
        Some(Running::Digest(digest)) => digest.finalize().into_vec(),
        Some(Running::Mac(mac)) => mac.finish(),
        None => return Err(BindingError::HashEnded),
    };
    Ok(Uint8Array::from(bytes))
}

#[op2]
pub fn op_timing_safe_equal(#[anybuffer] a: &[u8], #[anybuffer] b: &[u8]) -> Result<bool, BindingError> {
    if a.len() != b.len() {
        return Err(BindingError::UnequalLengths);
    }
    Ok(bool::from(a.ct_eq(b)))
}
