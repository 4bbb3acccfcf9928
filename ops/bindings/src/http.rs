//! Requests in, responses out: what js/web/inbound_request.js, respond.js and dispatch.js call. The chunks of a streamed response go
//! by [`crate::response_body`].

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use deno_core::convert::Uint8Array;
use deno_core::{OpState, op2, v8};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use crate::console::cut;
use crate::error::BindingError;
use crate::invocation::{
    BodyError, EndReason, InvocationId, InvocationLimits, Invocations, Reply, ReplyBody, RequestBody, Running,
};
use crate::limits::{MAX_QUEUED_BODY_CHUNKS, MAX_QUEUED_WEBSOCKET_MESSAGES};
use crate::websocket;

pub(crate) fn running(state: &mut OpState, id: u32) -> Result<&mut Running, BindingError> {
    state.borrow_mut::<Invocations>().get_mut(InvocationId(id)).ok_or(BindingError::InvocationEnded)
}

fn latin1<'s>(scope: &mut v8::PinScope<'s, '_>, bytes: &[u8]) -> v8::Local<'s, v8::Value> {
    match v8::String::new_from_one_byte(scope, bytes, v8::NewStringType::Normal) {
        Some(text) => text.into(),
        None => v8::String::empty(scope).into(),
    }
}

#[op2]
pub fn op_request_headers<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &mut OpState,
    #[smi] id: u32,
) -> Result<v8::Local<'s, v8::Array>, BindingError> {
    let headers = running(state, id)?.request.headers.get();
    let mut flat = Vec::with_capacity(headers.len() * 2);
    for (name, value) in headers.iter().filter(|(name, _)| *name != COOKIE) {
        flat.push(latin1(scope, name.as_str().as_bytes()));
        flat.push(latin1(scope, value.as_bytes()));
    }
    if headers.contains_key(COOKIE) {
        flat.push(latin1(scope, COOKIE.as_str().as_bytes()));
        flat.push(joined(scope, headers, COOKIE.as_str()));
    }
    Ok(v8::Array::new_with_elements(scope, &flat))
}

#[op2]
pub fn op_request_header<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &mut OpState,
    #[smi] id: u32,
    #[string] name: String,
) -> Result<v8::Local<'s, v8::Value>, BindingError> {
    Ok(joined(scope, running(state, id)?.request.headers.get(), &name))
}

/// All fields of a name as one, or null. Those of `cookie` have another separator (RFC 9113, section 8.2.3).
fn joined<'s>(scope: &mut v8::PinScope<'s, '_>, headers: &HeaderMap, name: &str) -> v8::Local<'s, v8::Value> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return v8::null(scope).into() };
    let Some(second) = values.next() else { return latin1(scope, first.as_bytes()) };
    let separator: &[u8] = if name.eq_ignore_ascii_case(COOKIE.as_str()) { b"; " } else { b", " };
    let mut joined = first.as_bytes().to_vec();
    for value in std::iter::once(second).chain(values) {
        joined.extend_from_slice(separator);
        joined.extend_from_slice(value.as_bytes());
    }
    latin1(scope, &joined)
}

fn take_buffered(state: &mut OpState, id: u32) -> Result<Bytes, BindingError> {
    let running = running(state, id)?;
    match std::mem::replace(&mut running.request.body, RequestBody::Empty) {
        RequestBody::Buffered(bytes) => Ok(bytes),
        RequestBody::Empty => Err(BindingError::BodyGone),
        stream @ RequestBody::Stream(_) => {
            running.request.body = stream;
            Err(BindingError::BodyGone)
        }
    }
}

#[op2]
pub fn op_request_body_bytes(state: &mut OpState, #[smi] id: u32) -> Result<Uint8Array, BindingError> {
    Ok(Uint8Array::from(take_buffered(state, id)?.to_vec()))
}

