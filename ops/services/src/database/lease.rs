//! What the host lends to isolates for a time. An isolate may be stuck in JavaScript, or stopped for good, so that nothing
//! it holds is ever dropped: what others wait for stays the host's, which takes it back when the time is over.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, MutexGuard, oneshot};
use tokio::time::{Instant, timeout_at};

/// Something that is lent. Dropping this gives it back. The host drops what comes back, and what was not taken in time.
pub(super) struct Lease<T> {
    lent: Lent<T>,
    /// Nothing is sent: the host is told when this is dropped.
    _in_use: oneshot::Sender<Infallible>,
}

/// The way to what is lent.
pub(super) struct Lent<T> {
    held: Arc<Mutex<Option<T>>>,
    /// When the host takes it back.
    until: Instant,
}

impl<T> Clone for Lent<T> {
    fn clone(&self) -> Self {
        Self { held: self.held.clone(), until: self.until }
    }
}

impl<T: Send + 'static> Lease<T> {
    /// Lends something for so long, as a task of the host's async runtime.
    pub(super) fn new(runtime: &Handle, held: T, time: Duration) -> Self {
        let lent = Lent { held: Arc::new(Mutex::new(Some(held))), until: Instant::now() + time };
        let (in_use, returned) = oneshot::channel::<Infallible>();
        let to_be_returned = lent.clone();
        runtime.spawn(async move {
            let _late_or_returned = timeout_at(to_be_returned.until, returned).await;
            to_be_returned.held.lock().await.take();
        });
        Self { lent, _in_use: in_use }
    }

    /// The way to what is lent, for a task that may outlive the lease.
    pub(super) fn lent(&self) -> Lent<T> {
        self.lent.clone()
    }

    /// What is lent, for good, unless the host has taken it back.
    pub(super) async fn take(self) -> Option<T> {
        self.lent.in_time().await.take()
    }
}

impl<T> Lent<T> {
    /// Uses what is lent, one after the other, unless the host has taken it back or does so before `work` is done. Whatever
    /// was begun is dropped together with it: nobody goes on where others were cut off.
    pub(super) async fn with<R>(&self, work: impl AsyncFnOnce(&mut T) -> R) -> Option<R> {
        let mut held = self.in_time().await;
        let mut taken = held.take()?;
        let done = timeout_at(self.until, work(&mut taken)).await.ok()?;
        *held = Some(taken);
        Some(done)
    }

    /// What is lent. Late is late, whether or not the host has come to it.
    async fn in_time(&self) -> MutexGuard<'_, Option<T>> {
        let mut held = self.held.lock().await;
        if self.until <= Instant::now() {
            held.take();
        }
        held
    }
}
