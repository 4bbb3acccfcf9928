//! Who calls an op. JavaScript holds nothing but the number of its invocation, in V8's continuation-preserved embedder
//! data, which follows promises by itself; the caller stays in Rust.

use std::sync::Arc;

use deno_core::{OpState, v8};
use orilla_services::caller::Caller;

use crate::error::BindingError;
use crate::invocation::{InvocationId, Invocations};

/// The property of an async context frame that names its invocation; js/web/async_context.js writes it.
const FRAME_INVOCATION: v8::OneByteConst = v8::String::create_external_onebyte_const(b"invocation");

/// The invocation the running JavaScript belongs to, or `None` at module scope.
pub fn current_invocation(scope: &mut v8::PinScope<'_, '_>) -> Option<InvocationId> {
    let frame = scope.get_continuation_preserved_embedder_data();
    let frame = v8::Local::<v8::Object>::try_from(frame).ok()?;
    let key = v8::String::new_from_onebyte_const(scope, &FRAME_INVOCATION)?;
    let id = frame.get(scope, key.into())?.uint32_value(scope)?;
    (id != 0).then_some(InvocationId(id))
}

/// The caller of the op that is running.
pub fn current_caller(scope: &mut v8::PinScope<'_, '_>, state: &OpState) -> Result<Arc<Caller>, BindingError> {
    let id = current_invocation(scope).ok_or(BindingError::OutsideInvocation)?;
    let running = state.borrow::<Invocations>().get(id).ok_or(BindingError::InvocationEnded)?;
    Ok(running.caller.clone())
}
