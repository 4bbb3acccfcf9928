//! Reads of all apps take turns at a few connections, as tasks of the host. A read that an isolate drove itself would keep its
//! connection, or the turn it was given, from all other apps while that isolate is stuck in JavaScript. How a store reads is its own.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use super::store::StoreError;

/// As many turns as there are connections.
pub struct ReadTurns {
    runtime: Handle,
    turns: Arc<Semaphore>,
    count: u32,
}

impl ReadTurns {
    /// Reads run on the async runtime that this is called from.
    pub fn new(count: u32) -> Self {
        Self { runtime: Handle::current(), turns: Arc::new(Semaphore::new(count as usize)), count }
    }

    /// Reads when its turn comes. One whose asker is gone by then is not begun; one that has begun goes on to its end.
    ///
    /// # Errors
    /// [`StoreError::Closed`]
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turns = self.turns.clone();
        let (mut reply, done) = oneshot::channel();
        self.runtime.spawn(async move {
            let turn = tokio::select! {
                turn = turns.acquire_owned() => turn,
                () = reply.closed() => return,
            };
            if turn.is_ok() {
                // Who asked may be gone.
                let _ = reply.send(read.await);
            }
        });
        done.await.map_err(|_| StoreError::Closed)
    }

    /// Waits for the reads under way. There are none from then on.
    pub async fn close(&self) {
        // It is closed already where this fails.
        if let Ok(_all) = self.turns.acquire_many(self.count).await {
            self.turns.close();
        }
    }
}
