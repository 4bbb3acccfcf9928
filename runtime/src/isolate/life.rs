//! An isolate that serves: turn after turn of commands in and JavaScript's event loop, until nobody holds it any more or it
//! was terminated. It never boots anything; that is [`super::thread`]'s.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use deno_core::{JsRuntime, PollEventLoopOptions, v8};
use orilla_bindings::blobs::CountedBlobs;
use orilla_bindings::invocation::{EndReason, FetchRequest, InvocationId, Invocations, Reply, Running};
use orilla_bindings::meter::{Begun, Boot};
use orilla_bindings::{AppEnv, ConsoleLevel, ConsoleSink, Transactions};
use orilla_services::caller::{Caller, Identity, Policy};
use orilla_snapshot::app;
use orilla_snapshot::file::Snapshot;
use tokio::sync::oneshot;

use super::boot::Booted;
use super::handle::{Command, Fetch, Shared};
use super::limits::{check_buffers, outside_heap};
use super::phases::Phase;
use super::thread::Thread;
use super::watchdog::Watched;
use crate::apps::deployment::Deployment;
use crate::inspect::targets::Listed;
use crate::wire::Services;

/// Commands handled in one turn before JavaScript's event loop runs, at most.
const MAX_COMMANDS_PER_TURN: usize = 64;

/// CPU time that the commands of one turn are to take together: many quick requests are no reason to be demoted.
const TURN_CPU: Duration = Duration::from_millis(10);

/// How often an isolate that works looks at how much of a core it had, and how much of one means that it wants more.
const BUSY_WINDOW: Duration = Duration::from_millis(100);
const BUSY_SHARE: f64 = 0.8;

/// Requests that wait for the thread this long mean that one isolate is not enough.
const LONG_WAIT: Duration = Duration::from_millis(20);

/// A turn that takes this long is charged to those that go on as well as to those that ended in it.
const LONG_TURN: Duration = Duration::from_millis(1);

/// How often the memory of an isolate that works is looked at.
const MEMORY_INTERVAL: Duration = Duration::from_secs(1);

/// Where the console of an app goes: the log.
pub fn console(app: &Arc<str>) -> ConsoleSink {
    let app = app.clone();
    ConsoleSink(Box::new(move |level, request, text| match level {
        ConsoleLevel::Debug => tracing::debug!(target: "app", %app, request, "{text}"),
        ConsoleLevel::Info => tracing::info!(target: "app", %app, request, "{text}"),
        ConsoleLevel::Warn => tracing::warn!(target: "app", %app, request, "{text}"),
        ConsoleLevel::Error => tracing::error!(target: "app", %app, request, "{text}"),
    }))
}

/// An isolate with its app, serving.
pub struct Life {
    // Dropped before what it borrows from: V8 calls into the watchdog's entry until it is gone.
    runtime: JsRuntime,
    watched: Arc<Watched>,
    blobs: Arc<CountedBlobs>,
    deployment: Arc<Deployment>,
    dispatch: v8::Global<v8::Function>,
    cancel: v8::Global<v8::Function>,
    /// Deadlines in the order they come; an invocation that has ended is skipped.
    deadlines: VecDeque<(Instant, InvocationId)>,
    /// Its number.
    number: u64,
    /// How and when it was booted.
    boot: Boot,
    /// The invocation in whose synchronous part the isolate was terminated.
    culprit: Option<InvocationId>,
    /// Commands that the next turn handles: as many as fit into [`TURN_CPU`] at the pace of the last one.
    batch: usize,
    /// Whether requests waited long for this turn.
    pressed: bool,
    /// Whether it may have compiled functions of the app for a request that its code cache does not have.
    has_compiled: bool,
    /// Whether an invocation was ended because of a limit in this turn.
    has_cut_short: bool,
    /// Since when CPU time is summed up, and how much it is.
    window: (Instant, Duration),
    /// When its memory was last looked at.
    measured: Option<Instant>,
    /// Its place in the list for debuggers.
    _listed: Option<Listed>,
    /// The snapshot it runs from.
    _snapshot: Option<Arc<Snapshot>>,
    alarm: std::pin::Pin<Box<tokio::time::Sleep>>,
}

