//! Signatures with keys of any kind. Data comes hashed but to Ed25519, which hashes it itself, twice.

use pkcs8::der::asn1::{SequenceOf, UintRef};
use pkcs8::der::{Decode, Encode};

use super::curve::padded;
use super::octets::{self, Octets};
use super::rsa::{self, Padding};
use super::{KeyError, PrivateKey, PublicKey};

/// What beside the key says how to sign.
pub struct Manner<'a> {
    /// With which digest the data was hashed.
    pub digest: &'a str,
    /// Of RSA.
    pub padding: Padding,
    /// Whether the numbers of a curve's signature stand one after the other, as in IEEE P1363, and not in DER.
    pub is_plain: bool,
}

/// A signature of data, or of what it was hashed to.
///
/// # Errors
/// [`KeyError`]
pub fn sign(key: &PrivateKey, data: &[u8], manner: &Manner<'_>) -> Result<Vec<u8>, KeyError> {
    match key {
        PrivateKey::Rsa(key) => rsa::sign(key, manner.digest, data, manner.padding),
        PrivateKey::Curve(curve, secret) => {
            let signature = curve.sign(secret, data)?;
            if manner.is_plain { Ok(signature) } else { to_der(&signature) }
        }
        PrivateKey::Octets(Octets::Ed25519, secret) => octets::sign(secret, data),
        PrivateKey::Octets(Octets::X25519, _) => Err(KeyError::NotForThisKind),
    }
}

/// Whether it is one.
///
/// # Errors
/// [`KeyError`], not because of the signature
pub fn verify(key: &PublicKey, data: &[u8], signature: &[u8], manner: &Manner<'_>) -> Result<bool, KeyError> {
    match key {
        PublicKey::Rsa(key) => rsa::verify(key, manner.digest, data, signature, manner.padding),
        PublicKey::Curve(curve, point) => {
            let plain = if manner.is_plain { Some(signature.to_vec()) } else { from_der(signature, curve.bytes()) };
            Ok(plain.is_some_and(|signature| curve.verify(point, data, &signature)))
        }
        PublicKey::Octets(Octets::Ed25519, point) => Ok(octets::verify(point, data, signature)),
        PublicKey::Octets(Octets::X25519, _) => Err(KeyError::NotForThisKind),
    }
}

fn to_der(signature: &[u8]) -> Result<Vec<u8>, KeyError> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let mut numbers = SequenceOf::<UintRef<'_>, 2>::new();
    numbers.add(UintRef::new(r)?)?;
    numbers.add(UintRef::new(s)?)?;
    Ok(numbers.to_der()?)
}

fn from_der(signature: &[u8], length: usize) -> Option<Vec<u8>> {
    let numbers = SequenceOf::<UintRef<'_>, 2>::from_der(signature).ok()?;
    let mut numbers = numbers.iter().map(|number| padded(number.as_bytes(), length));
    let (r, s) = (numbers.next()??, numbers.next()??);
    Some([r, s].concat())
}
