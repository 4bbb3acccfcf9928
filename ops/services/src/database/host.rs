//! What the host does itself on behalf of isolates. A change that an isolate drove itself would keep its connection, and the
//! app's turn to write, from all others while that isolate is stuck in JavaScript, or for ever if it has stopped.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task;

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

/// What comes at once, without waiting for anything.
pub(super) async fn at_once<T>(mut work: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    task::coop::unconstrained(poll_fn(|context| Poll::Ready(work.as_mut().poll(context)))).await
}
