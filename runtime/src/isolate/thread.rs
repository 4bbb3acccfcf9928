//! The thread of an isolate: boots it, waits for an app and for the services, and hands over to [`super::life`].

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use orilla_bindings::AppEnv;
use orilla_bindings::invocation::{EndReason, Reply};
use orilla_bindings::meter::{Boot, BootKind};
use orilla_snapshot::app::{self, AppError};
use orilla_snapshot::loader::AppLoader;
use tokio::sync::mpsc;

use super::boot::{Booted, MemoryLimits, boot};
use super::crash::{self, RunningApp};
use super::handle::{Command, Shared, Start};
use super::life::{Life, console};
use super::limits::HeapLimits;
use super::load::Load;
use super::watchdog::Watched;
use crate::apps::deployment::Deployment;
use crate::apps::entrypoint;
use crate::apps::manifest::limits::Limits;
use crate::apps::manifest::problem::Problems;
use crate::scheduling::{self, Pace, Yields};
use crate::telemetry::log;

/// Memory of an isolate that waits without an app. It gets the app's limits when it is given one, but for what is settled by then:
/// that is as for an app with the default of `heap_mb`.
const WAITING_MEMORY: MemoryLimits = MemoryLimits {
    heap: HeapLimits { old: 4096 << 20, ..HeapLimits::of((Limits::DEFAULT.heap_mb as usize) << 20) },
    array_buffers: (Limits::DEFAULT.array_buffer_mb as usize) << 20,
};

/// What the thread of an isolate starts with.
pub struct Thread {
    /// The isolate's number.
    pub number: u64,
    /// What it is told.
    pub commands: mpsc::Receiver<Command>,
    /// How busy it is, for the pool.
    pub load: Arc<Load>,
    /// Where it puts its entry with the watchdog when it has booted.
    pub watched: Arc<OnceLock<Arc<Watched>>>,
    /// What it shares with the others.
    pub shared: Shared,
}

