//! How keys are written down: PKCS #8 (RFC 5208), SubjectPublicKeyInfo (RFC 5280), PKCS #1 for RSA (RFC 8017) and SEC 1 for curves
//! (RFC 5915). Whatever they come in, they are kept in the first two.

use ::rsa::{BigUint, RsaPrivateKey, RsaPublicKey};
use pkcs1::UintRef;
use pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef};
use pkcs8::der::{Decode, Encode, Header, Reader, SliceReader, Tag};
use pkcs8::spki::SubjectPublicKeyInfoRef;
use pkcs8::{AlgorithmIdentifierRef, EncodePrivateKey, EncodePublicKey, ObjectIdentifier, PrivateKeyInfo};
use sec1::{EcParameters, EcPrivateKey};

use super::curve::Curve;
use super::octets::Octets;
use super::{KeyError, PrivateKey, PublicKey, rsa};

/// What keys of curves are identified by, beside the curve.
const CURVE_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

impl PrivateKey {
    /// Reads `pkcs8`, `pkcs1` or `sec1`.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn read(encoding: &str, bytes: &[u8]) -> Result<Self, KeyError> {
        match encoding {
            "pkcs8" => Self::from_pkcs8(bytes),
            "pkcs1" => rsa_private(bytes),
            "sec1" => curve_private(None, bytes),
            _ => Err(KeyError::Malformed),
        }
    }

    /// Reads what [`Self::to_pkcs8`] writes, and what others write in the same encoding.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfo::from_der(bytes)?;
        let id = info.algorithm.oid;
        if id == pkcs1::ALGORITHM_OID {
            return rsa_private(info.private_key);
        }
        if id == CURVE_KEY {
            let named = info.algorithm.parameters_oid().map_err(|_| KeyError::UnknownKind)?;
            return curve_private(Some(Curve::identified(named).ok_or(KeyError::UnknownKind)?), info.private_key);
        }
        let kind = Octets::identified(id).ok_or(KeyError::UnknownKind)?;
        let secret = OctetStringRef::from_der(info.private_key)?.as_bytes();
        Ok(Self::Octets(kind, secret.try_into().map_err(|_| KeyError::Malformed)?))
    }

    /// PKCS #8, as OpenSSL writes it.
    ///
    /// # Errors
    /// [`KeyError::Malformed`]; not with a key that has been read.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Rsa(key) => Ok(key.to_pkcs8_der()?.as_bytes().to_vec()),
            Self::Curve(curve, secret) => {
                let named = curve.id();
                let algorithm = AlgorithmIdentifierRef { oid: CURVE_KEY, parameters: Some(AnyRef::from(&named)) };
                let point = curve.point(secret)?;
                let key = EcPrivateKey { private_key: secret, parameters: None, public_key: Some(&point) }.to_der()?;
                Ok(PrivateKeyInfo::new(algorithm, &key).to_der()?)
            }
            Self::Octets(kind, secret) => {
                let algorithm = AlgorithmIdentifierRef { oid: kind.id(), parameters: None };
                Ok(PrivateKeyInfo::new(algorithm, &OctetStringRef::new(secret)?.to_der()?).to_der()?)
            }
        }
    }

    /// Writes `pkcs8`, `pkcs1` or `sec1`.
    ///
    /// # Errors
    /// [`KeyError::NotForThisKind`]
    pub fn write(&self, encoding: &str) -> Result<Vec<u8>, KeyError> {
        match (encoding, self) {
            ("pkcs8", _) => self.to_pkcs8(),
            ("pkcs1", Self::Rsa(_)) => Ok(PrivateKeyInfo::from_der(&self.to_pkcs8()?)?.private_key.to_vec()),
            ("sec1", Self::Curve(curve, secret)) => {
                let parameters = Some(EcParameters::NamedCurve(curve.id()));
                let point = curve.point(secret)?;
                Ok(EcPrivateKey { private_key: secret, parameters, public_key: Some(&point) }.to_der()?)
            }
            _ => Err(KeyError::NotForThisKind),
        }
    }
}

