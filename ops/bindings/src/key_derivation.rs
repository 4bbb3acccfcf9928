//! Keys from passwords and from other keys, for `node:crypto`. Memory and work are bounded, because nothing interrupts a derivation that
//! JavaScript waits for; what is done beside the isolate ends soon after it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use deno_core::{OpState, convert::Uint8Array, op2};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use scrypt::Params;

use crate::beside::{Interrupted, beside_the_isolate};
use crate::digests::with_digest;
use crate::error::BindingError;
use crate::limits::{MAX_DERIVED_BYTES, MAX_PBKDF2_ROUNDS, MAX_SCRYPT_BYTES, MAX_SCRYPT_WORK_BYTES};

/// Rounds of PBKDF2 after which one looks whether anybody still waits for the key: some milliseconds.
const ROUNDS_AT_ONCE: u32 = 4096;
/// HKDF makes at most so many digests, the largest of which has so many bytes.
const MAX_HKDF_BYTES: u32 = 255 * 64;

/// What a derivation throws. The codes are Node's.
#[derive(Debug, thiserror::Error, deno_error::JsError)]
pub enum DerivationError {
    /// There is no such digest.
    #[class(type)]
    #[property("code" = "ERR_CRYPTO_INVALID_DIGEST")]
    #[error("Invalid digest: {0}")]
    UnknownDigest(String),
    /// HKDF makes no key of this length.
    #[class(range)]
    #[property("code" = "ERR_CRYPTO_INVALID_KEYLEN")]
    #[error("Invalid key length")]
    InvalidLength,
    /// A password becomes a key of no such length here.
    #[class(range)]
    #[property("code" = "ERR_OUT_OF_RANGE")]
    #[error("keylen is more than {MAX_DERIVED_BYTES}, which is the most here")]
    TooLong,
    /// The work of PBKDF2 is bounded.
    #[class(range)]
    #[property("code" = "ERR_OUT_OF_RANGE")]
    #[error("iterations for each digest in the key come to more than {MAX_PBKDF2_ROUNDS}, which is the most here")]
    TooManyRounds,
    /// scrypt takes no such numbers.
    #[class(range)]
    #[property("code" = "ERR_CRYPTO_INVALID_SCRYPT_PARAMS")]
    #[error("Invalid scrypt params")]
    InvalidScrypt,
    /// Memory and work of scrypt are bounded.
    #[class(range)]
    #[property("code" = "ERR_CRYPTO_INVALID_SCRYPT_PARAMS")]
    #[error(
        "Invalid scrypt params: at most {MAX_SCRYPT_BYTES} bytes of memory (128 * N * r), and {MAX_SCRYPT_WORK_BYTES} for all p together"
    )]
    ScryptTooLarge,
    /// The isolate ends, or the host does.
    #[class(generic)]
    #[property("code" = "ERR_CRYPTO_OPERATION_FAILED")]
    #[error("the derivation was interrupted")]
    Interrupted,
    /// Too much waits.
    #[class(inherit)]
    #[error(transparent)]
    Pending(#[from] BindingError),
}

impl From<Interrupted> for DerivationError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

#[op2]
pub fn op_hkdf(
    #[string] digest: String,
    #[anybuffer] key: &[u8],
    #[anybuffer] salt: &[u8],
    #[anybuffer] info: &[u8],
    length: u32,
) -> Result<Uint8Array, DerivationError> {
    if length > MAX_HKDF_BYTES {
        return Err(DerivationError::InvalidLength);
    }
    let mut output = vec![0; length as usize];
    with_digest!(
        digest.as_str(),
        Algorithm => Hkdf::<Algorithm>::new(Some(salt), key).expand(info, &mut output),
        return Err(DerivationError::UnknownDigest(digest))
    )
    .map_err(|_| DerivationError::InvalidLength)?;
    Ok(output.into())
}

#[op2]
pub fn op_pbkdf2_sync(
    #[string] digest: String,
    #[anybuffer] password: &[u8],
    #[anybuffer] salt: &[u8],
    rounds: u32,
    length: u32,
) -> Result<Uint8Array, DerivationError> {
    Ok(Pbkdf2::new(digest, rounds, length)?.derive(password, salt, &AtomicBool::new(false))?.into())
}

#[op2]
pub fn op_pbkdf2(
    state: Rc<RefCell<OpState>>,
    #[string] digest: String,
    #[anybuffer(copy)] password: Vec<u8>,
    #[anybuffer(copy)] salt: Vec<u8>,
    rounds: u32,
    length: u32,
) -> Result<impl Future<Output = Result<Uint8Array, DerivationError>> + use<>, DerivationError> {
    let pbkdf2 = Pbkdf2::new(digest, rounds, length)?;
    let waiting = password.len() + salt.len();
    let derive = move |stop: &AtomicBool| Ok(pbkdf2.derive(&password, &salt, stop)?.into());
    Ok(beside_the_isolate(&state.borrow(), waiting, 0, derive)?)
}

