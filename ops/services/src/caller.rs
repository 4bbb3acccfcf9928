//! Who is asking. The host makes a caller for each invocation and keeps it in Rust; an app can neither forge nor change
//! one. What a caller may do is the [`gate`](crate::gate)'s decision, not made here.

use std::sync::Arc;

/// The origin of a call into a service. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The app whose code is running.
    pub app: Arc<str>,
    /// The tenant that owns the app and its data.
    pub tenant: Arc<str>,
    /// On whose behalf the app acts.
    pub identity: Identity,
    /// Whether the app's own policies apply to this invocation.
    pub policy: Policy,
    /// Names the invocation in logs and events.
    pub trace: Arc<str>,
}

/// On whose behalf an app acts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Nobody has signed in.
    #[default]
    Anonymous,
    /// A signed-in user.
    User {
        /// The user's id, unique within the tenant.
        id: Arc<str>,
    },
}

/// Whether the policies that an app has declared apply. Tenant isolation always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Declared policies decide.
    #[default]
    Enforced,
    /// The app has switched its policies off for the rest of this invocation.
    Bypassed,
}
