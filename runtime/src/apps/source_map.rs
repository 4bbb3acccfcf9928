//! The source map of an app's module: the file beside the entrypoint that the module's last `sourceMappingURL` names.
//! Read once, when somebody first wants it. It never looks further than that directory.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Bytes of a source map; one that is larger is not used.
pub const MAX_SOURCE_MAP_BYTES: u64 = 64 << 20;

/// How a module names its map, at the beginning of a line.
const COMMENT: &str = "//# sourceMappingURL=";

/// The source map of one version of an app, if it has one in a file of its own.
#[derive(Default)]
pub struct SourceMap {
    /// The file's name; there is such a file.
    pub name: Option<String>,
    path: PathBuf,
    content: OnceLock<Option<Arc<[u8]>>>,
}

impl SourceMap {
    /// The map that a module names, and that is there.
    pub fn find(entrypoint: &Path, source: &str) -> Self {
        let Some(name) = file_name(source) else { return Self::default() };
        let path = entrypoint.with_file_name(name);
        let name = path.is_file().then(|| name.to_owned());
        Self { name, path, content: OnceLock::new() }
    }

    /// The map. One that cannot be used is as good as none, which the log says once.
    pub fn content(&self) -> Option<Arc<[u8]>> {
        self.name.as_ref()?;
        let read = || match read(&self.path) {
            Ok(content) => Some(content.into()),
            Err(reason) => {
                let file = self.path.display();
                tracing::warn!(code = "SOURCE_MAP_UNUSABLE", %file, "stack traces show the built module: {reason}");
                None
            }
        };
        self.content.get_or_init(read).clone()
    }
}

/// The name that the module's last such comment gives, if it is a plain one. It is part of a URL, so characters that would
/// have to be escaped there are taken for no name.
fn file_name(source: &str) -> Option<&str> {
    let comment = source.rfind(COMMENT).filter(|at| *at == 0 || source.as_bytes()[at - 1] == b'\n')?;
    let name = source[comment + COMMENT.len()..].lines().next()?.trim();
    let name = name.strip_prefix("./").unwrap_or(name);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (!name.is_empty() && !name.starts_with('.') && name.bytes().all(is_plain)).then_some(name)
}

/// What makes a file a source map that can be used at all.
#[derive(Deserialize)]
#[allow(dead_code, reason = "it only has to be there")]
struct Outline {
    version: u8,
    sources: Vec<IgnoredAny>,
    mappings: String,
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_SOURCE_MAP_BYTES + 1).read_to_end(&mut content).map_err(|error| error.to_string())?;
    if content.len() as u64 > MAX_SOURCE_MAP_BYTES {
        return Err(format!("it is larger than {} MiB", MAX_SOURCE_MAP_BYTES >> 20));
    }
    let outline: Outline = serde_json::from_slice(&content).map_err(|error| error.to_string())?;
    if outline.version != 3 {
        return Err(format!("it has version {} of the format, which is not 3", outline.version));
    }
    let is_mapping = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b',' | b';');
    if !outline.mappings.bytes().all(is_mapping) {
        return Err("its mappings are not in the format's alphabet".to_owned());
    }
    Ok(content)
}
