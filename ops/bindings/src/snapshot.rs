//! What the making of a snapshot needs from the inside: the host's way to its entry points in JavaScript, and the list of
//! what stands against freezing an app.

use std::cell::RefCell;

use deno_core::{OpState, op2, v8};

/// The name of the private symbol on the global object that leads to the entry points. No script can read a private
/// symbol, and it survives in a snapshot.
const ENTRY_POINTS: &str = "orilla.entryPoints";

/// Something an app did at module scope that must not be frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hazard {
    /// What was called.
    pub what: String,
    /// The JavaScript stack at the call.
    pub stack: String,
}

/// The hazards of the snapshot being made.
pub type Hazards = RefCell<Vec<Hazard>>;

#[op2(fast)]
pub fn op_snapshot_hazard(state: &mut OpState, #[string] what: String, #[string] stack: String) {
    if let Some(hazards) = state.try_borrow::<Hazards>() {
        hazards.borrow_mut().push(Hazard { what, stack });
    }
}

/// Modules of the host that the app had loaded synchronously while it was evaluated.
pub type LateModules = RefCell<std::collections::BTreeSet<String>>;

#[op2(fast)]
pub fn op_note_late_module(state: &mut OpState, #[string] specifier: String) {
    if let Some(modules) = state.try_borrow::<LateModules>() {
        modules.borrow_mut().insert(specifier);
    }
}

#[op2(fast)]
pub fn op_register_entry_points(scope: &mut v8::PinScope<'_, '_>, entry_points: v8::Local<v8::Object>) {
    let global = scope.get_current_context().global(scope);
    let key = private(scope, ENTRY_POINTS);
    global.set_private(scope, key, entry_points.into());
}

/// The name of the private symbol that keeps deno_core's own object while it is hidden.
const HIDDEN: &str = "orilla.hidden";

fn private<'s>(scope: &mut v8::PinScope<'s, '_>, name: &str) -> v8::Local<'s, v8::Private> {
    let name = v8::String::new(scope, name);
    v8::Private::for_api(scope, name)
}

/// Takes deno_core's own object off the global object, before any code of an app runs.
pub fn hide_core(scope: &mut v8::PinScope<'_, '_>) {
    let global = scope.get_current_context().global(scope);
    let Some(name) = v8::String::new(scope, "Deno") else { return };
    let key = private(scope, HIDDEN);
    if let Some(core) = global.get(scope, name.into()) {
        global.set_private(scope, key, core);
    }
    global.delete(scope, name.into());
}

/// Puts it back: deno_core looks for it when it loads the snapshot.
pub fn reveal_core(scope: &mut v8::PinScope<'_, '_>) {
    let global = scope.get_current_context().global(scope);
    let Some(name) = v8::String::new(scope, "Deno") else { return };
    let key = private(scope, HIDDEN);
    if let Some(core) = global.get_private(scope, key) {
        global.set(scope, name.into(), core);
    }
}

/// The object of functions that js/web/bootstrap.js registered.
pub fn entry_points<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
    let global = scope.get_current_context().global(scope);
    let key = private(scope, ENTRY_POINTS);
    v8::Local::<v8::Object>::try_from(global.get_private(scope, key)?).ok()
}
