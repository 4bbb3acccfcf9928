//! Keeps the process alive when Rust panics beneath JavaScript: in an op, or in deno_core. Such a panic cannot go on through V8's
//! frames, and the process would end. Here the isolate's thread stops where it is instead, for good, and whoever waits for the
//! isolate is answered. It never lets such an isolate go on, and gives nothing back of what that holds: the thread with its stack,
//! V8's heap, connections that it made itself. So there may be only a few, and what they hold counts as memory of isolates.

use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::rc::Weak;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deno_core::OpState;
use orilla_bindings::invocation::Invocations;
use orilla_bindings::{Transactions, give_up_websockets};

use super::handle::Ended;
use super::supervisor::OVERHEAD_BYTES;
use super::watchdog::Watched;
use crate::apps::deployment::Deployment;

/// Crashes of one deployment's isolates within [`WINDOW`] after which it gets no other for the rest of it.
const MOST_OF_A_DEPLOYMENT: usize = 4;

/// How long the crash of an isolate counts against its deployment.
const WINDOW: Duration = Duration::from_secs(600);

/// Crashed isolates of a process. With one more it ends, for a new one is in better order.
const MOST: u32 = 32;

/// What the standard library's second panic says, at the frame that the first cannot leave: at that of a function which V8 called,
/// or of a destructor. All frames above have been left by then, so nothing of the host is locked.
const CANNOT_UNWIND: [&str; 2] = ["panic in a function that cannot unwind", "panic in a destructor during cleanup"];

static CRASHED: AtomicU32 = AtomicU32::new(0);
static LOST_BYTES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static HERE: RefCell<Option<Crashable>> = const { RefCell::new(None) };
    /// The panic that comes before the one which cannot unwind.
    static CAUSE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What runs JavaScript on a thread.
enum Crashable {
    /// An isolate that has no app yet. Nothing an app does can make it crash.
    Waiting(Ended),
    /// An isolate with an app.
    Running(Ended, RunningApp),
    /// A trial of an app's module.
    Trial(Box<dyn FnOnce(String)>),
}

/// An isolate's app, as it runs.
pub struct RunningApp {
    /// The app.
    pub deployment: Arc<Deployment>,
    /// The isolate's entry with the watchdog.
    pub watched: Arc<Watched>,
    /// What its ops share.
    pub state: Weak<RefCell<OpState>>,
}

/// When a deployment's isolates have crashed.
#[derive(Default)]
pub struct Crashes(Mutex<Vec<Instant>>);

impl Crashes {
    fn add(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    }

    /// Whether there were so many of late that the deployment gets no isolate.
    pub fn are_too_many(&self) -> bool {
        let mut crashes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        crashes.retain(|crash| crash.elapsed() < WINDOW);
        crashes.len() >= MOST_OF_A_DEPLOYMENT
    }
}

/// Bytes that crashed isolates hold.
pub fn lost_bytes() -> u64 {
    LOST_BYTES.load(Relaxed)
}

/// Isolates of this process that have crashed.
pub fn crashed() -> u32 {
    CRASHED.load(Relaxed)
}

/// From now on a panic beneath JavaScript stops its isolate, not the process. Called once.
pub fn contain() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let cannot_unwind = panic.payload_as_str().is_some_and(|message| CANNOT_UNWIND.contains(&message));
        if !cannot_unwind {
            // What belongs to a thread is gone when it ends, and then this is no isolate's.
            let _ = CAUSE.try_with(|cause| cause.replace(describe(panic)));
            return report(panic);
        }
        let here = HERE.try_with(RefCell::take).ok().flatten();
        if here.is_some_and(Crashable::crash) {
            loop {
                std::thread::park();
            }
        }
        // The process ends now.
        report(panic);
    }));
}

/// This thread is an isolate's, until [`leave`]. That it ends, however it does, is told by dropping `ended`.
pub fn enter(ended: Ended) {
    HERE.set(Some(Crashable::Waiting(ended)));
}

/// The isolate of this thread has an app from now on.
pub fn runs(app: RunningApp) {
    if let Some(Crashable::Waiting(ended)) = HERE.take() {
        HERE.set(Some(Crashable::Running(ended, app)));
    }
}

/// This thread tries a module, until [`leave`]. If it crashes, `told` gets to know why.
pub fn tries(told: impl FnOnce(String) + 'static) {
    HERE.set(Some(Crashable::Trial(Box::new(told))));
}

/// What this thread ran has ended.
pub fn leave() {
    HERE.take();
}

impl Crashable {
    /// Answers for what ran here, and says whether that is all there is to do.
    fn crash(self) -> bool {
        let cause = CAUSE.take();
        if CRASHED.fetch_add(1, Relaxed) >= MOST {
            tracing::error!(code = "ISOLATE_CRASHED", cause, "too many isolates have crashed: the process ends");
            return false;
        }
        match self {
            Self::Waiting(_) => false,
            Self::Running(ended, app) => app.crash(&ended, &cause),
            Self::Trial(told) => {
                told(cause);
                true
            }
        }
    }
}

impl RunningApp {
    fn crash(self, ended: &Ended, cause: &str) -> bool {
        let Some(state) = self.state.upgrade() else { return false };
        let Ok(mut state) = state.try_borrow_mut() else { return false };
        let app = &self.deployment.name;
        tracing::error!(%app, code = "ISOLATE_CRASHED", cause, "an isolate has crashed, which is a defect of the runtime");
        let reason = self.watched.abandon();
        self.deployment.crashes.add();
        self.deployment.stopped_in_a_row.fetch_add(1, Relaxed);
        LOST_BYTES.fetch_add(ended.load.memory.load(Relaxed) + OVERHEAD_BYTES, Relaxed);
        if let Some(invocations) = state.try_borrow_mut::<Invocations>() {
            invocations.fail_all(reason, None);
        }
        give_up_websockets(&mut state);
        drop(state.try_take::<Transactions>());
        true
    }
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("a panic without a message");
    panic.location().map_or_else(|| message.to_owned(), |location| format!("{message} ({location})"))
}
