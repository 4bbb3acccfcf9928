//! The one place that can say no. A store reads for a [`Scope`] and writes what was addressed with one, and only
//! [`Gate::admit`] makes a scope, so no call reaches data ungated.
//!
//! No policies can be declared yet: what the gate enforces today is that every call stays within its tenant and app.

use std::sync::Arc;

use crate::caller::Caller;

/// A service that guards something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The key-value store.
    Kv,
    /// The document database.
    Database,
}

/// What a call wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read one record.
    Read,
    /// Create or replace one record.
    Write,
    /// Remove one record.
    Delete,
    /// Read the names of records.
    List,
    /// Change how records are kept: make and drop indexes.
    Manage,
}

/// A call, as the gate sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// The service that is asked.
    pub service: Service,
    /// What it is asked to do.
    pub action: Action,
    /// What it is asked about: the namespace or the collection.
    pub resource: &'r str,
    /// The record within the resource; for [`Action::List`], the prefix.
    pub record: &'r str,
}

/// The right to touch one app's data on behalf of its tenant. Borrowed from the caller: admission allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'c> {
    tenant: &'c Arc<str>,
    app: &'c Arc<str>,
}

impl<'c> Scope<'c> {
    /// The scope of what the host does on its own behalf, never for a caller.
    pub(crate) fn of_host(tenant: &'c Arc<str>, app: &'c Arc<str>) -> Self {
        Self { tenant, app }
    }

    /// The tenant whose data may be touched.
    pub fn tenant(&self) -> &'c Arc<str> {
        self.tenant
    }

    /// The app whose data may be touched.
    pub fn app(&self) -> &'c Arc<str> {
        self.app
    }
}

/// The gate refused a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A call that belongs to nobody may touch nothing.
    #[error("authz denied: the call carries no tenant or no app; run it inside an invocation of a deployed app")]
    Unowned,
}

impl Denied {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        "AUTHZ_DENIED"
    }
}

/// Decides which calls may proceed.
#[derive(Clone, Debug, Default)]
pub struct Gate {}

impl Gate {
    /// Lets a call through, or says why not.
    pub fn admit<'c>(&self, caller: &'c Caller, _request: &Request<'_>) -> Result<Scope<'c>, Denied> {
        if caller.tenant.is_empty() || caller.app.is_empty() {
            return Err(Denied::Unowned);
        }
        Ok(Scope { tenant: &caller.tenant, app: &caller.app })
    }
}
