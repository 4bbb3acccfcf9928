//! The environment an app sees. What a module reads of it while its snapshot is made is remembered, so that the
//! snapshot is used only where those names still have the same values.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deno_core::{OpState, op2};

/// Names and values of an app's environment.
pub type AppEnv = Arc<BTreeMap<String, String>>;

/// What was read of the environment: the names, and whether all of them were listed.
#[derive(Clone, Debug, Default)]
pub struct EnvReads {
    /// Names that were looked at, present or not.
    pub names: BTreeSet<String>,
    /// Whether the names were listed, so that any change matters.
    pub listed: bool,
}

#[op2]
#[string]
pub fn op_env_get(state: &mut OpState, #[string] name: String) -> Option<String> {
    let value = state.try_borrow::<AppEnv>().and_then(|env| env.get(&name).cloned());
    if let Some(reads) = state.try_borrow::<RefCell<EnvReads>>() {
        reads.borrow_mut().names.insert(name);
    }
    value
}

#[op2]
pub fn op_env_names(state: &mut OpState) -> Vec<String> {
    if let Some(reads) = state.try_borrow::<RefCell<EnvReads>>() {
        reads.borrow_mut().listed = true;
    }
    state.try_borrow::<AppEnv>().map(|env| env.keys().cloned().collect()).unwrap_or_default()
}