#[op2]
pub fn op_request_body_text<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &mut OpState,
    #[smi] id: u32,
) -> Result<v8::Local<'s, v8::Value>, BindingError> {
    let bytes = take_buffered(state, id)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if bytes.is_ascii() {
        return Ok(latin1(scope, bytes));
    }
    let text = v8::String::new(scope, &String::from_utf8_lossy(bytes));
    Ok(text.unwrap_or_else(|| v8::String::empty(scope)).into())
}

/// The next chunk of a body that is still arriving, or `None` at its end.
#[op2]
pub async fn op_request_body_read(
    state: Rc<RefCell<OpState>>,
    #[smi] id: u32,
) -> Result<Option<Uint8Array>, BindingError> {
    let taken = {
        let mut state = state.borrow_mut();
        std::mem::replace(&mut running(&mut state, id)?.request.body, RequestBody::Empty)
    };
    let RequestBody::Stream(mut stream) = taken else { return Ok(None) };
    loop {
        let chunk = match stream.frame().await {
            None => return Ok(None),
            Some(Err(error)) => return Err(body_error(error)),
            Some(Ok(frame)) => frame.into_data(),
        };
        if let Ok(chunk) = chunk
            && !chunk.is_empty()
        {
            if let Ok(running) = running(&mut state.borrow_mut(), id) {
                running.request.body = RequestBody::Stream(stream);
            }
            return Ok(Some(Uint8Array::from(chunk.to_vec())));
        }
    }
}

fn body_error(error: BodyError) -> BindingError {
    if error.is::<http_body_util::LengthLimitError>() {
        return BindingError::RequestBodyTooLarge;
    }
    BindingError::RequestBodyFailed(error.to_string())
}

#[op2(fast)]
pub fn op_request_body_cancel(state: &mut OpState, #[smi] id: u32) {
    if let Ok(running) = running(state, id) {
        running.request.body = RequestBody::Empty;
    }
}

/// Sends a response, and ends the invocation where nothing else keeps it alive. Or answers for how many bytes there must be
/// room first ([`crate::response_body::op_response_room`]).
fn send(state: &mut OpState, id: u32, mut response: Response<ReplyBody>, done: bool) -> Result<usize, BindingError> {
    let invocations = state.borrow_mut::<Invocations>();
    let id = InvocationId(id);
    if let ReplyBody::Full(bytes) = response.body_mut() {
        within_body_limit(bytes.len() as u64, invocations.limits)?;
        match invocations.room_for(id, bytes.len()) {
            Some(room) => *bytes = room.hold(std::mem::take(bytes)),
            None => return Ok(bytes.len()),
        }
    }
    let reply = if done {
        invocations.remove(id).and_then(|running| running.reply)
    } else {
        invocations.get_mut(id).and_then(|running| running.reply.take())
    };
    // Without a receiver the client is gone or has been answered for us; the app need not know.
    if let Some(reply) = reply {
        let _ = reply.send(Reply::Response(response));
    }
    Ok(0)
}

pub(crate) fn within_body_limit(bytes: u64, limits: InvocationLimits) -> Result<(), BindingError> {
    if bytes > limits.response_body_bytes {
        return Err(BindingError::ResponseBodyTooLarge(limits.response_body_bytes));
    }
    Ok(())
}

