//! Scans: parts of a collection or of an index, in order, with the documents.
//!
//! Each part is one statement, whatever the number of spans. With guards a part looks at a window of documents or
//! entries, so that it never takes long, however few meet them. The last of a window is always among what is found: it
//! says where the next part goes on and how many were looked at.

use std::fmt::Display;

use orilla_services::database::key::MAX_ENTRY_BYTES;
use orilla_services::database::store::{
    Access, IndexId, KeySpan, PART_BYTES, Position, RowId, Scan, Scanned, ScannedPart, StoredDocument,
};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row as _};

use super::guard::Conditions;

/// Documents or entries that one part looks at, if there are guards.
const WINDOW: i64 = 4096;
/// So many documents are read whatever their length; most queries want no more.
const FEW: u32 = 16;

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
    let documents = "SELECT row, version, body, doc FROM orilla.documents WHERE collection = $2 AND row > $3";
    let (found, arguments) = match Conditions::of(scan.guards, 5) {
        None => (format!("{documents} ORDER BY row LIMIT $4"), Vec::new()),
        Some(Conditions { sql, arguments }) => {
            let found = format!(
                "SELECT * FROM ( \
                    SELECT *, row_number() OVER listed AS looked, lead(row) OVER listed IS NULL AS last \
                    FROM ({documents} ORDER BY row LIMIT {WINDOW}) d WINDOW listed AS (ORDER BY row) \
                 ) d WHERE ({sql}) OR last ORDER BY row LIMIT $4"
            );
            (found, arguments)
        }
    };
    let looked = if arguments.is_empty() { "0::bigint" } else { "d.looked" };
    let found = bounded(&found, scan.limit);
    let sql = format!(
        "SELECT a.version, a.catalog, d.row, d.version, d.body, ''::bytea, {looked} \
         FROM orilla.apps a LEFT JOIN LATERAL ({found}) d ON true WHERE a.id = $1"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(app).bind(scan.collection).bind(after);
    let query = query.bind(i64::from(scan.limit));
    arguments.into_iter().fold(query, Query::bind)
}

fn entries(
    app: i64,
    scan: &Scan<'_>,
    index: Option<IndexId>,
    spans: &[KeySpan],
    reverse: bool,
) -> Query<'static, Postgres, PgArguments> {
    let bounds = Bounds::of(spans, scan.after.as_ref(), reverse);
    let direction = if reverse { "DESC" } else { "ASC" };
    if let ([_], Some(index), []) = (&*bounds.lower, index, scan.guards) {
        return one_span(app, scan, index, bounds, direction);
    }
    // The ids of a collection are a column of its documents, and each is there once.
    let (entries, own) = match index {
        Some(index) => ("SELECT key, row FROM orilla.entries WHERE index = $3", index),
        None => (
            "SELECT key, row FROM (SELECT collection, id AS key, row FROM orilla.documents) e WHERE collection = $3",
            scan.collection,
        ),
    };
    let order = format!("key {direction}, row {direction}");
    let within = |window: &dyn Display| {
        format!(
            "SELECT place, key, row FROM unnest($4::bytea[], $5::bigint[], $6::bytea[], $7::bigint[]) \
                WITH ORDINALITY AS span (lower, lower_row, upper, upper_row, place) \
             CROSS JOIN LATERAL ( \
                {entries} AND (key, row) > (lower, lower_row) AND (key, row) < (upper, upper_row) \
                ORDER BY {order} LIMIT {window} \
             ) e ORDER BY place, {order} LIMIT {window}"
        )
    };
    let (listed, wanted, arguments) = match Conditions::of(scan.guards, 9) {
        None => (within(&"$8"), "true".to_owned(), Vec::new()),
        Some(Conditions { sql, arguments }) => {
            let listed = format!(
                "SELECT *, row_number() OVER listed AS looked, lead(row) OVER listed IS NULL AS last \
                 FROM ({}) e WINDOW listed AS (ORDER BY place, {order})",
                within(&WINDOW)
            );
            (listed, format!("(({sql}) OR e.last)"), arguments)
        }
    };
    let looked = if arguments.is_empty() { "0::bigint" } else { "d.looked" };
    let found = format!(
        "SELECT e.*, d.version, d.body FROM ({listed}) e CROSS JOIN LATERAL ( \
            SELECT version, body FROM orilla.documents d \
            WHERE d.collection = $2 AND d.row = e.row AND {wanted} \
         ) d ORDER BY place, {order} LIMIT $8"
    );
    let found = bounded(&found, scan.limit);
    let sql = format!(
        "SELECT a.version, a.catalog, d.row, d.version, d.body, d.key, {looked} \
         FROM orilla.apps a LEFT JOIN LATERAL ({found}) d ON true WHERE a.id = $1"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(app).bind(scan.collection).bind(own);
    let query = bounds.bind(query).bind(i64::from(scan.limit));
    arguments.into_iter().fold(query, Query::bind)
}

