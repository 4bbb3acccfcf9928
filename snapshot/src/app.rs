//! Evaluates an app's module and hands it to the dispatcher in JavaScript.

use deno_core::error::{CoreError, CoreErrorKind, JsError};
use deno_core::{JsRuntime, ModuleSpecifier, PollEventLoopOptions, v8};

use crate::loader::ENTRYPOINT;

/// Why an app cannot start.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppError {
    /// `ENTRYPOINT_SYNTAX`
    #[error("{message}")]
    Syntax {
        /// What V8 says.
        message: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The line of the source.
        source_line: String,
    },
    /// `ENTRYPOINT_THREW`
    #[error("the module threw while it was evaluated: {0}")]
    Threw(String),
    /// `ENTRYPOINT_NO_FETCH`
    #[error("the module cannot serve: {0}")]
    NoFetch(String),
    /// `ENTRYPOINT_TERMINATED`
    #[error("the module was stopped while it was evaluated")]
    Terminated,
}

impl AppError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "ENTRYPOINT_SYNTAX",
            Self::Threw(_) => "ENTRYPOINT_THREW",
            Self::NoFetch(_) => "ENTRYPOINT_NO_FETCH",
            Self::Terminated => "ENTRYPOINT_TERMINATED",
        }
    }
}

/// Loads, evaluates and adopts the app that the runtime's module loader has.
pub async fn evaluate(runtime: &mut JsRuntime) -> Result<(), AppError> {
    let specifier = ModuleSpecifier::parse(ENTRYPOINT).map_err(|error| AppError::Threw(error.to_string()))?;
    let id = runtime.load_main_es_module(&specifier).await.map_err(|error| load_error(&error))?;
    let evaluation = runtime.mod_evaluate(id);
    let evaluated = runtime.with_event_loop_promise(evaluation, PollEventLoopOptions::default()).await;
    evaluated.map_err(|error| evaluation_error(&error))?;
    let namespace = runtime.get_module_namespace(id).map_err(|error| evaluation_error(&error))?;
    adopt(runtime, &namespace)
}

/// V8's code cache for the app's module, which has this text and is evaluated: with all functions that are compiled by now.
pub fn code_cache(runtime: &mut JsRuntime, source: &str) -> Option<Vec<u8>> {
    deno_core::scope!(scope, runtime);
    let name = v8::String::new(scope, ENTRYPOINT)?;
    let source = v8::String::new(scope, source)?;
    // The same as deno_core's: then V8 knows the script and compiles nothing.
    let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, 0, None, false, false, true, None);
    let module =
        v8::script_compiler::compile_module(scope, &mut v8::script_compiler::Source::new(source, Some(&origin)))?;
    let cache = module.get_unbound_module_script(scope).create_code_cache()?;
    Some(cache.to_vec())
}

fn adopt(runtime: &mut JsRuntime, namespace: &v8::Global<v8::Object>) -> Result<(), AppError> {
    deno_core::scope!(scope, runtime);
    let namespace = v8::Local::new(scope, namespace);
    let verdict = call_entry_point(scope, "adopt", &[namespace.into()]).ok_or(AppError::Terminated)?;
    let verdict = verdict.to_rust_string_lossy(scope);
    if verdict.is_empty() { Ok(()) } else { Err(AppError::NoFetch(verdict)) }
}

/// Calls one of the functions that js/web/bootstrap.js registered. `None` if it threw.
pub fn call_entry_point<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
    arguments: &[v8::Local<v8::Value>],
) -> Option<v8::Local<'s, v8::Value>> {
    let function = entry_point(scope, name)?;
    let undefined = v8::undefined(scope).into();
    function.call(scope, undefined, arguments)
}

/// One of the functions that js/web/bootstrap.js registered.
pub fn entry_point<'s>(scope: &mut v8::PinScope<'s, '_>, name: &str) -> Option<v8::Local<'s, v8::Function>> {
    let entry_points = orilla_bindings::entry_points(scope)?;
    let name = v8::String::new(scope, name)?;
    v8::Local::<v8::Function>::try_from(entry_points.get(scope, name.into())?).ok()
}

fn js_error(error: &CoreError) -> Option<&JsError> {
    match error.as_kind() {
        CoreErrorKind::Js(error) => Some(error),
        _ => None,
    }
}

/// A module that does not load has not run: what is wrong is its text.
fn load_error(error: &CoreError) -> AppError {
    let Some(error) = js_error(error) else { return AppError::Threw(error.to_string()) };
    let frame = error.frames.first();
    let position = |number: Option<i64>| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(1);
    match frame {
        Some(frame) if error.name.as_deref() == Some("SyntaxError") => AppError::Syntax {
            message: error.exception_message.trim_start_matches("Uncaught ").to_owned(),
            line: position(frame.line_number),
            column: position(frame.column_number),
            source_line: error.source_line.clone().unwrap_or_default(),
        },
        _ => AppError::Threw(error.exception_message.trim_start_matches("Uncaught ").to_owned()),
    }
}

/// Its stack, with its code where it has one, as Node writes it: `Error [CODE]: message`.
fn described(error: &JsError) -> String {
    let text = error.stack.clone().unwrap_or_else(|| described_without_stack(error));
    match error.additional_properties.iter().find(|(key, _)| key == "code") {
        Some((_, code)) => text.replacen(": ", &format!(" [{code}]: "), 1),
        None => text,
    }
}

/// Its message and its place, for what is no Error.
fn described_without_stack(error: &JsError) -> String {
    let message = match error.exception_message.trim_start_matches("Uncaught ") {
        "Top-level await promise never resolved" => NEVER_RESOLVED,
        message => message,
    };
    let place = error.frames.first().and_then(|frame| {
        Some(format!("\n    at {}:{}:{}", frame.file_name.as_ref()?, frame.line_number?, frame.column_number?))
    });
    format!("{message}{}", place.unwrap_or_default())
}

/// What is said of a module that nothing will ever go on with.
const NEVER_RESOLVED: &str = "what it awaits at its top level never comes: at module scope there is no request to wait for; await it in \
                              the handler";

fn evaluation_error(error: &CoreError) -> AppError {
    match js_error(error) {
        Some(error) => AppError::Threw(described(error)),
        None if error.to_string().contains("terminated") => AppError::Terminated,
        None => AppError::Threw(error.to_string()),
    }
}
