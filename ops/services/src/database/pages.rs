//! Pages of a query: each goes on where the one before ended, whatever was inserted or deleted in between.
//!
//! A cursor holds the sort key and the row of the last document. A document that is there throughout, with an unchanged
//! sort key, is on exactly one page.

use super::Database;
use super::error::DatabaseError;
use super::query::Query;
use super::reader::Found;
use super::run::{documents_json, object};
use super::sort::{Place, Sort};
use super::store::Mode;
use super::value::Value;
use super::work::Work;
use crate::gate::Scope;

/// Most bytes of a sort key that a cursor carries.
pub const MAX_CURSOR_BYTES: usize = 16 << 10;

impl Database {
    /// One page, as `{ documents, cursor }`; `cursor` is `null` on the last one.
    pub(super) async fn find_page(
        &self,
        scope: &Scope<'_>,
        collection_name: &str,
        query: &Query,
    ) -> Result<String, DatabaseError> {
        let asked = query.source.to_json();
        let order = order_text(&query.sort);
        let parts = ["db.find", &**scope.tenant(), &**scope.app(), collection_name, &asked, &order];
        let after = query.cursor.as_ref().map(|cursor| {
            let position = self.cursors.open(&parts, cursor, MAX_CURSOR_BYTES);
            position.and_then(|position| place(&position)).ok_or(DatabaseError::CursorInvalid)
        });
        let after = after.transpose()?;
        let find = self.transact(scope, Mode::Read, (collection_name, query, after), |work, (name, query, after)| {
            Box::pin(work.page(name, query, after.clone()))
        });
        let mut found = find.await?;
        let mut cursor = Value::Null;
        let limit = query.limit as usize;
        if found.documents.len() > limit {
            found.documents.truncate(limit);
            if let Some(last) = found.places.get(limit - 1) {
                cursor = Value::String(self.cursors.seal(&parts, &position(last)?));
            }
        }
        let documents = documents_json(&found.documents, query)?;
        let rest = object([("cursor", cursor)]).to_json();
        Ok(format!("{{\"documents\":{documents},{}", &rest[1..]))
    }
}

impl Work {
    /// The documents of a page, and one more if there is a next page.
    async fn page(&mut self, collection: &str, query: &Query, after: Option<Place>) -> Result<Found, DatabaseError> {
        let Some(collection) = self.collection(collection).await? else { return Ok(Found::default()) };
        let filter = query.filter(&collection);
        self.find_page(&collection, filter, &query.sort, after, query.limit as usize + 1).await
    }
}

fn order_text(sort: &Sort) -> String {
    let fields = sort.fields.iter().map(|field| format!("{}:{:?}", field.path.as_str(), field.direction));
    fields.collect::<Vec<_>>().join(",")
}

fn position(place: &Place) -> Result<Vec<u8>, DatabaseError> {
    if place.key.len() + 8 > MAX_CURSOR_BYTES {
        return Err(DatabaseError::SortInvalid(format!(
            "the values to sort by are longer than {MAX_CURSOR_BYTES} bytes: a page sorted by them has no cursor"
        )));
    }
    Ok([&place.row.to_le_bytes(), place.key.as_slice()].concat())
}

fn place(position: &[u8]) -> Option<Place> {
    let (row, key) = position.split_first_chunk()?;
    Some(Place { key: key.to_vec(), row: i64::from_le_bytes(*row) })
}
