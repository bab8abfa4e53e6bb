//! Matches a block apart from its search, for example on another thread. This works for lines that
//! lie completely in one block, because their match depends on nothing else.

use super::limits::Limits;
use super::window::Window;
use crate::filter::{LineFilter, Progress};
use memchr::{memchr, memrchr};
use std::convert::Infallible;
use std::sync::Arc;

/// Finds the matching lines of blocks, for one search.
#[derive(Debug, Clone)]
pub struct BlockMatcher {
    filter: Arc<LineFilter>,
    window: Window,
    limits: Limits,
}

/// How far the look at one block has come.
#[derive(Debug, Default)]
pub struct Looking(Option<Progress>);

/// The matching lines among those that lie completely in one block.
#[derive(Debug, Default)]
pub struct BlockMatches(pub(super) Vec<(u32, u32)>);

/// If blocks are read without help, no other thread makes any matches.
impl From<Infallible> for BlockMatches {
    fn from(never: Infallible) -> BlockMatches {
        match never {}
    }
}

impl BlockMatcher {
    pub(super) fn new(filter: &Arc<LineFilter>, window: Window, limits: Limits) -> BlockMatcher {
        BlockMatcher { filter: Arc::clone(filter), window, limits }
    }

    /// Matches a block that begins at `offset`. It must not be the newest block of the window.
    /// None if other tasks should run first: the next call with the same `looking` goes on.
    pub fn look_at(&self, offset: u64, block: &[u8], looking: &mut Looking) -> Option<BlockMatches> {
        let mut matches = BlockMatches::default();
        if let Some(feed) = memrchr(b'\n', block)
            && let Some(start) = first_whole_line(offset == self.window.start, block, feed)
        {
            let progress = looking.0.get_or_insert_with(|| self.filter.borrow_memory());
            let limits = (self.limits.nul_run, self.limits.line);
            if !self.filter.matching_lines(progress, start, &block[..feed], limits, &mut matches.0) {
                return None;
            }
        }
        if let Some(progress) = looking.0.take() {
            self.filter.return_memory(progress);
        }
        Some(matches)
    }

    /// The same in one go.
    pub fn matches(&self, offset: u64, block: &[u8]) -> BlockMatches {
        let mut looking = Looking::default();
        loop {
            if let Some(matches) = self.look_at(offset, block, &mut looking) {
                return matches;
            }
        }
    }
}

/// Where the first line begins that lies completely in the block and whose content ends at `end` or
/// before. `None` if there is no such line. In the oldest block, a line begins at the block's
/// start.
pub(super) fn first_whole_line(is_oldest: bool, block: &[u8], end: usize) -> Option<usize> {
    if is_oldest { Some(0) } else { memchr(b'\n', &block[..end]).map(|feed| feed + 1) }
}
