//! What JavaScript asks for. Keys come and go as bytes, private ones in PKCS #8 and public ones as SubjectPublicKeyInfo.

use std::cell::RefCell;
use std::rc::Rc;

use deno_core::convert::Uint8Array;
use deno_core::{JsBuffer, OpState, ToJsBuffer, op2};
use serde::Serialize;

use super::curve::Curve;
use super::octets::{self, Octets};
use super::rsa::{self, Generation, Padding};
use super::signature::{Manner, sign, verify};
use super::{KeyError, PrivateKey, PublicKey, RSA, agreement, aws_lc, encrypted};
use crate::beside::beside_the_isolate;

/// OpenSSL's number for PSS.
const PSS: i32 = 6;

/// A key that has been read, with what JavaScript calls its kind.
#[derive(Serialize)]
pub struct Key {
    kind: &'static str,
    bytes: ToJsBuffer,
}

impl Key {
    fn private(key: &PrivateKey) -> Result<Self, KeyError> {
        Ok(Self { kind: key.kind(), bytes: key.to_pkcs8()?.into() })
    }

    fn public(key: &PublicKey) -> Result<Self, KeyError> {
        Ok(Self { kind: key.kind(), bytes: key.to_spki()?.into() })
    }
}

/// Reads a key: a private one in `pkcs8`, `pkcs1` or `sec1`, a public one in `spki`, `pkcs1` or a `certificate`.
#[op2]
#[serde]
pub fn op_key_read(is_private: bool, #[string] encoding: &str, #[anybuffer] bytes: &[u8]) -> Result<Key, KeyError> {
    if is_private {
        return Key::private(&PrivateKey::read(encoding, bytes)?);
    }
    Key::public(&PublicKey::read(encoding, bytes)?)
}

/// Writes a key in one of these.
#[op2]
pub fn op_key_write(
    is_private: bool,
    #[string] encoding: &str,
    #[anybuffer] key: &[u8],
) -> Result<Uint8Array, KeyError> {
    let written = if is_private {
        PrivateKey::from_pkcs8(key)?.write(encoding)?
    } else {
        PublicKey::from_spki(key)?.write(encoding)?
    };
    Ok(written.into())
}

/// The public key of a private one.
#[op2]
#[serde]
pub fn op_key_public(#[anybuffer] key: &[u8]) -> Result<Key, KeyError> {
    Key::public(&PrivateKey::from_pkcs8(key)?.public()?)
}

/// The numbers of a key.
#[op2]
#[serde]
pub fn op_key_parts(is_private: bool, #[anybuffer] key: &[u8]) -> Result<Vec<ToJsBuffer>, KeyError> {
    let parts = if is_private { PrivateKey::from_pkcs8(key)?.parts()? } else { PublicKey::from_spki(key)?.parts() };
    Ok(parts.into_iter().map(ToJsBuffer::from).collect())
}

/// The key of such numbers.
#[op2]
#[serde]
pub fn op_key_of_parts(is_private: bool, #[string] kind: &str, #[serde] parts: Vec<JsBuffer>) -> Result<Key, KeyError> {
    let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
    if is_private {
        return Key::private(&PrivateKey::of_parts(kind, &parts)?);
    }
    Key::public(&PublicKey::of_parts(kind, &parts)?)
}

/// PKCS #8, encrypted.
#[op2]
pub fn op_key_encrypt(
    #[anybuffer] key: &[u8],
    #[string] cipher: &str,
    #[anybuffer] passphrase: &[u8],
) -> Result<Uint8Array, KeyError> {
    Ok(encrypted::encrypt(key, cipher, passphrase)?.into())
}

/// PKCS #8 that was encrypted.
#[op2]
pub fn op_key_decrypt(#[anybuffer] bytes: &[u8], #[anybuffer] passphrase: &[u8]) -> Result<Uint8Array, KeyError> {
    Ok(encrypted::decrypt(bytes, passphrase)?.into())
}

/// A new private key, which for RSA has so many bits and this exponent.
#[op2]
#[serde]
pub fn op_key_generate_sync(#[string] kind: &str, bits: u32, exponent: u32) -> Result<Key, KeyError> {
    Key::private(&NewKey::new(kind, bits, exponent)?.make()?)
}

/// The same, beside the isolate.
#[op2]
#[serde]
pub fn op_key_generate(
    state: Rc<RefCell<OpState>>,
    #[string] kind: &str,
    bits: u32,
    exponent: u32,
) -> Result<impl Future<Output = Result<Key, KeyError>> + use<>, KeyError> {
    let new = NewKey::new(kind, bits, exponent)?;
    Ok(beside_the_isolate(&state.borrow(), 0, 0, move |_| Key::private(&new.make()?))?)
}

