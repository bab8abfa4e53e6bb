//! Looking through a block apart from the search that it belongs to: on another thread, say.
//! The lines that lie in a block whole depend on nothing else.

use super::matcher::LineMatcher;
use memchr::{memchr, memrchr};
use std::sync::Arc;

/// Keywords up to which a whole block is looked through in one go, so that it takes no
/// longer than a turn.
pub(super) const EXAMINED_KEYWORDS: usize = 4;

/// Finds the matching lines of blocks.
#[derive(Debug, Clone)]
pub struct Examiner {
    pub(super) matcher: Arc<LineMatcher>,
}

/// The matching lines among those that lie in one block whole.
#[derive(Debug, Default)]
pub struct Hits(pub(super) Vec<(u32, u32)>);

impl Examiner {
    /// Looks through a block that begins at `offset`, and is not the file's newest.
    pub fn examine(&self, offset: u64, block: &[u8]) -> Hits {
        let mut hits = Hits::default();
        if let Some(feed) = memrchr(b'\n', block)
            && let Some(start) = region_start(offset, block, feed)
        {
            self.matcher.matching_lines(start, &block[..feed], &mut hits.0);
        }
        hits
    }
}

/// Where the first line begins that lies in the block whole, of those whose content ends at
/// `end` or before. None where there is no such line.
pub(super) fn region_start(offset: u64, block: &[u8], end: usize) -> Option<usize> {
    if offset == 0 { Some(0) } else { memchr(b'\n', &block[..end]).map(|feed| feed + 1) }
}

/// Positions in a block fit 32 bits: no block comes near 4 GiB.
pub(super) fn narrow(at: usize) -> u32 {
    u32::try_from(at).expect("a block is far smaller than 4 GiB")
}
