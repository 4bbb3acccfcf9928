//! Which namespaces there are. A namespace is there while it holds a key, so its name is found by a seek to its first key;
//! nothing else keeps it.

use std::sync::Arc;

use super::limits::MAX_LISTED_NAMESPACES;
use super::store::{KvStore, NamespaceName};
use super::{Kv, KvError};
use crate::caller::Caller;
use crate::gate::Action;

/// Some of an app's namespaces, in byte order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespacePage {
    /// Their names.
    pub namespaces: Vec<Arc<str>>,
    /// Whether there are others after the last one.
    pub more: bool,
}

impl Kv {
    /// The caller's namespaces after a name, which need not be one of them; the empty one comes before all.
    pub async fn namespaces(&self, caller: &Caller, after: &str) -> Result<NamespacePage, KvError> {
        let scope = self.admit(caller, Action::List, "", after)?;
        let app = (scope.tenant().clone(), scope.app().clone());
        let mut namespaces = Vec::new();
        let mut after: Arc<str> = after.into();
        while let Some(next) = next_of(&*self.store, &app, after).await? {
            if namespaces.len() == MAX_LISTED_NAMESPACES {
                return Ok(NamespacePage { namespaces, more: true });
            }
            namespaces.push(next.clone());
            after = next;
        }
        Ok(NamespacePage { namespaces, more: false })
    }

    /// The apps (tenant, app) that have keys. For the host, never for a caller.
    pub async fn apps(&self) -> Result<Vec<(Arc<str>, Arc<str>)>, KvError> {
        apps_in(&*self.store).await
    }
}

/// The apps (tenant, app) that have keys in a store.
pub(super) async fn apps_in(store: &dyn KvStore) -> Result<Vec<(Arc<str>, Arc<str>)>, KvError> {
    let (mut apps, empty) = (Vec::new(), Arc::<str>::from(""));
    let mut after = NamespaceName { tenant: empty.clone(), app: empty.clone(), namespace: empty };
    while let Some(NamespaceName { tenant, app, .. }) = store.next_namespace(&after).await? {
        apps.push((tenant.clone(), app.clone()));
        // Beyond every namespace of this app: none has such a character in its name.
        after = NamespaceName { tenant, app, namespace: char::MAX.to_string().into() };
    }
    Ok(apps)
}

/// An app's first namespace after a name.
pub(super) async fn next_of(
    store: &dyn KvStore,
    (tenant, app): &(Arc<str>, Arc<str>),
    after: Arc<str>,
) -> Result<Option<Arc<str>>, KvError> {
    let after = NamespaceName { tenant: tenant.clone(), app: app.clone(), namespace: after };
    let next = store.next_namespace(&after).await?;
    Ok(next.filter(|next| next.tenant == after.tenant && next.app == after.app).map(|next| next.namespace))
}
