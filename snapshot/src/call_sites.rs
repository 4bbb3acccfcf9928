//! Stacks that are taken down while a snapshot is made. V8 150.4 without its sandbox writes the fields of a call site in
//! another order than it reads them (the body of `CallSiteInfo` begins with what is visited last), and ends the process
//! that loads such a snapshot. So nothing in the heap may hold one when it is frozen.

use deno_core::error::prepare_stack_trace_callback;
use deno_core::{JsRuntime, v8};

use crate::app::call_entry_point;

/// Under which deno_core 0.413 keeps the call sites of an error in it, to describe it if nobody catches it.
const KEPT_BY_DENO_CORE: &str = "deno_core::call_site_evals";

/// From here on no stack that the app looks at leaves a call site of V8's behind.
pub fn keep_out(runtime: &mut JsRuntime) {
    runtime.v8_isolate().set_prepare_stack_trace_callback(take_down);
}

fn take_down<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> v8::Local<'s, v8::Value> {
    call_entry_point(scope, "keepCallSites", &[]);
    let stack = prepare_stack_trace_callback(scope, error, sites);
    if let (Ok(error), Some(name)) =
        (v8::Local::<v8::Object>::try_from(error), v8::String::new(scope, KEPT_BY_DENO_CORE))
    {
        let key = v8::Private::for_api(scope, Some(name));
        error.delete_private(scope, key);
    }
    stack
}
