//! Rows of numbers in blocks: growing moves none of them, and a copy shares the blocks until one is written to.

use std::sync::Arc;

/// Rows in a block. A power of two, so that finding a row takes a shift and a mask.
const ROWS: usize = 1024;

/// Rows of the same width.
#[derive(Clone)]
pub(super) struct Blocks<T> {
    width: usize,
    count: usize,
    blocks: Vec<Arc<Vec<T>>>,
}

impl<T: Copy> Blocks<T> {
    pub(super) fn new(width: usize) -> Self {
        Self { width, count: 0, blocks: Vec::new() }
    }

    pub(super) fn row(&self, row: usize) -> &[T] {
        let start = row % ROWS * self.width;
        &self.blocks[row / ROWS][start..start + self.width]
    }

    /// Adds a row of the right width.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = T>) {
        if self.count.is_multiple_of(ROWS) {
            self.blocks.push(Arc::default());
        }
        if let Some(last) = self.blocks.last_mut() {
            Arc::make_mut(last).extend(row);
            self.count += 1;
            debug_assert_eq!(last.len(), ((self.count - 1) % ROWS + 1) * self.width);
        }
    }

    /// Overwrites a row with one that comes later.
    pub(super) fn move_row(&mut self, from: usize, to: usize) {
        let row = self.row(from).to_vec();
        let start = to % ROWS * self.width;
        Arc::make_mut(&mut self.blocks[to / ROWS])[start..start + self.width].copy_from_slice(&row);
    }

    /// Keeps the first rows.
    pub(super) fn truncate(&mut self, count: usize) {
        self.blocks.truncate(count.div_ceil(ROWS));
        if !count.is_multiple_of(ROWS)
            && let Some(last) = self.blocks.last_mut()
        {
            Arc::make_mut(last).truncate(count % ROWS * self.width);
        }
        self.count = count;
    }

    /// The memory of the rows.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.capacity() * size_of::<T>()).sum()
    }
}
