//! Answers that their clients have not taken yet. They have left the isolate, whose limits no longer count them: here they
//! count for the app, whichever of its isolates they came from.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::UNCOUNTED_ANSWER_BYTES;

const KIBIBYTE: usize = 1 << 10;

/// Room for the answers of an app that its clients have not taken yet.
#[derive(Clone)]
pub struct Unsent {
    room: Arc<Semaphore>,
    /// KiB of it.
    size: u32,
}

/// Room that was made for one piece of an answer.
pub struct Room(Option<OwnedSemaphorePermit>);

impl Unsent {
    /// Room for so many bytes, to the KiB.
    pub fn new(bytes: usize) -> Self {
        let size = u32::try_from(bytes / KIBIBYTE).unwrap_or(u32::MAX);
        Self { room: Arc::new(Semaphore::new(size as usize)), size }
    }

    /// Room for so many bytes, if there is. One piece alone may be of any size, for whoever makes it has limits of its own.
    pub fn try_room(&self, bytes: usize) -> Option<Room> {
        let Some(size) = self.counted(bytes) else { return Some(Room(None)) };
        self.room.clone().try_acquire_many_owned(size).ok().map(|room| Room(Some(room)))
    }

    /// Room for so many bytes, as soon as there is. Who asks first is served first.
    pub async fn room(&self, bytes: usize) -> Room {
        let Some(size) = self.counted(bytes) else { return Room(None) };
        // The semaphore is never closed.
        Room(self.room.clone().acquire_many_owned(size).await.ok())
    }

    /// Whether so many bytes are counted at all.
    pub fn counts(&self, bytes: usize) -> bool {
        self.counted(bytes).is_some()
    }

    /// KiB of a piece, where it is large enough to be counted.
    fn counted(&self, bytes: usize) -> Option<u32> {
        let size = u32::try_from(bytes.div_ceil(KIBIBYTE)).unwrap_or(u32::MAX);
        (bytes > UNCOUNTED_ANSWER_BYTES).then_some(size.min(self.size))
    }
}

impl Room {
    /// Whether it is enough for so many bytes: an app may say another number than it then sends.
    pub fn is_enough_for(&self, bytes: usize, unsent: &Unsent) -> bool {
        let size = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        size >= unsent.counted(bytes).unwrap_or(0) as usize
    }

    /// The piece it was made for. The room is free again when the last copy of that is dropped.
    pub fn hold(self, piece: Bytes) -> Bytes {
        match self.0 {
            Some(room) => Bytes::from_owner(Held { piece, _room: room }),
            None => piece,
        }
    }
}

struct Held {
    piece: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}
