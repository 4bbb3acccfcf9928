//! The isolates of one deployment: which of them takes a request, when another is booted, and the queue in front of them
//! where all are full.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use orilla_bindings::invocation::{EndReason, FetchRequest, Reply};
use orilla_services::caller::Caller;
use orilla_snapshot::file::Faster;
use tokio::sync::{Notify, oneshot};

use super::dispatched::Dispatched;
use super::handle::{Isolate, Start};
use super::phases::{Phase, farewell};
use super::prewarmed::Prewarmed;
use super::supervisor::Supervisor;
use crate::apps::deployment::Deployment;

/// Rounds of the supervisor with little to do before an isolate too many is let go.
const CALM_ROUNDS: u32 = 10;

/// The isolates of one deployment.
pub struct Pool {
    /// The app.
    pub deployment: Arc<Deployment>,
    isolates: Mutex<Vec<Arc<Isolate>>>,
    /// Those that were replaced and finish what they have.
    finishing: Mutex<Vec<Weak<Isolate>>>,
    /// Held while an isolate is started.
    booting: Mutex<()>,
    /// Told when a request has ended.
    room: Arc<Notify>,
    /// Requests that wait for a place.
    waiting: AtomicU32,
    /// Rounds in which fewer isolates would have done.
    calm: AtomicU32,
    /// Whether the app was told that its deployment is ready, and, until somebody waits for that, when it has taken note.
    announced: AtomicBool,
    noted: Mutex<Option<oneshot::Receiver<Reply>>>,
    supervisor: Arc<Supervisor>,
}

/// Where a request can go.
enum Place {
    /// To this isolate; a place in it is taken.
    In(Arc<Isolate>),
    /// Nowhere until one is booted beside these many.
    Boot(usize),
    /// Nowhere until a request ends.
    Full,
}

impl Pool {
    /// A pool without isolates; [`Supervisor::pool`] makes it known.
    pub(super) fn new(deployment: Arc<Deployment>, supervisor: Arc<Supervisor>) -> Self {
        Self {
            deployment,
            isolates: Mutex::default(),
            finishing: Mutex::default(),
            booting: Mutex::default(),
            room: Arc::default(),
            waiting: AtomicU32::new(0),
            calm: AtomicU32::new(0),
            announced: AtomicBool::new(false),
            noted: Mutex::default(),
            supervisor,
        }
    }

    /// Hands a request to an isolate: boots one where there is none, waits where all are full, and refuses where too many
    /// wait already or this one has waited too long.
    pub async fn dispatch(
        &self,
        caller: Arc<Caller>,
        request: Box<FetchRequest>,
        since: Instant,
    ) -> Result<Dispatched, EndReason> {
        let isolate = match self.place() {
            Place::In(isolate) => isolate,
            Place::Boot(_) | Place::Full => self.wait_for_place(since).await?,
        };
        let cold = !isolate.load.ready.load(Relaxed);
        let (sender, reply) = oneshot::channel();
        match isolate.fetch(caller, request, since, sender) {
            Ok(id) => Ok(Dispatched::new(isolate, cold, id, reply)),
            Err(_) if isolate.is_alive() => Err(EndReason::Overloaded),
            Err(fetch) => {
                // It ended just now; another one takes the request.
                let isolate = self.wait_for_place(since).await?;
                let id =
                    isolate.fetch(fetch.caller, fetch.request, since, fetch.reply).map_err(|_| EndReason::Reclaimed)?;
                Ok(Dispatched::new(isolate, true, id, reply))
            }
        }
    }

    async fn wait_for_place(&self, since: Instant) -> Result<Arc<Isolate>, EndReason> {
        let limits = &self.deployment.limits;
        let queued = Queued::enter(&self.waiting);
        let wait = Duration::from_millis(limits.queue_wait_ms).saturating_sub(since.elapsed());
        let place = async {
            loop {
                let room = self.room.notified();
                let place = match self.place() {
                    Place::Boot(0) => {
                        self.boot(0)?;
                        continue;
                    }
                    // Where there is no room for another one, this request waits for those there are.
                    Place::Boot(count) if self.boot(count).is_err() => Place::Full,
                    place => place,
                };
                match place {
                    Place::In(isolate) => return Ok(isolate),
                    Place::Boot(_) => {}
                    Place::Full if u64::from(queued.position) > limits.queued_requests => {
                        return Err(EndReason::Overloaded);
                    }
                    Place::Full => room.await,
                }
            }
        };
        tokio::time::timeout(wait, place).await.unwrap_or(Err(EndReason::Overloaded))
    }

