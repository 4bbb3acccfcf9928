//! What the commands with a screen share: keys as they are typed, and what is said where there is no terminal.

use std::io;
use std::thread;

use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc;

use super::Failure;

/// Keys that may wait to be handled.
const MAX_WAITING_KEYS: usize = 16;

/// What is typed, and changes of the terminal's size. Reading waits, so it has a thread, which ends with the process.
pub fn keys() -> mpsc::Receiver<io::Result<Event>> {
    let (sender, receiver) = mpsc::channel(MAX_WAITING_KEYS);
    thread::spawn(move || {
        loop {
            let event = event::read();
            let is_last = event.is_err();
            if sender.blocking_send(event).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

/// A screen that cannot be shown, with what does without one.
pub fn unusable(error: &io::Error, instead: &str) -> Failure {
    Failure::coded("TERMINAL_UNUSABLE", format!("the terminal cannot be used: {error}; try {instead}"))
}
