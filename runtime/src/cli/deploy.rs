//! `runtime deploy`

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use http::Method;
use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::Failure;
use super::admin::{self, Admin, AdminArgs, Content};
use super::platform::output;
use crate::apps::manifest::LoadedManifest;
use crate::apps::versions::AppName;
use crate::apps::versions::bundle::Bundle;
use crate::apps::versions::error::VersionError;

/// Bytes handed to the connection at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Chunks that wait for the connection; while there are that many, the disk waits.
const QUEUED_CHUNKS: usize = 16;

#[derive(Args)]
pub struct DeployArgs {
    /// The build's directory or its manifest.json.
    #[arg(value_name = "DIR|MANIFEST", default_value = ".")]
    path: PathBuf,
    /// The app [default: the name in the manifest].
    #[arg(long, value_name = "NAME", value_parser = admin::app_name)]
    app: Option<AppName>,
    /// Only upload and check: the version gets a preview URL and no traffic.
    #[arg(long)]
    no_activate: bool,
    /// How much of the app's traffic the version gets; the others keep the rest.
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 100,
        value_parser = clap::value_parser!(u8).range(1..=100),
        conflicts_with = "no_activate"
    )]
    traffic: u8,
    /// Print the host's answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn run(args: &DeployArgs) -> Result<(), Failure> {
    let admin = args.admin.admin()?;
    let manifest = super::load(&args.path)?;
    let bundle = Bundle::of(&manifest.directory).map_err(|error| unusable(&error))?;
    has_what_is_named(&bundle, &manifest)?;
    let app = args.app.as_ref().map_or(manifest.manifest.name.as_str(), AppName::as_str);
    let path = match args.no_activate {
        true => format!("/_orilla/apps/{app}/versions?activate=false"),
        false => format!("/_orilla/apps/{app}/versions?percent={}", args.traffic),
    };
    let answer = admin::block_on(upload(&admin, &path, bundle))?;
    if args.json { admin::print_json(&answer) } else { print(&answer) }
}

/// What the manifest names must not be among what is left out of a bundle: the host would only say that it is missing.
fn has_what_is_named(bundle: &Bundle, LoadedManifest { manifest, path, .. }: &LoadedManifest) -> Result<(), Failure> {
    for named in [Some(&manifest.entrypoint), manifest.static_directory.as_ref()].into_iter().flatten() {
        if !bundle.contains(named) {
            return Err(Failure::Input(format!(
                "{}: error[BUNDLE_INVALID]: `{named}` is missing, or hidden or in node_modules, which is not uploaded\n  \
                 hint: build the app; let it build into a directory without a dot in front",
                path.display()
            )));
        }
    }
    Ok(())
}

fn unusable(error: &VersionError) -> Failure {
    Failure::Input(format!("error[{}]: {error}", error.code()))
}

/// Packs the bundle on a thread of its own while it is sent.
async fn upload(admin: &Admin, path: &str, bundle: Bundle) -> Result<Json, Failure> {
    let (sender, chunks) = mpsc::channel(QUEUED_CHUNKS);
    let packing = tokio::task::spawn_blocking(move || pack(&bundle, sender));
    let answer = admin.call(Method::POST, path, Content::Archive(chunks)).await;
    match (answer, packing.await) {
        // The request broke off because of it.
        (Err(_), Ok(Err(error))) => Err(unusable(&error)),
        (answer, _) => answer,
    }
}

/// Fails only by what it reads: if the connection is gone, the answer says why.
fn pack(bundle: &Bundle, chunks: mpsc::Sender<io::Result<Bytes>>) -> Result<(), VersionError> {
    let progress = Progress { total: bundle.bytes, sent: 0, shown: io::stderr().is_terminal() };
    let mut writer = BufWriter::with_capacity(CHUNK_BYTES, ChunkWriter { chunks: chunks.clone(), progress });
    match bundle.write(&mut writer) {
        Err(error) if !chunks.is_closed() => {
            // Without it the archive would only seem to end. If nobody takes it, the request has broken off already.
            let _ = chunks.blocking_send(Err(io::Error::other(error.to_string())));
            Err(error)
        }
        // What is left in the buffer goes with the writer.
        _ => Ok(()),
    }
}

struct ChunkWriter {
    chunks: mpsc::Sender<io::Result<Bytes>>,
    progress: Progress,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunks.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(|_| io::ErrorKind::BrokenPipe)?;
        self.progress.advance(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line on the terminal that is removed in the end.
struct Progress {
    total: u64,
    sent: u64,
    shown: bool,
}

#[allow(clippy::print_stderr, reason = "it is for the terminal")]
impl Progress {
    fn advance(&mut self, bytes: u64) {
        self.sent += bytes;
        if self.shown {
            // The archive is a little longer than its files.
            let sent = admin::size(self.sent.min(self.total));
            eprint!("\r\x1b[Kuploading: {sent} of {}", admin::size(self.total));
        }
    }
}

impl Drop for Progress {
    #[allow(clippy::print_stderr, reason = "it is for the terminal")]
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}

fn print(answer: &Json) -> Result<(), Failure> {
    let text = |key: &str| answer[key].as_str().unwrap_or_default();
    let number = |key: &str| answer[key].as_u64().unwrap_or_default();
    let (app, version) = (text("app"), text("version"));
    let (files, size) = (number("files"), admin::size(number("bytes")));
    let (state, traffic, preview) = (text("state"), traffic(answer), text("preview"));
    output::write(&format!(
        "deployed {app} {version}: {files} files, {size}\n  state    {state}\n  traffic  {traffic}\n  preview  {preview}"
    ))
}

/// The traffic of an answer in one line.
pub fn traffic(answer: &Json) -> String {
    let shares = answer["traffic"].as_array().into_iter().flatten();
    let shares: Vec<_> = shares
        .map(|share| format!("{} {}%", share["version"].as_str().unwrap_or_default(), share["percent"]))
        .collect();
    if shares.is_empty() { "none".to_owned() } else { shares.join(", ") }
}
