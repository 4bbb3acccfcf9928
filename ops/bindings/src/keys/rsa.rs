//! RSA: keys within bounds, and what PKCS #1 does with them (RFC 8017). Whatever works with a private key is blinded.
//! Encryption is AWS-LC's ([`super::aws_lc`]).

use elliptic_curve::rand_core::OsRng;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use sha2::Digest;

use super::curve::padded;
use super::{KeyError, PrivateKey, aws_lc};
use crate::digests::with_digest;
use crate::limits::{MAX_GENERATED_RSA_BITS, MAX_RSA_BITS, MIN_RSA_BITS};

/// A salt as long as the digest, and one as long as there is room for: what Node calls these.
pub const SALT_OF_DIGEST: i32 = -1;
const SALT_OF_ANY_LENGTH: i32 = -2;

/// Bits that one prime may have more than the other. To work with each by itself takes steps as many as the one is larger than the other;
/// where that is more, one works with their product.
const MOST_UNEVEN_BITS: usize = 8;

/// The exponents of keys that are made here: primes, because a product often has none of the primes that are tried.
const EXPONENTS: [u32; 5] = [3, 5, 17, 257, 65_537];

/// How a signature is padded.
#[derive(Clone, Copy)]
pub enum Padding {
    /// PKCS #1 v1.5.
    Pkcs1,
    /// PSS with a salt of so many bytes, or as the constants say.
    Pss(i32),
}

/// A public key.
///
/// # Errors
/// [`KeyError::ModulusOutOfBounds`], [`KeyError::Malformed`]
pub fn public(n: BigUint, e: BigUint) -> Result<RsaPublicKey, KeyError> {
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&n.bits()) {
        return Err(KeyError::ModulusOutOfBounds);
    }
    RsaPublicKey::new_with_max_size(n, e, MAX_RSA_BITS).map_err(|_| KeyError::Malformed)
}

/// A private key whose numbers belong together.
///
/// # Errors
/// [`KeyError::ModulusOutOfBounds`], [`KeyError::Malformed`]
pub fn private(n: BigUint, e: BigUint, d: BigUint, primes: [BigUint; 2]) -> Result<RsaPrivateKey, KeyError> {
    public(n.clone(), e.clone())?;
    if d >= n || primes.iter().any(|prime| *prime >= n) || primes[0] == primes[1] {
        return Err(KeyError::Malformed);
    }
    let is_uneven = primes[0].bits().abs_diff(primes[1].bits()) > MOST_UNEVEN_BITS;
    let mut key = RsaPrivateKey::from_components(n, e, d, primes.into()).map_err(|_| KeyError::Malformed)?;
    if is_uneven {
        key.clear_precomputed();
    }
    Ok(key)
}

/// What is asked for when a key is made.
#[derive(Clone, Copy)]
pub struct Generation {
    bits: usize,
    exponent: u32,
}

impl Generation {
    /// # Errors
    /// [`KeyError::TooLongToGenerate`], [`KeyError::InvalidExponent`]
    pub fn new(bits: u32, exponent: u32) -> Result<Self, KeyError> {
        let bits = bits as usize;
        if !(MIN_RSA_BITS..=MAX_GENERATED_RSA_BITS).contains(&bits) {
            return Err(KeyError::TooLongToGenerate);
        }
        if !EXPONENTS.contains(&exponent) {
            return Err(KeyError::InvalidExponent);
        }
        Ok(Self { bits, exponent })
    }

    /// Takes its time.
    ///
    /// # Errors
    /// [`KeyError::Failed`]
    pub fn run(self) -> Result<PrivateKey, KeyError> {
        if let Some(key) = aws_lc::generate(self.bits, self.exponent) {
            return PrivateKey::from_pkcs8(&key);
        }
        let exponent = BigUint::from(self.exponent);
        let key = RsaPrivateKey::new_with_exp(&mut OsRng, self.bits, &exponent).map_err(|_| KeyError::Failed)?;
        Ok(PrivateKey::Rsa(Box::new(key)))
    }
}

/// Signs what was hashed with the digest.
///
/// # Errors
/// [`KeyError::UnknownDigest`], [`KeyError::DigestTooLarge`], [`KeyError::TooLargeForKey`], [`KeyError::Failed`]
pub fn sign(key: &RsaPrivateKey, digest: &str, hashed: &[u8], padding: Padding) -> Result<Vec<u8>, KeyError> {
    let Padding::Pss(salt) = padding else {
        let scheme = with_digest!(digest, D => Pkcs1v15Sign::new::<D>(), return Err(unknown(digest)));
        return key.sign_with_rng(&mut OsRng, scheme, hashed).map_err(|error| match error {
            rsa::Error::MessageTooLong => KeyError::DigestTooLarge,
            _ => KeyError::Failed,
        });
    };
    let most = most_salt(key.n().bits(), hashed.len()).ok_or(KeyError::TooLargeForKey)?;
    let salt = match salt {
        SALT_OF_DIGEST => hashed.len(),
        SALT_OF_ANY_LENGTH => most,
        _ => usize::try_from(salt).map_err(|_| KeyError::TooLargeForKey)?,
    };
    if salt > most {
        return Err(KeyError::TooLargeForKey);
    }
    let mut scheme = with_digest!(digest, D => Pss::new_with_salt::<D>(salt), return Err(unknown(digest)));
    scheme.blinded = true;
    key.sign_with_rng(&mut OsRng, scheme, hashed).map_err(|_| KeyError::Failed)
}

