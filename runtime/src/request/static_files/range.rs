//! Single byte ranges (RFC 9110, section 14). Several ranges in one request are answered with the whole file:
//! the standard allows it, and no browser depends on the multipart form.

use std::ops::Range;

use http::HeaderMap;
use http::header::RANGE;

/// What a request's `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// All of it: no range, several ranges, one that does not parse, or nothing to select from.
    Whole,
    /// These bytes; never empty and never past the end.
    Part(Range<u64>),
    /// A range that begins past the end.
    Unsatisfiable,
}

/// Reads the `Range` of a request for a representation of `length` bytes.
pub(super) fn select(headers: &HeaderMap, length: u64) -> Selection {
    let mut values = headers.get_all(RANGE).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Selection::Whole };
    match value.to_str().ok().and_then(parse) {
        Some(bounds) if length > 0 => clamp(bounds, length),
        _ => Selection::Whole,
    }
}

enum Bounds {
    /// `first-` or `first-last`.
    From { first: u64, last: Option<u64> },
    /// `-length`: that many bytes at the end.
    Suffix { length: u64 },
}

fn parse(value: &str) -> Option<Bounds> {
    let (unit, range) = value.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    match (first, last) {
        ("", length) => Some(Bounds::Suffix { length: position(length)? }),
        (first, "") => Some(Bounds::From { first: position(first)?, last: None }),
        (first, last) => {
            let (first, last) = (position(first)?, position(last)?);
            (first <= last).then_some(Bounds::From { first, last: Some(last) })
        }
    }
}

/// Digits only; a number too large for any file is as good as the largest.
fn position(digits: &str) -> Option<u64> {
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| digits.parse().unwrap_or(u64::MAX))
}

fn clamp(bounds: Bounds, length: u64) -> Selection {
    match bounds {
        Bounds::From { first, .. } if first >= length => Selection::Unsatisfiable,
        Bounds::From { first, last } => Selection::Part(first..last.unwrap_or(u64::MAX).min(length - 1) + 1),
        Bounds::Suffix { length: 0 } => Selection::Unsatisfiable,
        Bounds::Suffix { length: suffix } => Selection::Part(length.saturating_sub(suffix)..length),
    }
}
