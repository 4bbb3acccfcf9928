//! Checks an entrypoint with V8 itself: whether it is a module that compiles, runs and can serve.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, mpsc};

use deno_core::JsRuntime;
use orilla_bindings::invocation::{InvocationLimits, Invocations};
use orilla_bindings::unsent::Unsent;
use orilla_bindings::{AppEnv, ConsoleSink};
use orilla_snapshot::app::{AppError, evaluate};
use orilla_snapshot::loader::AppLoader;

use super::check::Report;
use super::manifest::Manifest;
use super::manifest::codes;
use super::manifest::problem::Problem;
use crate::config::environment::Environment;
use crate::isolate::boot::{MemoryLimits, boot};
use crate::isolate::crash;
use crate::isolate::handle::STACK_BYTES;
use crate::isolate::limits::HeapLimits;
use crate::isolate::turns::Turns;
use crate::isolate::watchdog::Watched;

/// Longest that an entrypoint may take to evaluate while it is checked.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Checks a build as a whole, its module included, for a host with this environment.
pub fn check_build(path: &Path, environment: &Environment) -> Report {
    let env = match Manifest::inspect(path) {
        Ok((manifest, _)) => environment.for_app(&manifest.manifest.env),
        Err(_) => BTreeMap::default(),
    };
    super::check::check(path, &|name| environment.provides(name), &|path, source| check(path, source, env.clone()))
}

/// Everything that keeps the module from serving.
pub fn check(path: &Path, source: &str, env: BTreeMap<String, String>) -> Vec<Problem> {
    match on_its_own_thread(source.into(), env) {
        Ok(()) => Vec::new(),
        Err(error) => vec![problem(path, source, &error)],
    }
}

/// On a thread that may be lost, if it comes to the worst.
fn on_its_own_thread(source: String, env: BTreeMap<String, String>) -> Result<(), AppError> {
    let (sender, outcome) = mpsc::sync_channel(1);
    let lost = sender.clone();
    let trial = std::thread::Builder::new().name("check".into()).stack_size(STACK_BYTES).spawn(move || {
        // Whoever has asked waits for it.
        crash::tries(move |cause| drop(lost.send(Err(AppError::Threw(format!("the runtime failed: {cause}"))))));
        let _ = sender.send(evaluate_once(&source, env));
        crash::leave();
    });
    trial.map_err(|error| AppError::Threw(error.to_string()))?;
    outcome.recv().unwrap_or(Err(AppError::Terminated))
}

fn evaluate_once(source: &str, env: BTreeMap<String, String>) -> Result<(), AppError> {
    let engine = |error: &dyn std::fmt::Display| AppError::Threw(error.to_string());
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| engine(&error))?;
    tokio.block_on(async {
        let memory = MemoryLimits { heap: HeapLimits::of(1 << 30), array_buffers: 1 << 30 };
        let watched = Watched::start(Arc::new(Turns::of_cores(1))).map_err(|error| engine(&error))?;
        let mut booted = boot(None, memory, watched).map_err(|error| engine(&error))?;
        *booted.loader.app.borrow_mut() = Some(AppLoader::new(source.into()));
        prepare(&mut booted.runtime, env);
        booted.watched.set_limits(PATIENCE, PATIENCE);
        booted.watched.begin_turn();
        let evaluated = tokio::time::timeout(PATIENCE, evaluate(&mut booted.runtime)).await;
        booted.watched.end_turn();
        evaluated.unwrap_or(Err(AppError::Terminated))
    })
}

fn prepare(runtime: &mut JsRuntime, env: BTreeMap<String, String>) {
    let state = runtime.op_state();
    let mut state = state.borrow_mut();
    state.put::<AppEnv>(Arc::new(env));
    state.put(Invocations::new(InvocationLimits::default(), Unsent::new(0)));
    state.put(ConsoleSink(Box::new(|_, _, text| tracing::info!(target: "app", "{text}"))));
}

/// The problem as the manifest's own are shown.
pub fn problem(path: &Path, source: &str, error: &AppError) -> Problem {
    let code = match error {
        AppError::Syntax { .. } => codes::ENTRYPOINT_SYNTAX,
        AppError::NoFetch(_) => codes::ENTRYPOINT_NO_FETCH,
        AppError::Threw(_) | AppError::Terminated => codes::ENTRYPOINT_THREW,
    };
    let problem = Problem::error(code, path, error.to_string());
    match error {
        AppError::Syntax { line, column, .. } => problem.at_line(source, *line, *column),
        AppError::Threw(stack) => match place(stack) {
            Some((line, column)) => problem.at_line(source, line, column),
            None => problem,
        },
        AppError::NoFetch(_) | AppError::Terminated => problem,
    }
}

/// Where in the module a stack begins.
fn place(stack: &str) -> Option<(usize, usize)> {
    let (_, after) = stack.split_once(&format!("{}:", orilla_snapshot::loader::ENTRYPOINT))?;
    let mut numbers = after.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
