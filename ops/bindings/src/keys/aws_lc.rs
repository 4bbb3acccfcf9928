//! What AWS-LC does with keys of RSA: it encrypts and decrypts, in a time that tells nothing of the data, and makes keys and signs in the
//! usual ways faster than [`super::rsa`], which knows all ways and all keys. It takes moduli of 2048 to 8192 bits.

use aws_lc_rs::digest::{Algorithm, Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};

use super::KeyError;
use super::rsa::{Padding, SALT_OF_DIGEST};

/// The exponent that nearly all keys have.
const USUAL_EXPONENT: u32 = 65_537;

/// A new private key in PKCS #8, if it is one of the usual ones.
pub fn generate(bits: usize, exponent: u32) -> Option<Vec<u8>> {
    let size = match (bits, exponent) {
        (2048, USUAL_EXPONENT) => KeySize::Rsa2048,
        (3072, USUAL_EXPONENT) => KeySize::Rsa3072,
        (4096, USUAL_EXPONENT) => KeySize::Rsa4096,
        _ => return None,
    };
    let key: Pkcs8V1Der<'_> = KeyPair::generate(size).ok()?.as_der().ok()?;
    Some(key.as_ref().to_vec())
}

/// Signs what was hashed with the digest, if this is one of the usual ways. The key is in PKCS #8.
pub fn sign(key: &[u8], digest: &str, hashed: &[u8], padding: Padding) -> Option<Vec<u8>> {
    let (algorithm, encoding) = usual(digest, padding)?;
    let key = KeyPair::from_pkcs8(key).ok()?;
    let digest = Digest::import_less_safe(hashed, algorithm).ok()?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign_digest(encoding, &digest, &mut signature).ok()?;
    Some(signature)
}

fn usual(digest: &str, padding: Padding) -> Option<(&'static Algorithm, &'static dyn RsaEncoding)> {
    match (digest, padding) {
        ("sha256", Padding::Pkcs1) => Some((&SHA256, &RSA_PKCS1_SHA256)),
        ("sha384", Padding::Pkcs1) => Some((&SHA384, &RSA_PKCS1_SHA384)),
        ("sha512", Padding::Pkcs1) => Some((&SHA512, &RSA_PKCS1_SHA512)),
        ("sha256", Padding::Pss(SALT_OF_DIGEST)) => Some((&SHA256, &RSA_PSS_SHA256)),
        ("sha384", Padding::Pss(SALT_OF_DIGEST)) => Some((&SHA384, &RSA_PSS_SHA384)),
        ("sha512", Padding::Pss(SALT_OF_DIGEST)) => Some((&SHA512, &RSA_PSS_SHA512)),
        _ => None,
    }
}

fn oaep(digest: &str) -> Result<&'static OaepAlgorithm, KeyError> {
    match digest {
        "sha1" => Ok(&OAEP_SHA1_MGF1SHA1),
        "sha256" => Ok(&OAEP_SHA256_MGF1SHA256),
        "sha384" => Ok(&OAEP_SHA384_MGF1SHA384),
        "sha512" => Ok(&OAEP_SHA512_MGF1SHA512),
        _ => Err(KeyError::EncryptionNotSupported),
    }
}

/// Encrypts with OAEP and its digest and label, or with PKCS #1 v1.5 where there is no digest. The key is a SubjectPublicKeyInfo.
///
/// # Errors
/// [`KeyError::EncryptionNotSupported`], [`KeyError::TooLargeForKey`]
pub fn encrypt(key: &[u8], digest: Option<&str>, label: &[u8], data: &[u8]) -> Result<Vec<u8>, KeyError> {
    let key = PublicEncryptingKey::from_der(key).map_err(|_| KeyError::EncryptionNotSupported)?;
    let mut output = vec![0; key.key_size_bytes()];
    let encrypted = match digest {
        Some(digest) => {
            let algorithm = oaep(digest)?;
            let key = OaepPublicEncryptingKey::new(key).map_err(|_| KeyError::Failed)?;
            key.encrypt(algorithm, data, &mut output, Some(label))
        }
        None => Pkcs1PublicEncryptingKey::new(key).map_err(|_| KeyError::Failed)?.encrypt(data, &mut output),
    };
    encrypted.map(|bytes| bytes.to_vec()).map_err(|_| KeyError::TooLargeForKey)
}

/// Decrypts what was encrypted with OAEP. The key is in PKCS #8.
///
/// # Errors
/// [`KeyError::EncryptionNotSupported`], [`KeyError::OaepDecoding`]
pub fn decrypt(key: &[u8], digest: &str, label: &[u8], data: &[u8]) -> Result<Vec<u8>, KeyError> {
    let algorithm = oaep(digest)?;
    let key = PrivateDecryptingKey::from_pkcs8(key).map_err(|_| KeyError::EncryptionNotSupported)?;
    let key = OaepPrivateDecryptingKey::new(key).map_err(|_| KeyError::Failed)?;
    let mut output = vec![0; key.min_output_size()];
    let decrypted = key.decrypt(algorithm, data, &mut output, Some(label));
    decrypted.map(|bytes| bytes.to_vec()).map_err(|_| KeyError::OaepDecoding)
}
