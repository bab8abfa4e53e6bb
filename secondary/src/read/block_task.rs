//! What a thread does with the blocks that it reads for another one.

use backscroll_shared::scan::Span;
use std::convert::Infallible;

/// A look at blocks that depends on nothing but the block. Reading knows no more of a search than
/// this.
pub trait BlockTask: Clone + Send + 'static {
    /// What is found in a block.
    type Finding: Send + 'static;

    /// Looks at a block that lies at `span` in the file.
    fn look_at(&self, span: Span, block: &[u8]) -> Self::Finding;
}

/// The task of a file that is read without help: there is none.
impl BlockTask for Infallible {
    type Finding = Infallible;

    fn look_at(&self, _: Span, _: &[u8]) -> Infallible {
        match *self {}
    }
}
