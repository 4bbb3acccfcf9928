//! Which rows a search may return.

/// A set of row ids, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSet(Vec<i64>);

impl RowSet {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a row is one of them.
    pub fn contains(&self, row: i64) -> bool {
        self.0.binary_search(&row).is_ok()
    }

    /// The rows in ascending order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i64> {
        self.0.iter().copied()
    }
}

impl FromIterator<i64> for RowSet {
    fn from_iter<I: IntoIterator<Item = i64>>(rows: I) -> Self {
        let mut rows: Vec<i64> = rows.into_iter().collect();
        rows.sort_unstable();
        rows.dedup();
        Self(rows)
    }
}

/// Which rows a search may return.
pub enum Allowed<'a> {
    /// All that are in the index.
    All,
    /// Those of a set, which an index or a query has found before.
    Rows(&'a RowSet),
    /// Those that pass a test, which may be costly: a search asks about rows in the order of their distance, each at
    /// most once, and stops when it has enough.
    Test(&'a mut dyn FnMut(i64) -> bool),
}
