//! `console`: lines of an app's log, with the invocation that wrote them.

use deno_core::{OpState, op2, v8};

use crate::caller::current_invocation;
use crate::invocation::Invocations;
use crate::limits::MAX_LOG_LINE_BYTES;

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleLevel {
    /// `console.debug`, `console.trace`
    Debug,
    /// `console.log`, `console.info`
    Info,
    /// `console.warn`
    Warn,
    /// `console.error`, uncaught errors
    Error,
}

/// What is done with a line: its level, the id of the request or nothing, its text.
type WriteLine = dyn Fn(ConsoleLevel, Option<&str>, &str);

/// Takes the lines of an app's log.
pub struct ConsoleSink(pub Box<WriteLine>);

#[op2(fast)]
pub fn op_console_write(scope: &mut v8::PinScope<'_, '_>, state: &mut OpState, level: u8, #[string] text: String) {
    let level = match level {
        0 => ConsoleLevel::Debug,
        1 => ConsoleLevel::Info,
        2 => ConsoleLevel::Warn,
        _ => ConsoleLevel::Error,
    };
    let invocation = current_invocation(scope);
    let invocations = state.try_borrow::<Invocations>();
    let running = invocation.and_then(|id| invocations.and_then(|invocations| invocations.get(id)));
    let trace = running.map(|running| running.caller.trace.as_ref());
    if let Some(sink) = state.try_borrow::<ConsoleSink>() {
        (sink.0)(level, trace, cut(&text));
    }
}

/// The part of a line that is logged.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_LOG_LINE_BYTES)]
}
