//! PKCS #8 encrypted with a passphrase: PBES2 (RFC 8018), with PBKDF2 or scrypt and AES. The work that others ask for in what they have encrypted
//! is bounded, because nothing interrupts it.

use elliptic_curve::rand_core::{OsRng, RngCore as _};
use pkcs8::der::Decode;
use pkcs8::pkcs5::pbes2::{Kdf, Parameters};
use pkcs8::{EncryptedPrivateKeyInfo, PrivateKeyInfo};

use super::KeyError;
use crate::limits::{MAX_PBKDF2_ROUNDS, MAX_SCRYPT_BYTES, MAX_SCRYPT_WORK_BYTES};

/// Iterations of PBKDF2, and bytes of its salt: OpenSSL's.
const ROUNDS: u32 = 2048;
const SALT_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;

/// A key in PKCS #8, encrypted with `aes-128-cbc` or `aes-256-cbc`.
///
/// # Errors
/// [`KeyError`]
pub fn encrypt(key: &[u8], cipher: &str, passphrase: &[u8]) -> Result<Vec<u8>, KeyError> {
    let (mut salt, mut vector) = ([0; SALT_BYTES], [0; BLOCK_BYTES]);
    OsRng.fill_bytes(&mut salt);
    OsRng.fill_bytes(&mut vector);
    let parameters = match cipher {
        "aes-128-cbc" => Parameters::pbkdf2_sha256_aes128cbc(ROUNDS, &salt, &vector),
        _ => Parameters::pbkdf2_sha256_aes256cbc(ROUNDS, &salt, &vector),
    };
    let parameters = parameters.map_err(|_| KeyError::Failed)?;
    let info = PrivateKeyInfo::from_der(key)?;
    let encrypted = info.encrypt_with_params(parameters, passphrase).map_err(|_| KeyError::Failed)?;
    Ok(encrypted.as_bytes().to_vec())
}

/// The key in PKCS #8 that was encrypted.
///
/// # Errors
/// [`KeyError::BadDecrypt`], [`KeyError::TooMuchWork`], [`KeyError::Malformed`]
pub fn decrypt(bytes: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, KeyError> {
    let info = EncryptedPrivateKeyInfo::from_der(bytes)?;
    let parameters = info.encryption_algorithm.pbes2().ok_or(KeyError::BadDecrypt)?;
    if !is_within_bounds(&parameters.kdf) {
        return Err(KeyError::TooMuchWork);
    }
    let key = info.decrypt(passphrase).map_err(|_| KeyError::BadDecrypt)?;
    Ok(key.as_bytes().to_vec())
}

fn is_within_bounds(kdf: &Kdf<'_>) -> bool {
    if let Some(pbkdf2) = kdf.pbkdf2() {
        return u64::from(pbkdf2.iteration_count) <= MAX_PBKDF2_ROUNDS;
    }
    kdf.scrypt().is_some_and(|scrypt| {
        let memory = scrypt.cost_parameter.saturating_mul(u64::from(scrypt.block_size)).saturating_mul(128);
        memory <= MAX_SCRYPT_BYTES && memory.saturating_mul(scrypt.parallelization.into()) <= MAX_SCRYPT_WORK_BYTES
    })
}