/// Whether it is a signature of what was hashed with the digest.
///
/// # Errors
/// [`KeyError::UnknownDigest`]
pub fn verify(
    key: &RsaPublicKey,
    digest: &str,
    hashed: &[u8],
    signature: &[u8],
    padding: Padding,
) -> Result<bool, KeyError> {
    match padding {
        Padding::Pkcs1 => {
            let scheme = with_digest!(digest, D => Pkcs1v15Sign::new::<D>(), return Err(unknown(digest)));
            Ok(key.verify(scheme, hashed, signature).is_ok())
        }
        Padding::Pss(salt) => {
            let salt = match salt {
                SALT_OF_DIGEST => Some(hashed.len()),
                SALT_OF_ANY_LENGTH => None,
                // No salt has a negative length.
                _ => Some(usize::try_from(salt).unwrap_or(usize::MAX)),
            };
            let matches = with_digest!(
                digest,
                D => matches_pss::<D>(key, hashed, signature, salt),
                return Err(unknown(digest))
            );
            Ok(matches.is_some())
        }
    }
}

fn unknown(digest: &str) -> KeyError {
    KeyError::UnknownDigest(digest.to_owned())
}

/// Bytes of the longest salt that fits beside a digest.
fn most_salt(modulus_bits: usize, digest_bytes: usize) -> Option<usize> {
    (modulus_bits - 1).div_ceil(8).checked_sub(digest_bytes + 2)
}

/// What the public key makes of a number as long as its modulus.
fn raised(key: &RsaPublicKey, number: &[u8]) -> Option<Vec<u8>> {
    let value = BigUint::from_bytes_be(number);
    if number.len() != key.size() || value >= *key.n() {
        return None;
    }
    padded(&value.modpow(key.e(), key.n()).to_bytes_be(), key.size())
}

/// Section 9.1.2 of RFC 8017, with a salt of any length where none is given. All of this is public.
fn matches_pss<D: Digest>(key: &RsaPublicKey, hashed: &[u8], signature: &[u8], salt: Option<usize>) -> Option<()> {
    let is = |holds: bool| holds.then_some(());
    let bits = key.n().bits() - 1;
    let raised = raised(key, signature)?;
    let (before, encoded) = raised.split_at(key.size() - bits.div_ceil(8));
    is(before.iter().all(|byte| *byte == 0) && hashed.len() == <D as Digest>::output_size())?;

    let (masked, rest) = encoded.split_at(encoded.len().checked_sub(hashed.len() + 1)?);
    let (hash, [0xbc]) = rest.split_at(hashed.len()) else { return None };
    let unused = encoded.len() * 8 - bits;
    let mut block = masked.to_vec();
    is(u32::from(*block.first()?) >> (8 - unused) == 0)?;
    mask::<D>(&mut block, hash);
    block[0] &= 0xff >> unused;

    let begins = block.iter().position(|byte| *byte != 0)?;
    let (1, found) = (block[begins], &block[begins + 1..]) else { return None };
    is(salt.is_none_or(|length| length == found.len()))?;
    let expected = D::new().chain_update([0; 8]).chain_update(hashed).chain_update(found).finalize();
    is(expected.as_slice() == hash)
}

/// MGF1 of RFC 8017, section B.2.1.
fn mask<D: Digest>(block: &mut [u8], seed: &[u8]) {
    for (counter, part) in (0_u32..).zip(block.chunks_mut(<D as Digest>::output_size())) {
        let mask = D::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize();
        part.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// Pads data as a signature is padded, without a digest's name, and signs that.
///
/// # Errors
/// [`KeyError::TooLargeForKey`], [`KeyError::Failed`]
pub fn sign_plain(key: &RsaPrivateKey, data: &[u8]) -> Result<Vec<u8>, KeyError> {
    let signed = key.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new_unprefixed(), data);
    signed.map_err(|error| match error {
        rsa::Error::MessageTooLong => KeyError::TooLargeForKey,
        _ => KeyError::Failed,
    })
}

/// The data that [`sign_plain`] has signed.
///
/// # Errors
/// [`KeyError::PaddingCheck`]
pub fn recover(key: &RsaPublicKey, signature: &[u8]) -> Result<Vec<u8>, KeyError> {
    /// The least bytes between the beginning and the data.
    const LEAST_PADDING: usize = 8;
    let raised = raised(key, signature).ok_or(KeyError::PaddingCheck)?;
    let [0, 1, padded @ ..] = raised.as_slice() else { return Err(KeyError::PaddingCheck) };
    let padding = padded.iter().take_while(|byte| **byte == 0xff).count();
    match &padded[padding..] {
        [0, data @ ..] if padding >= LEAST_PADDING => Ok(data.to_vec()),
        _ => Err(KeyError::PaddingCheck),
    }
}
