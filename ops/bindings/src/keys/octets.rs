//! Ed25519, which signs, and X25519, which agrees on secrets. Their keys are plain bytes (RFC 8410).

use aws_lc_rs::agreement::{self, UnparsedPublicKey, X25519};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _};
use elliptic_curve::rand_core::{OsRng, RngCore as _};
use pkcs8::ObjectIdentifier;

use super::KeyError;

/// Bytes of a private key, and of a public one.
pub const BYTES: usize = 32;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Octets {
    /// Signs.
    Ed25519,
    /// Agrees on secrets.
    X25519,
}

const ALL: [Octets; 2] = [Octets::Ed25519, Octets::X25519];

impl Octets {
    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The one that keys name by this.
    pub fn identified(id: ObjectIdentifier) -> Option<Self> {
        ALL.into_iter().find(|kind| kind.id() == id)
    }

    /// What Node calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::X25519 => "x25519",
        }
    }

    /// What keys name it by.
    pub fn id(self) -> ObjectIdentifier {
        match self {
            Self::Ed25519 => ObjectIdentifier::new_unwrap("1.3.101.112"),
            Self::X25519 => ObjectIdentifier::new_unwrap("1.3.101.110"),
        }
    }

    /// The public key of a private one.
    ///
    /// # Errors
    /// [`KeyError::Malformed`]
    pub fn public(self, secret: &[u8; BYTES]) -> Result<[u8; BYTES], KeyError> {
        let public = match self {
            Self::Ed25519 => signing(secret)?.public_key().as_ref().try_into(),
            Self::X25519 => {
                agreeing(secret)?.compute_public_key().map_err(|_| KeyError::Malformed)?.as_ref().try_into()
            }
        };
        public.map_err(|_| KeyError::Malformed)
    }
}

/// A private key of either kind.
pub fn generate() -> [u8; BYTES] {
    let mut secret = [0; BYTES];
    OsRng.fill_bytes(&mut secret);
    secret
}

/// The signature with a key of Ed25519.
///
/// # Errors
/// [`KeyError::Malformed`], [`KeyError::Failed`]
pub fn sign(secret: &[u8; BYTES], data: &[u8]) -> Result<Vec<u8>, KeyError> {
    let signature = signing(secret)?.try_sign(data).map_err(|_| KeyError::Failed)?;
    Ok(signature.as_ref().to_vec())
}

/// Whether it is one.
pub fn verify(public: &[u8; BYTES], data: &[u8], signature: &[u8]) -> bool {
    aws_lc_rs::signature::UnparsedPublicKey::new(&ED25519, public).verify(data, signature).is_ok()
}

/// What the owners of both keys of X25519 can compute.
///
/// # Errors
/// [`KeyError::FailedDerivation`] where it would always be the same.
pub fn agree(secret: &[u8; BYTES], public: &[u8; BYTES]) -> Result<Vec<u8>, KeyError> {
    let other = UnparsedPublicKey::new(&X25519, public);
    agreement::agree(&agreeing(secret)?, other, KeyError::FailedDerivation, |agreed| Ok(agreed.to_vec()))
}

fn signing(secret: &[u8; BYTES]) -> Result<Ed25519KeyPair, KeyError> {
    Ed25519KeyPair::from_seed_unchecked(secret).map_err(|_| KeyError::Malformed)
}

fn agreeing(secret: &[u8; BYTES]) -> Result<agreement::PrivateKey, KeyError> {
    agreement::PrivateKey::from_private_key(&X25519, secret).map_err(|_| KeyError::Malformed)
}
