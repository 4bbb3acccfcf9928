//! Bodies of responses on their way to clients that may be slow: the chunks of a stream, and the room that a body needs before it
//! leaves the isolate. What respond.js calls.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use deno_core::{OpState, op2};
use tokio::sync::mpsc;

use orilla_services::caller::Caller;

use crate::console::cut;
use crate::http::{running, within_body_limit};
use crate::invocation::{InvocationId, Invocations, Running};

/// A wait for room that is worth a line in the log.
const LONG_WAIT: Duration = Duration::from_secs(1);

/// What respond.js is told of a chunk.
const CHUNK_ACCEPTED: i32 = 0;
const CHUNK_FULL: i32 = 1;
const CHUNK_REFUSED: i32 = 2;

/// Hands a chunk on: accepted; not taken, because there is no room ([`op_body_room`]); or refused, because the client is gone or
/// has had all that it may.
#[op2]
#[smi]
pub fn op_body_write(state: &mut OpState, #[smi] id: u32, #[anybuffer] chunk: &[u8]) -> i32 {
    let invocations = state.borrow_mut::<Invocations>();
    let (limits, unsent) = (invocations.limits, invocations.unsent.clone());
    let Some(running) = invocations.get_mut(InvocationId(id)) else { return CHUNK_REFUSED };
    let sent = running.sent + chunk.len() as u64;
    if let Err(error) = within_body_limit(sent, limits) {
        let Caller { app, trace, .. } = &*running.caller;
        tracing::error!(target: "app", %app, request = %trace, code = error.code(), "a response is broken off: {error}");
        if let Some(chunks) = running.chunks.take() {
            // Where the channel is full the connection breaks off all the same, when the sender is dropped.
            let _ = chunks.try_send(Err(error.to_string().into()));
        }
        return CHUNK_REFUSED;
    }
    let Some(chunks) = &running.chunks else { return CHUNK_REFUSED };
    let place = match chunks.try_reserve() {
        Ok(place) => place,
        Err(mpsc::error::TrySendError::Full(())) => return CHUNK_FULL,
        Err(mpsc::error::TrySendError::Closed(())) => return CHUNK_REFUSED,
    };
    let room = match running.room.take() {
        Some(made) if made.is_enough_for(chunk.len(), &unsent) => made,
        Some(_) => {
            place.send(Err("the chunk is longer than it said".into()));
            return CHUNK_REFUSED;
        }
        None => match unsent.try_room(chunk.len()) {
            Some(room) => room,
            None => return CHUNK_FULL,
        },
    };
    place.send(Ok(room.hold(Bytes::copy_from_slice(chunk))));
    running.sent = sent;
    CHUNK_ACCEPTED
}

/// Waits until there is room for a chunk of so many bytes: behind those that wait for the same client, and beside all others of
/// the app. The next [`op_body_write`] has it. Says whether the client is still there.
#[op2]
pub async fn op_body_room(state: Rc<RefCell<OpState>>, #[smi] id: u32, #[number] bytes: usize) -> bool {
    let chunks = running(&mut state.borrow_mut(), id).ok().and_then(|running| running.chunks.clone());
    let Some(chunks) = chunks else { return false };
    // Nobody else takes the place that is found free: an answer has one stream.
    if chunks.reserve().await.is_err() {
        return false;
    }
    tokio::select! {
        made = make_room(&state, id, bytes) => made,
        () = chunks.closed() => false,
    }
}

/// Waits until there is room for a response of so many bytes, which is the next one's of this invocation. Says whether that still
/// goes on.
#[op2]
pub async fn op_response_room(state: Rc<RefCell<OpState>>, #[smi] id: u32, #[number] bytes: usize) -> bool {
    make_room(&state, id, bytes).await
}

async fn make_room(state: &RefCell<OpState>, id: u32, bytes: usize) -> bool {
    let unsent = state.borrow().borrow::<Invocations>().unsent.clone();
    let mut room = pin!(unsent.room(bytes));
    let room = match tokio::time::timeout(LONG_WAIT, &mut room).await {
        Ok(room) => room,
        Err(_) => {
            if let Ok(Running { caller, .. }) = running(&mut state.borrow_mut(), id) {
                tracing::warn!(
                    app = %caller.app, request = %caller.trace, code = "RESPONSES_UNSENT", bytes,
                    "a response waits: clients take the app's other ones slowly"
                );
            }
            room.await
        }
    };
    let mut state = state.borrow_mut();
    let Ok(running) = running(&mut state, id) else { return false };
    running.room = Some(room);
    true
}

#[op2(fast)]
pub fn op_body_close(state: &mut OpState, #[smi] id: u32) {
    if let Ok(running) = running(state, id) {
        running.chunks = None;
    }
}

#[op2(fast)]
pub fn op_body_error(state: &mut OpState, #[smi] id: u32, #[string] message: &str) {
    let Ok(running) = running(state, id) else { return };
    let trace = running.caller.trace.clone();
    let app = running.caller.app.clone();
    tracing::error!(target: "app", app = %app, request = %trace, "the response's stream failed: {}", cut(message));
    if let Some(chunks) = running.chunks.take() {
        // Where the channel is full the client sees the connection break off all the same, when the sender is dropped.
        let _ = chunks.try_send(Err("the app's stream failed".into()));
    }
}