impl Thread {
    /// The whole life of the isolate.
    pub fn run(mut self, app: Option<(Arc<Deployment>, Start)>) {
        let tokio = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(tokio) => tokio,
            Err(error) => {
                tracing::error!(%error, "an isolate's event loop cannot be started");
                return self.refuse();
            }
        };
        // Within the runtime's context: what the isolate holds may need it to be dropped.
        tokio.block_on(async {
            if let Some(life) = self.begin(app).await {
                life.live(&mut self).await;
            }
            self.refuse();
        });
    }

    /// Boots, gets an app and the services.
    async fn begin(&mut self, app: Option<(Arc<Deployment>, Start)>) -> Option<Life> {
        let mut began = Instant::now();
        let cannot = |error: &dyn std::fmt::Display| {
            tracing::error!(code = "ISOLATE_BOOT_FAILED", %error, "an isolate cannot be booted");
        };
        let watched = Watched::start(self.shared.turns.clone()).inspect_err(|error| cannot(error)).ok()?;
        let (snapshot, memory) = match &app {
            Some((deployment, Start::Snapshot)) => (deployment.load_snapshot(), deployment.memory()),
            Some((deployment, _)) => (None, deployment.memory()),
            None => (None, WAITING_MEMORY),
        };
        // Nobody waits for the one, and nobody should wait because of the other.
        let gives_way = app.is_none().then(|| Yields::of(scheduling::this_thread()).ok()).flatten();
        gives_way.iter().for_each(|gives_way| gives_way.begin(Pace::VeryOften));
        let is_on_probation = app.as_ref().is_some_and(|(deployment, _)| deployment.is_on_probation());
        if is_on_probation {
            watched.begin_probation();
            watched.begin_turn();
        }
        let mut booted = boot(snapshot, memory, watched).inspect_err(|error| cannot(error)).ok()?;
        booted.watched.end_turn();
        drop(gives_way);
        // Set once: this is the only thread that does.
        let _ = self.watched.set(booted.watched.clone());
        let (deployment, start, kind) = match app {
            Some((deployment, Start::Snapshot)) if booted.snapshot.is_none() => {
                (deployment, Start::CodeCache, BootKind::CodeCache)
            }
            Some((deployment, start)) => (deployment, start, start.kind()),
            None => match self.commands.recv().await {
                Some(Command::Adopt(deployment)) => {
                    began = Instant::now();
                    booted.set_limits(deployment.memory());
                    (deployment, Start::CodeCache, BootKind::Prewarmed)
                }
                _ => return None,
            },
        };
        log::is_of_app(&deployment.name);
        crash::runs(RunningApp {
            deployment: deployment.clone(),
            watched: booted.watched.clone(),
            state: Rc::downgrade(&booted.runtime.op_state()),
        });
        let map = deployment.source_map.clone();
        *booted.loader.source_map.borrow_mut() = Some(Box::new(move || map.content()));
        if let Some(targets) = &self.shared.inspect {
            booted.listed = Some(targets.add(self.number, &mut booted.runtime, &deployment, &self.load));
        }
        if start != Start::Snapshot {
            self.evaluate(&mut booted, &deployment, start).await?;
        }
        let services = self.shared.services.wait_for(Option::is_some).await.ok()?.clone()?;
        let boot = Boot { kind, began, ready: Instant::now() };
        self.shared.metrics.measures.durations.booted(&deployment.name, kind, boot.ready - began);
        let life = Life::new(booted, deployment, services, (self.number, boot), &self.shared)?;
        self.load.ready.store(true, Ordering::Release);
        Some(life)
    }

    async fn evaluate(&self, booted: &mut Booted, deployment: &Deployment, start: Start) -> Option<()> {
        let unreadable = |error: &std::io::Error| {
            let file = deployment.manifest.entrypoint();
            tracing::error!(app = %deployment.name, code = "ENTRYPOINT_MISSING", file = %file.display(), "the app cannot be started: {error}");
        };
        let source = deployment.source.text().inspect_err(unreadable).ok()?;
        let loader = AppLoader::new(source.clone());
        let code_cache = if start == Start::CodeCache { deployment.code_cache.get() } else { None };
        if start == Start::CodeCache {
            // Where there is none, or V8 rejects the one there is.
            let cache = deployment.code_cache.clone();
            *loader.code_cache_sink.borrow_mut() = Some(Box::new(move |bytes| cache.put(bytes)));
        }
        *booted.loader.app.borrow_mut() = Some(AppLoader { code_cache, ..loader });
        {
            let state = booted.runtime.op_state();
            let mut state = state.borrow_mut();
            state.put::<AppEnv>(deployment.env.clone());
            state.put(console(&deployment.name));
        }
        booted.limit_turns(deployment);
        booted.watched.begin_turn();
        // A module that waits uses no CPU time, and would never end.
        let evaluated = tokio::time::timeout(deployment.wall(), app::evaluate(&mut booted.runtime)).await;
        let evaluated = evaluated.unwrap_or(Err(AppError::Terminated));
        booted.watched.end_turn();
        if let Some(app) = booted.loader.app.borrow_mut().as_mut() {
            // V8 has taken what it needs.
            app.code_cache = None;
        }
        if let Err(error) = evaluated {
            let problem = entrypoint::problem(&deployment.manifest.entrypoint(), &source, &error);
            let (code, problems) = (problem.code, Problems(vec![problem]));
            tracing::error!(app = %deployment.name, code, "the app cannot be started: {problems:#}");
            return None;
        }
        Some(())
    }

    /// Answers what is still waiting: this isolate will not.
    fn refuse(&mut self) {
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Fetch(fetch) = command {
                // Whoever gave up waiting needs no answer.
                let _ = fetch.reply.send(Reply::Failed(EndReason::Boot));
            }
        }
    }
}