/// A response made of text with at most a content type.
#[op2(fast)]
#[number]
pub fn op_respond_text(
    state: &mut OpState,
    #[smi] id: u32,
    status: u16,
    #[string] content_type: &str,
    #[string] text: String,
    done: bool,
) -> Result<usize, BindingError> {
    let mut response = Response::new(ReplyBody::Full(Bytes::from(text)));
    *response.status_mut() = StatusCode::from_u16(status).map_err(|error| header_error(&error))?;
    let value = match content_type {
        "" => None,
        "text/plain;charset=UTF-8" => Some(HeaderValue::from_static("text/plain;charset=UTF-8")),
        "application/json" => Some(HeaderValue::from_static("application/json")),
        other => Some(HeaderValue::from_str(other).map_err(|error| header_error(&error))?),
    };
    if let Some(value) = value {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    send(state, id, response, done)
}

#[op2(fast)]
#[number]
pub fn op_respond_string(
    scope: &mut v8::PinScope<'_, '_>,
    state: &mut OpState,
    #[smi] id: u32,
    status: u16,
    headers: v8::Local<v8::Array>,
    #[string] text: String,
    done: bool,
) -> Result<usize, BindingError> {
    let response = response(scope, limits(state), status, headers, ReplyBody::Full(Bytes::from(text)))?;
    send(state, id, response, done)
}

#[op2]
#[number]
pub fn op_respond_bytes(
    scope: &mut v8::PinScope<'_, '_>,
    state: &mut OpState,
    #[smi] id: u32,
    status: u16,
    headers: v8::Local<v8::Array>,
    #[anybuffer] bytes: Option<&[u8]>,
    done: bool,
) -> Result<usize, BindingError> {
    let body = bytes.map_or(ReplyBody::Empty, |bytes| ReplyBody::Full(Bytes::copy_from_slice(bytes)));
    let response = response(scope, limits(state), status, headers, body)?;
    send(state, id, response, done)
}

#[op2(fast)]
pub fn op_respond_stream(
    scope: &mut v8::PinScope<'_, '_>,
    state: &mut OpState,
    #[smi] id: u32,
    status: u16,
    headers: v8::Local<v8::Array>,
) -> Result<(), BindingError> {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED_BODY_CHUNKS);
    let response = response(scope, limits(state), status, headers, ReplyBody::Stream(receiver))?;
    if let Ok(running) = running(state, id) {
        running.chunks = Some(sender);
    }
    send(state, id, response, false).map(drop)
}

/// Answers a WebSocket handshake and returns the handle of the connection.
#[op2(fast)]
#[smi]
pub fn op_respond_websocket(
    scope: &mut v8::PinScope<'_, '_>,
    state: &mut OpState,
    #[smi] id: u32,
    headers: v8::Local<v8::Array>,
) -> Result<u32, BindingError> {
    if !running(state, id)?.request.upgradable {
        return Err(BindingError::WebSocketNotRequested);
    }
    let limit = limits(state).websockets;
    if state.borrow::<Invocations>().websockets >= limit {
        return Err(BindingError::WebSocketsExceeded(limit));
    }
    let (socket, end) = websocket::ends(state, MAX_QUEUED_WEBSOCKET_MESSAGES);
    let response = response(scope, limits(state), 101, headers, ReplyBody::WebSocket(end))?;
    state.borrow_mut::<Invocations>().upgraded(InvocationId(id));
    send(state, id, response, false)?;
    Ok(state.resource_table.add(socket))
}

fn limits(state: &OpState) -> InvocationLimits {
    state.borrow::<Invocations>().limits
}

fn response(
    scope: &mut v8::PinScope<'_, '_>,
    limits: InvocationLimits,
    status: u16,
    headers: v8::Local<v8::Array>,
    body: ReplyBody,
) -> Result<Response<ReplyBody>, BindingError> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).map_err(|error| header_error(&error))?;
    *response.headers_mut() = header_map(scope, headers, limits.response_header_bytes)?;
    if let ReplyBody::Full(_) = response.body() {
        // An app may have copied another one's. A wrong one makes what follows part of the answer, or the answer part of the next.
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    Ok(response)
}

/// Reads the list of [name, value] pairs that deno_fetch keeps.
fn header_map(
    scope: &mut v8::PinScope<'_, '_>,
    list: v8::Local<v8::Array>,
    max_bytes: usize,
) -> Result<HeaderMap, BindingError> {
    let mut map = HeaderMap::with_capacity(list.length() as usize);
    let mut bytes = 0;
    for index in 0..list.length() {
        let pair = list.get_index(scope, index).and_then(|pair| v8::Local::<v8::Array>::try_from(pair).ok());
        let pair = pair.ok_or_else(|| BindingError::ResponseHeader("not a list of pairs".into()))?;
        let name = byte_string(scope, pair, 0);
        let value = byte_string(scope, pair, 1);
        bytes += name.len() + value.len();
        if bytes > max_bytes {
            return Err(BindingError::ResponseHeadersTooLarge(max_bytes));
        }
        let name = HeaderName::from_bytes(&name).map_err(|error| header_error(&error))?;
        if is_connection_header(&name) {
            continue;
        }
        map.append(name, HeaderValue::from_bytes(&value).map_err(|error| header_error(&error))?);
    }
    Ok(map)
}

