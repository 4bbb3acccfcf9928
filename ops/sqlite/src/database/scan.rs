//! Scans: parts of a collection or of an index, in order, with the documents.

use orilla_services::database::store::{
    Access, IndexId, KeySpan, PART_BYTES, Position, Scan, Scanned, ScannedPart, StoredDocument,
};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, Statement, params_from_iter};

use super::guard::Conditions;

/// Documents or entries that one part looks at, so that a part never takes long, however few of them meet the guards.
const WINDOW: u64 = 4096;

pub(super) fn scan(connection: &Connection, scan: &Scan<'_>) -> rusqlite::Result<ScannedPart> {
    let mut reader =
        Reader { connection, scan, conditions: Conditions::of(scan.guards), part: ScannedPart::default(), bytes: 0 };
    match &scan.access {
        Access::Collection => reader.collection()?,
        Access::Index { index, spans, reverse } => {
            let done = |span: &&KeySpan| scan.after.as_ref().is_some_and(|after| is_behind(span, after, *reverse));
            for span in spans.iter().skip_while(done) {
                if reader.part.next.is_some() {
                    break;
                }
                reader.span(*index, span, *reverse)?;
            }
        }
    }
    Ok(reader.part)
}

/// Whether a scan that has come to `after` is past a span.
fn is_behind(span: &KeySpan, after: &Position, reverse: bool) -> bool {
    if reverse { span.from > after.key } else { span.until.as_ref().is_some_and(|until| *until <= after.key) }
}

/// Reads one part.
struct Reader<'s> {
    connection: &'s Connection,
    scan: &'s Scan<'s>,
    conditions: Conditions,
    part: ScannedPart,
    bytes: usize,
}

impl Reader<'_> {
    fn collection(&mut self) -> rusqlite::Result<()> {
        let (table, after) = (self.scan.collection, self.scan.after.as_ref().map_or(0, |position| position.row));
        let from = format!("FROM documents_{table} d WHERE d.row > ? ORDER BY d.row");
        self.take("x'', d.row", &from, vec![Value::Integer(after)])
    }

    /// Reads the entries of a span, or what is left of it.
    fn span(&mut self, index: Option<IndexId>, span: &KeySpan, reverse: bool) -> rusqlite::Result<()> {
        let documents = format!("documents_{}", self.scan.collection);
        // The ids of a collection are a column of its documents.
        let (tables, key, row) = match index {
            Some(index) => (format!("entries_{index} e CROSS JOIN {documents} d ON d.row = e.row"), "e.key", "e.row"),
            None => (format!("{documents} d"), "d.id", "d.row"),
        };
        let (mut from, mut until) = (Some(&span.from), span.until.as_ref());
        let mut values = Vec::new();
        let mut conditions = Vec::new();
        if let Some(after) = &self.scan.after {
            // Where the part before has ended within this span, that is the bound: SQLite seeks to one bound only.
            let bound = if reverse { &mut until } else { &mut from };
            let is_within = bound.is_none_or(|bound| if reverse { after.key < *bound } else { after.key >= *bound });
            if is_within {
                *bound = None;
                conditions.push(format!("({key}, {row}) {} (?, ?)", if reverse { "<" } else { ">" }));
                values.extend([Value::Blob(after.key.clone()), Value::Integer(after.row)]);
            }
        }
        for (bound, operator) in [(from, ">="), (until, "<")] {
            if let Some(bound) = bound {
                conditions.push(format!("{key} {operator} ?"));
                values.push(Value::Blob(bound.clone()));
            }
        }
        let (conditions, order) = (conditions.join(" AND "), if reverse { "DESC" } else { "ASC" });
        let conditions = if conditions.is_empty() { "true".to_owned() } else { conditions };
        let from = format!("FROM {tables} WHERE {conditions} ORDER BY {key} {order}, {row} {order}");
        self.take(&format!("{key}, d.row"), &from, values)
    }

    /// Reads documents until the part is full. Those that do not meet the guards come without their body, so that they
    /// are counted too.
    fn take(&mut self, position: &str, from: &str, values: Vec<Value>) -> rusqlite::Result<()> {
        let parameters = self.conditions.parameters.iter().cloned().chain(values);
        let select = |body: &str| format!("SELECT {position}, d.version, {body} {from}");
        // There are as many guards as there are filters: their statements would push out those that come again.
        let (mut cached, mut single);
        let statement: &mut Statement<'_> = match self.conditions.sql.as_str() {
            "" => {
                cached = self.connection.prepare_cached(&select("json(d.body)"))?;
                &mut cached
            }
            conditions => {
                single = self.connection.prepare(&select(&format!("CASE WHEN {conditions} THEN json(d.body) END")))?;
                &mut single
            }
        };
        let mut rows = statement.query(params_from_iter(parameters))?;
        while let Some(row) = rows.next()? {
            self.part.examined += 1;
            if let Some(json) = row.get::<_, Option<String>>(3)? {
                self.bytes += json.len();
                let version: i64 = row.get(2)?;
                let document = StoredDocument { row: row.get(1)?, version: version.cast_unsigned(), json };
                self.part.documents.push(Scanned { key: row.get(0)?, document });
            }
            let is_full = self.part.documents.len() == self.scan.limit as usize || self.bytes >= PART_BYTES;
            if is_full || self.part.examined >= WINDOW {
                self.part.next = Some(Position { key: row.get(0)?, row: row.get(1)? });
                break;
            }
        }
        Ok(())
    }
}

/// A document whose row, version and JSON are the columns.
pub(super) fn document(row: &Row<'_>) -> rusqlite::Result<StoredDocument> {
    let version: i64 = row.get(1)?;
    Ok(StoredDocument { row: row.get(0)?, version: version.cast_unsigned(), json: row.get(2)? })
}
