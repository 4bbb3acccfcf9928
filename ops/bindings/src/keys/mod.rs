//! Asymmetric keys for `node:crypto`: RSA, the curves of NIST, Ed25519 and X25519. JavaScript keeps a key as bytes, in PKCS#8 or as
//! SubjectPublicKeyInfo, and each operation reads them anew: so a key can be in a snapshot. No error tells anything of a key.

mod agreement;
mod aws_lc;
mod curve;
mod encoding;
mod encrypted;
mod error;
mod octets;
pub(crate) mod ops;
mod parts;
mod rsa;
mod signature;

use ::rsa::{RsaPrivateKey, RsaPublicKey};

use self::curve::Curve;
pub use self::error::KeyError;
use self::octets::Octets;

/// A key that signs, decrypts or agrees on secrets. It is one that works: its numbers belong together.
pub enum PrivateKey {
    /// Of two primes.
    Rsa(Box<RsaPrivateKey>),
    /// The number, in as many bytes as the curve's have.
    Curve(Curve, Vec<u8>),
    /// What the number is hashed from.
    Octets(Octets, [u8; octets::BYTES]),
}

/// A key that verifies, encrypts or is agreed with.
pub enum PublicKey {
    /// Modulus and exponent.
    Rsa(RsaPublicKey),
    /// The point, which is on the curve, not compressed.
    Curve(Curve, Vec<u8>),
    /// The point, whatever it is.
    Octets(Octets, [u8; octets::BYTES]),
}

impl PrivateKey {
    /// The other half.
    ///
    /// # Errors
    /// [`KeyError::Malformed`]; not with a key that has been read.
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        match self {
            Self::Rsa(key) => Ok(PublicKey::Rsa(key.to_public_key())),
            Self::Curve(curve, secret) => Ok(PublicKey::Curve(*curve, curve.point(secret)?)),
            Self::Octets(kind, secret) => Ok(PublicKey::Octets(*kind, kind.public(secret)?)),
        }
    }

    /// What JavaScript calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rsa(_) => RSA,
            Self::Curve(curve, _) => curve.name(),
            Self::Octets(kind, _) => kind.name(),
        }
    }
}

impl PublicKey {
    /// What JavaScript calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rsa(_) => RSA,
            Self::Curve(curve, _) => curve.name(),
            Self::Octets(kind, _) => kind.name(),
        }
    }
}

/// What JavaScript calls all keys of RSA; those of curves go by the curve.
const RSA: &str = "rsa";
