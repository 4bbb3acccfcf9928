//! Cursors: where a listing goes on. A cursor is a position, sealed so that it is worth something only to the call it
//! was made for. It holds no state on the server and never expires.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const SEAL_BYTES: usize = blake3::OUT_LEN;

/// Makes and opens the cursors of one store.
#[derive(Clone)]
pub(crate) struct CursorSeal {
    secret: [u8; 32],
}

impl CursorSeal {
    /// A seal with a store's secret.
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// A cursor that goes on after `position`. The parts say what it may be used for.
    pub(crate) fn seal(&self, parts: &[&str], position: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode([self.compute(parts, position).as_bytes(), position].concat())
    }

    /// The position after which a cursor goes on, unless it is not one of ours, was made for something else, or is
    /// longer than one with `max_bytes` of position can be.
    pub(crate) fn open(&self, parts: &[&str], cursor: &str, max_bytes: usize) -> Option<Vec<u8>> {
        if cursor.len() > (SEAL_BYTES + max_bytes).div_ceil(3) * 4 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (seal, position) = bytes.split_first_chunk::<SEAL_BYTES>()?;
        // Comparing blake3 hashes takes the same time wherever they differ.
        (self.compute(parts, position) == *seal).then(|| position.to_vec())
    }

    fn compute(&self, parts: &[&str], position: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        for part in parts.iter().map(|part| part.as_bytes()).chain([position]) {
            // The length goes first, so that no two lists of parts read the same.
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher.finalize()
    }
}
