//! Rows of numbers in blocks: growing moves at most one block, and a copy shares the blocks until one is written to.

use std::sync::Arc;

/// How large a block is, about: 16 MiB.
const BLOCK_BYTES: usize = 16 << 20;

/// Rows of the same width.
#[derive(Clone)]
pub(super) struct Blocks<T> {
    width: usize,
    /// Rows in a block. A power of two, so that finding a row takes a shift and a mask.
    rows: usize,
    count: usize,
    blocks: Vec<Arc<Vec<T>>>,
}

impl<T: Copy> Blocks<T> {
    pub(super) fn new(width: usize) -> Self {
        let rows = 1 << (BLOCK_BYTES / (width * size_of::<T>())).ilog2();
        Self { width, rows, count: 0, blocks: Vec::new() }
    }

    pub(super) fn row(&self, row: usize) -> &[T] {
        let start = (row & (self.rows - 1)) * self.width;
        &self.blocks[row >> self.rows.trailing_zeros()][start..start + self.width]
    }

    /// Adds a row. It has the right width.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = T>) {
        if self.count.is_multiple_of(self.rows) {
            self.blocks.push(Arc::default());
        }
        self.count += 1;
        let (first, full) = (self.blocks.len() == 1, self.rows * self.width);
        let Some(last) = self.blocks.last_mut() else { return };
        match Arc::get_mut(last) {
            Some(block) if block.len() < block.capacity() => block.extend(row),
            _ => {
                // A small index gets no more than four times what it needs, and a large one whole blocks.
                let capacity = if first { (4 * last.len()).clamp(self.width, full) } else { full };
                let mut block = with_capacity(capacity);
                block.extend_from_slice(last);
                block.extend(row);
                *last = Arc::new(block);
            }
        }
    }

    /// Overwrites a row with one that comes later.
    pub(super) fn move_row(&mut self, from: usize, to: usize) {
        let row = self.row(from).to_vec();
        let start = (to & (self.rows - 1)) * self.width;
        let block = Arc::make_mut(&mut self.blocks[to >> self.rows.trailing_zeros()]);
        block[start..start + self.width].copy_from_slice(&row);
    }

    /// Keeps the first rows.
    pub(super) fn truncate(&mut self, count: usize) {
        self.blocks.truncate(count.div_ceil(self.rows));
        let first = self.blocks.len() == 1;
        if !count.is_multiple_of(self.rows)
            && let Some(last) = self.blocks.last_mut()
        {
            let length = (count & (self.rows - 1)) * self.width;
            if first && last.capacity() > 4 * length {
                let mut block = with_capacity(length);
                block.extend_from_slice(&last[..length]);
                *last = Arc::new(block);
            } else {
                Arc::make_mut(last).truncate(length);
            }
        }
        self.count = count;
    }

    /// The memory of the rows.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.capacity() * size_of::<T>()).sum()
    }
}

/// Memory for a block, in huge pages where the system has them: scanning takes a third less time, for with pages of
/// 4 KiB much of it is spent on finding them.
fn with_capacity<T>(capacity: usize) -> Vec<T> {
    let block = Vec::<T>::with_capacity(capacity);
    #[cfg(target_os = "linux")]
    {
        const HUGE_PAGE: usize = 2 << 20;
        let start = block.as_ptr().addr();
        let aligned = start.next_multiple_of(HUGE_PAGE);
        let length = (start + capacity * size_of::<T>()).saturating_sub(aligned) / HUGE_PAGE * HUGE_PAGE;
        if length > 0 {
            // SAFETY: the range lies within the memory of the block. This is advice, which changes nothing in it; where
            // it is not taken, the pages are small.
            unsafe {
                libc::madvise(block.as_ptr().byte_add(aligned - start).cast_mut().cast(), length, libc::MADV_HUGEPAGE)
            };
        }
    }
    block
}
