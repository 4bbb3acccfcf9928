//! Memory that the kernel has found and cleared before an isolate needs it for its heap: without it that takes up to a fifth of
//! an app's start from its snapshot. It never runs JavaScript.
//!
//! V8 keeps the pages of a heap that is gone for whichever isolate asks for one next, and gives the kernel back what nobody took
//! within some seconds (`MemoryPool` in its src/heap/memory-pool.h). So an isolate that does nothing holds the memory, and ends
//! when another starts.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use deno_core::v8;

use crate::scheduling::{self, Pace, Yields};

/// What is held for one start. Of what the largest of the examples takes V8 finds 3 MB there; it shares no pages of compiled code.
const BYTES: usize = 4 << 20;

/// A page of a heap, and a text of which four fill one but for its head.
const PAGE_BYTES: usize = 256 << 10;
const TEXTS_IN_PAGE: usize = 4;
static TEXT: [u8; 64_000] = [b' '; 64_000];

/// Memory for one start. Dropping it gives it to the isolates that ask V8 for some next.
pub struct SpareMemory {
    /// The isolate ends when this is gone.
    _held: SyncSender<Infallible>,
}

impl SpareMemory {
    /// Gets some, on a thread of its own that gives way to all others meanwhile.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn get() -> std::io::Result<Self> {
        let (held, until) = sync_channel(0);
        thread::Builder::new().name("spare memory".into()).spawn(move || hold(&until))?;
        Ok(Self { _held: held })
    }
}

fn hold(until: &Receiver<Infallible>) {
    let gives_way = Yields::of(scheduling::this_thread()).ok();
    gives_way.iter().for_each(|gives_way| gives_way.begin(Pace::VeryOften));
    // One of three spaces for young objects, so that none is ever copied.
    let young = 3 * BYTES;
    let limits = v8::CreateParams::default()
        .set_max_young_generation_size_in_bytes(young)
        .set_initial_young_generation_size_in_bytes(young);
    let mut isolate = v8::Isolate::new(limits);
    {
        v8::scope!(scope, &mut isolate);
        for _ in 0..BYTES / PAGE_BYTES * TEXTS_IN_PAGE {
            v8::String::new_from_one_byte(scope, &TEXT, v8::NewStringType::Normal);
        }
    }
    drop(gives_way);
    // Nothing is ever sent.
    let _ = until.recv();
}
