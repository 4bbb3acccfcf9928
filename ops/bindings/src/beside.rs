//! Work for `node:crypto` that takes its time, on another thread: two pieces at a time, of each isolate, which ends soon after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use deno_core::OpState;

use crate::error::BindingError;
use crate::pending::{DerivationTurns, PendingBytes};

/// Why work did not come to its end: the isolate ends, or the host does.
pub struct Interrupted;

/// Sets a flag when nobody waits any more.
struct StopWhenDropped(Arc<AtomicBool>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Does some work on another thread when its turn has come. What it is done with waits until then and is counted. The flag that work
/// gets says that nobody waits for it any more.
///
/// # Errors
/// [`BindingError::TooMuchPending`]
pub fn beside_the_isolate<W, T, E>(
    state: &OpState,
    waiting: usize,
    memory: usize,
    work: W,
) -> Result<impl Future<Output = Result<T, E>> + use<W, T, E>, BindingError>
where
    W: FnOnce(&AtomicBool) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Interrupted> + Send + 'static,
{
    let held = state.borrow::<PendingBytes>().hold(waiting)?;
    let turns = state.borrow::<DerivationTurns>().clone();
    Ok(async move {
        let turn = turns.take(memory).await;
        let stop = Arc::new(AtomicBool::new(false));
        let _stop = StopWhenDropped(stop.clone());
        let done = tokio::task::spawn_blocking(move || {
            // They last as long as the memory, whoever waits for it.
            let _counted = (held, turn);
            work(&stop)
        });
        done.await.map_err(|_| Interrupted)?
    })
}