impl Life {
    /// Gives a booted isolate that has its app what it serves with.
    pub fn new(
        booted: Booted,
        deployment: Arc<Deployment>,
        services: Services,
        (number, boot): (u64, Boot),
        shared: &Shared,
    ) -> Option<Self> {
        booted.limit_turns(&deployment);
        let Booted { mut runtime, watched, blobs, listed, snapshot, .. } = booted;
        {
            let state = runtime.op_state();
            let mut state = state.borrow_mut();
            state.put(Invocations::new(deployment.invocation_limits(), deployment.unsent.clone()));
            state.put::<AppEnv>(deployment.env.clone());
            state.put(console(&deployment.name));
            state.put(shared.egress.deep_clone());
            state.put(services.kv.clone());
            state.put(services.database.clone());
            state.put(Transactions::default());
        }
        deployment.declare_indexes(&services);
        let (dispatch, cancel) = {
            deno_core::scope!(scope, &mut runtime);
            let dispatch = app::entry_point(scope, "dispatchFetch")?;
            let cancel = app::entry_point(scope, "cancel")?;
            (v8::Global::new(scope, dispatch), v8::Global::new(scope, cancel))
        };
        let alarm = Box::pin(tokio::time::sleep(Duration::from_secs(3600)));
        Some(Self {
            runtime,
            watched,
            blobs,
            deployment,
            dispatch,
            cancel,
            deadlines: VecDeque::new(),
            number,
            boot,
            culprit: None,
            batch: MAX_COMMANDS_PER_TURN,
            pressed: false,
            has_compiled: false,
            has_cut_short: false,
            window: (Instant::now(), Duration::ZERO),
            measured: None,
            _listed: listed,
            _snapshot: snapshot,
            alarm,
        })
    }

    /// Serves until it is told to stop or is terminated.
    pub async fn live(mut self, thread: &mut Thread) {
        let reason = std::future::poll_fn(|cx| self.poll(thread, cx)).await;
        let state = self.runtime.op_state();
        let mut state = state.borrow_mut();
        let invocations = state.borrow_mut::<Invocations>();
        if let Some(reason) = reason {
            if reason != EndReason::Reclaimed {
                self.deployment.stopped_in_a_row.fetch_add(1, Ordering::Relaxed);
            }
            let count = invocations.len();
            let app = &self.deployment.name;
            tracing::warn!(%app, reason = reason.as_str(), invocations = count, "an isolate was terminated");
            invocations.fail_all(reason, self.culprit);
            thread.commands.close();
            while let Ok(command) = thread.commands.try_recv() {
                if let Command::Fetch(Fetch { request, reply, .. }) = command {
                    // Whoever gave up waiting needs no answer.
                    let _ = reply.send(Reply::Unanswered(request));
                }
            }
        }
    }