impl PublicKey {
    /// Reads `spki`, `pkcs1` or what is in a `certificate`.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn read(encoding: &str, bytes: &[u8]) -> Result<Self, KeyError> {
        match encoding {
            "spki" => Self::from_spki(bytes),
            "pkcs1" => rsa_public(bytes),
            "certificate" => Self::from_spki(key_of_certificate(bytes)?),
            _ => Err(KeyError::Malformed),
        }
    }

    /// Reads what [`Self::to_spki`] writes, and what others write in the same encoding.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn from_spki(bytes: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(bytes)?;
        let id = info.algorithm.oid;
        let key = info.subject_public_key.as_bytes().ok_or(KeyError::Malformed)?;
        if id == pkcs1::ALGORITHM_OID {
            return rsa_public(key);
        }
        if id == CURVE_KEY {
            let named = info.algorithm.parameters_oid().map_err(|_| KeyError::UnknownKind)?;
            let curve = Curve::identified(named).ok_or(KeyError::UnknownKind)?;
            return Ok(Self::Curve(curve, curve.read_point(key)?));
        }
        let kind = Octets::identified(id).ok_or(KeyError::UnknownKind)?;
        Ok(Self::Octets(kind, key.try_into().map_err(|_| KeyError::Malformed)?))
    }

    /// SubjectPublicKeyInfo, as OpenSSL writes it.
    ///
    /// # Errors
    /// [`KeyError::Malformed`]; not with a key that has been read.
    pub fn to_spki(&self) -> Result<Vec<u8>, KeyError> {
        let (oid, named, bytes) = match self {
            Self::Rsa(key) => return Ok(key.to_public_key_der()?.as_bytes().to_vec()),
            Self::Curve(curve, point) => (CURVE_KEY, Some(curve.id()), point.as_slice()),
            Self::Octets(kind, point) => (kind.id(), None, point.as_slice()),
        };
        let algorithm = AlgorithmIdentifierRef { oid, parameters: named.as_ref().map(AnyRef::from) };
        Ok(SubjectPublicKeyInfoRef { algorithm, subject_public_key: BitStringRef::from_bytes(bytes)? }.to_der()?)
    }

    /// Writes `spki` or `pkcs1`.
    ///
    /// # Errors
    /// [`KeyError::NotForThisKind`]
    pub fn write(&self, encoding: &str) -> Result<Vec<u8>, KeyError> {
        match (encoding, self) {
            ("spki", _) => self.to_spki(),
            ("pkcs1", Self::Rsa(_)) => {
                let info = self.to_spki()?;
                let key = SubjectPublicKeyInfoRef::from_der(&info)?.subject_public_key;
                Ok(key.as_bytes().ok_or(KeyError::Malformed)?.to_vec())
            }
            _ => Err(KeyError::NotForThisKind),
        }
    }
}

fn rsa_private(bytes: &[u8]) -> Result<PrivateKey, KeyError> {
    let key = pkcs1::RsaPrivateKey::from_der(bytes)?;
    let [n, e, d, p, q] = [key.modulus, key.public_exponent, key.private_exponent, key.prime1, key.prime2].map(number);
    rsa::private(n, e, d, [p, q]).map(|key: RsaPrivateKey| PrivateKey::Rsa(Box::new(key)))
}

fn rsa_public(bytes: &[u8]) -> Result<PublicKey, KeyError> {
    let key = pkcs1::RsaPublicKey::from_der(bytes)?;
    rsa::public(number(key.modulus), number(key.public_exponent)).map(|key: RsaPublicKey| PublicKey::Rsa(key))
}

fn number(bytes: UintRef<'_>) -> BigUint {
    BigUint::from_bytes_be(bytes.as_bytes())
}

fn curve_private(known: Option<Curve>, bytes: &[u8]) -> Result<PrivateKey, KeyError> {
    let key = EcPrivateKey::from_der(bytes)?;
    let named = key.parameters.and_then(|EcParameters::NamedCurve(id)| Curve::identified(id));
    let curve = known.or(named).ok_or(KeyError::UnknownKind)?;
    Ok(PrivateKey::Curve(curve, curve.secret(key.private_key)?))
}

/// The SubjectPublicKeyInfo in an X.509 certificate, of which nothing else is looked at. It comes after the version, which may be left
/// out, the serial number, the signature's algorithm, issuer, validity and subject.
fn key_of_certificate(bytes: &[u8]) -> Result<&[u8], KeyError> {
    let mut reader = SliceReader::new(bytes)?;
    Header::decode(&mut reader)?.tag.assert_eq(Tag::Sequence)?;
    Header::decode(&mut reader)?.tag.assert_eq(Tag::Sequence)?;
    if reader.peek_header()?.tag.is_context_specific() {
        reader.tlv_bytes()?;
    }
    for _ in 0..5 {
        reader.tlv_bytes()?;
    }
    Ok(reader.tlv_bytes()?)
}
