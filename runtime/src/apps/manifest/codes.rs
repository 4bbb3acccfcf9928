//! The stable codes of everything that can be wrong with an app's files or the host's configuration. It never holds a
//! message: those say what happened in one case, the code names the case.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $($(#[$doc])* pub const $name: &str = stringify!($name);)*
        /// Every code of this module; each has its line in docs/manifest.md.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

codes! {
    /// No manifest at the path that was given.
    MANIFEST_NOT_FOUND,
    /// The manifest exists and cannot be read, or is not a regular file.
    MANIFEST_UNREADABLE,
    /// The manifest is larger than [`super::MAX_MANIFEST_BYTES`].
    MANIFEST_TOO_LARGE,
    /// The manifest is not JSON, or not UTF-8.
    MANIFEST_SYNTAX,
    /// A key appears twice in one object.
    MANIFEST_DUPLICATE_KEY,
    /// A key that manifest version 1 does not have.
    MANIFEST_UNKNOWN_KEY,
    /// A key that must be there is not.
    MANIFEST_MISSING,
    /// A value of the wrong JSON type.
    MANIFEST_TYPE,
    /// A number, length or count outside its range.
    MANIFEST_RANGE,
    /// A string that has not the form its key needs.
    MANIFEST_VALUE,
    /// A manifest version this runtime does not read.
    MANIFEST_VERSION,
    /// An entry of `database.indexes` or `database.vectorIndexes` that is no index.
    MANIFEST_INDEX,
    /// The app asks for more than the host's `[limits]` allow.
    LIMIT_ABOVE_CAP,
    /// The entrypoint does not exist.
    ENTRYPOINT_MISSING,
    /// The entrypoint exists and cannot be read, or is not a regular file.
    ENTRYPOINT_UNREADABLE,
    /// The entrypoint is larger than [`crate::apps::check::MAX_ENTRYPOINT_BYTES`].
    ENTRYPOINT_TOO_LARGE,
    /// The entrypoint is not UTF-8.
    ENTRYPOINT_NOT_UTF8,
    /// The entrypoint is not a JavaScript module that compiles.
    ENTRYPOINT_SYNTAX,
    /// The entrypoint's default export has no `fetch` function.
    ENTRYPOINT_NO_FETCH,
    /// The entrypoint threw, or did not come to an end, while it was evaluated.
    ENTRYPOINT_THREW,
    /// The static directory does not exist or is not a directory.
    STATIC_MISSING,
    /// A part of the static directory cannot be read.
    STATIC_UNREADABLE,
    /// The entrypoint or the manifest lies in the static directory and would be public.
    STATIC_EXPOSES_SERVER,
    /// A symbolic link leads out of the static directory.
    STATIC_SYMLINK_ESCAPES,
    /// A symbolic link leads nowhere or into a directory above itself.
    STATIC_SYMLINK_BROKEN,
    /// A name no URL can reach, or an entry that is neither file nor directory.
    STATIC_NOT_SERVABLE,
    /// More files or deeper directories than the host walks.
    STATIC_TOO_LARGE,
    /// A prerendered page's file does not exist.
    PRERENDERED_MISSING,
    /// The fallback page does not exist.
    FALLBACK_MISSING,
    /// An immutable pattern matches no static file.
    IMMUTABLE_UNUSED,
    /// A variable of `env.required` has no value.
    ENV_REQUIRED_MISSING,
    /// The manifest was found inside the directory that was given.
    MANIFEST_USED,
    /// What the output directory weighs.
    OUTPUT_SIZE,
    /// Whether the entrypoint has a source map.
    SOURCE_MAP,
    /// Whether a snapshot lies beside the entrypoint.
    SNAPSHOT,
    /// No configuration file at the path that was given.
    CONFIG_NOT_FOUND,
    /// The configuration file exists and cannot be read, or is not a regular file.
    CONFIG_UNREADABLE,
    /// The configuration file is larger than [`super::MAX_MANIFEST_BYTES`].
    CONFIG_TOO_LARGE,
    /// The configuration file is not TOML, or not UTF-8.
    CONFIG_SYNTAX,
    /// A key the configuration does not have.
    CONFIG_UNKNOWN_KEY,
    /// An `ORILLA_` variable that sets nothing.
    CONFIG_UNKNOWN_VARIABLE,
    /// A key that needs another one which is not there.
    CONFIG_MISSING,
    /// A value of the wrong type.
    CONFIG_TYPE,
    /// A number outside its range.
    CONFIG_RANGE,
    /// A string that has not the form its key needs.
    CONFIG_VALUE,
    /// No environment file at the path that was given.
    ENV_FILE_NOT_FOUND,
    /// The environment file exists and cannot be read, or is not a regular file.
    ENV_FILE_UNREADABLE,
    /// The environment file is larger than [`super::MAX_MANIFEST_BYTES`].
    ENV_FILE_TOO_LARGE,
    /// A line of the environment file that is not `NAME=value`, or text that is not UTF-8.
    ENV_FILE_SYNTAX,
}

