//! Makes an app's snapshot. Runs in a process of its own, because V8 must be set up differently for it and because an
//! app may bring it down.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use deno_core::error::CoreError;
use deno_core::{JsRuntime, JsRuntimeForSnapshot, ModuleSpecifier, PollEventLoopOptions, RuntimeOptions, v8};
use orilla_bindings::{AppEnv, ConsoleLevel, ConsoleSink, EnvReads, Hazard, Hazards, LateModules};

use crate::app::{self, AppError};
use crate::call_sites;
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
    Hazards(Vec<Hazard>),
    /// V8 or deno_core refused.
    #[error("{0}")]
    Engine(String),
}

/// Evaluates the module and freezes what there is then.
pub fn freeze(source: &str, env: BTreeMap<String, String>) -> Result<Frozen, Declined> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.map_err(|error| Declined::Engine(error.to_string()))?;
    let _guard = tokio.enter();
    let env = Arc::new(env);
    let mut early = BTreeSet::new();
    loop {
        // The web platform is compiled as in the base snapshot.
        make::set_eager(false);
        let mut attempt = Attempt::new(source, env.clone())?;
        let evaluated = tokio.block_on(evaluate(&mut attempt.runtime, &early));
        let hazards = attempt.take::<Hazards>();
        if evaluated.is_err() || !hazards.is_empty() {
            // A runtime for snapshots cannot be dropped without making one, and this process ends soon.
            std::mem::forget(attempt);
            return Err(match evaluated {
                Err(error) if !hazards.iter().any(|hazard| hazard.refused) => error,
                _ => Declined::Hazards(hazards),
            });
        }
        let mut late = attempt.take::<LateModules>();
        late.append(&mut attempt.loader.imported.borrow_mut());
        if late.is_subset(&early) {
            let header = file::header(source, &attempt.take::<EnvReadsCell>(), &env);
            drop(attempt.loader);
            return Ok(Frozen { header, blob: attempt.runtime.snapshot() });
        }
        // deno_core 0.413 keeps no source of what a module it loads by itself imports, and a function of that which is
        // compiled after the snapshot finds nothing. So these modules are imported first, and all is done again.
        early.extend(late);
        std::mem::forget(attempt);
    }
}

type EnvReadsCell = RefCell<EnvReads>;

/// A runtime in which the app is evaluated, to be frozen.
struct Attempt {
    runtime: JsRuntimeForSnapshot,
    loader: Rc<LateLoader>,
}

impl Attempt {
    fn new(source: &str, env: AppEnv) -> Result<Self, Declined> {
        let loader = Rc::new(LateLoader::default());
        *loader.app.borrow_mut() = Some(AppLoader::new(source.into()));
        Ok(Self { runtime: runtime(loader.clone(), env)?, loader })
    }

    /// Takes out of the runtime's state what was gathered there.
    fn take<C: Gathered>(&self) -> C::Inner {
        C::into_inner(self.runtime.op_state().borrow_mut().take::<C>())
    }
}

/// Something in a cell of a runtime's state.
trait Gathered: 'static {
    type Inner;
    fn into_inner(self) -> Self::Inner;
}

impl<T: 'static> Gathered for RefCell<T> {
    type Inner = T;
    fn into_inner(self) -> T {
        RefCell::into_inner(self)
    }
}

fn runtime(loader: Rc<LateLoader>, env: AppEnv) -> Result<JsRuntimeForSnapshot, Declined> {
    let extensions = make::with_sources(orilla_bindings::extensions(), |specifier| {
        let found = crate::SOURCES.iter().find(|(known, _)| *known == specifier);
        found.map(|(_, source)| Arc::from(*source))
    });
    let options = RuntimeOptions { module_loader: Some(loader), ..RuntimeOptions::default() };
    let mut runtime = make::runtime(extensions, options).map_err(|error| Declined::Engine(error.to_string()))?;
    {
        let state = runtime.op_state();
        let mut state = state.borrow_mut();
        state.put::<AppEnv>(env);
        state.put::<Hazards>(RefCell::default());
        state.put::<LateModules>(RefCell::default());
        state.put(RefCell::new(EnvReads::default()));
        state.put(ConsoleSink(Box::new(print)));
    }
    call_sites::keep_out(&mut runtime);
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

async fn evaluate(runtime: &mut JsRuntimeForSnapshot, early: &BTreeSet<String>) -> Result<(), Declined> {
    for specifier in early {
        import(runtime, specifier).await.map_err(|error| Declined::Engine(error.to_string()))?;
    }
    // An isolate from a snapshot has no code cache to take compiled functions from.
    make::set_eager(true);
    app::evaluate(runtime).await?;
    // Work that was started and goes on would be cut off by the snapshot.
    let rest = runtime.run_event_loop(PollEventLoopOptions::default());
    let rest = tokio::time::timeout(std::time::Duration::from_millis(200), rest).await;
    if rest.is_err() {
        let state = runtime.op_state();
        let hazard = Hazard { what: "work that goes on after evaluation".into(), place: None, refused: false };
        state.borrow().borrow::<Hazards>().borrow_mut().push(hazard);
    }
    release(runtime)?;
    deno_core::scope!(scope, runtime);
    if !orilla_bindings::reveal_core(scope) {
        return Err(Declined::Engine("the app has a `Deno` of its own, which it lets nobody replace".into()));
    }
    Ok(())
}

async fn import(runtime: &mut JsRuntime, specifier: &str) -> Result<(), CoreError> {
    let id = runtime.load_side_es_module(&ModuleSpecifier::parse(specifier)?).await?;
    let evaluation = runtime.mod_evaluate(id);
    runtime.with_event_loop_promise(evaluation, PollEventLoopOptions::default()).await
}

/// Ends the guard. What stood in for something and was kept by the app is left to it, so that it finds there what it has.
fn release(runtime: &mut JsRuntime) -> Result<(), Declined> {
    let failed = || Declined::Engine("release() failed".into());
    let stand_ins = {
        deno_core::scope!(scope, runtime);
        let list = app::call_entry_point(scope, "release", &[]).ok_or_else(failed)?;
        let list = v8::Local::<v8::Array>::try_from(list).map_err(|_| failed())?;
        let stand_ins = (0..list.length()).map(|index| Some((index, list.get_index(scope, index)?)));
        let stand_ins: Option<Vec<_>> = stand_ins.collect();
        let stand_ins = stand_ins.ok_or_else(failed)?.into_iter().filter(|(_, stand_in)| stand_in.is_object());
        stand_ins.map(|(index, stand_in)| (index, v8::Weak::new(scope, stand_in))).collect::<Vec<_>>()
    };
    runtime.v8_isolate().low_memory_notification();
    for (index, stand_in) in stand_ins {
        deno_core::scope!(scope, runtime);
        if let Some(kept) = stand_in.to_local(scope) {
            let index = v8::Integer::new_from_unsigned(scope, index).into();
            app::call_entry_point(scope, "stay", &[index, kept]).ok_or_else(failed)?;
        }
    }
    Ok(())
}

fn call(runtime: &mut JsRuntime, name: &str) -> Result<(), Declined> {
    deno_core::scope!(scope, runtime);
    app::call_entry_point(scope, name, &[]).map(|_| ()).ok_or_else(|| Declined::Engine(format!("{name}() failed")))
}
