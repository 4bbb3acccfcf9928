//! What the owners of two keys compute, each with its own private key and the other's public one.

use super::{KeyError, PrivateKey, PublicKey, octets};
use crate::keys::octets::Octets;

/// The secret of both.
///
/// # Errors
/// [`KeyError::Incompatible`] where the keys are of two kinds, or of one that does not agree; what the kind says.
pub fn agree(private: &PrivateKey, public: &PublicKey) -> Result<Vec<u8>, KeyError> {
    match (private, public) {
        (PrivateKey::Curve(curve, secret), PublicKey::Curve(other, point)) if curve == other => {
            curve.agree(secret, point)
        }
        (PrivateKey::Octets(Octets::X25519, secret), PublicKey::Octets(Octets::X25519, point)) => {
            octets::agree(secret, point)
        }
        (PrivateKey::Octets(Octets::Ed25519, _), PublicKey::Octets(Octets::Ed25519, _))
        | (PrivateKey::Rsa(_), PublicKey::Rsa(_)) => Err(KeyError::NotForThisKind),
        _ => Err(KeyError::Incompatible),
    }
}
