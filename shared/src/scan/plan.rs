//! Which bytes come next, from the end to the start.

use super::window::{Span, Window};

/// One step of the ramp: how large and how many the reads are, until so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Bytes a read.
    pub block_len: usize,
    /// Reads under way at once, where the disk has to be waited for.
    pub depth: usize,
    /// The stage ends when so many bytes of the file have been planned.
    pub until: u64,
}

/// A tail request reads one small block; a deep scan reads large ones and fills the disk's
/// queue. Measured: 64 KiB of a cached file cost a tail request as much as all the rest of
/// it; blocks of 512 KiB are matched a tenth faster than those of 256 KiB and still fit a
/// core's own cache; a cold file comes at 0.8 GB/s with 1 MiB under way and at 0.9 to 1.3
/// with 4.
pub const RAMP: &[Stage] = &[
    Stage { block_len: 16 << 10, depth: 1, until: 16 << 10 },
    Stage { block_len: 64 << 10, depth: 1, until: 80 << 10 },
    Stage { block_len: 128 << 10, depth: 2, until: 1 << 20 },
    Stage { block_len: 512 << 10, depth: 8, until: u64::MAX },
];

/// Walks a window of a file from its end to its start, in blocks that begin where the page
/// cache's pages do: a read that straddles one page more copies slower and fetches more.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    ramp: &'static [Stage],
    align: u64,
    window: Window,
    /// Bytes of the window below this offset are still to be planned.
    next_end: u64,
    /// Bytes of holes, which are not planned.
    skipped: u64,
}

/// Page size that reads are aligned to. Larger pages are multiples of it.
const PAGE: u64 = 4096;

impl ReadPlan {
    /// Plans a window of a file by [`RAMP`].
    pub fn new(window: Window) -> ReadPlan {
        ReadPlan::with_ramp(window, RAMP, PAGE)
    }

    /// Plans nothing: what is read is named block by block.
    pub fn empty() -> ReadPlan {
        ReadPlan::new(Window::whole(0))
    }

    /// Plans by another ramp. `align` divides each of its block lengths.
    pub fn with_ramp(window: Window, ramp: &'static [Stage], align: u64) -> ReadPlan {
        ReadPlan { ramp, align, window, next_end: window.end, skipped: 0 }
    }

    /// What is planned.
    pub fn window(&self) -> Window {
        self.window
    }

    fn stage(&self) -> &Stage {
        let planned = self.planned();
        let last = &self.ramp[self.ramp.len() - 1];
        self.ramp.iter().find(|stage| planned < stage.until).unwrap_or(last)
    }

    /// Reads that may be under way at once, now.
    pub fn depth(&self) -> usize {
        self.stage().depth
    }

    /// Whether the window's start has been planned.
    pub fn is_over(&self) -> bool {
        self.next_end <= self.window.start
    }

    /// Offset of the first byte after what is still to be planned.
    pub fn next_end(&self) -> u64 {
        self.next_end
    }

    /// Bytes planned so far.
    pub fn planned(&self) -> u64 {
        self.window.end - self.next_end - self.skipped
    }

    /// Plans the next block to read; nothing once the window's start has been planned.
    pub fn next_span(&mut self) -> Option<Span> {
        let span = self.peek()?;
        self.advance(span);
        Some(span)
    }

    /// The next block to read, which is then planned by [`ReadPlan::advance`].
    pub fn peek(&self) -> Option<Span> {
        if self.is_over() {
            return None;
        }
        let block_len = self.stage().block_len;
        let offset = self.next_end.saturating_sub(block_len as u64).next_multiple_of(self.align);
        let offset = offset.max(self.window.start);
        // An offset rounded up to the end would leave nothing: only where the block is
        // shorter than the alignment, which `with_ramp` rules out.
        debug_assert!(offset < self.next_end);
        let len = usize::try_from(self.next_end - offset).expect("no longer than a block");
        Some(Span { offset, len })
    }

    /// Plans what [`ReadPlan::peek`] has said.
    pub fn advance(&mut self, span: Span) {
        debug_assert_eq!(span.end(), self.next_end);
        self.next_end = span.offset;
    }

    /// Plans nothing of the hole that ends where the plan is now and begins at `offset`: its
    /// bytes do not count as planned.
    pub fn skip_to(&mut self, offset: u64) {
        debug_assert!((self.window.start..=self.next_end).contains(&offset));
        self.skipped += self.next_end - offset;
        self.next_end = offset;
    }

    /// Plans again from `span` on, which was planned before and has not been consumed.
    pub fn rewind_to(&mut self, span: Span) {
        debug_assert!(span.end() >= self.next_end);
        self.next_end = span.end();
    }
}
