//! Cursors: where a list goes on. A cursor is the last key of a page, sealed so that it is worth something only to the
//! tenant, app, namespace and prefix it was made for. It holds no state on the server and never expires.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::KvError;
use super::limits::MAX_KEY_BYTES;
use crate::gate::Scope;

const SEAL_BYTES: usize = blake3::OUT_LEN;
const MAX_CURSOR_CHARS: usize = (SEAL_BYTES + MAX_KEY_BYTES).div_ceil(3) * 4;

/// Makes and opens the cursors of one data directory.
pub(super) struct CursorSeal {
    secret: [u8; 32],
}

impl CursorSeal {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// A cursor that goes on after `last_key`.
    pub(super) fn seal(&self, scope: &Scope<'_>, namespace: &str, prefix: &str, last_key: &str) -> String {
        let seal = self.compute(scope, namespace, prefix, last_key);
        URL_SAFE_NO_PAD.encode([seal.as_bytes(), last_key.as_bytes()].concat())
    }

    /// The key after which a cursor goes on.
    pub(super) fn open(
        &self,
        scope: &Scope<'_>,
        namespace: &str,
        prefix: &str,
        cursor: &str,
    ) -> Result<String, KvError> {
        self.try_open(scope, namespace, prefix, cursor).ok_or(KvError::CursorInvalid)
    }

    fn try_open(&self, scope: &Scope<'_>, namespace: &str, prefix: &str, cursor: &str) -> Option<String> {
        if cursor.len() > MAX_CURSOR_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (seal, last_key) = bytes.split_first_chunk::<SEAL_BYTES>()?;
        let last_key = std::str::from_utf8(last_key).ok()?;
        // Comparing blake3 hashes takes the same time wherever they differ.
        (self.compute(scope, namespace, prefix, last_key) == *seal).then(|| last_key.to_owned())
    }

    fn compute(&self, scope: &Scope<'_>, namespace: &str, prefix: &str, last_key: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        for part in ["kv.list", scope.tenant(), scope.app(), namespace, prefix, last_key] {
            // The length goes first, so that no two lists of parts read the same.
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.finalize()
    }
}
