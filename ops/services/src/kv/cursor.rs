//! The cursors of KV: the last key of a page, worth something only to the tenant, app, namespace and prefix.

use super::error::KvError;
use super::limits::MAX_KEY_BYTES;
use crate::cursor::CursorSeal;
use crate::gate::Scope;

/// A cursor that goes on after `last_key`.
pub(super) fn seal(seal: &CursorSeal, scope: &Scope<'_>, namespace: &str, prefix: &str, last_key: &str) -> String {
    seal.seal(&["kv.list", scope.tenant(), scope.app(), namespace, prefix], last_key.as_bytes())
}

/// The key after which a cursor goes on.
pub(super) fn open(
    seal: &CursorSeal,
    scope: &Scope<'_>,
    namespace: &str,
    prefix: &str,
    cursor: &str,
) -> Result<String, KvError> {
    let parts = ["kv.list", scope.tenant(), scope.app(), namespace, prefix];
    let last_key = seal.open(&parts, cursor, MAX_KEY_BYTES).ok_or(KvError::CursorInvalid)?;
    String::from_utf8(last_key).map_err(|_| KvError::CursorInvalid)
}