/// Of the documents of a statement, in its order, those that come to [`PART_BYTES`]. The server knows the length of a large
/// document without reading it.
fn bounded(found: &str, limit: u32) -> String {
    if limit <= FEW {
        return found.to_owned();
    }
    format!(
        "SELECT * FROM ( \
            SELECT *, sum(octet_length(body)) OVER (ROWS UNBOUNDED PRECEDING) - octet_length(body) AS bytes_before \
            FROM ({found}) f \
         ) f WHERE bytes_before < {PART_BYTES}"
    )
}

/// What most queries come down to, in the form that costs Postgres least.
fn one_span(
    app: i64,
    scan: &Scan<'_>,
    index: IndexId,
    bounds: Bounds,
    direction: &str,
) -> Query<'static, Postgres, PgArguments> {
    let found = format!(
        "SELECT e.key, d.row, d.version, d.body \
         FROM orilla.entries e JOIN orilla.documents d ON d.collection = $2 AND d.row = e.row \
         WHERE e.index = $3 AND (e.key, e.row) > ($4, $5) AND (e.key, e.row) < ($6, $7) \
         ORDER BY e.key {direction}, e.row {direction} LIMIT $8"
    );
    let found = bounded(&found, scan.limit);
    let sql = format!(
        "SELECT a.version, a.catalog, d.row, d.version, d.body, d.key, 0::bigint \
         FROM orilla.apps a LEFT JOIN LATERAL ({found}) d ON true WHERE a.id = $1"
    );
    let Bounds { lower, lower_row, upper, upper_row } = bounds;
    let query = sqlx::query(AssertSqlSafe(sql)).bind(app).bind(scan.collection).bind(index);
    let query = lower.into_iter().zip(lower_row).fold(query, |query, (key, row)| query.bind(key).bind(row));
    let query = upper.into_iter().zip(upper_row).fold(query, |query, (key, row)| query.bind(key).bind(row));
    query.bind(i64::from(scan.limit))
}

/// The spans that are left to read. Both ends exclude a key and a row: that is one condition each, which an index can
/// seek to, also in the midst of many entries with the same key.
#[derive(Default)]
struct Bounds {
    lower: Vec<Vec<u8>>,
    lower_row: Vec<RowId>,
    upper: Vec<Vec<u8>>,
    upper_row: Vec<RowId>,
}

impl Bounds {
    fn of(spans: &[KeySpan], after: Option<&Position>, reverse: bool) -> Self {
        let mut bounds = Self::default();
        // No row is the least: what comes after the least row of a key is all of the key.
        let whole = |key: &Vec<u8>| (key.clone(), RowId::MIN);
        let after = after.map(|after| (after.key.clone(), after.row));
        for span in spans {
            let mut lower = whole(&span.from);
            let mut upper = span.until.as_ref().map_or_else(|| whole(&beyond_all_keys()), whole);
            if let Some(after) = &after {
                let read_up_to = if reverse { &mut upper } else { &mut lower };
                let is_new = if reverse { *after < *read_up_to } else { *after > *read_up_to };
                if is_new {
                    *read_up_to = after.clone();
                }
            }
            if lower < upper {
                bounds.lower.push(lower.0);
                bounds.lower_row.push(lower.1);
                bounds.upper.push(upper.0);
                bounds.upper_row.push(upper.1);
            }
        }
        bounds
    }

    fn bind(self, query: Query<'static, Postgres, PgArguments>) -> Query<'static, Postgres, PgArguments> {
        query.bind(self.lower).bind(self.lower_row).bind(self.upper).bind(self.upper_row)
    }
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
    let bytes: usize = documents.iter().map(|found| found.document.json.len()).sum();
    let more = documents.len() == scan.limit as usize || looked == WINDOW || bytes >= PART_BYTES;
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
