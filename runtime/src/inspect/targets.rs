//! The isolates that can be debugged: each lists itself when it has its app, and is gone from the list with its runtime.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deno_core::futures::channel::mpsc::UnboundedSender;
use deno_core::{InspectorSessionProxy, JsRuntime};

use crate::apps::deployment::Deployment;
use crate::isolate::load::Load;

/// Debuggers of one isolate at the same time. What keeps the commands of one from pausing for ever
/// ([`super::commands`]) does not reach another.
pub const MAX_DEBUGGERS: u32 = 1;

/// An isolate that can be debugged.
pub struct Target {
    /// The isolate's number.
    pub isolate: u64,
    /// Its app.
    pub deployment: Arc<Deployment>,
    /// Where debuggers are counted: the pool keeps an isolate that has one.
    load: Arc<Load>,
    sessions: UnboundedSender<InspectorSessionProxy>,
}

/// All isolates that can be debugged, by number.
#[derive(Default)]
pub struct Targets(Mutex<BTreeMap<u64, Arc<Target>>>);

impl Targets {
    /// Lists an isolate for as long as the answer lives. Its runtime gets V8's inspector.
    pub fn add(
        self: &Arc<Self>,
        isolate: u64,
        runtime: &mut JsRuntime,
        deployment: &Arc<Deployment>,
        load: &Arc<Load>,
    ) -> Listed {
        runtime.maybe_init_inspector();
        let sessions = runtime.inspector().get_session_sender();
        let target = Target { isolate, deployment: deployment.clone(), load: load.clone(), sessions };
        self.lock().insert(isolate, Arc::new(target));
        Listed { targets: self.clone(), isolate }
    }

    /// Those there are now, in the order of their numbers.
    pub fn all(&self) -> Vec<Arc<Target>> {
        self.lock().values().cloned().collect()
    }

    /// The isolate with this number.
    pub fn get(&self, isolate: u64) -> Option<Arc<Target>> {
        self.lock().get(&isolate).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Target>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An isolate's place in the list; dropping it gives the place up.
pub struct Listed {
    targets: Arc<Targets>,
    isolate: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.targets.lock().remove(&self.isolate);
    }
}

impl Target {
    /// Room for one more debugger, unless there are [`MAX_DEBUGGERS`].
    pub fn attach(self: &Arc<Self>) -> Option<Attached> {
        let one_more = |count: u32| (count < MAX_DEBUGGERS).then_some(count + 1);
        self.load.debuggers.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        Some(Attached(self.clone()))
    }
}

/// A debugger's place at an isolate; dropping it gives the place up.
pub struct Attached(pub Arc<Target>);

impl Attached {
    /// Gives the isolate a session, which it takes up also in the middle of a loop. Says whether it is still there.
    pub fn begin(&self, session: InspectorSessionProxy) -> bool {
        self.0.sessions.unbounded_send(session).is_ok()
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.load.debuggers.fetch_sub(1, Relaxed);
    }
}
