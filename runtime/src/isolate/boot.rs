//! Makes the JavaScript runtime of an isolate: from the base snapshot or from an app's own.

use std::rc::Rc;
use std::sync::Arc;

use deno_core::error::CoreError;
use deno_core::{JsRuntime, RuntimeOptions};
use deno_web::BlobStoreTrait;
use orilla_bindings::blobs::CountedBlobs;
use orilla_bindings::invocation::EndReason;
use orilla_bindings::pending;
use orilla_snapshot::file::Snapshot;
use orilla_snapshot::loader::LateLoader;

use super::limits::{ArrayBufferBudget, HEAP_HEADROOM_BYTES, HeapLimits, guard_buffers};
use super::watchdog::Watched;
use crate::apps::deployment::Deployment;
use crate::inspect::targets::Listed;

/// What an isolate may use.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLimits {
    /// Its heap.
    pub heap: HeapLimits,
    /// Bytes of ArrayBuffers, and of blobs.
    pub array_buffers: usize,
}

/// A runtime, and the handles that bound it.
pub struct Booted {
    /// The runtime.
    pub runtime: JsRuntime,
    /// Where the app's module goes, for an isolate that starts without one.
    pub loader: Rc<LateLoader>,
    /// The budget of its ArrayBuffers.
    pub buffers: Arc<ArrayBufferBudget>,
    /// Its blobs.
    pub blobs: Arc<CountedBlobs>,
    /// Its entry with the watchdog.
    pub watched: Arc<Watched>,
    /// Its place in the list for debuggers, where there may be any.
    pub listed: Option<Listed>,
    /// The snapshot it was booted from; V8 reads from it as long as the runtime lives.
    pub snapshot: Option<Arc<Snapshot>>,
}

/// Boots a runtime from an app's snapshot, else from [`orilla_snapshot::BASE`], on the thread that is watched.
pub fn boot(snapshot: Option<Arc<Snapshot>>, limits: MemoryLimits, watched: Arc<Watched>) -> Result<Booted, CoreError> {
    let loader = Rc::new(LateLoader::default());
    let buffers = ArrayBufferBudget::new(limits.array_buffers);
    let params = limits.heap.params().array_buffer_allocator(buffers.allocator().make_shared());
    let blob = match &snapshot {
        // SAFETY: the runtime and the snapshot are kept together in `Booted`, and later in `Life`, the runtime first: it
        // is dropped first.
        Some(snapshot) => unsafe { snapshot.blob() },
        None => orilla_snapshot::BASE,
    };
    let mut runtime = JsRuntime::try_new(RuntimeOptions {
        startup_snapshot: Some(blob),
        module_loader: Some(loader.clone()),
        extensions: orilla_bindings::extensions(),
        skip_op_registration: true,
        residual_lazy_js_sources: orilla_snapshot::SOURCES,
        residual_lazy_esm_sources: orilla_snapshot::SOURCES,
        create_params: Some(params),
        // Without one, structuredClone() cannot transfer buffers.
        shared_array_buffer_store: Some(deno_core::SharedArrayBufferStore::default()),
        ..RuntimeOptions::default()
    })?;
    if let Some(snapshot) = &snapshot {
        // What V8 still reads of it now and then are single functions' sources.
        snapshot.let_go();
    }
    {
        deno_core::scope!(scope, &mut runtime);
        orilla_bindings::hide_core(scope);
        orilla_snapshot::app::call_entry_point(scope, "wake", &[]);
    }
    watched.booted(runtime.v8_isolate().thread_safe_handle());
    let ended = watched.clone();
    let end = move || ended.terminate(EndReason::Memory);
    guard_buffers(runtime.v8_isolate(), &buffers, Box::new(end.clone()));
    let blobs = Arc::new(CountedBlobs::new(limits.array_buffers, Box::new(end)));
    // None were made so far: a snapshot has no blobs.
    runtime.op_state().borrow_mut().put::<Arc<dyn BlobStoreTrait>>(blobs.clone());
    pending::bound(&mut runtime.op_state().borrow_mut(), limits.array_buffers);
    let mut booted = Booted { runtime, loader, buffers, blobs, watched, listed: None, snapshot };
    booted.guard_heap();
    Ok(booted)
}

impl Booted {
    /// Lowers the limits, for an isolate that gets its app after it was booted.
    pub fn set_limits(&mut self, limits: MemoryLimits) {
        self.buffers.set_limit(limits.array_buffers);
        self.blobs.set_limit(limits.array_buffers);
        pending::bound(&mut self.runtime.op_state().borrow_mut(), limits.array_buffers);
        self.runtime.remove_near_heap_limit_callback(limits.heap.old);
        self.guard_heap();
    }

    /// Bounds the turns, unless a debugger may stop them anywhere.
    pub fn limit_turns(&self, deployment: &Deployment) {
        if self.listed.is_none() {
            self.watched.set_limits(deployment.cpu(), deployment.wall());
        }
    }

    fn guard_heap(&mut self) {
        let watched = self.watched.clone();
        self.runtime.add_near_heap_limit_callback(move |current, _initial| {
            watched.terminate(EndReason::Memory);
            current + HEAP_HEADROOM_BYTES
        });
    }
}
