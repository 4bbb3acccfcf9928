//! Starts the threads that outlive the call which needs them. Work that ends with its call needs none of this.

use std::io;
use std::sync::mpsc::{self, SyncSender};
use std::thread::Builder;

/// A thread that starts others, and does nothing else.
///
/// A thread takes over the priority of the one that starts it. The host lets an isolate that misbehaves run at the lowest,
/// and without a right of its own a process cannot raise a thread again; what goes on after the isolate's call, for the app
/// or for all apps, has the priority of whoever made this instead. It ends when this is dropped; what it has started goes on.
pub struct ThreadStarter {
    orders: SyncSender<Order>,
}

struct Order {
    thread: Builder,
    work: Box<dyn FnOnce() + Send>,
    started: SyncSender<io::Result<()>>,
}

impl ThreadStarter {
    /// Fails where the system starts no more threads.
    pub fn new() -> io::Result<Self> {
        // None is kept: who gives an order waits for its end anyway.
        let (orders, ordered) = mpsc::sync_channel::<Order>(0);
        let start_all = move || {
            for Order { thread, work, started } in ordered {
                // Who ordered waits for this.
                let _ = started.send(thread.spawn(work).map(drop));
            }
        };
        Builder::new().name("thread-starter".into()).stack_size(64 << 10).spawn(start_all)?;
        Ok(Self { orders })
    }

    /// Starts a thread for some work. Fails where the system starts no more threads.
    pub fn start(&self, thread: Builder, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let (started, has_started) = mpsc::sync_channel(1);
        let gone = |_| io::Error::other("the thread that starts others is gone");
        self.orders.send(Order { thread, work: Box::new(work), started }).map_err(|error| gone(error.to_string()))?;
        has_started.recv().map_err(|error| gone(error.to_string()))?
    }
}
