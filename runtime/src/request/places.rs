//! The connections there may be at a time. While a new one has no place, some of those that rest are told to end. One that is at work
//! never is: where none rests, new ones wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::patience::Activity;
use crate::metrics::Metrics;

/// How long a connection has been without a request before it may be told to end.
const RESTED: Duration = Duration::from_secs(1);

/// How often connections are told to end while a new one waits.
const ROUND: Duration = Duration::from_secs(1);

/// Of so many places one is made free at a time.
const PART: usize = 16;

/// What all connections are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Serve,
    /// Some of those that rest are to end.
    MakePlace,
    /// All are to end once they have answered what they have.
    Drain,
}

/// All places of a listener.
pub struct Places {
    free: Arc<Semaphore>,
    number: usize,
    orders: watch::Sender<Order>,
    /// How many are still to end after the last [`Order::MakePlace`].
    wanted: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

/// The place of one connection, whatever it speaks. Its stream holds it.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    metrics: Arc<Metrics>,
}

/// How a connection hears of orders.
#[derive(Clone)]
pub struct Orders {
    given: Receiver<Order>,
    wanted: Arc<AtomicUsize>,
}

impl Places {
    /// So many.
    pub fn new(number: usize, metrics: Arc<Metrics>) -> Self {
        let (orders, _) = watch::channel(Order::Serve);
        Self { free: Arc::new(Semaphore::new(number)), number, orders, wanted: Arc::default(), metrics }
    }

    /// A place for a connection, as soon as there is one.
    pub async fn take(&self) -> (Place, Orders) {
        let permit = loop {
            if let Ok(permit) = self.free.clone().try_acquire_owned() {
                break permit;
            }
            self.wanted.store(self.number / PART + 1, Relaxed);
            self.orders.send_replace(Order::MakePlace);
            // It is never closed.
            if let Ok(Ok(permit)) = tokio::time::timeout(ROUND, self.free.clone().acquire_owned()).await {
                break permit;
            }
        };
        self.metrics.connections.fetch_add(1, Relaxed);
        let orders = Orders { given: self.orders.subscribe(), wanted: self.wanted.clone() };
        (Place { _permit: permit, metrics: self.metrics.clone() }, orders)
    }

    /// Tells all connections to end, and waits until none speaks HTTP any more.
    pub async fn drain(self) {
        self.orders.send_replace(Order::Drain);
        self.orders.closed().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.connections.fetch_sub(1, Relaxed);
    }
}

impl Orders {
    /// Whether there is one that this has not said before.
    pub fn are_new(&mut self) -> bool {
        let are_new = self.given.has_changed().unwrap_or(true);
        if are_new {
            self.given.mark_unchanged();
        }
        are_new
    }

    /// Resolves when the connection is to end.
    pub async fn end(mut self, activity: &Activity) {
        while self.given.changed().await.is_ok() {
            let order = *self.given.borrow_and_update();
            let ends = match order {
                Order::Serve => false,
                Order::MakePlace => activity.has_rested(RESTED) && self.is_wanted(),
                Order::Drain => true,
            };
            if ends {
                return;
            }
        }
    }

    fn is_wanted(&self) -> bool {
        self.wanted.fetch_update(Relaxed, Relaxed, |wanted| wanted.checked_sub(1)).is_ok()
    }
}