    /// The least busy isolate, if it has room; starts another in the background where that one has enough to do.
    fn place(&self) -> Place {
        let settings = &self.supervisor.settings;
        let most = u32::try_from(self.deployment.limits.concurrent_requests).unwrap_or(u32::MAX);
        let enough = settings.target_requests.min(most);
        let mut isolates = self.lock();
        let is_of_use = |isolate: &mut Arc<Isolate>| isolate.is_alive() && !isolate.load.worn.load(Relaxed);
        // The others finish what they have, and count as long as they do.
        let gone: Vec<_> = isolates.extract_if(.., |isolate| !is_of_use(isolate)).collect();
        if !gone.is_empty() {
            self.supervisor.let_finish(&gone);
            let mut finishing = self.finishing.lock().unwrap_or_else(PoisonError::into_inner);
            finishing.retain(|isolate| isolate.strong_count() > 0);
            finishing.extend(gone.iter().map(Arc::downgrade));
        }
        let in_flight = |isolate: &&Arc<Isolate>| isolate.load.in_flight.load(Relaxed);
        let is_ready = |isolate: &&Arc<Isolate>| isolate.load.ready.load(Relaxed);
        // One that still boots is for those that would have to wait anyway.
        let ready = isolates.iter().filter(is_ready).min_by_key(in_flight).filter(|best| in_flight(best) < most);
        let best = ready.or_else(|| isolates.iter().min_by_key(in_flight));
        let Some(best) = best.cloned() else { return Place::Boot(0) };
        let count = isolates.len();
        let busy = isolates.iter().map(|isolate| in_flight(&isolate)).sum::<u32>() as usize >= enough as usize * count;
        let short_of_cpu = |isolate: &Arc<Isolate>| is_ready(&isolate) && isolate.load.is_pressed();
        // One that has nothing to do takes the request at once: if it was short of CPU, others had the cores.
        let is_at_work = in_flight(&&best) > 0;
        let pressed = is_at_work && count < settings.cores && isolates.iter().all(short_of_cpu);
        let grows = (busy || pressed) && count < settings.max_per_app;
        let full = in_flight(&&best) >= most;
        if !full {
            best.load.begin();
        }
        drop(isolates);
        match (full, grows) {
            (true, true) => Place::Boot(count),
            (true, false) => Place::Full,
            (false, true) => {
                // Where there is no memory for another one, this one has to do.
                let _ = self.boot(count);
                Place::In(best)
            }
            (false, false) => Place::In(best),
        }
    }

    /// Boots the app's first isolate if there is none, and waits until it takes requests and the app has done what it does
    /// when it is ready. Says whether it takes requests.
    pub async fn warm(&self) -> bool {
        let first = || self.lock().iter().find(|isolate| isolate.is_alive()).cloned();
        let isolate = match first() {
            Some(isolate) => isolate,
            None => {
                if self.boot(0).is_err() {
                    return false;
                }
                let Some(isolate) = first() else { return false };
                isolate
            }
        };
        if !isolate.ready().await {
            return false;
        }
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(noted) = noted {
            // What the app does when it is ready comes before its first request. It may take as long as a request may.
            let _ = tokio::time::timeout(self.deployment.wall(), noted).await;
        }
        true
    }

    /// Starts an isolate beside the `count` there are, unless somebody else just has; it takes requests from now on and
    /// handles them when it has booted.
    pub fn boot(&self, count: usize) -> Result<(), EndReason> {
        let _one_at_a_time = self.booting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lock().iter().filter(|isolate| isolate.is_alive()).count() > count {
            return Ok(());
        }
        if self.deployment.crashes.are_too_many() {
            return Err(EndReason::Crashed);
        }
        if !self.supervisor.admit(count) {
            return Err(EndReason::Overloaded);
        }
        let isolate = self.start().map_err(|error| {
            tracing::error!(app = %self.deployment.name, %error, "a thread for an isolate cannot be started");
            EndReason::Boot
        })?;
        if !self.announced.swap(true, Relaxed) {
            // Before anybody else can send it anything.
            *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = isolate.enter(Phase::Ready);
        }
        self.lock().push(isolate);
        Ok(())
    }

