//! Memory limits of one isolate: its heap, and its ArrayBuffers, which lie outside the heap. A buffer that V8 allocates is
//! refused; the others, WebAssembly's memories among them, are seen a moment later, and end the isolate if they are no garbage.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
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

/// Most old objects at which V8 looks for garbage among them for the first time. V8's own choice as well.
const MAX_FIRST_COLLECTION_BYTES: usize = 512 << 20;

/// How many bytes of a heap young and old objects may take. What is for young ones is settled when an isolate is made, and so is
/// when garbage among the old ones is looked for the first time.
#[derive(Clone, Copy, Debug)]
pub struct HeapLimits {
    /// For young objects.
    pub young: usize,
    /// For old ones.
    pub old: usize,
    /// Old ones before the first collection.
    pub first_collection: usize,
}

impl HeapLimits {
    /// Divides a heap of so many bytes.
    pub const fn of(bytes: usize) -> Self {
        let share = bytes / YOUNG_SPACE_OF_HEAP;
        let young = 3 * at_most(share, MAX_YOUNG_SPACE_BYTES);
        let old = bytes - young;
        Self { young, old, first_collection: at_most(old / 2, MAX_FIRST_COLLECTION_BYTES) }
    }

    /// What V8 makes such a heap from.
    pub fn params(self) -> v8::CreateParams {
        v8::CreateParams::default()
            .heap_limits(0, self.young + self.old)
            .set_max_young_generation_size_in_bytes(self.young)
            .set_max_old_generation_size_in_bytes(self.old)
            .set_initial_old_generation_size_in_bytes(self.first_collection)
    }
}

/// `Ord::min` for constants.
const fn at_most(value: usize, limit: usize) -> usize {
    if value < limit { value } else { limit }
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
    /// Bytes that were left by the last collection that this asked for.
    kept: Cell<usize>,
    beyond: Box<dyn Fn()>,
}

/// Calls `beyond` when an isolate keeps more outside its heap than `budget` allows, whoever allocated it. Memories of WebAssembly,
/// buffers that can be resized and those that ops return do not come from the budget's allocator, but V8 counts them. It is looked
/// at by [`check_buffers`].
pub fn guard_buffers(isolate: &mut v8::Isolate, budget: &Arc<ArrayBufferBudget>, beyond: Box<dyn Fn()>) {
    isolate.set_slot(Rc::new(BufferGuard { budget: budget.clone(), kept: Cell::new(0), beyond }));
}

/// Bytes that V8 counts outside an isolate's heap.
pub fn outside_heap(isolate: &mut v8::Isolate) -> usize {
    usize::try_from(isolate.adjust_amount_of_external_allocated_memory(0)).unwrap_or(0)
}

/// Looks at what a [guarded](guard_buffers) isolate has outside its heap. What is garbage does not count, so where there is too much,
/// all garbage is collected; where nearly too much is kept, half the limit may come on top before the next time.
///
/// V8 decides by the size of the heap when it collects, and for a large one that is late.
pub fn check_buffers(isolate: &mut v8::Isolate) {
    let used = outside_heap(isolate);
    let Some(guard) = isolate.get_slot::<Rc<BufferGuard>>() else { return };
    let limit = guard.budget.limit.load(Ordering::Relaxed);
    if used <= limit.max(guard.kept.get().saturating_add(limit / 2)) {
        return;
    }
    let guard = guard.clone();
    isolate.low_memory_notification();
    let kept = outside_heap(isolate);
    guard.kept.set(kept);
    if kept > limit {
        (guard.beyond)();
    }
}

/// Has [`check_buffers`] called by JavaScript that runs, from another thread.
pub fn request_check(isolate: &v8::IsolateHandle) {
    isolate.request_interrupt(on_interrupt, ptr::null_mut());
}

unsafe extern "C" fn on_interrupt(isolate: v8::UnsafeRawIsolatePtr, _data: *mut c_void) {
    // SAFETY: V8 calls this on the thread of the isolate, which is alive, and this does not own it.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    check_buffers(&mut isolate);
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