/// The codes one kind of file uses for the problems every declarative file can have.
#[derive(Debug)]
pub struct CodeSet {
    /// The file is not there.
    pub not_found: &'static str,
    /// The file cannot be read.
    pub unreadable: &'static str,
    /// The file is over its size bound.
    pub too_large: &'static str,
    /// The text does not parse.
    pub syntax: &'static str,
    /// A key twice in one object.
    pub duplicate_key: &'static str,
    /// A key that does not exist.
    pub unknown_key: &'static str,
    /// A required key is absent.
    pub missing: &'static str,
    /// A value of the wrong type.
    pub wrong_type: &'static str,
    /// A number, length or count outside its bounds.
    pub range: &'static str,
    /// A string of the wrong form.
    pub value: &'static str,
    /// A value other than the only one allowed.
    pub constant: &'static str,
}

/// The codes of manifest.json.
pub static MANIFEST: CodeSet = CodeSet {
    not_found: MANIFEST_NOT_FOUND,
    unreadable: MANIFEST_UNREADABLE,
    too_large: MANIFEST_TOO_LARGE,
    syntax: MANIFEST_SYNTAX,
    duplicate_key: MANIFEST_DUPLICATE_KEY,
    unknown_key: MANIFEST_UNKNOWN_KEY,
    missing: MANIFEST_MISSING,
    wrong_type: MANIFEST_TYPE,
    range: MANIFEST_RANGE,
    value: MANIFEST_VALUE,
    constant: MANIFEST_VERSION,
};

/// The codes of orilla.toml. A key that appears twice is a syntax error of TOML itself.
pub static CONFIG: CodeSet = CodeSet {
    not_found: CONFIG_NOT_FOUND,
    unreadable: CONFIG_UNREADABLE,
    too_large: CONFIG_TOO_LARGE,
    syntax: CONFIG_SYNTAX,
    duplicate_key: CONFIG_SYNTAX,
    unknown_key: CONFIG_UNKNOWN_KEY,
    missing: CONFIG_MISSING,
    wrong_type: CONFIG_TYPE,
    range: CONFIG_RANGE,
    value: CONFIG_VALUE,
    constant: CONFIG_VALUE,
};

/// The codes of `--env-file`, which has names and values and nothing else.
pub static ENV_FILE: CodeSet = CodeSet {
    not_found: ENV_FILE_NOT_FOUND,
    unreadable: ENV_FILE_UNREADABLE,
    too_large: ENV_FILE_TOO_LARGE,
    syntax: ENV_FILE_SYNTAX,
    duplicate_key: ENV_FILE_SYNTAX,
    unknown_key: ENV_FILE_SYNTAX,
    missing: ENV_FILE_SYNTAX,
    wrong_type: ENV_FILE_SYNTAX,
    range: ENV_FILE_SYNTAX,
    value: ENV_FILE_SYNTAX,
    constant: ENV_FILE_SYNTAX,
};
