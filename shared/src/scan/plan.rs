//! Plans which bytes of a file to read next, from the end to the start.

use super::window::{Span, Window};

/// One stage of the ramp: how large its reads are, how many are under way, and when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Bytes of a read.
    pub block_len: usize,
    /// Reads under way at once, if the disk has to be waited for.
    pub depth: usize,
    /// The stage ends when this many bytes of the file have been planned.
    pub until: u64,
}

/// A tail request reads one small block. A deep scan reads large blocks, and keeps the queue of the
/// disk filled. Measured: reading 64 KiB of a cached file takes as long as all the rest of a tail
/// request. Blocks of 512 KiB are matched a tenth faster than blocks of 256 KiB, and still fit a
/// core's own cache. A cold file is read at 0.8 GB/s with 1 MiB under way, and at 0.9 to 1.3 GB/s
/// with 4 MiB.
pub const RAMP: &[Stage] = &[
    Stage { block_len: 16 << 10, depth: 1, until: 16 << 10 },
    Stage { block_len: 64 << 10, depth: 1, until: 80 << 10 },
    Stage { block_len: 128 << 10, depth: 2, until: 1 << 20 },
    Stage { block_len: 512 << 10, depth: 8, until: u64::MAX },
];

/// Goes through a window of a file from its end to its start. Blocks begin at page boundaries: a
/// read that touches one more page is slower to copy, and brings in more than it needs.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    ramp: &'static [Stage],
    align: u64,
    window: Window,
    /// The bytes of the window below this offset have not been planned yet.
    next_end: u64,
    /// Bytes of holes, which are skipped.
    skipped: u64,
}

/// The page size that reads are aligned to. Larger pages are multiples of it.
const PAGE: u64 = 4096;

impl ReadPlan {
    /// A plan for a window of a file, by [`RAMP`].
    pub fn new(window: Window) -> ReadPlan {
        ReadPlan::with_ramp(window, RAMP, PAGE)
    }

    /// A plan for nothing. Its user names each block that it reads.
    pub fn empty() -> ReadPlan {
        ReadPlan::new(Window::whole(0))
    }

    /// A plan by another ramp. `align` must divide each of its block lengths.
    pub fn with_ramp(window: Window, ramp: &'static [Stage], align: u64) -> ReadPlan {
        ReadPlan { ramp, align, window, next_end: window.end, skipped: 0 }
    }

    /// The window that is planned.
    pub fn window(&self) -> Window {
        self.window
    }

    fn stage(&self) -> &Stage {
        let planned = self.planned();
        let last = &self.ramp[self.ramp.len() - 1];
        self.ramp.iter().find(|stage| planned < stage.until).unwrap_or(last)
    }

    /// How many reads may be under way at once now.
    pub fn depth(&self) -> usize {
        self.stage().depth
    }

    /// Whether the plan has reached the start of the window.
    pub fn is_over(&self) -> bool {
        self.next_end <= self.window.start
    }

    /// The end offset of the next block to plan.
    pub fn next_end(&self) -> u64 {
        self.next_end
    }

    /// Bytes planned so far, without holes.
    pub fn planned(&self) -> u64 {
        self.window.end - self.next_end - self.skipped
    }

    /// Plans the next block to read. `None` after the start of the window.
    pub fn next_span(&mut self) -> Option<Span> {
        let span = self.peek()?;
        self.advance(span);
        Some(span)
    }

    /// The next block to read. [`ReadPlan::advance`] then plans it.
    pub fn peek(&self) -> Option<Span> {
        if self.is_over() {
            return None;
        }
        let block_len = self.stage().block_len;
        let offset = self.next_end.saturating_sub(block_len as u64).next_multiple_of(self.align);
        let offset = offset.max(self.window.start);
        // An offset rounded up to the end would leave no bytes. This happens only if a block is
        // shorter than `align`, which `with_ramp` does not allow.
        debug_assert!(offset < self.next_end);
        let len = usize::try_from(self.next_end - offset).expect("no longer than a block");
        Some(Span { offset, len })
    }

    /// Plans the block that [`ReadPlan::peek`] returned.
    pub fn advance(&mut self, span: Span) {
        debug_assert_eq!(span.end(), self.next_end);
        self.next_end = span.offset;
    }

    /// Skips the hole that begins at `offset` and ends where the plan is now. Its bytes do not
    /// count as planned.
    pub fn skip_to(&mut self, offset: u64) {
        debug_assert!((self.window.start..=self.next_end).contains(&offset));
        self.skipped += self.next_end - offset;
        self.next_end = offset;
    }

    /// Goes back to `span`, which was planned but not used, so that it is planned again.
    pub fn rewind_to(&mut self, span: Span) {
        debug_assert!(span.end() >= self.next_end);
        self.next_end = span.end();
    }
}
