//! The thread that makes an app's changes durable: syncing the disk can take long, and an isolate's thread has better
//! things to do.

use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use orilla_services::thread_starter;
use tokio::sync::Mutex;

use super::writer::Writer;

/// The way to the committer. The thread ends when this is dropped.
pub(super) struct Committer {
    signal: SyncSender<()>,
}

impl Committer {
    pub(super) fn start(writer: Arc<Mutex<Writer>>) -> std::io::Result<Self> {
        // One signal in the channel is enough: what ends before the committer's turn is in the group.
        let (signal, signals) = mpsc::sync_channel(1);
        let commits = move || {
            while signals.recv().is_ok() {
                writer.blocking_lock().commit();
            }
        };
        thread_starter::start(thread::Builder::new().name("database-commit".into()).stack_size(256 << 10), commits)?;
        Ok(Self { signal })
    }

    /// Asks for a commit of all that has ended.
    pub(super) fn commit_soon(&self) {
        // A full channel holds a signal that the committer has yet to see.
        let _ = self.signal.try_send(());
    }
}
