//! What the making of a snapshot needs from the inside: the host's way to its entry points in JavaScript, and the list of
//! what stands against freezing an app.

use std::cell::RefCell;

use deno_core::{OpState, op2, v8};

/// The name of the private symbol on the global object that leads to the entry points. No script can read a private
/// symbol, and it survives in a snapshot.
const ENTRY_POINTS: &str = "orilla.entryPoints";

/// Something an app did at module scope that must not be frozen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hazard {
    /// What was called.
    pub what: String,
    /// Line and column of the innermost call in the app's module, both from 1.
    pub place: Option<(usize, usize)>,
    /// Whether the app did not get what it wanted, so that it may have failed for want of it.
    pub refused: bool,
}

/// The hazards of the snapshot being made, each once.
pub type Hazards = RefCell<Vec<Hazard>>;

/// The scheme of an app's module; the host's own have another.
const APP_SCHEME: &str = "file:";
/// Frames of the stack that are looked at.
const STACK_FRAMES: usize = 50;

#[op2(fast)]
pub fn op_snapshot_hazard(
    scope: &mut v8::PinScope<'_, '_>,
    state: &mut OpState,
    #[string] what: String,
    refused: bool,
) {
    let hazard = Hazard { what, place: place_in_app(scope), refused };
    if let Some(hazards) = state.try_borrow::<Hazards>() {
        let mut hazards = hazards.borrow_mut();
        // Packages read the clock at one place hundreds of times.
        if !hazards.contains(&hazard) {
            hazards.push(hazard);
        }
    }
}

fn place_in_app(scope: &mut v8::PinScope<'_, '_>) -> Option<(usize, usize)> {
    let stack = v8::StackTrace::current_stack_trace(scope, STACK_FRAMES)?;
    (0..stack.get_frame_count()).find_map(|index| {
        let frame = stack.get_frame(scope, index)?;
        let script = frame.get_script_name(scope)?.to_rust_string_lossy(scope);
        script.starts_with(APP_SCHEME).then(|| (frame.get_line_number(), frame.get_column()))
    })
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

/// Puts it back: deno_core looks for it when it loads the snapshot. False if the app stands in the way. Whatever it has made of the
/// property, no code of its runs here.
pub fn reveal_core(scope: &mut v8::PinScope<'_, '_>) -> bool {
    let global = scope.get_current_context().global(scope);
    let Some(name) = v8::String::new(scope, "Deno") else { return false };
    let key = private(scope, HIDDEN);
    let core = global.get_private(scope, key);
    core.is_some_and(|core| global.create_data_property(scope, name.into(), core) == Some(true))
}

/// The object of functions that js/web/bootstrap.js registered.
pub fn entry_points<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
    let global = scope.get_current_context().global(scope);
    let key = private(scope, ENTRY_POINTS);
    v8::Local::<v8::Object>::try_from(global.get_private(scope, key)?).ok()
}
