//! The numbers that a key is made of, in the order in which JSON Web Keys (RFC 7518, RFC 8037) list them: `n e d p q dp dq qi` of RSA, `x y d` of a curve,
//! `x d` of the others. Public keys have those of them that are public.

use ::rsa::BigUint;
use ::rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};

use super::curve::Curve;
use super::octets::Octets;
use super::{KeyError, PrivateKey, PublicKey, RSA, rsa};

impl PrivateKey {
    /// All of its numbers.
    ///
    /// # Errors
    /// [`KeyError::Malformed`]; not with a key that has been read.
    pub fn parts(&self) -> Result<Vec<Vec<u8>>, KeyError> {
        let mut parts = self.public()?.parts();
        match self {
            Self::Rsa(key) => {
                let [p, q] = key.primes() else { return Err(KeyError::Malformed) };
                let one = BigUint::from(1_u8);
                let (dp, dq) = (key.d() % (p - &one), key.d() % (q - &one));
                let qi = key.crt_coefficient().ok_or(KeyError::Malformed)?;
                parts.extend([key.d(), p, q, &dp, &dq, &qi].map(BigUint::to_bytes_be));
            }
            Self::Curve(_, secret) => parts.push(secret.clone()),
            Self::Octets(_, secret) => parts.push(secret.to_vec()),
        }
        Ok(parts)
    }

    /// The key of these numbers. Of RSA's the last three follow from those before; of a curve the point may be left out.
    ///
    /// # Errors
    /// [`KeyError`], also where the public part is another's.
    pub fn of_parts(kind: &str, parts: &[&[u8]]) -> Result<Self, KeyError> {
        if let (RSA, [n, e, d, p, q, ..]) = (kind, parts) {
            let [n, e, d, p, q] = [n, e, d, p, q].map(|part| BigUint::from_bytes_be(part));
            return Ok(Self::Rsa(Box::new(rsa::private(n, e, d, [p, q])?)));
        }
        let [public @ .., secret] = parts else { return Err(KeyError::Malformed) };
        let key = match (Curve::named(kind), Octets::named(kind)) {
            (Some(curve), _) => Self::Curve(curve, curve.secret(secret)?),
            (_, Some(kind)) => Self::Octets(kind, (*secret).try_into().map_err(|_| KeyError::Malformed)?),
            _ => return Err(KeyError::UnknownKind),
        };
        if public.is_empty() || key.public()?.parts() == public {
            return Ok(key);
        }
        Err(KeyError::Malformed)
    }
}

impl PublicKey {
    /// Its numbers.
    pub fn parts(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Rsa(key) => vec![key.n().to_bytes_be(), key.e().to_bytes_be()],
            Self::Curve(curve, point) => point[1..].chunks(curve.bytes()).map(<[u8]>::to_vec).collect(),
            Self::Octets(_, point) => vec![point.to_vec()],
        }
    }

    /// The key of these numbers. A curve may have them in one, as a point in any of its forms.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn of_parts(kind: &str, parts: &[&[u8]]) -> Result<Self, KeyError> {
        match (kind, Curve::named(kind), Octets::named(kind), parts) {
            (RSA, _, _, [n, e]) => rsa::public(BigUint::from_bytes_be(n), BigUint::from_bytes_be(e)).map(Self::Rsa),
            (_, Some(curve), _, [point]) => Ok(Self::Curve(curve, curve.read_point(point)?)),
            (_, Some(curve), _, [x, y]) if x.len() == curve.bytes() && y.len() == curve.bytes() => {
                Ok(Self::Curve(curve, curve.read_point(&[&[4], *x, *y].concat())?))
            }
            (_, _, Some(kind), [point]) => {
                Ok(Self::Octets(kind, (*point).try_into().map_err(|_| KeyError::Malformed)?))
            }
            _ => Err(KeyError::Malformed),
        }
    }
}
