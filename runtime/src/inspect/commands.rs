//! A debugger's commands on their way to the isolate.
//!
//! deno_core hands commands to V8 from a place where it cannot wait for the next one. A breakpoint that is reached by what
//! the debugger itself runs, in its console say, would stand there for ever, so pauses are skipped while such a command
//! runs. What it leaves to later turns (a promise, a timer) can pause as everything else.

use deno_core::futures::channel::mpsc::UnboundedSender;
use serde::Deserialize;

/// Messages of a debugger that wait for the isolate, which reads them whenever it runs JavaScript or is paused.
pub const MAX_UNREAD_COMMANDS: usize = 1024;

/// Commands that run JavaScript.
const RUN_CODE: [&str; 4] =
    ["Runtime.callFunctionOn", "Runtime.evaluate", "Runtime.getProperties", "Runtime.runScript"];

/// The number of every command of our own. Debuggers count from 0 or 1.
const OWN_ID: i32 = -1;

/// The commands of one debugger.
pub struct Commands {
    isolate: UnboundedSender<String>,
    /// Whether the debugger itself wants no pauses.
    skip: bool,
}

/// Why a command is not sent.
pub enum Refused {
    /// The isolate has ended.
    Gone,
    /// [`MAX_UNREAD_COMMANDS`] wait already.
    Full,
}

/// What is read of a command.
#[derive(Deserialize)]
struct Command {
    method: String,
    #[serde(default)]
    params: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    skip: Option<bool>,
}

impl Commands {
    /// Commands that go this way.
    pub fn new(isolate: UnboundedSender<String>) -> Self {
        Self { isolate, skip: false }
    }

    /// Hands on what the debugger sent.
    pub fn send(&mut self, text: String) -> Result<(), Refused> {
        if self.isolate.len() >= MAX_UNREAD_COMMANDS {
            return Err(Refused::Full);
        }
        // V8 says what is wrong with a message that cannot be read.
        let command = serde_json::from_str::<Command>(&text).ok();
        match command {
            Some(Command { method, .. }) if RUN_CODE.contains(&method.as_str()) => {
                self.hand_on(skip_pauses(true))?;
                self.hand_on(text)?;
                self.hand_on(skip_pauses(self.skip))
            }
            Some(Command { method, params }) if method == "Debugger.setSkipAllPauses" => {
                self.skip = params.skip.unwrap_or(self.skip);
                self.hand_on(text)
            }
            _ => self.hand_on(text),
        }
    }

    fn hand_on(&self, text: String) -> Result<(), Refused> {
        self.isolate.unbounded_send(text).map_err(|_| Refused::Gone)
    }
}

/// Whether an answer is one to us.
pub fn is_own(id: i32) -> bool {
    id == OWN_ID
}

fn skip_pauses(skip: bool) -> String {
    format!(r#"{{"id":{OWN_ID},"method":"Debugger.setSkipAllPauses","params":{{"skip":{skip}}}}}"#)
}
