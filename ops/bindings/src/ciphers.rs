//! AES for `node:crypto`, piece by piece: CBC, CTR and [GCM](gcm). What may be called when is decided in JavaScript; here a call out
//! of turn is only harmless.

mod blocks;
mod gcm;

use std::cell::RefCell;

use aes::{Aes128, Aes192, Aes256};
use deno_core::{GarbageCollected, convert::Uint8Array, op2, v8};

use self::blocks::Blocks;
use self::gcm::Gcm;

/// What a cipher throws. The codes are Node's.
#[derive(Debug, PartialEq, thiserror::Error, deno_error::JsError)]
pub enum CipherError {
    /// There is no such cipher.
    #[class(generic)]
    #[property("code" = "ERR_CRYPTO_UNKNOWN_CIPHER")]
    #[error("Unknown cipher")]
    Unknown,
    /// The key or the initialization vector has another length.
    #[class(type)]
    #[property("code" = "ERR_CRYPTO_INVALID_IV")]
    #[error("Invalid initialization vector")]
    InvalidVector,
    /// Data ends within a block.
    #[class(generic)]
    #[property("code" = "ERR_OSSL_WRONG_FINAL_BLOCK_LENGTH")]
    #[error("wrong final block length: the data does not end with a whole block")]
    WrongFinalBlockLength,
    /// What was decrypted ends with no padding.
    #[class(generic)]
    #[property("code" = "ERR_OSSL_BAD_DECRYPT")]
    #[error("bad decrypt: the key is another, or the data was changed")]
    BadDecrypt,
    /// The tag is another. Node gives it no code.
    #[class(generic)]
    #[error("Unsupported state or unable to authenticate data")]
    NotAuthentic,
    /// Beyond what GCM encrypts with one vector.
    #[class(range)]
    #[property("code" = "ERR_OUT_OF_RANGE")]
    #[error("more data than one initialization vector is for")]
    TooMuch,
    /// It has ended, or it is none that does this.
    #[class(generic)]
    #[property("code" = "ERR_CRYPTO_INVALID_STATE")]
    #[error("Invalid state of the cipher")]
    InvalidState,
}

/// A cipher under way.
pub struct CipherState(RefCell<Option<Cipher>>);

// SAFETY: the state holds no reference into V8's heap, so there is nothing to trace.
unsafe impl GarbageCollected for CipherState {
    fn trace(&self, _visitor: &mut v8::cppgc::Visitor) {}

    fn get_name(&self) -> &'static std::ffi::CStr {
        c"CipherState"
    }
}

enum Cipher {
    Blocks(Blocks),
    Stream(Keystream),
    Gcm(Gcm),
}

/// Encrypts and decrypts in place; not beyond the end of what one vector is for.
type Keystream = Box<dyn FnMut(&mut [u8]) -> Result<(), CipherError>>;

impl Cipher {
    fn new(mode: &str, key: &[u8], vector: &[u8], is_decryption: bool) -> Result<Self, CipherError> {
        match key.len() {
            16 => Self::with_aes::<Aes128>(mode, key, vector, is_decryption),
            24 => Self::with_aes::<Aes192>(mode, key, vector, is_decryption),
            32 => Self::with_aes::<Aes256>(mode, key, vector, is_decryption),
            _ => Err(CipherError::InvalidVector),
        }
    }

    fn with_aes<C: blocks::Aes>(
        mode: &str,
        key: &[u8],
        vector: &[u8],
        is_decryption: bool,
    ) -> Result<Self, CipherError> {
        match mode {
            "cbc" => Ok(Self::Blocks(Blocks::new::<C>(key, vector, is_decryption)?)),
            "ctr" => Ok(Self::Stream(blocks::keystream::<ctr::Ctr128BE<C>>(key, vector)?)),
            "gcm" => Ok(Self::Gcm(Gcm::new::<C>(key, vector, is_decryption)?)),
            _ => Err(CipherError::Unknown),
        }
    }

    fn update(&mut self, input: &[u8], is_padded: bool) -> Result<Vec<u8>, CipherError> {
        match self {
            Self::Blocks(blocks) => Ok(blocks.update(input, is_padded)),
            Self::Stream(keystream) => {
                let mut output = input.to_vec();
                keystream(&mut output)?;
                Ok(output)
            }
            Self::Gcm(gcm) => gcm.update(input),
        }
    }
}

/// Starts `cbc`, `ctr` or `gcm` with a key of 16, 24 or 32 bytes.
#[op2]
#[cppgc]
pub fn op_cipher_create(
    #[string] mode: &str,
    #[anybuffer] key: &[u8],
    #[anybuffer] vector: &[u8],
    is_decryption: bool,
) -> Result<CipherState, CipherError> {
    Ok(CipherState(RefCell::new(Some(Cipher::new(mode, key, vector, is_decryption)?))))
}

#[op2]
pub fn op_cipher_update(
    #[cppgc] state: &CipherState,
    #[anybuffer] input: &[u8],
    is_padded: bool,
) -> Result<Uint8Array, CipherError> {
    Ok(state.0.borrow_mut().as_mut().ok_or(CipherError::InvalidState)?.update(input, is_padded)?.into())
}

/// Data that is authenticated and not encrypted; all of it comes before the rest.
#[op2]
pub fn op_cipher_additional_data(#[cppgc] state: &CipherState, #[anybuffer] data: &[u8]) -> Result<(), CipherError> {
    match state.0.borrow_mut().as_mut() {
        Some(Cipher::Gcm(gcm)) => gcm.additional_data(data),
        _ => Err(CipherError::InvalidState),
    }
}

/// Ends CBC, with or without padding, and CTR.
#[op2]
pub fn op_cipher_final(#[cppgc] state: &CipherState, is_padded: bool) -> Result<Uint8Array, CipherError> {
    match state.0.borrow_mut().take() {
        Some(Cipher::Blocks(blocks)) => Ok(blocks.end(is_padded)?.into()),
        Some(Cipher::Stream(_)) => Ok(Vec::new().into()),
        _ => Err(CipherError::InvalidState),
    }
}

/// Ends an encryption with GCM and gives its tag, all 16 bytes of it.
#[op2]
pub fn op_cipher_tag(#[cppgc] state: &CipherState) -> Result<Uint8Array, CipherError> {
    match state.0.borrow_mut().take() {
        Some(Cipher::Gcm(gcm)) => Ok(gcm.tag().to_vec().into()),
        _ => Err(CipherError::InvalidState),
    }
}

/// Ends a decryption with GCM and compares the tag, or as much as there is of it.
#[op2]
pub fn op_cipher_verify(#[cppgc] state: &CipherState, #[anybuffer] tag: &[u8]) -> Result<(), CipherError> {
    match state.0.borrow_mut().take() {
        Some(Cipher::Gcm(gcm)) => gcm.verify(tag),
        _ => Err(CipherError::InvalidState),
    }
}
