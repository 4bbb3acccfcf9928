//! What can go wrong between a deployment's static directory and a reply.
//! Texts name files on the host, so they are for logs and the command line, never for a visitor.

use std::io;
use std::path::PathBuf;

/// Why a static directory, or one file in it, cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum StaticError {
    /// The directory is missing, is not a directory or may not be read.
    #[error("the static directory {} cannot be read: {source}; check `static` in the manifest", path.display())]
    Directory {
        /// The directory, or the one below it that failed.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The directory holds more files than an index may list.
    #[error("{} holds more than {limit} files and directories; keep large collections in object storage", root.display())]
    TooManyFiles {
        /// The static directory.
        root: PathBuf,
        /// [`super::MAX_FILES`].
        limit: usize,
    },
    /// A page the manifest lists has no file that may be served.
    #[error("{used_by} names the file {file}, which is not in {}; build the app again", root.display())]
    MissingPage {
        /// The manifest's entry: `routes.prerendered["/about"]` or the fallback.
        used_by: String,
        /// The file it names, relative to the static directory.
        file: String,
        /// The static directory.
        root: PathBuf,
    },
    /// A file that was there when the directory was indexed is gone.
    #[error("{} has been removed since the deployment was indexed", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file has been replaced by something that leads out of the static directory.
    #[error("{} no longer leads to a file of this deployment; deploy again", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The process stops while the file system is being read.
    #[error("reading static files was interrupted; the process is stopping")]
    Interrupted,
}

impl StaticError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Directory { .. } => "STATIC_DIRECTORY_UNREADABLE",
            Self::TooManyFiles { .. } => "STATIC_TOO_MANY_FILES",
            Self::MissingPage { .. } => "STATIC_PAGE_MISSING",
            Self::Gone { .. } => "STATIC_FILE_GONE",
            Self::Read { .. } => "STATIC_FILE_UNREADABLE",
            Self::Replaced { .. } => "STATIC_FILE_REPLACED",
            Self::Interrupted => "STATIC_INTERRUPTED",
        }
    }
}
