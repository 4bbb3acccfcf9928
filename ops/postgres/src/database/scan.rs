//! Scans: parts of a collection or of an index, in order, with the documents.
//!
//! Each part is one statement, whatever the number of spans. With guards a part looks at a window of documents or
//! entries, so that it never takes long, however few meet them. The last of a window is always among what is found: it
//! says where the next part goes on and how many were looked at.

use orilla_services::database::guard::Guard;
use orilla_services::database::key::MAX_ENTRY_BYTES;
use orilla_services::database::store::{
    Access, IndexId, KeySpan, Position, RowId, Scan, Scanned, ScannedPart, StoredDocument,
};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row as _};

use super::guard::Conditions;

/// Documents or entries that one part looks at, if there are guards.
const WINDOW: i64 = 4096;

/// The statement for a part of a scan. Its rows begin with the app's version and catalog, and the document's row, version
/// and body, as those of [`BY_ID`] do; then come the key, and how many were looked at to find it.
pub(super) fn statement(app: i64, scan: &Scan<'_>) -> Query<'static, Postgres, PgArguments> {
    match &scan.access {
        Access::Collection => collection(app, scan),
        Access::Index { index, spans, reverse } => entries(app, scan, *index, spans, *reverse),
    }
}

/// Documents by their rows.
pub(super) const BY_ROWS: &str = "SELECT a.version, a.catalog, d.row, d.version, d.body \
    FROM orilla.apps a LEFT JOIN orilla.documents d ON d.collection = $2 AND d.row = ANY ($3) WHERE a.id = $1";

/// The document with an id.
pub(super) const BY_ID: &str = "SELECT a.version, a.catalog, d.row, d.version, d.body \
    FROM orilla.apps a LEFT JOIN orilla.documents d ON d.collection = $2 AND d.id = $3 WHERE a.id = $1";

fn collection(app: i64, scan: &Scan<'_>) -> Query<'static, Postgres, PgArguments> {
    let after = scan.after.as_ref().map_or(RowId::MIN, |position| position.row);
    let limit = i64::from(scan.limit);
    let documents = "SELECT row, version, body, doc FROM orilla.documents WHERE collection = $2 AND row > $3";
    let found = if scan.guards.is_empty() {
        format!("SELECT row, version, body, 0::bigint AS looked FROM ({documents}) d ORDER BY row LIMIT $4")
    } else {
        let Conditions { sql, .. } = conditions(scan.guards, 6);
        format!(
            "SELECT row, version, body, looked FROM ( \
                SELECT *, row_number() OVER (ORDER BY row) AS looked, lead(row) OVER (ORDER BY row) IS NULL AS last \
                FROM ({documents} ORDER BY row LIMIT $5) d \
             ) d WHERE ({sql}) OR last ORDER BY row LIMIT $4"
        )
    };
    let sql = format!(
        "SELECT a.version, a.catalog, d.row, d.version, d.body, ''::bytea, d.looked \
         FROM orilla.apps a LEFT JOIN LATERAL ({found}) d ON true WHERE a.id = $1"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(app).bind(scan.collection).bind(after).bind(limit);
    if scan.guards.is_empty() {
        return query;
    }
    let query = query.bind(WINDOW);
    conditions(scan.guards, 6).arguments.into_iter().fold(query, Query::bind)
}

fn entries(
    app: i64,
    scan: &Scan<'_>,
    index: Option<IndexId>,
    spans: &[KeySpan],
    reverse: bool,
) -> Query<'static, Postgres, PgArguments> {
    let after = scan.after.as_ref();
    let is_before = |span: &&KeySpan| after.is_some_and(|after| has_been_read(span, after, reverse));
    let spans = &spans[spans.iter().take_while(is_before).count()..];
    let lower: Vec<Vec<u8>> = spans.iter().map(|span| span.from.clone()).collect();
    let upper: Vec<Vec<u8>> = spans.iter().map(|span| span.until.clone().unwrap_or_else(beyond_all_keys)).collect();
    let start = if reverse { (beyond_all_keys(), RowId::MAX) } else { (Vec::new(), RowId::MIN) };
    let (key, row) = after.map_or(start, |after| (after.key.clone(), after.row));
    let (direction, beyond) = if reverse { ("DESC", "<") } else { ("ASC", ">") };
    // The ids of a collection are a column of its documents, and each is there once.
    let (table, own, order) = match index {
        Some(_) => ("orilla.entries", "index = $3", format!("key {direction}, row {direction}")),
        None => (
            "(SELECT collection, id AS key, row FROM orilla.documents) e",
            "collection = $3",
            format!("key {direction}"),
        ),
    };
    let all = format!("place, key {direction}, row {direction}");
    let listed = format!(
        "SELECT place, key, row \
         FROM unnest($4::bytea[], $5::bytea[]) WITH ORDINALITY AS span (lower, upper, place) CROSS JOIN LATERAL ( \
            SELECT key, row FROM {table} \
            WHERE {own} AND key >= lower AND key < upper AND (key, row) {beyond} ($6, $7) ORDER BY {order} LIMIT $8 \
         ) e ORDER BY {all} LIMIT $8"
    );
    let guarded = !scan.guards.is_empty();
    let (listed, conditions) = if guarded {
        let conditions = conditions(scan.guards, 10);
        let listed = format!(
            "SELECT *, row_number() OVER listed AS looked, lead(row) OVER listed IS NULL AS last \
             FROM ({listed}) e WINDOW listed AS (ORDER BY {all})"
        );
        (listed, conditions)
    } else {
        let listed = format!("SELECT *, 0::bigint AS looked, true AS last FROM ({listed}) e");
        (listed, Conditions { sql: "true".into(), arguments: Vec::new() })
    };
    let sql = format!(
        "SELECT a.version, a.catalog, d.row, d.version, d.body, d.key, d.looked \
         FROM orilla.apps a LEFT JOIN LATERAL ( \
            SELECT e.place, e.key, e.row, d.version, d.body, e.looked FROM ({listed}) e CROSS JOIN LATERAL ( \
                SELECT version, body FROM orilla.documents d \
                WHERE d.collection = $2 AND d.row = e.row AND (({}) OR e.last) \
            ) d ORDER BY {all} LIMIT $9 \
         ) d ON true WHERE a.id = $1",
        conditions.sql
    );
    let limit = i64::from(scan.limit);
    let query = sqlx::query(AssertSqlSafe(sql)).bind(app).bind(scan.collection).bind(index.unwrap_or(scan.collection));
    let query =
        query.bind(lower).bind(upper).bind(key).bind(row).bind(if guarded { WINDOW } else { limit }).bind(limit);
    conditions.arguments.into_iter().fold(query, Query::bind)
}

fn conditions(guards: &[Guard], first_placeholder: usize) -> Conditions {
    let mut conditions = Conditions::of(guards, first_placeholder);
    if conditions.sql.is_empty() {
        conditions.sql.push_str("true");
    }
    conditions
}

/// Whether all of a span has been read when a scan has come to `after`.
fn has_been_read(span: &KeySpan, after: &Position, reverse: bool) -> bool {
    if reverse { span.from > after.key } else { span.until.as_ref().is_some_and(|until| *until <= after.key) }
}

/// Greater than any key. An end that is always there can be looked up in an index.
fn beyond_all_keys() -> Vec<u8> {
    vec![u8::MAX; MAX_ENTRY_BYTES + 1]
}

/// What the rows of a [`statement`] say.
pub(super) fn part(scan: &Scan<'_>, rows: &[PgRow]) -> sqlx::Result<ScannedPart> {
    let mut documents = Vec::with_capacity(rows.len());
    let mut looked = 0;
    for row in rows {
        if let Some(document) = document(row)? {
            documents.push(Scanned { key: row.try_get(5)?, document });
            looked = row.try_get(6)?;
        }
    }
    let more = documents.len() == scan.limit as usize || looked == WINDOW;
    let next = documents.last().filter(|_| more);
    let next = next.map(|last| Position { key: last.key.clone(), row: last.document.row });
    let examined = looked.cast_unsigned().max(documents.len() as u64);
    Ok(ScannedPart { documents, examined, next })
}

/// The document in a row that begins as [`BY_ID`]'s do, if there is one.
pub(super) fn document(row: &PgRow) -> sqlx::Result<Option<StoredDocument>> {
    let Some(id) = row.try_get::<Option<RowId>, _>(2)? else { return Ok(None) };
    let json = String::from_utf8(row.try_get(4)?).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Some(StoredDocument { row: id, version: row.try_get::<i64, _>(3)?.cast_unsigned(), json }))
}
