//! Makes an app's snapshot. Runs in a process of its own, because V8 must be set up differently for it and because an
//! app may bring it down.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use deno_core::{JsRuntime, JsRuntimeForSnapshot, PollEventLoopOptions, RuntimeOptions};
use orilla_bindings::{AppEnv, ConsoleLevel, ConsoleSink, EnvReads, Hazard, Hazards};
use serde::{Deserialize, Serialize};

use crate::app::{self, AppError};
use crate::file::{self, Header};
use crate::loader::{AppLoader, LateLoader};
use crate::make;

/// A snapshot, ready to be written.
pub struct Frozen {
    /// What it fits.
    pub header: Header,
    /// V8's blob.
    pub blob: Box<[u8]>,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
    /// The app cannot start at all.
    #[error(transparent)]
    App(#[from] AppError),
    /// The app did something at module scope that must be fresh in every isolate.
    #[error("what must not be frozen happened at module scope")]
    Hazards(Vec<Frozenness>),
    /// V8 or deno_core refused.
    #[error("{0}")]
    Engine(String),
}

/// Something that stands against a snapshot, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozenness {
    /// What was called.
    pub what: String,
    /// Where, as `line:column` of server.js, where that is known.
    pub place: Option<(usize, usize)>,
}

/// Evaluates the module and freezes what there is then.
pub fn freeze(source: &str, env: BTreeMap<String, String>) -> Result<Frozen, Declined> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.map_err(|error| Declined::Engine(error.to_string()))?;
    let _guard = tokio.enter();
    let env = Arc::new(env);
    let mut runtime = runtime(source, env.clone())?;
    tokio.block_on(evaluate(&mut runtime))?;
    let state = runtime.op_state();
    let hazards = state.borrow_mut().take::<Hazards>().into_inner();
    if !hazards.is_empty() {
        return Err(Declined::Hazards(hazards.iter().map(locate).collect()));
    }
    let reads = state.borrow_mut().take::<RefCell<EnvReads>>().into_inner();
    drop(state);
    Ok(Frozen { header: file::header(source, &reads, &env), blob: runtime.snapshot() })
}

fn runtime(source: &str, env: AppEnv) -> Result<JsRuntimeForSnapshot, Declined> {
    let extensions = make::with_sources(orilla_bindings::extensions(), |specifier| {
        let found = crate::SOURCES.iter().find(|(known, _)| *known == specifier);
        found.map(|(_, source)| Arc::from(*source))
    });
    let loader = LateLoader(RefCell::new(Some(AppLoader::new(source.into()))));
    let options = RuntimeOptions { module_loader: Some(Rc::new(loader)), ..RuntimeOptions::default() };
    let mut runtime = make::runtime(extensions, options).map_err(|error| Declined::Engine(error.to_string()))?;
    {
        let state = runtime.op_state();
        let mut state = state.borrow_mut();
        state.put::<AppEnv>(env);
        state.put::<Hazards>(RefCell::default());
        state.put(RefCell::new(EnvReads::default()));
        state.put(ConsoleSink(Box::new(print)));
    }
    call(&mut runtime, "guard")?;
    {
        deno_core::scope!(scope, &mut runtime);
        orilla_bindings::hide_core(scope);
    }
    Ok(runtime)
}

/// What the app logs while it is evaluated is the tool's to show.
#[allow(clippy::print_stderr, reason = "the child's standard error is the user's terminal")]
fn print(_level: ConsoleLevel, _request: Option<&str>, text: &str) {
    eprintln!("{text}");
}

async fn evaluate(runtime: &mut JsRuntimeForSnapshot) -> Result<(), Declined> {
    app::evaluate(runtime).await?;
    // Work that was started and goes on would be cut off by the snapshot.
    let rest = runtime.run_event_loop(PollEventLoopOptions::default());
    let rest = tokio::time::timeout(std::time::Duration::from_millis(200), rest).await;
    if rest.is_err() {
        let state = runtime.op_state();
        let hazard = Hazard { what: "work that goes on after evaluation".into(), stack: String::new() };
        state.borrow().borrow::<Hazards>().borrow_mut().push(hazard);
    }
    call(runtime, "release")?;
    deno_core::scope!(scope, runtime);
    orilla_bindings::reveal_core(scope);
    Ok(())
}

fn call(runtime: &mut JsRuntime, name: &str) -> Result<(), Declined> {
    deno_core::scope!(scope, runtime);
    app::call_entry_point(scope, name, &[]).map(|_| ()).ok_or_else(|| Declined::Engine(format!("{name}() failed")))
}

/// The first frame of the stack that is the app's own.
fn locate(hazard: &Hazard) -> Frozenness {
    let place = hazard.stack.lines().find_map(|line| {
        let (_, after) = line.split_once("file:///app/server.js:")?;
        let mut numbers = after.trim_end_matches(')').split(':');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    });
    Frozenness { what: hazard.what.clone(), place }
}
