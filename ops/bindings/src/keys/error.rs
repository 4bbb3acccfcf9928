//! What goes wrong with keys. The codes are Node's, which are OpenSSL's for the most part.

use crate::beside::Interrupted;
use crate::error::BindingError;
use crate::limits::{MAX_GENERATED_RSA_BITS, MAX_RSA_BITS, MIN_RSA_BITS};

/// What an operation with keys throws.
#[derive(Debug, thiserror::Error, deno_error::JsError)]
pub enum KeyError {
    /// The bytes are no key, or its numbers do not belong together.
    #[class(generic)]
    #[property("code" = "ERR_OSSL_UNSUPPORTED")]
    #[error("unsupported: this is no key, is not encoded as it says, or is encrypted in a way that is not available")]
    Malformed,
    /// A key of a kind that nothing here works with.
    #[class(generic)]
    #[property("code" = "NODE_API_NOT_SUPPORTED")]
    #[error(
        "keys of this kind are not available: use RSA, a curve of prime256v1, secp384r1 and secp521r1, Ed25519 or X25519"
    )]
    UnknownKind,
    /// There is no such digest.
    #[class(type)]
    #[property("code" = "ERR_CRYPTO_INVALID_DIGEST")]
    #[error("Invalid digest: {0}")]
    UnknownDigest(String),
    /// An operation that keys of this kind do not have.
    #[class(generic)]
    #[property("code" = "ERR_OSSL_EVP_OPERATION_NOT_SUPPORTED_FOR_THIS_KEYTYPE")]
    #[error("operation not supported for this keytype")]
    NotForThisKind,
    /// The work of RSA is bounded.
    #[class(range)]
    #[property("code" = "ERR_OUT_OF_RANGE")]
    #[error("the modulus of an RSA key has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits here")]
    ModulusOutOfBounds,
    /// So is that of making a key.
    #[class(range)]
    #[property("code" = "ERR_OUT_OF_RANGE")]
    #[error("modulusLength is {MIN_RSA_BITS} to {MAX_GENERATED_RSA_BITS} here")]
    TooLongToGenerate,
    /// And so is that of finding primes which go with an exponent.
    #[class(range)]
    #[property("code" = "ERR_OUT_OF_RANGE")]
    #[error("publicExponent is 3, 5, 17, 257 or 65537 here")]
    InvalidExponent,
    /// What is signed or encrypted does not fit into the modulus with its padding.
    #[class(generic)]
    #[property("code" = "ERR_OSSL_RSA_DATA_TOO_LARGE_FOR_KEY_SIZE")]
    #[error("data too large for key size")]
    TooLargeForKey,
    /// PKCS #1 pads what is signed with this digest to more than the modulus.
    #[class(generic)]
    #[property("code" = "ERR_OSSL_RSA_DIGEST_TOO_BIG_FOR_RSA_KEY")]
    #[error("digest too big for rsa key")]
    DigestTooLarge,
    /// What was encrypted is something else, or for another key, digest or label.
    #[class(generic)]
    #[property("code" = "ERR_OSSL_RSA_OAEP_DECODING_ERROR")]
    #[error("oaep decoding error: the key, oaepHash or oaepLabel is another, or the data was changed")]
    OaepDecoding,
    /// What `publicDecrypt` gets was not padded as it says.
    #[class(generic)]
    #[property("code" = "ERR_OSSL_RSA_PADDING_CHECK_FAILED")]
    #[error("padding check failed: the key is another, or the data was changed")]
    PaddingCheck,
    /// Encryption takes stronger keys than signatures.
    #[class(generic)]
    #[property("code" = "NODE_API_NOT_SUPPORTED")]
    #[error("RSA encrypts with moduli of 2048 to 8192 bits here, and OAEP with sha1, sha256, sha384 and sha512")]
    EncryptionNotSupported,
    /// Both keys are of one kind, which is one to agree with.
    #[class(generic)]
    #[property("code" = "ERR_CRYPTO_INCOMPATIBLE_KEY")]
    #[error("Incompatible key types for Diffie-Hellman")]
    Incompatible,
    /// A point that nothing can be agreed with.
    #[class(generic)]
    #[property("code" = "ERR_OSSL_FAILED_DURING_DERIVATION")]
    #[error("failed during derivation: the other key is of no use")]
    FailedDerivation,
    /// The passphrase is another.
    #[class(generic)]
    #[property("code" = "ERR_OSSL_BAD_DECRYPT")]
    #[error("bad decrypt: the passphrase is another, or the key is encrypted in a way that is not available")]
    BadDecrypt,
    /// What comes from the passphrase is bounded as `pbkdf2` and `scrypt` are.
    #[class(range)]
    #[property("code" = "ERR_OUT_OF_RANGE")]
    #[error("the key's passphrase is to be worked on for longer, or with more memory, than is possible here")]
    TooMuchWork,
    /// The isolate ends, or the host does.
    #[class(generic)]
    #[property("code" = "ERR_CRYPTO_OPERATION_FAILED")]
    #[error("the operation failed or was interrupted")]
    Failed,
    /// Too much waits.
    #[class(inherit)]
    #[error(transparent)]
    Pending(#[from] BindingError),
}

impl From<Interrupted> for KeyError {
    fn from(_: Interrupted) -> Self {
        Self::Failed
    }
}

impl From<pkcs8::der::Error> for KeyError {
    fn from(_: pkcs8::der::Error) -> Self {
        Self::Malformed
    }
}

impl From<pkcs8::Error> for KeyError {
    fn from(_: pkcs8::Error) -> Self {
        Self::Malformed
    }
}

impl From<pkcs8::spki::Error> for KeyError {
    fn from(_: pkcs8::spki::Error) -> Self {
        Self::Malformed
    }
}
