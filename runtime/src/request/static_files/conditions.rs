//! Preconditions (RFC 9110, section 13), in the standard's order, against the representation that would be sent.
//! A header that does not parse is ignored, as the standard asks.

use std::ops::Range;
use std::time::SystemTime;

use http::header::{AsHeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, Method};

use super::content::Facts;
use super::range::{self, Selection};

/// How a request for an existing representation is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200.
    Whole,
    /// 206 with these bytes.
    Part(Range<u64>),
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416.
    RangeNotSatisfiable,
}

impl Answer {
    /// The bytes that the reply's body consists of, if it has one.
    pub(super) fn sends(&self, method: &Method, facts: &Facts) -> Option<Range<u64>> {
        match self {
            Self::Whole if method == Method::GET && facts.length > 0 => Some(0..facts.length),
            Self::Part(span) => Some(span.clone()),
            _ => None,
        }
    }
}

/// Decides the answer from the request's conditions and its range.
pub(super) fn evaluate(method: &Method, headers: &HeaderMap, facts: &Facts) -> Answer {
    if !proceeds(headers, facts) {
        return Answer::PreconditionFailed;
    }
    if is_current(headers, facts) {
        return Answer::NotModified;
    }
    if method != Method::GET || !range_applies(headers, facts) {
        return Answer::Whole;
    }
    match range::select(headers, facts.length) {
        Selection::Whole => Answer::Whole,
        Selection::Part(span) => Answer::Part(span),
        Selection::Unsatisfiable => Answer::RangeNotSatisfiable,
    }
}

/// `If-Match`, or `If-Unmodified-Since` where there is none.
fn proceeds(headers: &HeaderMap, facts: &Facts) -> bool {
    if headers.contains_key(IF_MATCH) {
        return lists(headers, IF_MATCH, facts, |tag| !tag.weak);
    }
    date(headers, IF_UNMODIFIED_SINCE).is_none_or(|date| facts.modified <= date)
}

/// Whether the client holds this very representation: `If-None-Match`, or `If-Modified-Since` where there is none.
fn is_current(headers: &HeaderMap, facts: &Facts) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return lists(headers, IF_NONE_MATCH, facts, |_| true);
    }
    date(headers, IF_MODIFIED_SINCE).is_some_and(|date| facts.modified <= date)
}

/// `If-Range`: a part is only of use to a client that holds the rest of the same bytes.
fn range_applies(headers: &HeaderMap, facts: &Facts) -> bool {
    let Some(value) = headers.get(IF_RANGE) else { return true };
    value == facts.etag || date(headers, IF_RANGE) == Some(facts.modified)
}

/// Whether a list of entity tags is `*` or has the representation's, among the tags that `counts` lets through.
fn lists(headers: &HeaderMap, name: impl AsHeaderName, facts: &Facts, counts: fn(&EntityTag) -> bool) -> bool {
    let mut values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.trim() == "*" || entity_tags(value).any(|tag| counts(&tag) && facts.etag == tag.quoted))
}

struct EntityTag<'a> {
    weak: bool,
    /// The tag with its quotation marks.
    quoted: &'a str,
}

/// The entity tags of a list, up to the first that is malformed. A tag may contain commas.
fn entity_tags(list: &str) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let start = rest.trim_start_matches([' ', '\t', ',']);
        let (weak, tag) = start.strip_prefix("W/").map_or((false, start), |tag| (true, tag));
        let end = tag.strip_prefix('"')?.find('"')? + 2;
        rest = &tag[end..];
        Some(EntityTag { weak, quoted: &tag[..end] })
    })
}

fn date(headers: &HeaderMap, name: impl AsHeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}
