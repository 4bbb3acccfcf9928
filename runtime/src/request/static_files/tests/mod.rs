//! Requests against real files in a directory of the test's own. Here is what the tests share: the directory, and the
//! words that a row of a table is written in.
#![allow(clippy::unwrap_used)]

mod deployment;
mod properties;
mod requests;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;

const HELLO: &[u8] = b"hello, static world";
const SCRIPT: &[u8] = b"export default 'as it is';";
const SCRIPT_BR: &[u8] = b"brotli bytes";
const SCRIPT_GZ: &[u8] = b"gzip bytes";
const SECRET: &[u8] = b"TOP SECRET";

const FILES: &[(&str, &[u8])] = &[
    ("hello.txt", HELLO),
    ("empty.css", b""),
    ("empty.css.br", b""),
    ("index.html", b"<p>home"),
    ("200.html", b"<p>shell"),
    ("docs/index.html", b"<p>docs"),
    ("about.html", b"<p>about"),
    ("team/index.html", b"<p>team"),
    ("both", b"exact"),
    ("app.js", SCRIPT),
    ("app.js.br", SCRIPT_BR),
    ("app.js.gz", SCRIPT_GZ),
    ("style.css", b"p{}"),
    ("style.css.gz", b"gzipped p{}"),
    ("_app/immutable/chunks/a1b2.mjs", b"chunk"),
    ("with space & \u{fc}.txt", b"named"),
    ("100%.txt", b"all"),
    ("%2e%2e", b"a strange name"),
    (".env", SECRET),
    (".well-known/security.txt", b"Contact: us"),
    (".well-known/.hidden", SECRET),
    ("deep/.git/config", SECRET),
    ("deep/.well-known/x", SECRET),
    ("data.unheardof", b"?"),
];

/// A static directory with a secret beside it.
struct Fixture {
    directory: TempDir,
    files: StaticFiles,
    runtime: Runtime,
}

fn large() -> Vec<u8> {
    (0..3 * SMALL_FILE_BYTES + 17).map(|n| (n * 31 % 251) as u8).collect()
}

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("static");
    fs::create_dir(&root).unwrap();
    fs::write(directory.path().join("secret.txt"), SECRET).unwrap();
    fs::create_dir(directory.path().join("static-beside")).unwrap();
    fs::write(directory.path().join("static-beside/secret.txt"), SECRET).unwrap();
    for (name, content) in FILES {
        write(&root.join(name), content);
    }
    write(&root.join("large.bin"), &large());
    symlink("hello.txt", root.join("inner-link.txt")).unwrap();
    symlink(".env", root.join("hidden-link.txt")).unwrap();
    symlink("../secret.txt", root.join("outer-link.txt")).unwrap();
    symlink("../static-beside/secret.txt", root.join("beside-link.txt")).unwrap();
    symlink("..", root.join("parent")).unwrap();
    symlink("docs", root.join("docs-link")).unwrap();
    let files = StaticFiles::open(options(&root), ContentCache::new(1 << 20)).unwrap();
    Fixture { directory, files, runtime: Runtime::new().unwrap() }
}

fn options(root: &Path) -> StaticOptions {
    let prerendered = [("/about", "about.html"), ("/team/", "team/index.html"), ("both", "about.html")];
    StaticOptions {
        root: root.to_owned(),
        prerendered: prerendered.map(|(page, file)| (page.to_owned(), file.to_owned())).into(),
        immutable: vec![UrlPattern("/_app/immutable/*".to_owned())],
        fallback: Some("200.html".to_owned()),
    }
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    // Sun, 09 Sep 2001 01:46:40 GMT, and a fraction that HTTP cannot tell.
    let changed = UNIX_EPOCH + Duration::from_millis(1_000_000_000_500);
    File::options().write(true).open(path).unwrap().set_modified(changed).unwrap();
}

fn tag(content: &[u8]) -> String {
    format!("\"{}\"", &blake3::hash(content).to_hex()[..32])
}

fn tag_as(content: &[u8], suffix: &str) -> String {
    format!("\"{}-{suffix}\"", &blake3::hash(content).to_hex()[..32])
}

/// A request and its expected reply; `None` as the reply of a path that is left to the app.
struct Case {
    method: Method,
    target: String,
    headers: HeaderMap,
    reply: Option<Reply>,
}

#[derive(Default)]
struct Reply {
    status: StatusCode,
    has: Vec<(&'static str, String)>,
    lacks: Vec<&'static str>,
    body: Option<Vec<u8>>,
}

fn ask(method: Method, target: &str) -> Case {
    Case { method, target: target.to_owned(), headers: HeaderMap::new(), reply: None }
}

fn get(target: &str) -> Case {
    ask(Method::GET, target)
}

impl Case {
    fn send(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::try_from(value.as_ref()).unwrap());
        self
    }

    fn gives(mut self, status: u16) -> Self {
        self.reply = Some(Reply { status: StatusCode::from_u16(status).unwrap(), ..Reply::default() });
        self
    }

    fn has(mut self, name: &'static str, value: impl ToString) -> Self {
        self.reply.as_mut().unwrap().has.push((name, value.to_string()));
        self
    }

    fn lacks(mut self, name: &'static str) -> Self {
        self.reply.as_mut().unwrap().lacks.push(name);
        self
    }

    fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.reply.as_mut().unwrap().body = Some(body.as_ref().to_owned());
        self
    }
}

impl Fixture {
    fn respond(&self, case: &Case) -> Lookup {
        self.runtime.block_on(self.files.respond(&case.method, &case.target, &case.headers))
    }

    /// Every case twice: from disk and then, where that applies, from memory.
    fn check(&self, cases: impl IntoIterator<Item = Case>) {
        for case in cases {
            for pass in ["first", "second"] {
                self.check_one(&case, &format!("{} {} {:?}, {pass} time", case.method, case.target, case.headers));
            }
        }
    }

    fn check_one(&self, case: &Case, name: &str) {
        let (reply, expected) = match (self.respond(case), &case.reply) {
            (Lookup::NotFound, None) => return,
            (Lookup::Refused(reply), Some(expected)) if expected.status.as_u16() == 400 => (reply, expected),
            (Lookup::Found(reply), Some(expected)) if expected.status.as_u16() != 400 => (reply, expected),
            (answer, _) => panic!("{name}: {answer:?}"),
        };
        assert_eq!(reply.status, expected.status, "{name}");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff", "{name}");
        for (header, value) in &expected.has {
            assert_eq!(reply.headers.get(*header).map(|value| value.to_str().unwrap()), Some(value.as_str()), "{name}");
        }
        for header in &expected.lacks {
            assert_eq!(reply.headers.get(*header), None, "{name}: {header}");
        }
        if let Some(body) = &expected.body {
            assert!(read(&reply.body) == *body, "{name}: {:?}", reply.body);
            if case.method == Method::GET && reply.status.is_success() {
                assert_eq!(reply.headers["content-length"], body.len().to_string(), "{name}");
            }
        }
    }
}

fn read(body: &StaticBody) -> Vec<u8> {
    match body {
        StaticBody::Empty => Vec::new(),
        StaticBody::Bytes(bytes) => bytes.to_vec(),
        StaticBody::File { file, offset, length } => {
            let mut bytes = vec![0; *length as usize];
            file.read_exact_at(&mut bytes, *offset).unwrap();
            bytes
        }
    }
}
