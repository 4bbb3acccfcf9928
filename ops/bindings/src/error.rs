//! Errors of the bindings themselves, and how every coded error becomes a JavaScript one.

use std::borrow::Cow;

use deno_error::{AdditionalProperties, JsErrorClass, PropertyValue};
use orilla_services::database::DatabaseError;
use orilla_services::kv::KvError;

/// An error an op raises. In JavaScript it is a `PlatformError` with the same `code`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BindingError {
    /// `OUTSIDE_INVOCATION`
    #[error(
        "fetch and platform services work only while a request or an event is handled, not at module scope: make the call in the \
         handler, and keep in a variable what later requests need of it"
    )]
    OutsideInvocation,
    /// `INVOCATION_ENDED`
    #[error("the invocation has ended; hand work that outlives the response to ctx.waitUntil()")]
    InvocationEnded,
    /// `BODY_GONE`
    #[error("the request's body was already taken")]
    BodyGone,
    /// `REQUEST_BODY_TOO_LARGE`
    #[error("the request's body is larger than this app allows (limits.request_body_bytes)")]
    RequestBodyTooLarge,
    /// `REQUEST_BODY_FAILED`
    #[error("the client stopped sending the request's body: {0}")]
    RequestBodyFailed(String),
    /// `RESPONSE_HEADERS_INVALID`
    #[error("a response header is invalid: {0}")]
    ResponseHeader(String),
    /// `RESPONSE_HEADERS_TOO_LARGE`
    #[error("the response's headers take more than {0} bytes (limits.response_header_bytes)")]
    ResponseHeadersTooLarge(usize),
    /// `RESPONSE_BODY_TOO_LARGE`
    #[error("the response's body is longer than {0} bytes (limits.response_body_bytes)")]
    ResponseBodyTooLarge(u64),
    /// `SUBREQUESTS_EXCEEDED`
    #[error("this invocation has made {0} sub-requests, which is all it may (limits.subrequests)")]
    SubrequestsExceeded(u32),
    /// `LOOP_DETECTED`
    #[error("the app has asked itself while it answered itself, {0} times over: make sure that it comes to an end")]
    LoopDetected(u8),
    /// `WEBSOCKET_NOT_REQUESTED`
    #[error("the request does not ask for a WebSocket; answer 426 with `upgrade: websocket`")]
    WebSocketNotRequested,
    /// `WEBSOCKETS_EXCEEDED`
    #[error("{0} WebSockets are open in this isolate, which is all there may be (limits.websockets)")]
    WebSocketsExceeded(usize),
    /// `PENDING_BYTES_EXCEEDED`
    #[error(
        "the calls under way in this isolate hold {0} bytes, which is all they may (limits.array_buffer_mb); await some first"
    )]
    TooMuchPending(usize),
    /// `HASH_UNKNOWN`
    #[error("unknown digest {0:?}; known are md5, sha1, sha256, sha384 and sha512")]
    HashUnknown(String),
    /// `HASH_ENDED`
    #[error("this digest was already taken")]
    HashEnded,
    /// `TIMING_SAFE_EQUAL_LENGTH`
    #[error("both inputs must have the same number of bytes")]
    UnequalLengths,
    /// The code of the database error.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The code of the KV error.
    #[error(transparent)]
    Kv(#[from] KvError),
}

impl BindingError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutsideInvocation => "OUTSIDE_INVOCATION",
            Self::InvocationEnded => "INVOCATION_ENDED",
            Self::BodyGone => "BODY_GONE",
            Self::RequestBodyTooLarge => "REQUEST_BODY_TOO_LARGE",
            Self::RequestBodyFailed(_) => "REQUEST_BODY_FAILED",
            Self::ResponseHeader(_) => "RESPONSE_HEADERS_INVALID",
            Self::ResponseHeadersTooLarge(_) => "RESPONSE_HEADERS_TOO_LARGE",
            Self::ResponseBodyTooLarge(_) => "RESPONSE_BODY_TOO_LARGE",
            Self::SubrequestsExceeded(_) => "SUBREQUESTS_EXCEEDED",
            Self::LoopDetected(_) => "LOOP_DETECTED",
            Self::WebSocketNotRequested => "WEBSOCKET_NOT_REQUESTED",
            Self::WebSocketsExceeded(_) => "WEBSOCKETS_EXCEEDED",
            Self::TooMuchPending(_) => "PENDING_BYTES_EXCEEDED",
            Self::HashUnknown(_) => "HASH_UNKNOWN",
            Self::HashEnded => "HASH_ENDED",
            Self::UnequalLengths => "TIMING_SAFE_EQUAL_LENGTH",
            Self::Database(error) => error.code(),
            Self::Kv(error) => error.code(),
        }
    }
}

impl JsErrorClass for BindingError {
    fn get_class(&self) -> Cow<'static, str> {
        Cow::Borrowed("PlatformError")
    }

    fn get_message(&self) -> Cow<'static, str> {
        Cow::Owned(self.to_string())
    }

    fn get_additional_properties(&self) -> AdditionalProperties {
        let code = PropertyValue::String(Cow::Borrowed(self.code()));
        Box::new(std::iter::once((Cow::Borrowed("code"), code)))
    }

    fn get_ref(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }
}