/// A key that is to be.
enum NewKey {
    Rsa(Generation),
    Curve(Curve),
    Octets(Octets),
}

impl NewKey {
    fn new(kind: &str, bits: u32, exponent: u32) -> Result<Self, KeyError> {
        if kind == RSA {
            return Ok(Self::Rsa(Generation::new(bits, exponent)?));
        }
        let curve = Curve::named(kind).map(Self::Curve);
        curve.or_else(|| Octets::named(kind).map(Self::Octets)).ok_or(KeyError::UnknownKind)
    }

    fn make(self) -> Result<PrivateKey, KeyError> {
        match self {
            Self::Rsa(generation) => generation.run(),
            Self::Curve(curve) => Ok(PrivateKey::Curve(curve, curve.generate())),
            Self::Octets(kind) => Ok(PrivateKey::Octets(kind, octets::generate())),
        }
    }
}

fn manner(digest: &str, padding: i32, salt: i32, is_plain: bool) -> Manner<'_> {
    let padding = if padding == PSS { Padding::Pss(salt) } else { Padding::Pkcs1 };
    Manner { digest, padding, is_plain }
}

/// Signs data that was hashed with the digest; with Ed25519 the data itself.
#[op2]
pub fn op_key_sign(
    #[anybuffer] key: &[u8],
    #[anybuffer] data: &[u8],
    #[string] digest: &str,
    padding: i32,
    salt: i32,
    is_plain: bool,
) -> Result<Uint8Array, KeyError> {
    let manner = manner(digest, padding, salt, is_plain);
    if let Some(signature) = aws_lc::sign(key, digest, data, manner.padding) {
        return Ok(signature.into());
    }
    Ok(sign(&PrivateKey::from_pkcs8(key)?, data, &manner)?.into())
}

/// Whether it is a signature of such data.
#[op2]
pub fn op_key_verify(
    #[anybuffer] key: &[u8],
    #[anybuffer] data: &[u8],
    #[anybuffer] signature: &[u8],
    #[string] digest: &str,
    padding: i32,
    salt: i32,
    is_plain: bool,
) -> Result<bool, KeyError> {
    verify(&PublicKey::from_spki(key)?, data, signature, &manner(digest, padding, salt, is_plain))
}

/// The secret that the owners of both keys can compute.
#[op2]
pub fn op_key_agree(#[anybuffer] private: &[u8], #[anybuffer] public: &[u8]) -> Result<Uint8Array, KeyError> {
    Ok(agreement::agree(&PrivateKey::from_pkcs8(private)?, &PublicKey::from_spki(public)?)?.into())
}

/// Encrypts with OAEP, or where the digest is empty with PKCS #1 v1.5.
#[op2]
pub fn op_rsa_encrypt(
    #[anybuffer] key: &[u8],
    #[string] digest: &str,
    #[anybuffer] label: &[u8],
    #[anybuffer] data: &[u8],
) -> Result<Uint8Array, KeyError> {
    Ok(aws_lc::encrypt(key, Some(digest).filter(|digest| !digest.is_empty()), label, data)?.into())
}

/// Decrypts what OAEP has encrypted.
#[op2]
pub fn op_rsa_decrypt(
    #[anybuffer] key: &[u8],
    #[string] digest: &str,
    #[anybuffer] label: &[u8],
    #[anybuffer] data: &[u8],
) -> Result<Uint8Array, KeyError> {
    Ok(aws_lc::decrypt(key, digest, label, data)?.into())
}

/// Signs data that is not hashed, with the padding of signatures.
#[op2]
pub fn op_rsa_sign_plain(#[anybuffer] key: &[u8], #[anybuffer] data: &[u8]) -> Result<Uint8Array, KeyError> {
    match PrivateKey::from_pkcs8(key)? {
        PrivateKey::Rsa(key) => Ok(rsa::sign_plain(&key, data)?.into()),
        _ => Err(KeyError::NotForThisKind),
    }
}

/// The data that was signed so.
#[op2]
pub fn op_rsa_recover(#[anybuffer] key: &[u8], #[anybuffer] signature: &[u8]) -> Result<Uint8Array, KeyError> {
    match PublicKey::from_spki(key)? {
        PublicKey::Rsa(key) => Ok(rsa::recover(&key, signature)?.into()),
        _ => Err(KeyError::NotForThisKind),
    }
}
