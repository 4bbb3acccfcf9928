//! The tables of docs/web-platform.md that the tests answer for.

use std::fs;
use std::path::{Path, PathBuf};

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/web-platform.md")
}

/// The whole page.
pub fn text() -> String {
    fs::read_to_string(path()).unwrap()
}

/// Whether the tests are to write down what they find, instead of comparing it with what is written.
#[allow(clippy::disallowed_methods, reason = "it is said in the environment of the test run")]
pub fn rewrites() -> bool {
    std::env::var_os("ORILLA_ACCEPT").is_some_and(|value| value == "1")
}

/// Asserts that the page has `table` between the marks `<!-- name -->` and `<!-- /name -->`, or puts it there.
#[track_caller]
pub fn has_table(name: &str, table: &str) {
    let page = text();
    let (begin, end) = (format!("<!-- {name} -->\n\n"), format!("\n<!-- /{name} -->"));
    let start = page.find(&begin).unwrap_or_else(|| panic!("docs/web-platform.md has no {begin:?}")) + begin.len();
    let length = page[start..].find(&end).unwrap();
    if rewrites() {
        fs::write(path(), [&page[..start], table, &page[start + length..]].concat()).unwrap();
    } else {
        assert_eq!(&page[start..start + length], table, "the table {name} in docs/web-platform.md");
    }
}
