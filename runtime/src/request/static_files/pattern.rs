//! The patterns of a manifest's `routes`: literal text in which `*` stands for any run of characters, slashes
//! included. There is no other special character and no partial match.

/// Whether `pattern` matches the whole of `path`.
pub fn matches(pattern: &str, path: &str) -> bool {
    let Some((prefix, rest)) = pattern.split_once('*') else { return pattern == path };
    let Some(mut path) = path.strip_prefix(prefix) else { return false };
    // The last piece is anchored at the end; those before it may take the earliest place that fits.
    let mut pieces = rest.split('*');
    let suffix = pieces.next_back().unwrap_or_default();
    for piece in pieces {
        let Some(position) = path.find(piece) else { return false };
        path = &path[position + piece.len()..];
    }
    path.ends_with(suffix)
}
