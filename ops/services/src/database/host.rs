//! What the host does itself on behalf of isolates. A change that an isolate drove itself would keep its connection, and the
//! app's turn to write, from all others while that isolate is stuck in JavaScript, or for ever if it has stopped.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::task::AtomicWaker;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task;
use tokio::time::timeout;

use super::error::DatabaseError;
use super::store::StoreError;

/// Threads for changes. As many as a store has connections to write: what one change computes keeps no other from going on.
const WRITE_THREADS: usize = 8;

/// Where the host does such things.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) runtime: Handle,
    /// Ends with the last clone.
    _threads: Option<Arc<WriteThreads>>,
}

impl Host {
    /// On threads of its own: a change computes what its app asks for, and the host's other threads have no time for that.
    pub(super) fn on_own_threads() -> io::Result<Self> {
        let mut threads = Builder::new_multi_thread();
        threads.worker_threads(WRITE_THREADS).thread_name("database-write").enable_time();
        let threads = threads.build()?;
        Ok(Self { runtime: threads.handle().clone(), _threads: Some(Arc::new(WriteThreads(Some(threads)))) })
    }

    /// On the async runtime that this is called from.
    pub(super) fn here() -> Self {
        Self { runtime: Handle::current(), _threads: None }
    }
}

struct WriteThreads(Option<Runtime>);

impl Drop for WriteThreads {
    fn drop(&mut self) {
        // Whoever drops this may not wait for threads.
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}

/// Does something as a task of the host's, whatever becomes of whoever asked: one that is stuck gets the outcome later. If
/// whoever asked is gone, it is dropped where it waits, and what it has not committed is undone.
///
/// # Errors
/// [`StoreError::Closed`], and those of the work
pub(super) async fn on_host<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = Result<T, DatabaseError>> + Send + 'static,
) -> Result<T, DatabaseError> {
    let (mut reply, done) = oneshot::channel();
    runtime.spawn(async move {
        tokio::select! {
            outcome = work => {
                // Who asked may be gone.
                let _ = reply.send(outcome);
            }
            () = reply.closed() => {}
        }
    });
    done.await.map_err(|_| StoreError::Closed)?
}

/// Waits for something that others want as well. Where it has come and whoever waits does not take it for so long, because its
/// thread is stuck, the host drops it and there is `None`.
///
/// Whoever waits is woken by what it waits for, and no thread of the host's lies between: as many that wait in one isolate follow each
/// other as fast as if nobody watched.
pub(super) async fn watched<T: Send + 'static>(
    runtime: &Handle,
    work: BoxFuture<'static, T>,
    time: Duration,
) -> Option<T> {
    let waiting = Arc::new(Waiting { work: Mutex::new(Some(work)), call: Arc::new(Call::default()) });
    let (still_waits, waits_no_longer) = oneshot::channel::<Infallible>();
    runtime.spawn(waiting.clone().watch(waits_no_longer, time));
    let taken = poll_fn(|context| waiting.poll(context)).await;
    drop(still_waits);
    taken
}

/// Something that is waited for.
struct Waiting<T> {
    /// None once it has come, or was given up.
    work: Mutex<Option<BoxFuture<'static, T>>>,
    call: Arc<Call>,
}

/// How what is waited for calls whoever waits.
#[derive(Default)]
struct Call {
    waker: AtomicWaker,
    state: AtomicU8,
}

/// It has not come, or whoever waits has heard of it.
const QUIET: u8 = 0;
/// It has come.
const CALLED: u8 = 1;
/// It had come when the host last looked.
const OVERHEARD: u8 = 2;

impl<T> Waiting<T> {
    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut work = self.work();
        self.call.waker.register(context.waker());
        self.call.state.store(QUIET, Ordering::Relaxed);
        let Some(waited_for) = work.as_mut() else { return Poll::Ready(None) };
        let waker = Waker::from(self.call.clone());
        let polled = waited_for.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            *work = None;
        }
        polled.map(Some)
    }

    /// Gives it up between `time` and half of that after a call that nobody has answered.
    async fn watch(self: Arc<Self>, mut waits_no_longer: oneshot::Receiver<Infallible>, time: Duration) {
        while timeout(time / 2, &mut waits_no_longer).await.is_err() {
            let state = &self.call.state;
            let seen = state.compare_exchange(CALLED, OVERHEARD, Ordering::Relaxed, Ordering::Relaxed);
            if seen == Err(OVERHEARD) {
                drop(self.work().take());
                self.call.waker.wake();
                return;
            }
        }
    }

    fn work(&self) -> MutexGuard<'_, Option<BoxFuture<'static, T>>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        // The first call counts: another one is no sign of life.
        let _ = self.state.compare_exchange(QUIET, CALLED, Ordering::Relaxed, Ordering::Relaxed);
        self.waker.wake();
    }
}

/// What comes at once, without waiting for anything.
pub(super) async fn at_once<T>(mut work: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    task::coop::unconstrained(poll_fn(|context| Poll::Ready(work.as_mut().poll(context)))).await
}
