//! Which bytes come next, from the end to the start.

/// A piece of the file: where it begins, and how many bytes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte in the file.
    pub offset: u64,
    /// Bytes.
    pub len: usize,
}

impl Span {
    /// Offset of the first byte after it.
    pub fn end(self) -> u64 {
        self.offset + self.len as u64
    }
}

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

/// Walks a file from its end to its start, in blocks that begin where the page cache's
/// pages do: a read that straddles one page more copies slower and fetches more.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    ramp: &'static [Stage],
    align: u64,
    size: u64,
    /// Bytes below this offset are still to be planned.
    next_end: u64,
}

/// Page size that reads are aligned to. Larger pages are multiples of it.
const PAGE: u64 = 4096;

impl ReadPlan {
    /// Plans the first `size` bytes of a file by [`RAMP`].
    pub fn new(size: u64) -> ReadPlan {
        ReadPlan::with_ramp(size, RAMP, PAGE)
    }

    /// Plans by a ramp of one's own. `align` divides each of its block lengths.
    pub fn with_ramp(size: u64, ramp: &'static [Stage], align: u64) -> ReadPlan {
        ReadPlan { ramp, align, size, next_end: size }
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

    /// Whether the file's start has been planned.
    pub fn is_over(&self) -> bool {
        self.next_end == 0
    }

    /// Offset of the first byte after what is still to be planned.
    pub fn next_end(&self) -> u64 {
        self.next_end
    }

    /// Bytes planned so far.
    pub fn planned(&self) -> u64 {
        self.size - self.next_end
    }

    /// Plans the next block to read; nothing once the start has been planned.
    pub fn next_span(&mut self) -> Option<Span> {
        let span = self.peek()?;
        self.advance(span);
        Some(span)
    }

    /// The next block to read, which is then planned by [`ReadPlan::advance`].
    pub fn peek(&self) -> Option<Span> {
        if self.next_end == 0 {
            return None;
        }
        let block_len = self.stage().block_len;
        let offset = self.next_end.saturating_sub(block_len as u64).next_multiple_of(self.align);
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

    /// Plans nothing of the hole that ends where the plan is now and begins at `offset`. It is as
    /// if the file were shorter.
    pub fn skip_to(&mut self, offset: u64) {
        debug_assert!(offset <= self.next_end);
        self.size -= self.next_end - offset;
        self.next_end = offset;
    }

    /// Plans again from `span` on, which was planned before and has not been consumed.
    pub fn rewind_to(&mut self, span: Span) {
        debug_assert!(span.end() >= self.next_end);
        self.next_end = span.end();
    }
}
