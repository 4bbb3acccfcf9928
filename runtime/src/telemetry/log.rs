//! The log's way to standard error: a queue that one thread writes out. So nothing that the host does waits for who reads the log,
//! and what one isolate logs takes no other's place. Lines for which there is no room are counted and left out.
//!
//! On a terminal nothing is left out: there the thread that logs writes, and waits for whoever reads.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What one thread may have waiting; an isolate has a thread of its own.
const WAITING_BYTES: usize = 1 << 20;

/// What all threads may have waiting together.
const ALL_WAITING_BYTES: usize = 64 << 20;

/// What is written at a time, or one line where that is longer.
const PIECE_BYTES: usize = 64 << 10;

/// How often it is said that lines are left out, while they are.
const SAY_AGAIN: Duration = Duration::from_secs(1);

/// How long the end of the process waits for who reads the log.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// What all threads have waiting.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// What one thread has waiting, and how many of its lines were left out since that was said.
#[derive(Default)]
struct Source {
    app: OnceLock<Arc<str>>,
    waiting: AtomicUsize,
    left_out: AtomicUsize,
}

thread_local! {
    static SOURCE: Arc<Source> = Arc::default();
}

/// This thread logs for an app from now on.
pub fn is_of_app(app: &Arc<str>) {
    SOURCE.with(|source| {
        // It has one app in its life.
        let _ = source.app.set(app.clone());
    });
}

/// Where lines wait.
struct Queue(Sender<Line>);

struct Line {
    text: Vec<u8>,
    source: Arc<Source>,
}

/// Begins to log, as text on a terminal and as JSON otherwise. Every line is written by who has it. A second call, which only tests
/// make, changes nothing.
pub fn start(filter: &str) {
    let builder = tracing_subscriber::fmt().with_env_filter(filter_of(filter)).with_writer(io::stderr);
    let _ = if io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.with_ansi(false).json().flatten_event(true).try_init()
    };
}

/// As [`start`], for a host: where standard error is no terminal the queue is between.
///
/// # Errors
/// The thread that writes cannot be started.
pub fn start_queued(filter: &str) -> io::Result<()> {
    if io::stderr().is_terminal() {
        start(filter);
        return Ok(());
    }
    #[allow(clippy::disallowed_methods, reason = "its bounds are in bytes: WAITING_BYTES and ALL_WAITING_BYTES")]
    let (queue, lines) = mpsc::channel();
    thread::Builder::new().name("log".into()).stack_size(256 << 10).spawn(move || write_all(&lines))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter_of(filter)).with_writer(Queue(queue));
    let _ = builder.with_ansi(false).json().flatten_event(true).try_init();
    Ok(())
}

/// Whether a filter can be read. What is one word has to be a level: else it would be a part of the host, and where that is a
/// typing error nothing would be logged.
pub fn is_filter(filter: &str) -> bool {
    let is_word = |part: &&str| !part.is_empty() && !part.contains(['=', '[']);
    let words_are_levels = parts(filter).filter(is_word).all(|word| word.parse::<LevelFilter>().is_ok());
    words_are_levels && parse(filter).is_some()
}

fn parts(filter: &str) -> impl Iterator<Item = &str> {
    filter.split(',').map(str::trim)
}

fn parse(filter: &str) -> Option<EnvFilter> {
    // Spaces around a part are none of it.
    EnvFilter::try_new(parts(filter).collect::<Vec<_>>().join(",")).ok()
}

/// The configuration has been [checked](is_filter).
fn filter_of(text: &str) -> EnvFilter {
    parse(text).unwrap_or_else(|| EnvFilter::new("info"))
}

/// Waits until everything is written, but not for long: whoever reads the log may have stopped to.
pub fn finish() {
    let began = Instant::now();
    while WAITING.load(Relaxed) > 0 && began.elapsed() < LAST_WAIT {
        thread::sleep(Duration::from_millis(1));
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = &'a Queue;

    fn make_writer(&'a self) -> &'a Queue {
        self
    }
}

impl io::Write for &Queue {
    /// Takes a whole line. It cannot fail.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        // A thread that ends may have lost its own already.
        let source = SOURCE.try_with(Arc::clone).unwrap_or_default();
        let (waiting, bytes) = (source.waiting.load(Relaxed), text.len());
        let no_room = waiting > 0 && WAITING.load(Relaxed) + bytes > ALL_WAITING_BYTES;
        if no_room || waiting + bytes > WAITING_BYTES {
            source.left_out.fetch_add(1, Relaxed);
            if source.waiting.load(Relaxed) == 0 {
                // All was written meanwhile, and nobody would look any more.
                let _ = self.0.send(Line { text: Vec::new(), source });
            }
            return Ok(bytes);
        }
        source.waiting.fetch_add(bytes, Relaxed);
        WAITING.fetch_add(bytes, Relaxed);
        // The thread that writes ends with the process only.
        let _ = self.0.send(Line { text: text.to_owned(), source });
        Ok(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(lines: &Receiver<Line>) {
    let mut said = None;
    while let Ok(line) = lines.recv() {
        let mut text = line.text;
        let mut written = vec![(text.len(), line.source)];
        while text.len() < PIECE_BYTES
            && let Ok(line) = lines.try_recv()
        {
            text.extend_from_slice(&line.text);
            written.push((line.text.len(), line.source));
        }
        write_whole(&text);
        for (bytes, source) in written {
            let still = source.waiting.fetch_sub(bytes, Relaxed) - bytes;
            say_what_is_left_out(&source, still, &mut said);
            WAITING.fetch_sub(bytes, Relaxed);
        }
    }
}

/// Where standard error is closed there is nobody to tell. It may be a pipe that another process has made non-blocking.
fn write_whole(mut text: &[u8]) {
    while !text.is_empty() {
        match io::stderr().write(text) {
            Ok(0) => return,
            Ok(written) => text = &text[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
            Err(_) => return,
        }
    }
}

fn say_what_is_left_out(source: &Source, waiting: usize, said: &mut Option<Instant>) {
    let goes_on = waiting > WAITING_BYTES / 2;
    if source.left_out.load(Relaxed) == 0 || goes_on && said.is_some_and(|at: Instant| at.elapsed() < SAY_AGAIN) {
        return;
    }
    *said = Some(Instant::now());
    let lines = source.left_out.swap(0, Relaxed);
    let app = source.app.get().map(|app| &**app);
    tracing::warn!(
        code = "LOG_LINES_LEFT_OUT",
        app,
        lines,
        "lines are missing around here: they came faster than the log is read"
    );
}
