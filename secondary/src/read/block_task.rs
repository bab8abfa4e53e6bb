//! What a thread does with the blocks that it reads for another thread.

use backscroll_shared::scan::Span;
use std::convert::Infallible;

/// Looks at one block. The outcome depends on nothing but the block. This is all that the reader
/// knows of a search.
pub trait BlockTask: Clone + Send + 'static {
    /// What is found in a block.
    type Finding: Send + 'static;

    /// How far the look at one block has come.
    type Looking: Default;

    /// Looks at a block whose first byte lies at `span.offset` in the file. None if other tasks
    /// should run first: the next call with the same `looking` goes on.
    fn look_at(&self, span: Span, block: &[u8], looking: &mut Self::Looking) -> Option<Self::Finding>;
}

/// The task of a file that is read without help. It is never made.
impl BlockTask for Infallible {
    type Finding = Infallible;
    type Looking = ();

    fn look_at(&self, _: Span, _: &[u8], (): &mut ()) -> Option<Infallible> {
        match *self {}
    }
}