#[op2]
pub fn op_scrypt_sync(
    #[anybuffer] password: &[u8],
    #[anybuffer] salt: &[u8],
    n: u32,
    r: u32,
    p: u32,
    length: u32,
) -> Result<Uint8Array, DerivationError> {
    Ok(Scrypt::new(n, r, p, length)?.derive(password, salt)?.into())
}

#[op2]
pub fn op_scrypt(
    state: Rc<RefCell<OpState>>,
    #[anybuffer(copy)] password: Vec<u8>,
    #[anybuffer(copy)] salt: Vec<u8>,
    n: u32,
    r: u32,
    p: u32,
    length: u32,
) -> Result<impl Future<Output = Result<Uint8Array, DerivationError>> + use<>, DerivationError> {
    let scrypt = Scrypt::new(n, r, p, length)?;
    let waiting = password.len() + salt.len();
    let memory = scrypt.memory;
    let derive = move |_: &AtomicBool| Ok(scrypt.derive(&password, &salt)?.into());
    Ok(beside_the_isolate(&state.borrow(), waiting, memory, derive)?)
}

/// PBKDF2 with parameters that are within bounds.
struct Pbkdf2 {
    digest: String,
    rounds: u32,
    length: usize,
}

impl Pbkdf2 {
    fn new(digest: String, rounds: u32, length: u32) -> Result<Self, DerivationError> {
        if length > MAX_DERIVED_BYTES {
            return Err(DerivationError::TooLong);
        }
        let length = length as usize;
        let size = with_digest!(
            digest.as_str(),
            Algorithm => <Algorithm as sha2::Digest>::output_size(),
            return Err(DerivationError::UnknownDigest(digest))
        );
        if u64::from(rounds) * length.div_ceil(size) as u64 > MAX_PBKDF2_ROUNDS {
            return Err(DerivationError::TooManyRounds);
        }
        Ok(Self { digest, rounds, length })
    }

    fn derive(self, password: &[u8], salt: &[u8], stop: &AtomicBool) -> Result<Vec<u8>, DerivationError> {
        let mut output = vec![0; self.length];
        with_digest!(
            self.digest.as_str(),
            Algorithm => pbkdf2::<Hmac<Algorithm>>(password, salt, self.rounds, &mut output, stop),
            Err(DerivationError::UnknownDigest(self.digest))
        )?;
        Ok(output)
    }
}

/// The algorithm of RFC 8018, section 5.2, which can be stopped.
fn pbkdf2<M: Mac + hmac::digest::KeyInit + Clone>(
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    output: &mut [u8],
    stop: &AtomicBool,
) -> Result<(), DerivationError> {
    let keyed = <M as Mac>::new_from_slice(password).map_err(|_| DerivationError::InvalidLength)?;
    for (number, block) in (1_u32..).zip(output.chunks_mut(M::output_size())) {
        let first = keyed.clone().chain_update(salt).chain_update(number.to_be_bytes());
        let mut last = first.finalize().into_bytes();
        let mut sum = last.clone();
        for round in 1..rounds {
            if round % ROUNDS_AT_ONCE == 0 && stop.load(Relaxed) {
                return Err(DerivationError::Interrupted);
            }
            last = keyed.clone().chain_update(&last).finalize().into_bytes();
            sum.iter_mut().zip(&last).for_each(|(sum, last)| *sum ^= last);
        }
        block.copy_from_slice(&sum[..block.len()]);
    }
    Ok(())
}

/// scrypt with parameters that are within bounds.
struct Scrypt {
    params: Params,
    memory: usize,
    length: usize,
}

impl Scrypt {
    fn new(n: u32, r: u32, p: u32, length: u32) -> Result<Self, DerivationError> {
        if length > MAX_DERIVED_BYTES {
            return Err(DerivationError::TooLong);
        }
        let memory = (u64::from(n) * u64::from(r)).saturating_mul(128);
        if memory > MAX_SCRYPT_BYTES || memory.saturating_mul(p.into()) > MAX_SCRYPT_WORK_BYTES {
            return Err(DerivationError::ScryptTooLarge);
        }
        if n < 2 || !n.is_power_of_two() {
            return Err(DerivationError::InvalidScrypt);
        }
        // The length is only that of a text form, which nobody asks for.
        let params = Params::new(n.ilog2() as u8, r, p, Params::RECOMMENDED_LEN);
        let params = params.map_err(|_| DerivationError::InvalidScrypt)?;
        Ok(Self { params, memory: memory as usize, length: length as usize })
    }

    fn derive(self, password: &[u8], salt: &[u8]) -> Result<Vec<u8>, DerivationError> {
        let mut output = vec![0; self.length];
        if self.length > 0 {
            scrypt::scrypt(password, salt, &self.params, &mut output).map_err(|_| DerivationError::InvalidScrypt)?;
        }
        Ok(output)
    }
}
