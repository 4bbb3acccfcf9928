//! How busy an isolate is: written by its thread and by whoever hands it requests, read by the pool. Never waits.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The beginning of this process's time; what is kept in atomics counts from here.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How long a moment of pressure counts.
const PRESSURE_LASTS: Duration = Duration::from_millis(200);

/// How busy one isolate is.
pub struct Load {
    /// Requests it has and has not finished; WebSockets are not among them.
    pub in_flight: AtomicU32,
    /// WebSockets it holds.
    pub websockets: AtomicU32,
    /// Debuggers that are attached to it.
    pub debuggers: AtomicU32,
    /// Whether it has booted, has its app and takes requests.
    pub ready: AtomicBool,
    /// Whether its thread was demoted for good: the host may not raise it again, so it is replaced.
    pub worn: AtomicBool,
    /// Bytes of heap and ArrayBuffers when last looked at.
    pub memory: AtomicU64,
    /// When it last was given a request, and when it was last seen short of CPU, in milliseconds after [`EPOCH`].
    used: AtomicU64,
    pressed: AtomicU64,
    /// Told when a request has ended: there is room for another in the isolate's pool. Set when it has one.
    pub room: OnceLock<Arc<Notify>>,
}

/// An isolate that has nothing yet and belongs to no pool.
impl Default for Load {
    fn default() -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            websockets: AtomicU32::new(0),
            debuggers: AtomicU32::new(0),
            ready: AtomicBool::new(false),
            worn: AtomicBool::new(false),
            memory: AtomicU64::new(0),
            used: AtomicU64::new(now()),
            pressed: AtomicU64::new(0),
            room: OnceLock::new(),
        }
    }
}

impl Load {
    /// Takes a place for a request.
    pub fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
        self.used.store(now(), Relaxed);
    }

    /// Gives places back.
    pub fn end(&self, requests: u32) {
        self.in_flight.fetch_sub(requests, Relaxed);
        let Some(room) = self.room.get() else { return };
        for _ in 0..requests {
            room.notify_one();
        }
    }

    /// Notes that requests wait for its thread.
    pub fn press(&self) {
        self.pressed.store(now(), Relaxed);
    }

    /// Whether requests waited for its thread just now.
    pub fn is_pressed(&self) -> bool {
        let pressed = self.pressed.load(Relaxed);
        pressed != 0 && now().saturating_sub(pressed) < PRESSURE_LASTS.as_millis() as u64
    }

    /// Whether it has nothing to do and nobody is connected to it.
    pub fn is_idle(&self) -> bool {
        self.in_flight.load(Relaxed) == 0 && self.websockets.load(Relaxed) == 0 && !self.is_debugged()
    }

    /// Whether a debugger is attached to it.
    pub fn is_debugged(&self) -> bool {
        self.debuggers.load(Relaxed) > 0
    }

    /// How long ago it was last given a request.
    pub fn unused_for(&self) -> Duration {
        Duration::from_millis(now().saturating_sub(self.used.load(Relaxed)))
    }
}

fn now() -> u64 {
    EPOCH.elapsed().as_millis() as u64 + 1
}
