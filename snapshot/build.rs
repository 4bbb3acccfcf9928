//! Makes the base snapshot and gathers the extensions' JavaScript, TypeScript stripped, for the snapshots of apps that
//! the finished binary makes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a build script that fails should stop"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use deno_core::{Extension, ExtensionFileSource, ExtensionFileSourceCode};
use swc_core::common::{FileName, GLOBALS, Globals, Mark, SourceMap, sync::Lrc};
use swc_core::ecma::codegen::to_code;
use swc_core::ecma::parser::{Parser, StringInput, Syntax, TsSyntax};
use swc_core::ecma::transforms::typescript::strip;

#[path = "src/make.rs"]
mod make;

fn main() {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/make.rs");

    let table = write_sources(&orilla_bindings::extensions(), &out);
    std::fs::write(out.join("sources.rs"), table).expect("OUT_DIR is writable");

    make::init_v8();
    let snapshot = make::base_snapshot(extensions_with_sources(&out));
    std::fs::write(out.join("build_id"), blake3::hash(&snapshot).to_hex().as_str()).expect("OUT_DIR is writable");
    std::fs::write(out.join("base.snapshot"), snapshot).expect("OUT_DIR is writable");
}

/// Writes each extension file into `out` and returns the Rust table of them all, in the order of their specifiers:
/// deno_core looks them up by binary search.
fn write_sources(extensions: &[Extension], out: &Path) -> String {
    let mut table = String::from("&[\n");
    let mut all: Vec<_> = extensions.iter().flat_map(files).collect();
    all.sort_by_key(|file| file.specifier);
    for file in all {
        let path = source_path(file);
        println!("cargo:rerun-if-changed={path}");
        let source = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let source = if path.ends_with(".ts") { strip_types(path, &source) } else { source };
        let copy = out.join(file_name(file.specifier));
        std::fs::write(&copy, to_ascii(&source)).expect("OUT_DIR is writable");
        writeln!(table, "    ({:?}, include_str!({:?})),", file.specifier, copy).expect("a String takes all");
    }
    table.push(']');
    table
}

fn extensions_with_sources(out: &Path) -> Vec<Extension> {
    make::with_sources(orilla_bindings::extensions(), |specifier| {
        std::fs::read_to_string(out.join(file_name(specifier))).ok().map(Into::into)
    })
}

fn files(extension: &Extension) -> impl Iterator<Item = &ExtensionFileSource> {
    let lazy = extension.lazy_loaded_esm_files.iter().chain(extension.lazy_loaded_js_files.iter());
    extension.js_files.iter().chain(extension.esm_files.iter()).chain(lazy)
}

#[allow(deprecated, reason = "the enum is how deno_core says where a file is")]
fn source_path(file: &ExtensionFileSource) -> &'static str {
    match file.code {
        ExtensionFileSourceCode::LoadedFromFsDuringSnapshot(path) => path,
        _ => panic!("{} is not a file", file.specifier),
    }
}

fn file_name(specifier: &str) -> String {
    specifier.replace(|character: char| !character.is_ascii_alphanumeric(), "_")
}

/// The same JavaScript in ASCII, as deno_core takes sources that are compiled late. Other characters stand only in
/// comments, strings and regular expressions, where an escape means the same.
fn to_ascii(source: &str) -> String {
    let mut ascii = String::with_capacity(source.len());
    for character in source.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(ascii, "\\u{unit:04x}").expect("a String takes all");
            }
        }
    }
    ascii
}

/// TypeScript less its types. What it leaves needs no other change: V8 understands the rest.
fn strip_types(path: &str, source: &str) -> String {
    let sources: Lrc<SourceMap> = Lrc::default();
    let file = sources.new_source_file(FileName::Custom(path.to_owned()).into(), source.to_owned());
    let syntax = Syntax::Typescript(TsSyntax::default());
    let mut parser = Parser::new(syntax, StringInput::from(&*file), None);
    let program = parser.parse_program().unwrap_or_else(|error| panic!("{path}: {error:?}"));
    GLOBALS.set(&Globals::new(), || {
        let program = program.apply(swc_core::ecma::transforms::base::resolver(Mark::new(), Mark::new(), true));
        to_code(&program.apply(strip(Mark::new(), Mark::new())))
    })
}
