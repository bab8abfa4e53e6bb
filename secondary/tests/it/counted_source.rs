//! A source that counts its blocks, for tests in which something happens between two reads.

use backscroll_secondary::read::{BlockSource, InodeState, ReadFailure, SourceBlock};
use backscroll_shared::scan::{Span, Window};
use std::cell::Cell;
use std::io;
use std::rc::Rc;

/// Counts the blocks that it hands out.
pub(crate) struct CountedSource<S> {
    inner: S,
    blocks: Rc<Cell<usize>>,
}

impl<S> CountedSource<S> {
    /// The blocks of `inner`, and how many of them have been handed out.
    pub(crate) fn new(inner: S) -> (CountedSource<S>, Rc<Cell<usize>>) {
        let blocks = Rc::default();
        (CountedSource { inner, blocks: Rc::clone(&blocks) }, blocks)
    }
}

impl<S: BlockSource> BlockSource for CountedSource<S> {
    type Finding = S::Finding;
    type Beside = S::Beside;

    fn window(&self) -> Window {
        self.inner.window()
    }

    async fn next(&mut self) -> Result<Option<SourceBlock<S::Finding>>, ReadFailure> {
        let next = self.inner.next().await?;
        self.blocks.set(self.blocks.get() + usize::from(next.is_some()));
        Ok(next)
    }

    async fn again(&mut self, span: Span) -> Result<SourceBlock<S::Finding>, ReadFailure> {
        self.inner.again(span).await
    }

    fn skip_hole(&mut self) -> Option<Span> {
        self.inner.skip_hole()
    }

    fn restart(&mut self, window: Window) {
        self.inner.restart(window);
    }

    fn hole_before(&self, end: u64) -> Option<u64> {
        self.inner.hole_before(end)
    }

    fn park(&mut self) {
        self.inner.park();
    }

    fn slow_down(&mut self) {
        self.inner.slow_down();
    }

    fn keep_place(&mut self) {
        self.inner.keep_place();
    }

    fn give_up_pass(&mut self) {
        self.inner.give_up_pass();
    }

    fn beside(&self, window: Option<Window>) -> S::Beside {
        self.inner.beside(window)
    }

    fn inode_state(&self) -> io::Result<InodeState> {
        self.inner.inode_state()
    }

    fn has_room(&self) -> bool {
        self.inner.has_room()
    }

    fn take_torn(&mut self) -> bool {
        self.inner.take_torn()
    }

    fn take_waited(&mut self) -> bool {
        self.inner.take_waited()
    }
}
