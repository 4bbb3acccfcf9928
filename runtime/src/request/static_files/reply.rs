//! Replies as they are sent: status, headers, body. Decides nothing.

use std::fs::File;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName,
    LAST_MODIFIED, LOCATION, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::StaticError;
use super::conditions::Answer;
use super::content::{Facts, ascii};
use super::index::Resource;
use super::negotiate::Encoding;
use super::path::{self, PathError};

/// For what an immutable pattern matches: a year, the longest that HTTP recommends.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For everything else: clients keep it but ask each time, which costs them a 304.
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");

/// A reply, all but sent.
#[derive(Debug)]
pub struct StaticReply {
    /// The status.
    pub status: StatusCode,
    /// Complete but for what the server adds by itself, such as `Date`.
    pub headers: HeaderMap,
    /// Already empty for HEAD.
    pub body: StaticBody,
}

/// The bytes of a reply.
#[derive(Debug)]
pub enum StaticBody {
    /// None.
    Empty,
    /// All of them, in memory.
    Bytes(Bytes),
    /// `length` bytes of an open file, beginning at `offset`.
    File {
        /// A regular file, open for reading.
        file: File,
        /// Bytes before the first to send.
        offset: u64,
        /// Bytes to send. A file that ends before is a broken reply: the connection must be closed.
        length: u64,
    },
}

impl StaticReply {
    /// The reply for a representation.
    pub(super) fn of(resource: &Resource, encoding: Encoding, facts: &Facts, answer: Answer, body: StaticBody) -> Self {
        let mut reply = Self::empty(match answer {
            Answer::Whole => StatusCode::OK,
            Answer::Part(_) => StatusCode::PARTIAL_CONTENT,
            Answer::NotModified => StatusCode::NOT_MODIFIED,
            Answer::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Answer::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        });
        if resource.representations.len() > 1 {
            reply.set(VARY, HeaderValue::from_static("accept-encoding"));
        }
        match answer {
            Answer::PreconditionFailed => {}
            Answer::NotModified => reply.set_validity(resource, facts),
            Answer::RangeNotSatisfiable => reply.set(CONTENT_RANGE, ascii(format!("bytes */{}", facts.length))),
            Answer::Whole => {
                reply.set_content(resource, encoding, facts);
                reply.set(CONTENT_LENGTH, facts.length.into());
            }
            Answer::Part(span) => {
                reply.set_content(resource, encoding, facts);
                reply.set(CONTENT_LENGTH, (span.end - span.start).into());
                let range = format!("bytes {}-{}/{}", span.start, span.end - 1, facts.length);
                reply.set(CONTENT_RANGE, ascii(range));
            }
        }
        reply.body = body;
        reply
    }

    /// 308 to another path of the same deployment, with the query of the request.
    pub(super) fn redirect(to: &str, query: Option<&str>) -> Self {
        let mut reply = Self::empty(StatusCode::PERMANENT_REDIRECT);
        let path = path::encode(to);
        let with_query = query.and_then(|query| HeaderValue::try_from(format!("{path}?{query}")).ok());
        reply.set(LOCATION, with_query.unwrap_or_else(|| ascii(path)));
        // Clients keep a permanent redirect for good unless told otherwise, and the next deployment may differ.
        reply.set(CACHE_CONTROL, REVALIDATE);
        reply
    }

    /// 400.
    pub fn bad_path(error: PathError) -> Self {
        Self::message(StatusCode::BAD_REQUEST, format!("REQUEST_PATH_INVALID: {error}\n"))
    }

    /// 406: the client has ruled out every encoding the file comes in.
    pub(super) fn not_acceptable() -> Self {
        let hint = "STATIC_ENCODING_REFUSED: this file comes in no encoding that the request accepts\n";
        let mut reply = Self::message(StatusCode::NOT_ACCEPTABLE, hint.to_owned());
        reply.set(VARY, HeaderValue::from_static("accept-encoding"));
        reply
    }

    /// 500, with no more than the code: the error's text names paths on the host.
    pub(super) fn unreadable(error: &StaticError) -> Self {
        let message = format!("{}: this file cannot be read right now\n", error.code());
        Self::message(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    fn message(status: StatusCode, message: String) -> Self {
        let mut reply = Self::empty(status);
        reply.set(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        reply.set(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        reply.set(CONTENT_LENGTH, message.len().into());
        reply.body = StaticBody::Bytes(message.into());
        reply
    }

    fn empty(status: StatusCode) -> Self {
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Self { status, headers, body: StaticBody::Empty }
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// What a client needs to keep what it has.
    fn set_validity(&mut self, resource: &Resource, facts: &Facts) {
        self.set(ETAG, facts.etag.clone());
        self.set(CACHE_CONTROL, if resource.immutable { IMMUTABLE } else { REVALIDATE });
    }

    fn set_content(&mut self, resource: &Resource, encoding: Encoding, facts: &Facts) {
        self.set_validity(resource, facts);
        self.set(CONTENT_TYPE, resource.content_type.clone());
        self.set(LAST_MODIFIED, facts.last_modified.clone());
        self.set(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some(coding) = encoding.header() {
            self.set(CONTENT_ENCODING, coding);
        }
    }
}