    /// One turn. Ready with the reason when the isolate was terminated, or without one when nobody holds it any more.
    fn poll(&mut self, thread: &mut Thread, cx: &mut Context<'_>) -> Poll<Option<EndReason>> {
        ready!(thread.shared.turns.begin(cx));
        self.watched.begin_turn_in_place();
        let mut open = true;
        let mut handled = 0;
        loop {
            if handled == self.batch {
                cx.waker().wake_by_ref();
                break;
            }
            match thread.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => self.handle(command),
                Poll::Ready(None) => {
                    open = false;
                    break;
                }
                Poll::Pending => break,
            }
            handled += 1;
            // Nothing more may run in it: with a full heap each allocation would be a collection that frees nothing.
            if let Some(reason) = self.watched.terminated() {
                let cpu = self.watched.end_turn();
                self.charge(thread, cpu);
                return Poll::Ready(Some(reason));
            }
        }
        let turned = self.runtime.poll_event_loop(cx, PollEventLoopOptions::default());
        check_buffers(self.runtime.v8_isolate());
        let cpu = self.watched.end_turn();
        if let Some(reason) = self.watched.terminated() {
            self.charge(thread, cpu);
            return Poll::Ready(Some(reason));
        }
        if let Poll::Ready(Err(error)) = turned {
            tracing::error!(target: "app", app = %self.deployment.name, "uncaught error: {error}");
            cx.waker().wake_by_ref();
        }
        if handled > 0 {
            let fitting = TURN_CPU.as_nanos() * handled as u128 / cpu.as_nanos().max(1);
            self.batch = fitting.clamp(1, MAX_COMMANDS_PER_TURN as u128) as usize;
        }
        self.expire(cx);
        self.report(thread, cpu);
        let running = self.account(thread, cpu);
        if running == 0 && std::mem::take(&mut self.has_compiled) {
            self.deployment.code_cache.grow(&mut self.runtime, &self.deployment.source);
        }
        if !open && running == 0 { Poll::Ready(None) } else { Poll::Pending }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Fetch(fetch) => self.fetch(fetch),
            Command::Cancel(id) => self.cancel(id),
            Command::Enter(id, phase, done) => self.enter(id, phase, done),
            Command::Ready(asked) => {
                // Whoever asked may have gone.
                let _ = asked.send(());
            }
            // The turn looks for that after each command.
            Command::Look => {}
            Command::Adopt(_) => tracing::error!("an isolate that has an app was given another; it keeps its own"),
        }
    }

    fn fetch(&mut self, fetch: Fetch) {
        let Fetch { id, caller, request, reply, waits_since } = fetch;
        let now = Instant::now();
        // A boot is no waiting for a place.
        let waited = now.saturating_duration_since(waits_since.max(self.boot.ready));
        if waited > LONG_WAIT {
            self.pressed = true;
        }
        if waited.as_millis() > u128::from(self.deployment.limits.queue_wait_ms) {
            self.runtime.op_state().borrow_mut().borrow_mut::<Invocations>().ended += 1;
            // Whoever gave up waiting needs no answer.
            let _ = reply.send(Reply::Failed(EndReason::Overloaded));
            return;
        }
        let deadline = now + self.deployment.wall();
        self.has_compiled |= self.boot.kind.uses_code_cache();
        request.meter.begun(Begun { isolate: self.number, boot: self.boot, waits_since, at: now });
        let kind = request.body.kind();
        let state = self.runtime.op_state();
        deno_core::scope!(scope, &mut self.runtime);
        let dispatch = v8::Local::new(scope, &self.dispatch);
        let method = request.method.as_str().as_bytes();
        let name = v8::String::new_from_one_byte(scope, method, v8::NewStringType::Internalized);
        let address = v8::String::new_from_one_byte(scope, request.url.as_bytes(), v8::NewStringType::Normal);
        let running = Running::new(caller, request, reply, deadline);
        state.borrow_mut().borrow_mut::<Invocations>().insert(id, running);
        self.deadlines.push_back((deadline, id));
        let (Some(name), Some(address)) = (name, address) else { return };
        let number = v8::Integer::new_from_unsigned(scope, id.0).into();
        let kind = v8::Integer::new(scope, kind).into();
        let undefined = v8::undefined(scope).into();
        // It catches what the app throws, so `None` means that the isolate was terminated, which the turn's end sees.
        if dispatch.call(scope, undefined, &[number, name.into(), address.into(), kind]).is_none() {
            self.culprit = Some(id);
        }
    }

    /// Tells the app of a phase of its deployment; `done` is dropped when it has taken note.
    fn enter(&mut self, id: InvocationId, phase: Phase, done: oneshot::Sender<Reply>) {
        let deadline = Instant::now() + self.deployment.wall();
        let name = &self.deployment.name;
        let caller = Caller {
            app: name.clone(),
            tenant: name.clone(),
            identity: Identity::Anonymous,
            policy: Policy::Enforced,
            trace: phase.as_str().into(),
        };
        let running = Running::new(Arc::new(caller), Box::new(FetchRequest::none()), done, deadline);
        let state = self.runtime.op_state();
        state.borrow_mut().borrow_mut::<Invocations>().insert(id, running);
        self.deadlines.push_back((deadline, id));
        deno_core::scope!(scope, &mut self.runtime);
        let Some(name) = v8::String::new(scope, phase.as_str()) else { return };
        let id = v8::Integer::new_from_unsigned(scope, id.0);
        // It catches what the app throws, so `None` means that the isolate was terminated, which the turn's end sees.
        let _ = app::call_entry_point(scope, "dispatchPhase", &[id.into(), name.into()]);
    }

    /// Tells the app, and forgets the invocation unless the app still works on it.
    fn cancel(&mut self, id: InvocationId) {
        if self.runtime.op_state().borrow().borrow::<Invocations>().get(id).is_none() {
            return;
        }
        deno_core::scope!(scope, &mut self.runtime);
        let cancel = v8::Local::new(scope, &self.cancel);
        let number = v8::Integer::new_from_unsigned(scope, id.0).into();
        let undefined = v8::undefined(scope).into();
        let _ = cancel.call(scope, undefined, &[number]);
    }

    /// Ends invocations whose time is up, and sets the alarm for the next.
    fn expire(&mut self, cx: &mut Context<'_>) {
        let now = Instant::now();
        while let Some((deadline, id)) = self.deadlines.front().copied() {
            let state = self.runtime.op_state();
            let state = state.borrow();
            let running = state.borrow::<Invocations>().get(id);
            if running.is_some() && deadline > now {
                break;
            }
            self.deadlines.pop_front();
            match running {
                None => {}
                // It has answered, and lasts as long as its client and the app want.
                Some(running) if running.chunks.is_some() || running.websocket => {
                    self.deadlines.push_back((now + self.deployment.wall(), id));
                }
                Some(_) => {
                    drop(state);
                    self.end(id, EndReason::Wall);
                }
            }
        }
        if let Some((deadline, _)) = self.deadlines.front() {
            let deadline = tokio::time::Instant::from_std(*deadline);
            if self.alarm.deadline() != deadline {
                self.alarm.as_mut().reset(deadline);
            }
            if self.alarm.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
    }

    fn end(&mut self, id: InvocationId, reason: EndReason) {
        self.has_cut_short = true;
        self.cancel(id);
        let removed = self.runtime.op_state().borrow_mut().borrow_mut::<Invocations>().remove(id);
        if let Some(running) = removed {
            let (app, request) = (&running.caller.app, &running.caller.trace);
            tracing::warn!(%app, %request, reason = reason.as_str(), "an invocation was ended");
            running.fail(reason);
        }
    }

    /// Tells the pool how busy the isolate is.
    fn report(&mut self, thread: &Thread, cpu: Duration) {
        let load = &thread.load;
        let now = Instant::now();
        let (since, used) = &mut self.window;
        *used += cpu;
        let window = now.duration_since(*since);
        if window >= BUSY_WINDOW {
            self.pressed |= used.as_secs_f64() > window.as_secs_f64() * BUSY_SHARE;
            self.window = (now, Duration::ZERO);
        }
        if std::mem::take(&mut self.pressed) {
            load.press();
        }
        if self.watched.is_worn() {
            load.worn.store(true, Ordering::Relaxed);
        }
        if self.measured.is_none_or(|measured| now.duration_since(measured) >= MEMORY_INTERVAL) {
            self.measured = Some(now);
            if self.blobs.is_half_full() {
                // V8 does not know how much hangs on each blob, and would not look for those nobody can reach.
                self.runtime.v8_isolate().low_memory_notification();
            }
            let isolate = self.runtime.v8_isolate();
            let heap = isolate.get_heap_statistics();
            let bytes = heap.total_physical_size() + heap.malloced_memory() + outside_heap(isolate) + self.blobs.used();
            load.memory.store(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Counts what has ended and says how many invocations are running.
    fn account(&mut self, thread: &Thread, cpu: Duration) -> usize {
        for id in self.charge(thread, cpu) {
            self.end(id, EndReason::Cpu);
        }
        let has_cut_short = std::mem::take(&mut self.has_cut_short);
        let state = self.runtime.op_state();
        let mut state = state.borrow_mut();
        let invocations = state.borrow_mut::<Invocations>();
        // First: an isolate whose request has become a WebSocket is never seen without both.
        let websockets = u32::try_from(invocations.websockets).unwrap_or(u32::MAX);
        thread.load.websockets.store(websockets, Ordering::Relaxed);
        let ended = std::mem::take(&mut invocations.ended);
        if ended > 0 {
            if !has_cut_short && self.deployment.stopped_in_a_row.load(Ordering::Relaxed) > 0 {
                self.deployment.stopped_in_a_row.store(0, Ordering::Relaxed);
                self.watched.end_probation();
            }
            thread.load.end(ended);
        }
        invocations.len()
    }

    /// Charges the invocations that had part in the turn with what it took, in even shares, and returns those that have used
    /// more than they may. Those that go on are not charged with a short turn: it may have been anyone's, and there may be
    /// very many of them.
    fn charge(&self, thread: &Thread, cpu: Duration) -> Vec<InvocationId> {
        let state = self.runtime.op_state();
        let mut state = state.borrow_mut();
        let invocations = state.borrow_mut::<Invocations>();
        let going_on = if cpu < LONG_TURN { 0 } else { invocations.len() };
        let sharers = going_on + invocations.unpaid.len();
        let share = cpu / u32::try_from(sharers.max(1)).unwrap_or(u32::MAX);
        let memory = thread.load.memory.load(Ordering::Relaxed);
        for meter in invocations.unpaid.drain(..) {
            meter.charge(share, memory);
        }
        let limit = self.deployment.cpu();
        let mut over = Vec::new();
        for (id, running) in invocations.iter_mut().take(going_on) {
            running.request.meter.charge(share, memory);
            running.cpu += share;
            if running.cpu > limit {
                over.push(id);
            }
        }
        over
    }
}
