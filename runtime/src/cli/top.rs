//! `runtime top`: the isolates of a running host, live in the terminal or once as a table. It only looks: nothing it sends
//! changes the host.

mod rows;
mod screen;

use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::time::Duration;

use clap::Args;
use http::Method;
use ratatui::crossterm::event::Event;
use serde::Deserialize as _;
use serde_json::Value as Json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::admin::{self, Admin, AdminArgs, Content};
use super::platform::output;
use super::{Failure, terminal};
use rows::{Isolate, Order};
use screen::Screen;

/// Longest the host may take to list its isolates.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Seconds that `--interval` can be.
const INTERVAL_SECONDS: std::ops::RangeInclusive<f64> = 0.2..=60.0;

#[derive(Args)]
pub struct TopArgs {
    /// Seconds from one look at the host to the next, 0.2 to 60.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    /// Look for one interval, print the table and exit; so it is where standard output is no terminal.
    #[arg(long)]
    once: bool,
    /// Print the host's answer as JSON and exit.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

fn interval(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if INTERVAL_SECONDS.contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("write seconds from 0.2 to 60".to_owned()),
    }
}

pub fn run(args: &TopArgs) -> Result<(), Failure> {
    let admin = args.admin.admin()?;
    admin::block_on(async {
        let answer = ask(&admin).await?;
        if args.json {
            return admin::print_json(&answer);
        }
        let first = isolates(&answer)?;
        if args.once || !io::stdout().is_terminal() {
            sleep(args.interval).await;
            return output::write(&table(&first, look(&admin).await?));
        }
        live(&admin, args.interval, first).await
    })
}

async fn ask(admin: &Admin) -> Result<Json, Failure> {
    let answer = timeout(ANSWER_TIMEOUT, admin.call(Method::GET, "/_orilla/isolates", Content::Empty)).await;
    answer.unwrap_or_else(|_| Err(unusable(format!("has not answered for {} seconds", ANSWER_TIMEOUT.as_secs()))))
}

fn isolates(answer: &Json) -> Result<Vec<Isolate>, Failure> {
    Vec::deserialize(&answer["isolates"])
        .map_err(|error| unusable(format!("answered, but not with a list of isolates: {error}")))
}

fn unusable(what_it_did: String) -> Failure {
    Failure::coded(
        "ADMIN_UNREACHABLE",
        format!("the host {what_it_did}; see --admin, and whether its version is this one"),
    )
}

async fn look(admin: &Admin) -> Result<Vec<Isolate>, Failure> {
    isolates(&ask(admin).await?)
}

fn table(before: &[Isolate], now: Vec<Isolate>) -> String {
    let mut rows = rows::since(before, now);
    Order::Cpu.sort(&mut rows);
    let mut text = rows::totals(&rows);
    for line in rows::table(&rows) {
        text.push('\n');
        text.push_str(line.trim_end());
    }
    text
}

/// Shows the screen until somebody ends it. However it ends, a panic included, the terminal is as it was before.
async fn live(admin: &Admin, interval: Duration, first: Vec<Isolate>) -> Result<(), Failure> {
    let (answered, answers) = mpsc::channel(1);
    let looking = async {
        loop {
            sleep(interval).await;
            // Nobody takes the answer when the screen has just been closed.
            let _ = answered.send(look(admin).await).await;
        }
    };
    let shown = tokio::select! {
        shown = show(Screen::new(&admin.authority, first), answers) => shown,
        () = looking => Ok(()),
    };
    shown.and(ratatui::try_restore()).map_err(|error| terminal::unusable(&error, "--once"))
}

async fn show(mut screen: Screen, mut answers: mpsc::Receiver<Result<Vec<Isolate>, Failure>>) -> io::Result<()> {
    let mut display = ratatui::try_init()?;
    let mut keys = terminal::keys();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    loop {
        display.draw(|frame| screen.draw(frame))?;
        tokio::select! {
            Some(answer) = answers.recv() => screen.update(answer),
            Some(event) = keys.recv() => if let Event::Key(key) = event? && let ControlFlow::Break(()) = screen.press(key) {
                return Ok(());
            },
            // In raw mode the terminal does not make a signal of ctrl-C; these come from another process.
            _ = terminated.recv() => return Ok(()),
            _ = interrupted.recv() => return Ok(()),
        }
    }
}
