//! Starts the threads that outlive the call which needs them. Work that ends with its call needs none of this.
//!
//! A thread takes over the priority of the one that starts it. The host lets an isolate that misbehaves run at the lowest, and without a
//! right of its own a process cannot raise a thread again. So what goes on after an isolate's call, for the app or for all apps, is
//! started by a thread that does nothing else and has the priority of whoever called [`prepare`].

use std::io;
use std::sync::LazyLock;
use std::sync::mpsc::{self, SyncSender};
use std::thread::Builder;

struct Order {
    thread: Builder,
    work: Box<dyn FnOnce() + Send>,
    started: SyncSender<io::Result<()>>,
}

static ORDERS: LazyLock<io::Result<SyncSender<Order>>> = LazyLock::new(|| {
    // None is kept: who gives an order waits for its end anyway.
    let (orders, ordered) = mpsc::sync_channel::<Order>(0);
    let start_all = move || {
        for Order { thread, work, started } in ordered {
            // Who ordered waits for this.
            let _ = started.send(thread.spawn(work).map(drop));
        }
    };
    Builder::new().name("thread-starter".into()).stack_size(64 << 10).spawn(start_all)?;
    Ok(orders)
});

/// Starts the thread that starts others, once. Must come before anything that may run at a low priority; otherwise the first
/// [`start`] does it. Fails where the system starts no more threads.
pub fn prepare() -> io::Result<()> {
    orders().map(drop)
}

/// Starts a thread for some work. Fails where the system starts no more threads.
pub fn start(thread: Builder, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let (started, has_started) = mpsc::sync_channel(1);
    let gone = |_| io::Error::other("the thread that starts others is gone");
    orders()?.send(Order { thread, work: Box::new(work), started }).map_err(|error| gone(error.to_string()))?;
    has_started.recv().map_err(|error| gone(error.to_string()))?
}

fn orders() -> io::Result<&'static SyncSender<Order>> {
    ORDERS.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))
}
