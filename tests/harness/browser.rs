//! A page in a headless Chromium of its own, driven over the DevTools protocol.
//!
//! It acts as people do, with the mouse and the keyboard; what came of it is asked in JavaScript.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{DEADLINE, skipped, wait_until};

/// Where Debian's package has it.
const CHROMIUM: &str = "/usr/bin/chromium";

const OPTIONS: [&str; 8] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
];

/// An open page; the browser is killed when this goes out of scope.
pub struct Page {
    browser: Child,
    /// Messages in both directions: JSON, each with a NUL behind it.
    pipe: BufReader<UnixStream>,
    last_command: u64,
    /// Which of the browser's pages commands are for. Empty for the browser itself.
    session: Value,
    errors: Vec<String>,
    profile: TempDir,
}

impl Page {
    /// Starts a browser and opens a page in it; `None`, said loudly, where there is no browser.
    pub fn open(url: &str) -> Option<Self> {
        if !Path::new(CHROMIUM).exists() {
            skipped(&format!("there is no {CHROMIUM}; install Debian's package chromium"));
            return None;
        }
        let profile = TempDir::new().unwrap();
        let (pipe, browsers) = UnixStream::pair().unwrap();
        pipe.set_read_timeout(Some(DEADLINE)).unwrap();
        // Chromium reads commands from descriptor 3 and answers on 4.
        let browser = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#, CHROMIUM])
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path())
            .stdin(OwnedFd::from(browsers.try_clone().unwrap()))
            .stdout(OwnedFd::from(browsers))
            .stderr(File::create(profile.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let pipe = BufReader::new(pipe);
        let mut page = Self { browser, pipe, last_command: 0, session: json!({}), errors: Vec::new(), profile };
        let target = page.command("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = page.command("Target.attachToTarget", target);
        page.session = json!({ "sessionId": attached["sessionId"] });
        for domain in ["Page", "Runtime", "Log"] {
            page.command(&format!("{domain}.enable"), json!({}));
        }
        let navigated = page.command("Page.navigate", json!({ "url": url }));
        assert!(navigated["errorText"].is_null(), "{url}: {navigated}");
        Some(page)
    }

    /// Loads the page again.
    #[track_caller]
    pub fn reload(&mut self) {
        self.evaluate("window.isLeft = true");
        self.command("Page.reload", json!({}));
        self.wait_for("!window.isLeft && document.readyState === 'complete'");
    }

    /// The value of an expression, awaited if it is a promise; null if it throws, as while a page replaces another.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        self.command("Runtime.evaluate", parameters)["result"]["value"].take()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait_for(&mut self, expression: &str) {
        wait_until(expression, || self.evaluate(expression) == true);
    }

    /// Clicks into the middle of the first element that a selector finds, once there is one.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let middle = format!(
            "(({{ x, y, width, height }}) => ({{ x: x + width / 2, y: y + height / 2 }}))
             (document.querySelector({}).getBoundingClientRect())",
            json!(selector)
        );
        let mut point = Value::Null;
        wait_until(selector, || {
            point = self.evaluate(&middle);
            point.is_object()
        });
        for event in ["mousePressed", "mouseReleased"] {
            let click = json!({ "type": event, "button": "left", "clickCount": 1, "x": point["x"], "y": point["y"] });
            self.command("Input.dispatchMouseEvent", click);
        }
    }

    /// Writes into the field a selector finds, and presses Enter.
    #[track_caller]
    pub fn enter(&mut self, selector: &str, text: &str) {
        self.click(selector);
        self.command("Input.insertText", json!({ "text": text }));
        for event in ["keyDown", "keyUp"] {
            let key = json!({ "type": event, "key": "Enter", "text": "\r", "windowsVirtualKeyCode": 13 });
            self.command("Input.dispatchKeyEvent", key);
        }
    }

    /// What the page threw and what the browser complained of, such as files that could not be loaded.
    pub fn errors(&mut self) -> &[String] {
        // Its answer comes after everything that was reported until now.
        self.evaluate("null");
        &self.errors
    }

    /// Sends a command and returns its result, or null for an error.
    fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.last_command += 1;
        let mut command = json!({ "id": self.last_command, "method": method, "params": parameters });
        command.as_object_mut().unwrap().extend(self.session.as_object().unwrap().clone());
        self.pipe.get_mut().write_all(format!("{command}\0").as_bytes()).unwrap();
        loop {
            let mut message = self.message();
            if message["id"] == self.last_command {
                return message["result"].take();
            }
            let parameters = &message["params"];
            match message["method"].as_str() {
                Some("Runtime.exceptionThrown") => self.errors.push(parameters["exceptionDetails"].to_string()),
                Some("Log.entryAdded") if parameters["entry"]["level"] == "error" => {
                    self.errors.push(parameters["entry"].to_string());
                }
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Value {
        let mut bytes = Vec::new();
        let read = self.pipe.read_until(0, &mut bytes);
        if bytes.pop() != Some(0) {
            let stderr = fs::read_to_string(self.profile.path().join("stderr")).unwrap();
            panic!("the browser does not answer: {read:?}\n{stderr}");
        }
        serde_json::from_slice(&bytes).unwrap()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // After an orderly end nothing writes into the profile any more, so that it can be deleted. If there is none
        // the browser is killed.
        let _ = self.pipe.get_mut().write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let start = Instant::now();
        while matches!(self.browser.try_wait(), Ok(None)) && start.elapsed() < DEADLINE {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.browser.kill();
        let _ = self.browser.wait();
        if std::thread::panicking() {
            eprintln!("the page's errors: {:#?}", self.errors);
        }
    }
}
