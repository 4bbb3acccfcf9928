//! Scans: parts of a collection or of an index, in order, with the documents.

use orilla_services::database::guard::Guard;
use orilla_services::database::store::{
    Access, CollectionId, IndexId, KeySpan, Position, RowId, Scan, Scanned, ScannedPart, StoredDocument,
};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, StatementStatus, params_from_iter};

use super::guard::Conditions;

/// Rows that one part looks at, so that a part never takes long, however few of them meet the guards.
const WINDOW: i64 = 4096;

pub(super) fn scan(connection: &Connection, scan: &Scan<'_>) -> rusqlite::Result<ScannedPart> {
    match &scan.access {
        Access::Collection => collection(connection, scan),
        Access::Index { index, spans, reverse } => {
            Entries { connection, scan, index: *index, reverse: *reverse }.read(spans)
        }
    }
}

fn collection(connection: &Connection, scan: &Scan<'_>) -> rusqlite::Result<ScannedPart> {
    let table = scan.collection;
    let after = scan.after.as_ref().map_or(0, |position| position.row);
    let Conditions { sql, parameters } = Conditions::of(scan.guards);
    // Without conditions the limit bounds the work.
    let until = if scan.guards.is_empty() { RowId::MAX } else { after.saturating_add(WINDOW) };
    let statement = format!(
        "SELECT d.row, d.version, json(d.body) FROM documents_{table} d WHERE d.row > ? AND d.row <= ?{sql} \
         ORDER BY d.row LIMIT ?"
    );
    let mut statement = connection.prepare_cached(&statement)?;
    let bounds = [Value::Integer(after), Value::Integer(until)];
    let limit = [Value::Integer(scan.limit.into())];
    let all = bounds.into_iter().chain(parameters).chain(limit);
    let scanned = |row: &Row<'_>| Ok(Scanned { key: Vec::new(), document: document(row, 0)? });
    statement.reset_status(StatementStatus::FullscanStep);
    let documents = statement.query_map(params_from_iter(all), scanned)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let examined = (statement.get_status(StatementStatus::FullscanStep).max(0) as u64).max(documents.len() as u64);
    let full = documents.len() == scan.limit as usize;
    let next = match documents.last() {
        Some(last) if full => Some(last.document.row),
        _ if until < last_row(connection, table)? => Some(until),
        _ => None,
    };
    Ok(ScannedPart { documents, examined, next: next.map(|row| Position { key: Vec::new(), row }) })
}

fn last_row(connection: &Connection, collection: CollectionId) -> rusqlite::Result<RowId> {
    let statement = format!("SELECT coalesce(max(row), 0) FROM documents_{collection}");
    connection.prepare_cached(&statement)?.query_row([], |row| row.get(0))
}

/// The entries of an index, with the documents they lead to.
struct Entries<'s> {
    connection: &'s Connection,
    scan: &'s Scan<'s>,
    index: Option<IndexId>,
    reverse: bool,
}

impl Entries<'_> {
    fn read(&self, spans: &[KeySpan]) -> rusqlite::Result<ScannedPart> {
        let mut part = ScannedPart::default();
        let first = self
            .scan
            .after
            .as_ref()
            .map_or(0, |after| spans.iter().take_while(|span| self.is_before(span, after)).count());
        for span in &spans[first..] {
            let room = self.scan.limit - part.documents.len() as u32;
            part.examined += self.read_span(span, room, self.scan.guards, &mut part.documents)?;
            if part.documents.len() == self.scan.limit as usize {
                let last = part.documents.last();
                part.next = last.map(|last| Position { key: last.key.clone(), row: last.document.row });
                break;
            }
        }
        Ok(part)
    }

    /// Whether all of a span has been read when a scan has come to `after`.
    fn is_before(&self, span: &KeySpan, after: &Position) -> bool {
        if self.reverse { span.from > after.key } else { span.until.as_ref().is_some_and(|until| *until <= after.key) }
    }

    /// Reads a span, or what is left of it. Says how many entries it came by.
    fn read_span(
        &self,
        span: &KeySpan,
        limit: u32,
        guards: &[Guard],
        documents: &mut Vec<Scanned>,
    ) -> rusqlite::Result<u64> {
        let Conditions { sql: conditions, parameters } = Conditions::of(guards);
        let documents_table = format!("documents_{}", self.scan.collection);
        // The ids of a collection are a column of its documents.
        let (from, key, row) = match self.index {
            Some(index) => {
                (format!("entries_{index} e CROSS JOIN {documents_table} d ON d.row = e.row"), "e.key", "e.row")
            }
            None => (format!("{documents_table} d"), "d.id", "d.row"),
        };
        let (order, beyond) = if self.reverse { ("DESC", "<") } else { ("ASC", ">") };
        let mut sql = format!("SELECT {key}, d.row, d.version, json(d.body) FROM {from} WHERE {key} >= ?");
        let mut values = vec![Value::Blob(span.from.clone())];
        if let Some(until) = &span.until {
            sql.push_str(&format!(" AND {key} < ?"));
            values.push(Value::Blob(until.clone()));
        }
        if let Some(after) = &self.scan.after {
            sql.push_str(&format!(" AND ({key}, {row}) {beyond} (?, ?)"));
            values.extend([Value::Blob(after.key.clone()), Value::Integer(after.row)]);
        }
        sql.push_str(&format!("{conditions} ORDER BY {key} {order}, {row} {order} LIMIT ?"));
        values.extend(parameters);
        values.push(Value::Integer(limit.into()));
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = documents.len();
        let scanned = |row: &Row<'_>| Ok(Scanned { key: row.get(0)?, document: document(row, 1)? });
        for row in statement.query_map(params_from_iter(values), scanned)? {
            documents.push(row?);
        }
        Ok((documents.len() - found) as u64)
    }
}

/// A document whose row, version and JSON start at a column.
pub(super) fn document(row: &Row<'_>, column: usize) -> rusqlite::Result<StoredDocument> {
    let version: i64 = row.get(column + 1)?;
    Ok(StoredDocument { row: row.get(column)?, version: version.cast_unsigned(), json: row.get(column + 2)? })
}