    fn start(&self) -> std::io::Result<Arc<Isolate>> {
        let snapshot = self.deployment.snapshot.get();
        let start = match snapshot {
            Some(_) => Start::Snapshot,
            // So that a debugger finds every function as it was written.
            None if self.supervisor.shared.inspect.is_some() => Start::Plain,
            None => Start::CodeCache,
        };
        // What waits has the normal priority.
        let prewarmed = (!self.deployment.is_on_probation()).then_some(&self.supervisor.prewarmed);
        let has_memory = prewarmed.is_some_and(Prewarmed::give_memory);
        if snapshot.is_none_or(|snapshot| snapshot.faster() == Faster::Prewarmed)
            && let Some(isolate) = prewarmed.and_then(Prewarmed::take)
            && isolate.adopt(self.deployment.clone(), self.room.clone())
        {
            self.refill_after(isolate.clone());
            return Ok(isolate);
        }
        let (deployment, room) = (self.deployment.clone(), self.room.clone());
        let isolate = Isolate::start(deployment, start, room, self.supervisor.shared.clone())?;
        if has_memory {
            self.refill_after(isolate.clone());
        }
        Ok(isolate)
    }

    /// Puts others in the place of what this isolate took, once it has answered: both at a time would share the cores.
    fn refill_after(&self, started: Arc<Isolate>) {
        let supervisor = self.supervisor.clone();
        tokio::spawn(async move {
            started.answered().await;
            drop(started);
            supervisor.prewarmed.refill();
        });
    }

    /// Drops all isolates, those that were replaced too: each finishes what it has and ends.
    fn retire(&self) -> Vec<Arc<Isolate>> {
        let isolates = std::mem::take(&mut *self.lock());
        let finishing = std::mem::take(&mut *self.finishing.lock().unwrap_or_else(PoisonError::into_inner));
        self.supervisor.retire(&finishing.iter().filter_map(Weak::upgrade).collect::<Vec<_>>());
        self.supervisor.retire(&isolates);
        isolates
    }

    /// Drops all isolates, and tells the app when it gets no more requests and when it has none any more. Ends with that.
    pub fn stop(&self) -> Option<tokio::task::JoinHandle<()>> {
        let mut isolates = self.retire().into_iter();
        let last = isolates.next()?;
        let others = isolates.map(|isolate| Arc::downgrade(&isolate)).collect();
        let supervisor = self.supervisor.clone();
        // What the app does at the end comes after the time for its requests.
        supervisor.let_finish(std::slice::from_ref(&last));
        Some(tokio::spawn(async move {
            farewell(&last, others, supervisor.settings.grace).await;
            supervisor.end(&last);
        }))
    }

    /// Drops the isolates nobody has used for so long, and one of those that are too many.
    pub(super) fn shrink(&self, idle: Duration) {
        let mut isolates = self.lock();
        isolates.retain(|isolate| isolate.is_alive());
        let unused = |isolate: &Arc<Isolate>| isolate.load.is_idle() && isolate.load.unused_for() >= idle;
        let (mut gone, mut kept): (Vec<_>, Vec<_>) = isolates.drain(..).partition(unused);
        let in_flight: u32 = kept.iter().map(|isolate| isolate.load.in_flight.load(Relaxed)).sum();
        let fewer_would_do = kept.len() > 1
            && in_flight <= self.supervisor.settings.target_requests * (kept.len() as u32 - 1) / 2
            && !kept.iter().any(|isolate| isolate.load.is_pressed());
        let calm = if fewer_would_do { self.calm.fetch_add(1, Relaxed) + 1 } else { 0 };
        if calm >= CALM_ROUNDS {
            gone.extend(kept.pop());
        }
        self.calm.store(if calm >= CALM_ROUNDS { 0 } else { calm }, Relaxed);
        *isolates = kept;
        drop(isolates);
        self.supervisor.retire(&gone);
    }

    /// The isolate that has been idle longest, with for how long.
    pub(super) fn least_recently_used(&self) -> Option<(Duration, Arc<Isolate>)> {
        let isolates = self.lock();
        let idle = isolates.iter().filter(|isolate| isolate.load.is_idle() && isolate.load.ready.load(Relaxed));
        idle.map(|isolate| (isolate.load.unused_for(), isolate.clone())).max_by_key(|(unused, _)| *unused)
    }

    /// Takes one isolate out.
    pub(super) fn evict(&self, isolate: &Arc<Isolate>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, isolate));
    }

    /// Its isolates, as they are now.
    pub fn isolates(&self) -> Vec<Arc<Isolate>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Isolate>>> {
        self.isolates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.retire();
    }
}

/// A request in the queue.
struct Queued<'a> {
    waiting: &'a AtomicU32,
    /// How many are there with it.
    position: u32,
}

impl<'a> Queued<'a> {
    fn enter(waiting: &'a AtomicU32) -> Self {
        Self { position: waiting.fetch_add(1, Relaxed) + 1, waiting }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Relaxed);
    }
}
