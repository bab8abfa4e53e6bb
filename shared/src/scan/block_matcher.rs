//! Matching a block apart from the search that it belongs to, as on another thread. The lines that
//! lie in a block whole depend on nothing else.

use super::window::Window;
use crate::filter::LineFilter;
use memchr::{memchr, memrchr};
use std::convert::Infallible;
use std::sync::Arc;

/// Finds the matching lines of blocks, for one search.
#[derive(Debug, Clone)]
pub struct BlockMatcher {
    filter: Arc<LineFilter>,
    window: Window,
    nul_run: usize,
}

/// The matching lines among those that lie in one block whole.
#[derive(Debug, Default)]
pub struct BlockMatches(pub(super) Vec<(u32, u32)>);

/// Where blocks are read without help, nobody makes any.
impl From<Infallible> for BlockMatches {
    fn from(never: Infallible) -> BlockMatches {
        match never {}
    }
}

impl BlockMatcher {
    pub(super) fn new(filter: &Arc<LineFilter>, window: Window, nul_run: usize) -> BlockMatcher {
        BlockMatcher { filter: Arc::clone(filter), window, nul_run }
    }

    /// Matches a block that begins at `offset`, and is not the newest of the window.
    pub fn matches(&self, offset: u64, block: &[u8]) -> BlockMatches {
        let mut matches = BlockMatches::default();
        if let Some(feed) = memrchr(b'\n', block)
            && let Some(start) = first_whole_line(offset == self.window.start, block, feed)
        {
            self.filter.matching_lines(start, &block[..feed], self.nul_run, &mut matches.0);
        }
        matches
    }
}

/// Where the first line begins that lies in the block whole, of those whose content ends at
/// `end` or before. None where there is no such line. A line begins with the oldest block.
pub(super) fn first_whole_line(is_oldest: bool, block: &[u8], end: usize) -> Option<usize> {
    if is_oldest { Some(0) } else { memchr(b'\n', &block[..end]).map(|feed| feed + 1) }
}
