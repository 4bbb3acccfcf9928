//! How a snapshot is made; the build script and the child process that makes an app's snapshot both do it this way.
//!
//! A snapshot always starts from nothing: one made on top of another loses the first one's external strings in deno_core
//! 0.413 and crashes when it is loaded.

use std::sync::Arc;
use std::time::Instant;

use deno_core::{Extension, ExtensionFileSource, JsRuntimeForSnapshot, RuntimeOptions, v8};
use http::{HeaderMap, HeaderValue};
use orilla_bindings::invocation::{FetchRequest, InvocationId, InvocationLimits, Invocations, Reply, Running};
use orilla_bindings::unsent::Unsent;
use orilla_services::caller::{Caller, Identity, Policy};
use tokio::sync::oneshot;

/// Stands between an app's text and V8's compiler.
const GENERATED_CODE: &str = include_str!("../../js/web/generated_code.js");
/// Handles some requests, so that the functions every request needs are compiled before the snapshot is taken and carry
/// their bytecode in it.
const WARM_UP: &str = include_str!("warm_up.js");
/// It makes no more than this.
const MAX_WARM_UP_REQUESTS: u32 = 64;

/// Sets V8 up for making snapshots. Must come before anything else of V8 in the process.
///
/// - All isolates of a process share V8's read-only heap. With `--no-extensible-ro-snapshot` every snapshot has V8's own,
///   so that any number of different ones can be loaded side by side; without it the process dies of SIGSEGV.
/// - Bytecode keeps its source positions. V8 otherwise parses the whole script once more when an error first looks for
///   its line, in every isolate.
/// - Flags stay open for [`set_eager`].
pub fn init_v8() {
    v8::V8::set_flags_from_string(
        "--no-extensible-ro-snapshot --no-enable-lazy-source-positions --no-freeze-flags-after-init",
    );
}

/// Whether, from here on, every function is compiled as its script is, and carries its bytecode in the snapshot.
#[allow(dead_code, reason = "the base snapshot compiles what its warm-up calls, and no more")]
pub fn set_eager(eager: bool) {
    v8::V8::set_flags_from_string(if eager { "--no-lazy" } else { "--lazy" });
}

/// The extensions with their files' sources in memory.
pub fn with_sources(extensions: Vec<Extension>, source: impl Fn(&str) -> Option<Arc<str>>) -> Vec<Extension> {
    let load = |files: &mut std::borrow::Cow<'static, [ExtensionFileSource]>| {
        for file in files.to_mut() {
            if let Some(code) = source(file.specifier) {
                *file = ExtensionFileSource::new_computed(file.specifier, code);
            }
        }
    };
    extensions
        .into_iter()
        .map(|mut extension| {
            load(&mut extension.js_files);
            load(&mut extension.esm_files);
            load(&mut extension.lazy_loaded_esm_files);
            load(&mut extension.lazy_loaded_js_files);
            extension
        })
        .collect()
}

/// A runtime about to become a snapshot: the web platform is in place and warm.
pub fn runtime(
    extensions: Vec<Extension>,
    options: RuntimeOptions,
) -> Result<JsRuntimeForSnapshot, deno_core::error::CoreError> {
    let mut runtime = JsRuntimeForSnapshot::try_new(RuntimeOptions { extensions, ..options })?;
    runtime.execute_script("orilla:generated_code", GENERATED_CODE)?;
    warm_up(&mut runtime);
    Ok(runtime)
}

#[allow(clippy::expect_used, clippy::panic, reason = "a script of ours: it works in every snapshot or in none")]
fn warm_up(runtime: &mut JsRuntimeForSnapshot) {
    let answers = begin(runtime);
    let script = runtime.execute_script("ext:orilla/warm_up.js", WARM_UP).expect("the warm-up script runs");
    deno_core::scope!(scope, runtime);
    let entry_points = orilla_bindings::entry_points(scope).expect("bootstrap.js has registered");
    let script = v8::Local::new(scope, script);
    let function = v8::Local::<v8::Function>::try_from(script).expect("the warm-up script is a function");
    let undefined = v8::undefined(scope).into();
    let asked = function.call(scope, undefined, &[entry_points.into()]).expect("the warm-up succeeds");
    scope.perform_microtask_checkpoint();
    let asked = asked.uint32_value(scope).expect("the warm-up says how many requests it made") as usize;
    assert!(asked <= answers.len(), "the warm-up makes {asked} requests, and {MAX_WARM_UP_REQUESTS} are looked at");
    for (id, mut answer) in answers.into_iter().take(asked) {
        assert!(matches!(answer.try_recv(), Ok(Reply::Response(_))), "request {} of the warm-up has no answer", id.0);
    }
}

/// Begins invocations for the requests of the warm-up, and returns where their answers come.
fn begin(runtime: &mut JsRuntimeForSnapshot) -> Vec<(InvocationId, oneshot::Receiver<Reply>)> {
    let limits = InvocationLimits {
        response_header_bytes: usize::MAX,
        response_body_bytes: u64::MAX,
        ..InvocationLimits::default()
    };
    let nobody: Arc<str> = "warm-up".into();
    let caller = Arc::new(Caller {
        app: nobody.clone(),
        tenant: nobody.clone(),
        identity: Identity::Anonymous,
        policy: Policy::Enforced,
        trace: nobody,
    });
    let mut invocations = Invocations::new(limits, Unsent::new(1 << 20));
    let mut answers = Vec::new();
    for id in (1..=MAX_WARM_UP_REQUESTS).map(InvocationId) {
        let (reply, answer) = oneshot::channel();
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("text/html"));
        headers.insert("user-agent", HeaderValue::from_static("warm-up"));
        let request = Box::new(FetchRequest { headers: headers.into(), ..FetchRequest::none() });
        invocations.insert(id, Running::new(caller.clone(), request, reply, Instant::now()));
        answers.push((id, answer));
    }
    runtime.op_state().borrow_mut().put(invocations);
    answers
}

/// The snapshot without an app.
#[allow(dead_code, clippy::expect_used, reason = "only the build script makes it, and it should stop if it cannot")]
pub fn base_snapshot(extensions: Vec<Extension>) -> Box<[u8]> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio starts");
    let _guard = tokio.enter();
    runtime(extensions, RuntimeOptions::default()).expect("the extensions evaluate").snapshot()
}
