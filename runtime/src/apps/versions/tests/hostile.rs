//! Bundles and archives made to do harm, or broken on the way.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use proptest::prelude::*;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::{app, build, open, tree};
use crate::apps::versions::bundle::{Bundle, MAX_BUNDLE_BYTES, MAX_BUNDLE_ENTRIES, is_left_out};

/// An archive of entries whose names go into the header as they are, however bad.
fn raw_archive(entries: &[(&[u8], EntryType, &[u8])]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        let length = name.len().min(100);
        header.as_old_mut().name[..length].copy_from_slice(&name[..length]);
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

fn regular(name: &str) -> Vec<u8> {
    raw_archive(&[(name.as_bytes(), EntryType::Regular, b"x")])
}

#[test]
fn a_build_that_leads_out_of_its_directory_is_not_packed() {
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("secret"), "x").unwrap();
    let file = outside.path().join("secret");
    for (target, message) in [
        (file.as_path(), "leads out"),
        (outside.path(), "leads out"),
        (Path::new("gone"), "leads nowhere"),
        (Path::new("."), "lies in itself"),
        (Path::new("/dev/null"), "leads out"),
    ] {
        let directory = build("one");
        std::os::unix::fs::symlink(target, directory.path().join("link")).unwrap();
        let error = Bundle::of(directory.path()).err().unwrap();
        assert_eq!(error.code(), "BUNDLE_INVALID");
        assert!(error.to_string().contains(message), "{error}");
    }
}

/// What is in a data directory where nothing was received.
const NOTHING: [&str; 2] = ["apps", "apps/versions.lock"];

#[test]
fn hostile_archives_are_refused_and_leave_nothing() {
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let truncated = |bytes: Vec<u8>| bytes[..bytes.len() - 1024].to_vec();
    let mut flipped = regular("a");
    flipped[0] ^= 1;
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("absolute", regular("/etc/passwd"), "absolute"),
        ("parent", regular("../x"), "`..`"),
        ("parent inside", regular("a/../../x"), "`..`"),
        ("control character", regular("a\x1b[2J"), "control"),
        ("not UTF-8", raw_archive(&[(b"\xff", EntryType::Regular, b"x")]), "UTF-8"),
        ("symbolic link", raw_archive(&[(b"a", EntryType::Symlink, b"")]), "link or a device"),
        ("hard link", raw_archive(&[(b"a", EntryType::Link, b"")]), "link or a device"),
        ("device", raw_archive(&[(b"a", EntryType::Char, b"")]), "link or a device"),
        ("pipe", raw_archive(&[(b"a", EntryType::Fifo, b"")]), "link or a device"),
        ("twice", raw_archive(&[(b"a", EntryType::Regular, b"1"), (b"./a", EntryType::Regular, b"2")]), "in it twice"),
        (
            "file and directory",
            raw_archive(&[(b"a", EntryType::Regular, b"1"), (b"a/b", EntryType::Regular, b"2")]),
            "as a directory",
        ),
        (
            "long name without end",
            raw_archive(&[(b"././@LongLink", EntryType::GNULongName, &[b'a'; 1 << 20])]),
            "longer than 64 KiB",
        ),
        ("ends after an entry", truncated(regular("a")), "ends too early"),
        ("ends within an entry", regular("a")[..600].to_vec(), "cannot be read"),
        ("damaged header", flipped, "checksum"),
        ("no archive", vec![b'x'; 4096], "cannot be read"),
        ("empty", raw_archive(&[]), "no files"),
        ("nothing at all", Vec::new(), "too early"),
        (
            "deep",
            raw_archive(&[
                (b"././@LongLink", EntryType::GNULongName, "a/".repeat(70).as_bytes()),
                (b"a", EntryType::Regular, b"x"),
            ]),
            "64 parts",
        ),
    ];
    for (name, bytes, message) in cases {
        let error = store.receive(&app(), &*bytes).unwrap_err();
        assert_eq!(error.code(), "BUNDLE_INVALID", "{name}: {error}");
        assert!(error.to_string().contains(message), "{name}: {error}");
        assert_eq!(tree(data.path()), NOTHING, "{name}");
    }
}

#[test]
fn an_archive_beyond_the_limits_is_refused_before_it_is_read() {
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let mut header = Header::new_gnu();
    header.set_path("large").unwrap();
    header.set_size(MAX_BUNDLE_BYTES + 1);
    header.set_cksum();
    let error = store.receive(&app(), header.as_bytes().chain(std::io::repeat(0))).unwrap_err();
    assert_eq!(error.code(), "BUNDLE_TOO_LARGE");

    let names: Vec<_> = (0..=MAX_BUNDLE_ENTRIES).map(|index| format!("d/{index}")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_bytes(), EntryType::Directory, &b""[..])).collect();
    let error = store.receive(&app(), &*raw_archive(&entries)).unwrap_err();
    assert_eq!(error.code(), "BUNDLE_TOO_LARGE");
    assert_eq!(tree(data.path()), NOTHING);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever an archive's names are, nothing is written beside the version's files, and what is taken verifies.
    #[test]
    fn no_name_leads_out(names in prop::collection::vec("(\\.\\./|/|\\./|a|b|\\.|\\.\\.|\\\\|é|\u{1}|node_modules/|.){1,8}", 1..5)) {
        let data = TempDir::new().unwrap();
        let parent = data.path().join("data");
        fs::create_dir(&parent).unwrap();
        let store = open(&parent);
        let entries: Vec<_> =
            names.iter().map(|name| (name.as_bytes(), EntryType::Regular, name.as_bytes())).collect();
        match store.receive(&app(), &*raw_archive(&entries)) {
            Ok(received) => {
                let version = store.verify(&app(), &received.version.version).unwrap();
                let mut on_disk = BTreeMap::new();
                for file in &version.files {
                    prop_assert!(!is_left_out(&file.path));
                    on_disk.insert(&file.path, file.bytes);
                }
                let root = store.directory(&app(), &version.version);
                let files: Vec<_> =
                    tree(&root).into_iter().filter(|path| root.join(path).is_file()).collect();
                prop_assert!(files.iter().eq(on_disk.keys().copied()));
            }
            Err(error) => {
                prop_assert_eq!(error.code(), "BUNDLE_INVALID");
                prop_assert_eq!(tree(&parent), NOTHING);
            }
        }
        prop_assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
    }

    /// Bytes that are no archive end in an error, not in a panic or an endless loop.
    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..3000)) {
        let data = TempDir::new().unwrap();
        prop_assert_eq!(open(data.path()).receive(&app(), &*noise).unwrap_err().code(), "BUNDLE_INVALID");
    }
}
