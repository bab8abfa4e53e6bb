//! A source of blocks that are searched for records.

use crate::read::{BlockSource, BlockTask};
use backscroll_shared::scan::{BlockMatcher, BlockMatches, Looking, Span};

/// A source whose blocks may come with their matching lines.
pub trait LogSource: BlockSource<Finding: Into<BlockMatches>> {}

impl<S: BlockSource<Finding: Into<BlockMatches>>> LogSource for S {}

/// What threads that help a search do with its blocks.
impl BlockTask for BlockMatcher {
    type Finding = BlockMatches;
    type Looking = Looking;

    fn look_at(&self, span: Span, block: &[u8], looking: &mut Looking) -> Option<BlockMatches> {
        BlockMatcher::look_at(self, span.offset, block, looking)
    }
}
