//! The limits of KV and the checks that enforce them, before anything reaches a store. Numbers come in as JavaScript
//! has them, so that a fraction or a NaN is refused here and nowhere else.

use std::time::Duration;

use super::error::KvError;
use super::{ListOptions, PutOptions};
use crate::clock::UnixMillis;

/// Longest namespace, in bytes.
pub const MAX_NAMESPACE_BYTES: usize = 64;
/// Longest key and longest prefix, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 512;
/// Largest value, in bytes of UTF-8: 16 MiB.
pub const MAX_VALUE_BYTES: usize = 16 << 20;
/// Most keys in one page of a list; also the default.
pub const MAX_LIST_LIMIT: u32 = 1000;
/// Most namespaces that are listed at a time.
pub const MAX_LISTED_NAMESPACES: usize = 1000;
/// Furthest expiry from now: 100 years of 365 days.
pub const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 86_400);

pub(super) fn check_namespace(namespace: &str) -> Result<(), KvError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if (1..=MAX_NAMESPACE_BYTES).contains(&namespace.len()) && namespace.bytes().all(allowed) {
        return Ok(());
    }
    Err(KvError::NamespaceInvalid(namespace.chars().take(MAX_NAMESPACE_BYTES + 1).collect()))
}

/// U+0000 is refused because not every back end can hold it, and because it makes "the key right after" exact.
pub(super) fn check_key(key: &str) -> Result<(), KvError> {
    if key.len() > MAX_KEY_BYTES {
        return Err(KvError::KeyTooLarge(key.len()));
    }
    if key.is_empty() || key.contains('\0') { Err(KvError::KeyInvalid) } else { Ok(()) }
}

pub(super) fn check_value(value: &str) -> Result<(), KvError> {
    if value.len() > MAX_VALUE_BYTES { Err(KvError::ValueTooLarge(value.len())) } else { Ok(()) }
}

pub(super) fn check_prefix(prefix: &str) -> Result<(), KvError> {
    if prefix.len() > MAX_KEY_BYTES || prefix.contains('\0') { Err(KvError::PrefixInvalid) } else { Ok(()) }
}

pub(super) fn list_limit(options: &ListOptions<'_>) -> Result<u32, KvError> {
    match options.limit {
        None => Ok(MAX_LIST_LIMIT),
        Some(limit) if limit.fract() == 0.0 && (1.0..=f64::from(MAX_LIST_LIMIT)).contains(&limit) => Ok(limit as u32),
        Some(limit) => Err(KvError::LimitInvalid(limit.to_string())),
    }
}

/// The moment from which a key counts as absent.
pub(super) fn expires_at(options: &PutOptions, now: UnixMillis) -> Result<Option<UnixMillis>, KvError> {
    let (seconds, from, refusal) = match (options.ttl, options.expiration) {
        (None, None) => return Ok(None),
        (Some(ttl), None) => {
            (ttl, now, "invalid KV ttl: use a whole number of seconds, at least 1 and at most 100 years")
        }
        (None, Some(expiration)) => (
            expiration,
            0,
            "invalid KV expiration: use a Unix time in whole seconds that lies in the future, at most 100 years ahead",
        ),
        (Some(_), Some(_)) => {
            return Err(KvError::TtlInvalid("a KV key expires once: give either ttl or expiration, not both"));
        }
    };
    let refused = Err(KvError::TtlInvalid(refusal));
    // Beyond 2^53 a JavaScript number is no longer exact, and far beyond any limit here.
    if seconds.fract() != 0.0 || !(1.0..=9_007_199_254_740_992.0).contains(&seconds) {
        return refused;
    }
    let expires_at = (seconds as u64).saturating_mul(1000).saturating_add(from);
    let latest = now.saturating_add(MAX_TTL.as_millis() as u64);
    if expires_at > now && expires_at <= latest { Ok(Some(expires_at)) } else { refused }
}