/// Headers that describe the connection, which is the host's.
fn is_connection_header(name: &HeaderName) -> bool {
    use http::header::{CONNECTION, TRANSFER_ENCODING, UPGRADE};
    *name == CONNECTION || *name == TRANSFER_ENCODING || *name == UPGRADE || name.as_str() == "keep-alive"
}

fn byte_string(scope: &mut v8::PinScope<'_, '_>, pair: v8::Local<v8::Array>, index: u32) -> Vec<u8> {
    // Anything else may be an object that answers with code of the app's.
    let text = pair.get_index(scope, index).and_then(|value| v8::Local::<v8::String>::try_from(value).ok());
    let Some(text) = text else { return Vec::new() };
    let mut bytes = vec![0; text.length()];
    text.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
    bytes
}

fn header_error(error: &dyn std::fmt::Display) -> BindingError {
    BindingError::ResponseHeader(error.to_string())
}

#[op2(fast)]
pub fn op_invocation_done(state: &mut OpState, #[smi] id: u32) {
    state.borrow_mut::<Invocations>().remove(InvocationId(id));
}

/// The handler threw. `code` is the code of a platform error, or empty.
#[op2(fast)]
pub fn op_invocation_failed(
    state: &mut OpState,
    #[smi] id: u32,
    #[string] message: &str,
    #[string] code: &str,
    done: bool,
) {
    let invocations = state.borrow_mut::<Invocations>();
    let Some(running) = invocations.get_mut(InvocationId(id)) else { return };
    let caller = running.caller.clone();
    tracing::error!(target: "app", app = %caller.app, request = %caller.trace, "the fetch handler failed: {}", cut(message));
    let reason = if code == "REQUEST_BODY_TOO_LARGE" { EndReason::BodyTooLarge } else { EndReason::Uncaught };
    let reply = running.reply.take();
    if done {
        invocations.remove(InvocationId(id));
    }
    if let Some(reply) = reply {
        let _ = reply.send(Reply::Failed(reason));
    }
}

/// Counts a sub-request of the running invocation. `fetches` says that fetch's client makes it, which tells when it connects
/// ([`op_subrequest_connects`]).
#[op2(fast)]
pub fn op_subrequest(scope: &mut v8::PinScope<'_, '_>, state: &mut OpState, fetches: bool) -> Result<(), BindingError> {
    let id = crate::caller::current_invocation(scope).ok_or(BindingError::OutsideInvocation)?;
    let (running, limit) = requesting(state, id)?;
    running.count_subrequest(limit)?;
    running.fetches_begun += u32::from(fetches);
    Ok(())
}

/// Called when a fetch connects. The first time is counted by then; each redirect that it follows counts as well. What an
/// `EventSource` does to connect again belongs to no invocation, and is not counted.
#[op2(fast)]
pub fn op_subrequest_connects(scope: &mut v8::PinScope<'_, '_>, state: &mut OpState) -> Result<(), BindingError> {
    let Some(id) = crate::caller::current_invocation(scope) else { return Ok(()) };
    let (running, limit) = requesting(state, id)?;
    match running.fetches_begun.checked_sub(1) {
        Some(left) => running.fetches_begun = left,
        None => running.count_subrequest(limit)?,
    }
    Ok(())
}

/// A running invocation, and how many sub-requests it may make.
fn requesting(state: &mut OpState, id: InvocationId) -> Result<(&mut Running, u32), BindingError> {
    let limit = state.borrow::<Invocations>().limits.subrequests;
    Ok((running(state, id.0)?, limit))
}
