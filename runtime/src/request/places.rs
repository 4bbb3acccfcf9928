//! The connections there may be at a time. While a new one has no place, some of those that rest are told to end. One that is at work
//! never is: where none rests, new ones wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

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
    /// Orders, numbered.
    orders: watch::Sender<(u64, Order)>,
    last_order: Arc<LastOrder>,
    /// When places were last asked for.
    asked: Option<Instant>,
    metrics: Arc<Metrics>,
}

/// The last order, as connections see it before they hear of it.
#[derive(Default)]
struct LastOrder {
    number: AtomicU64,
    /// How many are still to end after an [`Order::MakePlace`].
    wanted: AtomicUsize,
}

/// The place of one connection, whatever it speaks. Its stream holds it.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    metrics: Arc<Metrics>,
}

/// How a connection hears of orders.
pub struct Orders {
    given: Receiver<(u64, Order)>,
    last: Arc<LastOrder>,
}

/// The last order that a connection has heard of.
pub struct Heard {
    number: AtomicU64,
    last: Arc<LastOrder>,
}

impl Heard {
    /// Whether there is none after it.
    pub fn all(&self) -> bool {
        self.number.load(Relaxed) == self.last.number.load(Relaxed)
    }
}

impl Places {
    /// So many.
    pub fn new(number: usize, metrics: Arc<Metrics>) -> Self {
        let (orders, _) = watch::channel((0, Order::Serve));
        let free = Arc::new(Semaphore::new(number));
        Self { free, number, orders, last_order: Arc::default(), asked: None, metrics }
    }

    /// A place for a connection, as soon as there is one.
    pub async fn take(&mut self) -> (Place, Orders) {
        let permit = loop {
            if let Ok(permit) = self.free.clone().try_acquire_owned() {
                break permit;
            }
            let now = Instant::now();
            let asked = match self.asked {
                Some(asked) if now < asked + ROUND => asked,
                _ => {
                    self.last_order.wanted.store(self.number / PART + 1, Relaxed);
                    self.order(Order::MakePlace);
                    *self.asked.insert(now)
                }
            };
            // It is never closed.
            if let Ok(Ok(permit)) = tokio::time::timeout_at(asked + ROUND, self.free.clone().acquire_owned()).await {
                break permit;
            }
        };
        self.metrics.connections.fetch_add(1, Relaxed);
        let orders = Orders { given: self.orders.subscribe(), last: self.last_order.clone() };
        (Place { _permit: permit, metrics: self.metrics.clone() }, orders)
    }

    /// Tells all connections to end, and waits until none speaks HTTP any more.
    pub async fn drain(self) {
        self.order(Order::Drain);
        self.orders.closed().await;
    }

    fn order(&self, order: Order) {
        // Before the connections are told: one that looks meanwhile has not heard of it yet, and looks again.
        let number = self.last_order.number.fetch_add(1, Relaxed) + 1;
        self.orders.send_replace((number, order));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.connections.fetch_sub(1, Relaxed);
    }
}

impl Orders {
    /// Which of them this connection has heard of.
    pub fn heard(&self) -> Heard {
        Heard { number: AtomicU64::new(self.given.borrow().0), last: self.last.clone() }
    }

    /// Resolves when the connection is to end.
    pub async fn end(mut self, activity: &Activity, heard: &Heard) {
        while self.given.changed().await.is_ok() {
            let (number, order) = *self.given.borrow_and_update();
            heard.number.store(number, Relaxed);
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
        self.last.wanted.fetch_update(Relaxed, Relaxed, |wanted| wanted.checked_sub(1)).is_ok()
    }
}
