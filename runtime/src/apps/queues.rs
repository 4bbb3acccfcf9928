//! One after the other at what has a key: there are as many locks as keys somebody waits for or holds, and no others.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

type Locks<K> = HashMap<K, Arc<tokio::sync::Mutex<()>>>;

/// Lets one at a time do what concerns a key.
pub struct Queues<K>(Arc<Mutex<Locks<K>>>);

/// The turn of one, until this is dropped.
pub struct Turn<K: Eq + Hash> {
    // It is let go of before the place is, which then sees whether others have come.
    _held: OwnedMutexGuard<()>,
    _place: Place<K>,
}

/// Who waits or has the turn; the last one takes the lock away.
struct Place<K: Eq + Hash> {
    locks: Arc<Mutex<Locks<K>>>,
    key: K,
}

impl<K> Default for Queues<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash> Queues<K> {
    /// Waits for the turn.
    pub async fn turn(&self, key: K) -> Turn<K> {
        let lock = locked(&self.0).entry(key.clone()).or_default().clone();
        // It stands before the wait, which may be given up.
        let place = Place { locks: self.0.clone(), key };
        Turn { _held: lock.lock_owned().await, _place: place }
    }

    /// Whether nobody waits or has a turn.
    #[cfg(test)]
    pub fn are_empty(&self) -> bool {
        locked(&self.0).is_empty()
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut locks = locked(&self.locks);
        // Only the map has it, and whoever wants it asks the map.
        if locks.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            locks.remove(&self.key);
        }
    }
}

fn locked<K>(locks: &Mutex<Locks<K>>) -> MutexGuard<'_, Locks<K>> {
    locks.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_the_turn_and_who_gives_up_leaves_nothing() {
        let queues = Queues::default();
        let turn = queues.turn("a").await;
        let others = queues.turn("b").await;
        drop(others);
        let waiting = async { queues.turn("a").await };
        assert!(tokio::time::timeout(std::time::Duration::from_millis(10), waiting).await.is_err());
        assert!(!queues.are_empty());
        drop(turn);
        assert!(queues.are_empty());
    }
}
