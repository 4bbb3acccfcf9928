//! Memory limits of one isolate: its heap, and its ArrayBuffers, which lie outside the heap. A buffer that V8 allocates is
//! refused; the others, WebAssembly's memories among them, are seen when V8 collects, and end the isolate.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deno_core::v8;

/// How far V8 may go beyond the heap limit once the isolate is terminated: to the point where it sees that. It ends the
/// process where it cannot get the memory for an object, and the largest, an array of 2²⁷ elements, takes 1 GiB; it may
/// be copied once. Nothing is set aside: an isolate that makes no such object stops within a few MiB.
pub const HEAP_HEADROOM_BYTES: usize = 3 << 30;

/// A heap has two spaces for young objects, each so much of it, and as much again for large ones; [`MAX_YOUNG_SPACE_BYTES`] at most.
/// V8's own choice is half as much. Then what the requests under way hold does not fit, and becomes old before it is garbage.
const YOUNG_SPACE_OF_HEAP: usize = 16;
const MAX_YOUNG_SPACE_BYTES: usize = 32 << 20;

/// How many bytes of a heap young and old objects may take. What is for young ones is settled when an isolate is made.
#[derive(Clone, Copy, Debug)]
pub struct HeapLimits {
    /// For young objects.
    pub young: usize,
    /// For old ones.
    pub old: usize,
}

impl HeapLimits {
    /// Divides a heap of so many bytes.
    pub const fn of(bytes: usize) -> Self {
        let share = bytes / YOUNG_SPACE_OF_HEAP;
        let young = 3 * if share < MAX_YOUNG_SPACE_BYTES { share } else { MAX_YOUNG_SPACE_BYTES };
        Self { young, old: bytes - young }
    }

    /// What V8 makes such a heap from.
    pub fn params(self) -> v8::CreateParams {
        v8::CreateParams::default()
            .heap_limits(0, self.young + self.old)
            .set_max_young_generation_size_in_bytes(self.young)
            .set_max_old_generation_size_in_bytes(self.old)
    }
}

/// Counts the bytes of an isolate's ArrayBuffers and refuses what is over the limit; JavaScript gets a RangeError.
#[derive(Debug)]
pub struct ArrayBufferBudget {
    used: AtomicUsize,
    limit: AtomicUsize,
}

impl ArrayBufferBudget {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), limit: AtomicUsize::new(limit) })
    }

    /// Changes the limit, for an isolate that gets its app after it was booted.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) -> bool {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if used > self.limit.load(Ordering::Relaxed) {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// The allocator V8 uses for the isolate's buffers.
    pub fn allocator(self: &Arc<Self>) -> v8::UniqueRef<v8::Allocator> {
        static VTABLE: v8::RustAllocatorVtable<ArrayBufferBudget> =
            v8::RustAllocatorVtable { allocate, allocate_uninitialized, free, drop: drop_budget };
        // SAFETY: the handle is a counted reference that `drop_budget` gives back when V8 drops the allocator, and the
        // functions of the table treat it as just that.
        unsafe { v8::new_rust_allocator(Arc::into_raw(self.clone()), &VTABLE) }
    }
}

/// What to do about an isolate that has more outside its heap than it may.
struct BufferGuard {
    budget: Arc<ArrayBufferBudget>,
    beyond: Box<dyn Fn()>,
}

impl BufferGuard {
    fn is_exceeded(&self, used: usize) -> bool {
        used > self.budget.limit.load(Ordering::Relaxed)
    }
}

/// Calls `beyond` when an isolate keeps more outside its heap than `budget` allows, whoever allocated it. Memories of WebAssembly,
/// buffers that can be resized and those that ops return do not come from the budget's allocator, but V8 counts them, and
/// collects when they grow.
pub fn guard_buffers(isolate: &mut v8::Isolate, budget: &Arc<ArrayBufferBudget>, beyond: Box<dyn Fn()>) {
    isolate.set_slot(BufferGuard { budget: budget.clone(), beyond });
    isolate.add_gc_epilogue_callback(after_collection, ptr::null_mut(), v8::GCType::kGCTypeMarkSweepCompact);
}

/// Bytes that V8 counts outside an isolate's heap.
pub fn outside_heap(isolate: &mut v8::Isolate) -> usize {
    usize::try_from(isolate.adjust_amount_of_external_allocated_memory(0)).unwrap_or(0)
}

/// V8 frees a memory of WebAssembly only some time after the collection that found it to be garbage. So where there is too
/// much, a collection is asked for that frees all, as soon as this one is over.
unsafe extern "C" fn after_collection(
    isolate: v8::UnsafeRawIsolatePtr,
    _kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    _data: *mut c_void,
) {
    // SAFETY: V8 calls this on the thread of the isolate, which is alive, and this does not own it.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    let used = outside_heap(&mut isolate);
    if isolate.get_slot::<BufferGuard>().is_some_and(|guard| guard.is_exceeded(used)) {
        isolate.thread_safe_handle().request_interrupt(check_buffers, ptr::null_mut());
    }
}

unsafe extern "C" fn check_buffers(isolate: v8::UnsafeRawIsolatePtr, _data: *mut c_void) {
    // SAFETY: as above.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    // It is away meanwhile, so that this collection asks for no other.
    let Some(guard) = isolate.remove_slot::<BufferGuard>() else { return };
    if guard.is_exceeded(outside_heap(&mut isolate)) {
        isolate.low_memory_notification();
        if guard.is_exceeded(outside_heap(&mut isolate)) {
            (guard.beyond)();
        }
    }
    isolate.set_slot(guard);
}

/// V8 wants a pointer that is not null for an empty buffer too.
fn at_least_one(bytes: usize) -> usize {
    bytes.max(1)
}

// SAFETY (all four): V8 calls them with the handle `allocator` gave it, and `free` only with what they returned and the
// same length. Memory comes from the C allocator interface, which any thread may use.
unsafe extern "C" fn allocate(budget: &ArrayBufferBudget, bytes: usize) -> *mut c_void {
    if !budget.take(bytes) {
        return ptr::null_mut();
    }
    // SAFETY: calloc may be called with any size.
    unsafe { libc::calloc(1, at_least_one(bytes)) }
}

unsafe extern "C" fn allocate_uninitialized(budget: &ArrayBufferBudget, bytes: usize) -> *mut c_void {
    if !budget.take(bytes) {
        return ptr::null_mut();
    }
    // SAFETY: malloc may be called with any size.
    unsafe { libc::malloc(at_least_one(bytes)) }
}

unsafe extern "C" fn free(budget: &ArrayBufferBudget, data: *mut c_void, bytes: usize) {
    budget.used.fetch_sub(bytes, Ordering::Relaxed);
    // SAFETY: the pointer came from one of the two functions above.
    unsafe { libc::free(data) }
}

unsafe extern "C" fn drop_budget(budget: *const ArrayBufferBudget) {
    // SAFETY: this is the reference that `allocator` leaked.
    drop(unsafe { Arc::from_raw(budget) });
}
