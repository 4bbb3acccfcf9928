//! The statements of a transaction, but for the scans.

pub(super) const CREATE_COLLECTION: &str = "INSERT INTO orilla.collections (app, name) VALUES ($1, $2) RETURNING id";

pub(super) const MARK_OWN_IDS: &str = "UPDATE orilla.collections SET own_ids = true WHERE id = $1";

pub(super) const CREATE_INDEX: &str = "INSERT INTO orilla.indexes (collection, name, definition, built, extension) VALUES ($1, $2, $3, $4, $5) RETURNING id";

pub(super) const UPDATE_INDEX: &str =
    "UPDATE orilla.indexes SET built = $2, multikey = $3, truncated = $4 WHERE id = $1";

/// The index's entries and vectors are left for the sweep.
pub(super) const DROP_INDEX: &str = "WITH gone AS (DELETE FROM orilla.indexes WHERE id = $1) \
    INSERT INTO orilla.dropped_indexes (id) VALUES ($1)";

/// What the rows of some collections and their indexes take, without what the server keeps around them.
pub(super) const BYTES: &str = "SELECT (\
    (SELECT coalesce(sum(pg_column_size(d.*)), 0) FROM orilla.documents d WHERE d.collection = ANY ($1)) + \
    (SELECT coalesce(sum(pg_column_size(e.*)), 0) FROM orilla.entries e WHERE e.index = ANY ($2)) + \
    (SELECT coalesce(sum(pg_column_size(v.*)), 0) FROM orilla.vectors v WHERE v.index = ANY ($2)))::bigint";

pub(super) const COUNT: &str = "SELECT count(*) FROM orilla.documents WHERE collection = $1";

/// Returns nothing if the id is taken. `$5` says whether jsonb can hold the document; a database that is not in UTF-8
/// lacks most characters.
pub(super) const INSERT: &str = "INSERT INTO orilla.documents (collection, id, version, body, doc) \
    VALUES ($1, $2, $3, $4, CASE WHEN $5 AND getdatabaseencoding() = 'UTF8' THEN convert_from($4, 'UTF8')::jsonb END) \
    ON CONFLICT (collection, id) DO NOTHING RETURNING row";

pub(super) const REPLACE: &str = "UPDATE orilla.documents SET version = $3, body = $4, \
    doc = CASE WHEN $5 AND getdatabaseencoding() = 'UTF8' THEN convert_from($4, 'UTF8')::jsonb END \
    WHERE collection = $1 AND row = $2";

pub(super) const DELETE: &str = "DELETE FROM orilla.documents WHERE collection = $1 AND row = $2";

pub(super) const ADD_ENTRIES: &str = "INSERT INTO orilla.entries (index, key, row, is_unique) \
    SELECT $1, key, $2, false FROM unnest($3::bytea[]) key ON CONFLICT (index, key, row) DO NOTHING";

/// Says whether a key is taken; then none is added.
pub(super) const ADD_UNIQUE_ENTRIES: &str = "
    WITH taken AS MATERIALIZED (
        SELECT EXISTS (
            SELECT FROM unnest($3::bytea[]) wanted (key)
            JOIN orilla.entries ON entries.index = $1 AND entries.key = wanted.key AND entries.row <> $2
        ) AS is_so
    ),
    added AS (
        INSERT INTO orilla.entries (index, key, row, is_unique)
        SELECT $1, key, $2, true FROM taken, unnest($3::bytea[]) key WHERE NOT is_so
        ON CONFLICT (index, key, row) DO NOTHING
    )
    SELECT is_so FROM taken";

pub(super) const REMOVE_ENTRIES: &str =
    "DELETE FROM orilla.entries WHERE index = $1 AND row = $2 AND key = ANY ($3::bytea[])";

pub(super) const ENTRIES: &str = "SELECT key, row FROM orilla.entries \
    WHERE index = $1 AND (key, row) > ($2, $3) ORDER BY key, row LIMIT $4";

pub(super) const PUT_VECTORS: &str = "
    WITH put AS (
        INSERT INTO orilla.vectors (index, row, ordinal, bytes)
        SELECT $1, $2, place - 1, bytes FROM unnest($3::bytea[]) WITH ORDINALITY AS given (bytes, place)
        ON CONFLICT (index, row, ordinal) DO UPDATE SET bytes = excluded.bytes
    ),
    gone AS (
        DELETE FROM orilla.vectors WHERE index = $1 AND row = $2 AND ordinal >= $4
    )
    INSERT INTO orilla.vector_changes (index, row, version) VALUES ($1, $2, $5)
    ON CONFLICT (index, row) DO UPDATE SET version = excluded.version";

pub(super) const VECTORS: &str = "SELECT row, ordinal, bytes FROM orilla.vectors WHERE index = $1 AND row IN \
    (SELECT DISTINCT row FROM orilla.vectors WHERE index = $1 AND row > $2 ORDER BY row LIMIT $3) ORDER BY row, ordinal";

pub(super) const VECTORS_OF: &str =
    "SELECT row, ordinal, bytes FROM orilla.vectors WHERE index = $1 AND row = ANY ($2) ORDER BY row, ordinal";

pub(super) const CHANGED_VECTORS: &str =
    "SELECT row FROM orilla.vector_changes WHERE index = $1 AND version > $2 ORDER BY version";
