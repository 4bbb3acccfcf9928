//! An isolate as the rest of the host holds it: what it is told, how it is started, whether it is still there. What goes on
//! inside is [`super::thread`]'s.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use deno_permissions::PermissionsContainer;
use orilla_bindings::invocation::{EndReason, FetchRequest, InvocationId, Reply};
use orilla_bindings::meter::BootKind;
use orilla_services::caller::Caller;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::crash;
use super::load::Load;
use super::phases::Phase;
use super::thread::Thread;
use super::turns::Turns;
use super::watchdog::Watched;
use crate::apps::deployment::Deployment;
use crate::inspect::targets::Targets;
use crate::metrics::Metrics;
use crate::wire::Services;

/// What an isolate is told.
pub enum Command {
    /// Take this app. Comes once, first, to an isolate that waits without one.
    Adopt(Arc<Deployment>),
    /// Handle a request.
    Fetch(Fetch),
    /// The client of this invocation is gone.
    Cancel(InvocationId),
    /// The deployment comes into a phase. The sender is dropped when the app has taken note.
    Enter(InvocationId, Phase, oneshot::Sender<Reply>),
    /// Say when you take requests.
    Ready(oneshot::Sender<()>),
    /// Look whether you were terminated: nothing else may wake you.
    Look,
}

/// A request on its way into an isolate.
pub struct Fetch {
    /// Its handle.
    pub id: InvocationId,
    /// Who calls.
    pub caller: Arc<Caller>,
    /// The request.
    pub request: Box<FetchRequest>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Reply>,
    /// Since when it waits for a place.
    pub waits_since: Instant,
}

/// How an app gets into its isolate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From its own snapshot.
    Snapshot,
    /// From the base snapshot and V8's code cache.
    CodeCache,
    /// From the base snapshot and its source alone.
    Plain,
}

impl Start {
    /// Its name in metrics.
    pub fn kind(self) -> BootKind {
        match self {
            Self::Snapshot => BootKind::Snapshot,
            Self::CodeCache => BootKind::CodeCache,
            Self::Plain => BootKind::Source,
        }
    }
}

/// What all isolates of a host share.
#[derive(Clone)]
pub struct Shared {
    /// The services, once they are there: an isolate boots beside them.
    pub services: watch::Receiver<Option<Services>>,
    /// Where apps may connect to.
    pub egress: PermissionsContainer,
    /// The host's counters.
    pub metrics: Arc<Metrics>,
    /// The places that running isolates take.
    pub turns: Arc<Turns>,
    /// Where isolates are listed for debuggers, if there may be any.
    pub inspect: Option<Arc<Targets>>,
}

/// An isolate, as the rest of the host holds it. Dropping the last handle ends the isolate when it is idle.
pub struct Isolate {
    /// Its number; no other isolate of this process has it.
    pub number: u64,
    /// When it was started.
    pub started: Instant,
    /// How busy it is.
    pub load: Arc<Load>,
    commands: mpsc::Sender<Command>,
    alive: Arc<AtomicBool>,
    /// Its entry with the watchdog, from when it has booted.
    watched: Arc<OnceLock<Arc<Watched>>>,
    next: AtomicU32,
}

/// An isolate that has had something to do all this time since it was ready will not rest soon.
const BUSY_FROM_THE_START: Duration = Duration::from_secs(1);

/// Stack of a thread that runs JavaScript. V8 uses less, and reports when that is not enough.
pub const STACK_BYTES: usize = 8 << 20;

/// How often whoever waits for an isolate looks whether it is still there.
const STILL_THERE: Duration = Duration::from_millis(500);

/// How often it is looked at until then.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

static NUMBERS: AtomicU64 = AtomicU64::new(1);

impl Isolate {
    /// Starts an isolate for an app.
    pub fn start(
        deployment: Arc<Deployment>,
        start: Start,
        room: Arc<Notify>,
        shared: Shared,
    ) -> std::io::Result<Arc<Self>> {
        let capacity = command_capacity(deployment.limits.concurrent_requests);
        Self::spawn(capacity, Some(room), shared, Some((deployment, start)))
    }

    /// Starts an isolate that waits for an app.
    pub fn start_waiting(shared: Shared) -> std::io::Result<Arc<Self>> {
        Self::spawn(command_capacity(1024), None, shared, None)
    }

    fn spawn(
        capacity: usize,
        room: Option<Arc<Notify>>,
        shared: Shared,
        app: Option<(Arc<Deployment>, Start)>,
    ) -> std::io::Result<Arc<Self>> {
        let (commands, receiver) = mpsc::channel(capacity);
        let load = Arc::new(Load::default());
        if let Some(room) = room {
            // It is new, so it has none.
            let _ = load.room.set(room);
        }
        let alive = Arc::new(AtomicBool::new(true));
        let watched = Arc::new(OnceLock::new());
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let thread = Thread { number, commands: receiver, load: load.clone(), watched: watched.clone(), shared };
        let ended = Ended { alive: alive.clone(), load: load.clone(), metrics: thread.shared.metrics.clone() };
        thread.shared.metrics.isolates.fetch_add(1, Ordering::Relaxed);
        let name = app.as_ref().map_or("isolate".to_owned(), |(deployment, _)| format!("isolate {}", deployment.name));
        std::thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(move || {
            crash::enter(ended);
            thread.run(app);
            crash::leave();
        })?;
        Ok(Arc::new(Self { number, started: Instant::now(), load, commands, alive, watched, next: AtomicU32::new(0) }))
    }

