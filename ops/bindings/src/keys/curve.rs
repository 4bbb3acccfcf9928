//! Keys on the curves P-256, P-384 and P-521 of NIST: points, signatures (ECDSA) and secrets that two agree on (ECDH).

use ecdsa::Signature;
use ecdsa::hazmat::{sign_prehashed, verify_prehashed};
use elliptic_curve::rand_core::OsRng;
use elliptic_curve::sec1::ToEncodedPoint;
use elliptic_curve::{FieldBytes, NonZeroScalar, PublicKey, SecretKey, ecdh};
use pkcs8::ObjectIdentifier;

use super::KeyError;

/// One of the curves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// P-256, which OpenSSL calls prime256v1.
    P256,
    /// P-384, or secp384r1.
    P384,
    /// P-521, or secp521r1.
    P521,
}

/// The value of an expression in which `$Curve` is the type of a curve.
macro_rules! with_curve {
    ($curve:expr, $Curve:ident => $value:expr) => {
        match $curve {
            Curve::P256 => {
                type $Curve = p256::NistP256;
                $value
            }
            Curve::P384 => {
                type $Curve = p384::NistP384;
                $value
            }
            Curve::P521 => {
                type $Curve = p521::NistP521;
                $value
            }
        }
    };
}

const ALL: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

/// How points begin that are not compressed, and those that say so and their parity as well.
const UNCOMPRESSED: u8 = 4;
const HYBRID_EVEN: u8 = 6;
const HYBRID_ODD: u8 = 7;
/// How one begins that has no sign, which OpenSSL does not know.
const COMPACT: u8 = 5;

impl Curve {
    /// The curve that OpenSSL calls this.
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|curve| curve.name() == name)
    }

    /// The curve that keys name by this.
    pub fn identified(id: ObjectIdentifier) -> Option<Self> {
        ALL.into_iter().find(|curve| curve.id() == id)
    }

    /// What OpenSSL calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "prime256v1",
            Self::P384 => "secp384r1",
            Self::P521 => "secp521r1",
        }
    }

    /// What keys name it by.
    pub fn id(self) -> ObjectIdentifier {
        match self {
            Self::P256 => ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
            Self::P384 => ObjectIdentifier::new_unwrap("1.3.132.0.34"),
            Self::P521 => ObjectIdentifier::new_unwrap("1.3.132.0.35"),
        }
    }

    /// Bytes of its numbers.
    pub fn bytes(self) -> usize {
        with_curve!(self, C => FieldBytes::<C>::default().len())
    }

    /// A private key: one of the curve's numbers, in as many bytes as it has.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] where it is zero, or the curve's order or more.
    pub fn secret(self, number: &[u8]) -> Result<Vec<u8>, KeyError> {
        let secret = padded(number, self.bytes()).ok_or(KeyError::Malformed)?;
        with_curve!(self, C => SecretKey::<C>::from_slice(&secret).map(drop)).map_err(|_| KeyError::Malformed)?;
        Ok(secret)
    }

    /// One drawn at random.
    pub fn generate(self) -> Vec<u8> {
        with_curve!(self, C => SecretKey::<C>::random(&mut OsRng).to_bytes().to_vec())
    }

    /// The public key of a private one.
    ///
    /// # Errors
    /// [`KeyError::Malformed`]
    pub fn point(self, secret: &[u8]) -> Result<Vec<u8>, KeyError> {
        with_curve!(self, C => {
            let secret = SecretKey::<C>::from_slice(secret).map_err(|_| KeyError::Malformed)?;
            Ok(secret.public_key().to_encoded_point(false).as_bytes().to_vec())
        })
    }

    /// A point in any of its forms, as it is when it is not compressed.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] where it is none, or not on the curve.
    pub fn read_point(self, bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut bytes = bytes.to_vec();
        let is_odd = bytes.last().is_some_and(|last| last % 2 == 1);
        match bytes.first_mut() {
            Some(first @ &mut (HYBRID_EVEN | HYBRID_ODD)) if is_odd == (*first == HYBRID_ODD) => *first = UNCOMPRESSED,
            None | Some(&mut (COMPACT | HYBRID_EVEN | HYBRID_ODD)) => return Err(KeyError::Malformed),
            Some(_) => {}
        }
        with_curve!(self, C => {
            let point = PublicKey::<C>::from_sec1_bytes(&bytes).map_err(|_| KeyError::Malformed)?;
            Ok(point.to_encoded_point(false).as_bytes().to_vec())
        })
    }

    /// Both numbers of a signature, one after the other, of what was hashed.
    ///
    /// # Errors
    /// [`KeyError::Malformed`]
    pub fn sign(self, secret: &[u8], hashed: &[u8]) -> Result<Vec<u8>, KeyError> {
        with_curve!(self, C => {
            let secret = SecretKey::<C>::from_slice(secret).map_err(|_| KeyError::Malformed)?.to_nonzero_scalar();
            let begins = FieldBytes::<C>::clone_from_slice(&beginning(hashed, self.bytes()));
            let once = *NonZeroScalar::<C>::random(&mut OsRng);
            // It fails where a number comes to zero, which nobody has seen.
            let (signature, _) = sign_prehashed::<C, _>(&secret, once, &begins).map_err(|_| KeyError::Failed)?;
            Ok(signature.to_bytes().to_vec())
        })
    }

    /// Whether such a signature is one of what was hashed.
    pub fn verify(self, point: &[u8], hashed: &[u8], signature: &[u8]) -> bool {
        with_curve!(self, C => {
            let begins = FieldBytes::<C>::clone_from_slice(&beginning(hashed, self.bytes()));
            let (Ok(point), Ok(signature)) = (PublicKey::<C>::from_sec1_bytes(point), Signature::<C>::from_slice(signature)) else {
                return false;
            };
            verify_prehashed::<C>(&point.to_projective(), &begins, &signature).is_ok()
        })
    }

    /// What the owners of both keys can compute.
    ///
    /// # Errors
    /// [`KeyError::Malformed`]
    pub fn agree(self, secret: &[u8], point: &[u8]) -> Result<Vec<u8>, KeyError> {
        with_curve!(self, C => {
            let secret = SecretKey::<C>::from_slice(secret).map_err(|_| KeyError::Malformed)?;
            let point = PublicKey::<C>::from_sec1_bytes(point).map_err(|_| KeyError::Malformed)?;
            Ok(ecdh::diffie_hellman(secret.to_nonzero_scalar(), point.as_affine()).raw_secret_bytes().to_vec())
        })
    }
}

/// A number in so many bytes, if it fits into them.
pub fn padded(number: &[u8], length: usize) -> Option<Vec<u8>> {
    let begins = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let number = &number[begins..];
    let missing = length.checked_sub(number.len())?;
    let mut bytes = vec![0; missing];
    bytes.extend_from_slice(number);
    Some(bytes)
}

/// As much of a hash as there is room for. The orders of these curves have as many bits as their bytes, or more than any hash.
fn beginning(hashed: &[u8], length: usize) -> Vec<u8> {
    let taken = hashed.len().min(length);
    let mut bytes = vec![0; length - taken];
    bytes.extend_from_slice(&hashed[..taken]);
    bytes
}
