//! What there is: the store, the apps, and what each of them keeps.

use std::sync::Arc;

use orilla_services::database::{CollectionSummary, IndexSummary, Summary};
use serde_json::{Value as Json, json};

use super::{Platform, PlatformCall, PlatformError, operator};

impl Platform {
    /// Tells of one app, or of all.
    pub(super) async fn status(&self, call: &PlatformCall) -> Result<String, PlatformError> {
        let named = match &call.app {
            Some(_) => vec![self.app(call).await?],
            None => self.apps().await?,
        };
        let with_database = self.services.database.apps().await?;
        let mut apps = Vec::with_capacity(named.len());
        for app in named {
            // Looking at a database that is not there would make it.
            let has_database = with_database.iter().any(|(_, other)| *other == app);
            apps.push(self.status_of(app, has_database).await?);
        }
        let shared = self.services.database.is_shared();
        Ok(json!({ "store": &*self.services.place, "shared": shared, "apps": apps }).to_string())
    }

    async fn status_of(&self, app: Arc<str>, has_database: bool) -> Result<Json, PlatformError> {
        let caller = operator(app);
        let page = self.services.kv.namespaces(&caller, "").await?;
        let summary = match has_database {
            true => self.services.database.summary(&caller).await?,
            false => Summary { collections: Vec::new(), bytes: 0 },
        };
        Ok(json!({
            "app": &*caller.app,
            "namespaces": page.namespaces,
            "more_namespaces": page.more,
            "collections": summary.collections.iter().map(collection).collect::<Vec<_>>(),
            "database_bytes": summary.bytes,
        }))
    }
}

fn collection(collection: &CollectionSummary) -> Json {
    let index = |index: &IndexSummary| {
        json!({
            "name": index.name,
            "kind": if index.is_vector { "vector" } else { "document" },
            "state": if index.is_building { "building" } else { "ready" },
        })
    };
    json!({
        "name": collection.name,
        "documents": collection.documents,
        "indexes": collection.indexes.iter().map(index).collect::<Vec<_>>(),
    })
}