    /// Whether it can still take requests.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire) && !self.commands.is_closed() && self.terminated().is_none()
    }

    /// CPU time of its thread so far, of a turn that is under way too; none once the thread is gone.
    pub fn cpu(&self) -> Duration {
        self.watched.get().and_then(|watched| watched.cpu()).unwrap_or_default()
    }

    /// Whether its thread runs only when no other wants to, as now.
    pub fn is_demoted(&self) -> bool {
        self.watched.get().is_some_and(|watched| watched.is_demoted())
    }

    /// Whether it has booted, with an app or without.
    pub fn has_booted(&self) -> bool {
        self.watched.get().is_some()
    }

    /// Why it was stopped, if it was. Its thread may go on for a while: V8 looks for this only between two steps of
    /// JavaScript, and a single step, `JSON.parse` of a long text say, takes its time.
    pub fn terminated(&self) -> Option<EndReason> {
        self.watched.get()?.terminated()
    }

    /// Stops its JavaScript for good, if it has any.
    pub fn terminate(&self, reason: EndReason) {
        if let Some(watched) = self.watched.get() {
            watched.terminate(reason);
            // Where there is no room for it, there is enough that wakes it.
            let _ = self.commands.try_send(Command::Look);
        }
    }

    /// Gives an app to an isolate that waits.
    pub fn adopt(&self, deployment: Arc<Deployment>, room: Arc<Notify>) -> bool {
        // It waited for an app, so it belongs to no pool yet.
        let _ = self.load.room.set(room);
        self.commands.try_send(Command::Adopt(deployment)).is_ok()
    }

    /// Hands a request in, for which the caller has taken a place in its [`Load`]. Gives it and the place back if the
    /// isolate has ended.
    pub fn fetch(
        &self,
        caller: Arc<Caller>,
        request: Box<FetchRequest>,
        waits_since: Instant,
        reply: oneshot::Sender<Reply>,
    ) -> Result<InvocationId, Fetch> {
        let id = InvocationId(self.next.fetch_add(1, Ordering::Relaxed) + 1);
        match self.commands.try_send(Command::Fetch(Fetch { id, caller, request, reply, waits_since })) {
            Ok(()) => Ok(id),
            Err(error) => {
                self.load.end(1);
                let (mpsc::error::TrySendError::Full(command) | mpsc::error::TrySendError::Closed(command)) = error;
                match command {
                    Command::Fetch(fetch) => Err(fetch),
                    _ => unreachable!("what was sent comes back"),
                }
            }
        }
    }

    /// Tells the app of a phase of its deployment. The receiver ends when it has taken note; there is none if the isolate has
    /// ended.
    pub fn enter(&self, phase: Phase) -> Option<oneshot::Receiver<Reply>> {
        let id = InvocationId(self.next.fetch_add(1, Ordering::Relaxed) + 1);
        let (sender, receiver) = oneshot::channel();
        self.load.begin();
        if self.commands.try_send(Command::Enter(id, phase, sender)).is_err() {
            self.load.end(1);
            return None;
        }
        Some(receiver)
    }

    /// Waits until it takes requests. Says whether it ever does.
    pub async fn ready(&self) -> bool {
        let (sender, receiver) = oneshot::channel();
        let said = async { self.commands.send(Command::Ready(sender)).await.is_ok() && receiver.await.is_ok() };
        let mut said = std::pin::pin!(said);
        loop {
            match tokio::time::timeout(STILL_THERE, &mut said).await {
                Ok(is_ready) => return is_ready,
                // One that has crashed says nothing any more.
                Err(_) if !self.is_alive() => return false,
                Err(_) => {}
            }
        }
    }

    /// Waits until it has answered what it was started for, or has been busy for long.
    pub async fn answered(&self) {
        if !self.ready().await {
            return;
        }
        let until = Instant::now() + BUSY_FROM_THE_START;
        while self.is_alive() && !self.load.is_idle() && Instant::now() < until {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Says that the client of an invocation is gone.
    pub fn cancel(&self, id: InvocationId) {
        // There is room for one of these for each request; an isolate that has ended needs none.
        let _ = self.commands.try_send(Command::Cancel(id));
    }
}

/// Room for every request that may be in flight, and for the cancellation of each.
fn command_capacity(concurrent_requests: u64) -> usize {
    usize::try_from(concurrent_requests).unwrap_or(1024) * 2 + 16
}

/// Marks the isolate as gone when its thread ends, and lets those look again who wait for a place in it.
pub struct Ended {
    alive: Arc<AtomicBool>,
    /// How busy it was.
    pub load: Arc<Load>,
    metrics: Arc<Metrics>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Release);
        if let Some(room) = self.load.room.get() {
            room.notify_waiters();
        }
        self.metrics.isolates_ended.fetch_add(1, Ordering::Relaxed);
        self.metrics.isolates.fetch_sub(1, Ordering::Relaxed);
    }
}
