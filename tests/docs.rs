//! The examples in README.md and docs/ do what the page says, each by its language:
//!
//! | block | what is done with it |
//! | --- | --- |
//! | `js` with an `export default` | it is the app's server.js: it is served, and answers |
//! | any other `js` | it continues the page's statements so far, and they run as one handler, on an empty data directory |
//! | `json` | it is the app's manifest, and passes `runtime check` |
//! | `toml` | it is the host's configuration, and passes `runtime check` |
//! | `ts` | it compiles, with the types of the published packages |
//! | `console` | each line after `$` is run in the directory of the app, `build`, and prints the lines below it |
//! | indented, or `sh` | each line, or each line after `$`, is a command that exists, with options that exist |
//! | `text` | nothing: it is there to be read |
//!
//! A `js` or `json` block with a `console` block right after it is judged by that alone: it may be wrong on purpose.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{App, Server, shell, skipped, succeeds};

/// What pages write for the address of the host.
const ADDRESS: &str = "127.0.0.1:3000";

/// Commands that are left to the reader: they fetch from registries, compile, or need more than the app.
const NOT_RUN: [&str; 6] = ["cargo", "curl", "docker", "export", "npm", "tar"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// README.md and every page in docs/, as paths from the root.
fn pages() -> Vec<String> {
    let names =
        fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<_> = names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
    pages.push("README.md".to_owned());
    pages.sort();
    pages
}

struct Block {
    /// `page:line`, for people.
    place: String,
    /// Empty for an indented block.
    language: String,
    text: String,
}

/// The code blocks of a page.
fn blocks(page: &str) -> Vec<Block> {
    let markdown = fs::read_to_string(root().join(page)).unwrap();
    let mut lines = markdown.lines().zip(1..).peekable();
    let mut blocks = Vec::new();
    let mut after_blank = true;
    while let Some((line, number)) = lines.next() {
        let place = format!("{page}:{number}");
        let mut take_while = |inside: &dyn Fn(&str) -> bool| -> String {
            std::iter::from_fn(|| lines.next_if(|(line, _)| inside(line)))
                .map(|(line, _)| format!("{line}\n"))
                .collect()
        };
        if let Some(language) = line.strip_prefix("```") {
            let text = take_while(&|line| line != "```");
            assert!(lines.next().is_some(), "{place}: this block does not end");
            blocks.push(Block { place, language: language.to_owned(), text });
        } else if after_blank && line.starts_with("    ") {
            let text = format!("{line}\n{}", take_while(&|line| line.starts_with("    ")));
            blocks.push(Block { place, language: String::new(), text });
        } else {
            assert!(!line.contains("```"), "{place}: a fence begins its line");
        }
        after_blank = line.is_empty();
    }
    blocks
}

/// The JavaScript block of a page that contains a text.
pub fn example(page: &str, part: &str) -> String {
    let found = blocks(page).into_iter().find(|block| block.language == "js" && block.text.contains(part));
    found.unwrap_or_else(|| panic!("{page} has no example with {part}")).text
}

/// Someone who does what a page says, in a directory of their own where the app is in `build`.
struct Reader {
    app: App,
    /// Serves the app as it is, once something was asked of it.
    server: Option<Server>,
    imports: String,
    statements: String,
}

impl Reader {
    fn new() -> Self {
        let app = App::new("export default { fetch: () => new Response('ok') };");
        symlink(app.path(""), app.beside("build")).unwrap();
        Self { app, server: None, imports: String::new(), statements: String::new() }
    }

    fn directory(&self) -> PathBuf {
        self.app.beside("")
    }

    /// Changes a file of the app; whatever was serving it is stopped.
    fn write(&mut self, file: &str, text: &str) {
        self.server = None;
        let path = self.app.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn server(&mut self) -> &Server {
        self.server.get_or_insert_with(|| Server::of(&self.app))
    }

    fn follow(&mut self, block: &Block, is_judged_by_console: bool) {
        let Block { place, language, text } = block;
        match language.as_str() {
            "js" if text.contains("export default") => {
                self.write("server.js", text);
                if !is_judged_by_console {
                    let reply = self.server().get("/");
                    assert!(reply.status < 500, "{place}: {} {}", reply.status, reply.text());
                }
            }
            "js" => self.run_statements(text),
            "json" => {
                self.write("manifest.json", text);
                self.write_static_files(&serde_json::from_str(text).unwrap());
                if !is_judged_by_console {
                    succeeds(&["check", &self.app.manifest_path()]);
                }
            }
            "toml" => {
                let file = self.app.beside("host.toml");
                fs::write(&file, text).unwrap();
                succeeds(&["check", &self.app.manifest_path(), "--config", &file.display().to_string()]);
            }
            "console" => self.type_in(place, text),
            "" | "sh" => self.try_commands(place, text),
            // TypeScript is compiled in a test of its own.
            "ts" | "text" => {}
            other => panic!("{place}: nothing is known of blocks in {other:?}; see the top of tests/docs.rs"),
        }
    }

    /// Runs the page's statements up to these as the body of one handler.
    fn run_statements(&mut self, text: &str) {
        let (imports, statements): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("import "));
        self.imports += &(imports.join("\n") + "\n");
        self.statements += &(statements.join("\n") + "\n");
        let body = format!("{}return new Response('reached the end');", self.statements);
        let module = format!("{}export default {{ async fetch(request, env, ctx) {{\n{body}\n}} }};", self.imports);
        self.write("server.js", &module);
        // They begin anew: what they stored the last time is gone.
        let _ = fs::remove_dir_all(self.app.beside("data"));
        assert_eq!(self.server().get("/").expect(200), "reached the end");
    }

    /// Adds the files that a manifest says are there.
    fn write_static_files(&mut self, manifest: &Value) {
        let Some(directory) = manifest["static"].as_str() else { return };
        let routes = &manifest["routes"];
        let prerendered = routes["prerendered"].as_object().into_iter().flat_map(|pages| pages.values());
        for file in prerendered.chain(routes.get("fallback")) {
            self.write(&format!("{directory}/{}", file.as_str().unwrap()), "<!doctype html>");
        }
    }

    /// Runs the commands of a transcript and compares what they print with what is shown.
    fn type_in(&mut self, place: &str, transcript: &str) {
        let commands = transcript.strip_prefix("$ ").unwrap_or_else(|| panic!("{place}: it begins without a command"));
        for entry in commands.split("\n$ ") {
            let (command, shown) = entry.split_once('\n').unwrap_or((entry, ""));
            let asks = command.contains(ADDRESS);
            let address = if asks { self.server().address().to_string() } else { ADDRESS.to_owned() };
            let curl = r#"curl() { command curl --silent --show-error "$@"; }"#;
            let output = shell(&self.directory(), &format!("{curl}\n{command} 2>&1").replace(ADDRESS, &address));
            let printed = String::from_utf8(output.stdout).unwrap().replace(&address, ADDRESS);
            let (found, wanted): (Vec<_>, Vec<_>) = (printed.lines().collect(), shown.lines().collect());
            assert!(is_as_shown(&found, &wanted), "{place}: `{command}` prints\n{printed}\nnot\n{shown}");
        }
    }

    /// Tries each command of a block. Where some lines begin with `$`, the others show what is printed.
    fn try_commands(&self, place: &str, text: &str) {
        let whole_lines = text.replace("\\\n", " ");
        let lines: Vec<_> = whole_lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let after_prompt: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("$ ")).collect();
        for line in if after_prompt.is_empty() { lines } else { after_prompt } {
            let command = line.split(" #").next().unwrap().trim_end_matches([' ', '&']);
            self.try_command(place, command);
        }
    }

    /// Runs a command that needs nothing but the app and ends soon; of other commands only the options are read.
    fn try_command(&self, place: &str, command: &str) {
        let words: Vec<_> = command.split_whitespace().collect();
        let line = match words[..] {
            ["./dev", task, ..] => format!("grep --quiet '^task_{task}() {{' {}", root().join("dev").display()),
            ["runtime", "check" | "snapshot", ..] => command.to_owned(),
            ["runtime", ..] => format!("{command} --help"),
            [program, ..] if NOT_RUN.contains(&program) => return,
            _ => panic!("{place}: nothing is known of the command {command:?}; see the top of tests/docs.rs"),
        };
        let output = shell(&self.directory(), &format!("{line} 2>&1"));
        assert!(output.status.success(), "{place}: {command}\n{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Whether the printed lines are as shown, where a line of `…` stands for any lines.
fn is_as_shown(printed: &[&str], shown: &[&str]) -> bool {
    match shown {
        [] => printed.is_empty(),
        ["…", rest @ ..] => (0..=printed.len()).any(|skipped| is_as_shown(&printed[skipped..], rest)),
        [line, rest @ ..] => printed.first() == Some(line) && is_as_shown(&printed[1..], rest),
    }
}

#[test]
fn every_example_does_what_its_page_says() {
    for page in pages() {
        let mut reader = Reader::new();
        let blocks = blocks(&page);
        for (index, block) in blocks.iter().enumerate() {
            // Where the harness itself fails, this is the last line that it prints.
            println!("{}", block.place);
            reader.follow(block, blocks.get(index + 1).is_some_and(|next| next.language == "console"));
        }
    }
}

#[test]
fn the_typescript_of_the_pages_compiles() {
    let packages = root().join("js/packages/node_modules").canonicalize().unwrap_or_default();
    let compiler = packages.join(".bin/tsc");
    if !compiler.exists() {
        skipped("TypeScript in docs/: the compiler is not installed; `./dev test` does it");
        return;
    }
    let directory = TempDir::new().unwrap();
    let file = |name: &str| directory.path().join(name);
    symlink(packages, file("node_modules")).unwrap();
    fs::write(file("package.json"), r#"{ "type": "module" }"#).unwrap();
    let examples = pages().into_iter().flat_map(|page| blocks(&page)).filter(|block| block.language == "ts");
    for Block { place, text, .. } in examples {
        fs::write(file(&format!("{}.ts", place.replace(['/', ':'], "-"))), text).unwrap();
    }
    let libraries = ["ES2022", "DOM", "DOM.Iterable"];
    let options = json!({ "target": "ES2022", "lib": libraries, "module": "NodeNext", "types": [], "strict": true,
        "skipLibCheck": true, "noEmit": true });
    fs::write(file("tsconfig.json"), json!({ "compilerOptions": options }).to_string()).unwrap();
    let output = Command::new(compiler).current_dir(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The long options that a text names.
fn options(text: &str) -> BTreeSet<String> {
    let is_of_name = |character: char| character.is_ascii_lowercase() || character == '-';
    let names = text.split("--").skip(1).map(|rest| rest.split(|end| !is_of_name(end)).next().unwrap());
    names.filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase())).map(str::to_owned).collect()
}

/// The options that `--help` of a subcommand lists.
fn offered(subcommand: &str) -> BTreeSet<String> {
    let words: Vec<_> = subcommand.split_whitespace().chain(["--help"]).collect();
    options(&succeeds(&words))
}

#[test]
fn the_page_of_the_command_line_has_the_options_that_there_are() {
    let page = fs::read_to_string(root().join("docs/cli.md")).unwrap();
    // The overview may leave options out. Those that several sections would repeat are in the text before them.
    for line in page.lines().filter_map(|line| line.strip_prefix("runtime ")) {
        let subcommand = line.split(|end: char| !end.is_ascii_lowercase() && !"- ".contains(end)).next().unwrap();
        let subcommand = subcommand.split("--").next().unwrap();
        assert!(options(line).is_subset(&offered(subcommand)), "docs/cli.md: {line}");
    }
    let of_several: BTreeSet<_> = ["config", "env-file", "help"].map(str::to_owned).into();
    let sections: Vec<_> = page.split("\n## `runtime ").skip(1).filter(|section| !section.starts_with("--")).collect();
    assert!(sections.len() > 3, "the sections have moved");
    for section in sections {
        let (subcommand, text) = section.split_once("`\n").unwrap();
        let [documented, offered] = [options(text), offered(subcommand)].map(|names| &names | &of_several);
        assert_eq!(documented, offered, "left: docs/cli.md, right: runtime {subcommand} --help");
    }
}
