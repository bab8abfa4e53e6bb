//! The state machine of a search: takes blocks, yields records, stops after `n`.

use super::block_matcher::{BlockMatcher, BlockMatches};
use super::joined::JoinedSearch;
use super::limits::Limits;
use super::lines::LineSearch;
use super::record::{Step, Summary};
use super::window::{Span, Window};
use crate::filter::{Filter, LineFilter};

/// A backwards search through a window of one file. `B` is a block of its bytes. The search owns a
/// block until it has gone through it, and then drops it at once.
#[derive(Debug)]
pub struct Search<B> {
    mode: Mode<B>,
    remaining: Option<u64>,
    window: Window,
    /// Offset of the oldest byte fed.
    reached: u64,
    /// Bytes of holes, which were not read.
    holes: u64,
    summary: Summary,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large variant is the usual one, and a box would cost it an allocation"
)]
enum Mode<B> {
    Lines(LineSearch<B>),
    Joined(Box<JoinedSearch<B>>),
}

impl<B: AsRef<[u8]>> Search<B> {
    /// Searches a window of a file. Yields the newest `n` records at most; all if `n` is `None`.
    ///
    /// # Panics
    /// If the filter has patterns that were not compiled.
    pub fn new(filter: &Filter, n: Option<u64>, window: Window, limits: Limits) -> Search<B> {
        let lines = |literals| Mode::Lines(LineSearch::new(LineFilter::literals(literals), window, limits));
        let mode = match filter {
            Filter::All => lines(&[]),
            Filter::Literals(literals) => lines(literals),
            Filter::Patterns(patterns) => {
                let filter = LineFilter::Compiled(patterns.compiled());
                Mode::Lines(LineSearch::new(filter, window, limits))
            }
            Filter::AcrossLines(keyword) => {
                Mode::Joined(Box::new(JoinedSearch::new(keyword, window, limits)))
            }
        };
        Search { mode, remaining: n, window, reached: window.end, holes: 0, summary: Summary::default() }
    }

    /// Takes the block at `span` that [`Search::step`] asked for: the next older one, or one that
    /// was released.
    ///
    /// # Panics
    /// If the block does not have `span.len` bytes, or is not the one that `step` asked for.
    pub fn feed(&mut self, span: Span, block: B) {
        self.expect_block(span, &block);
        match &mut self.mode {
            Mode::Lines(lines) => lines.feed(span, block, None),
            Mode::Joined(joined) => joined.feed(span, block),
        }
    }

    /// Takes a hole in place of the next older block: bytes that are all NUL, and that need not be
    /// read.
    ///
    /// # Panics
    /// If `step` did not ask for the next older block.
    pub fn feed_hole(&mut self, span: Span) {
        assert_eq!(span.end(), self.reached, "blocks are fed in order");
        self.reached = span.offset;
        self.holes += span.len as u64;
        match &mut self.mode {
            Mode::Lines(lines) => lines.feed_hole(span),
            Mode::Joined(joined) => joined.feed_hole(span),
        }
    }

    /// A matcher for this search's blocks, for other threads. `None` if the search must match them
    /// itself.
    pub fn block_matcher(&self) -> Option<BlockMatcher> {
        match &self.mode {
            Mode::Lines(lines) => lines.block_matcher(),
            Mode::Joined(_) => None,
        }
    }

    /// Like [`Search::feed`], for a block that this search's [`BlockMatcher`] has matched.
    ///
    /// # Panics
    /// Like `feed`, and if the search has no block matcher.
    pub fn feed_matched(&mut self, span: Span, block: B, matches: BlockMatches) {
        self.expect_block(span, &block);
        match &mut self.mode {
            Mode::Lines(lines) => lines.feed(span, block, Some(matches)),
            Mode::Joined(_) => panic!("a search across lines has no block matcher"),
        }
    }

    fn expect_block(&mut self, span: Span, block: &B) {
        assert_eq!(block.as_ref().len(), span.len, "a block is fed whole");
        assert!(span.end() == self.reached || span.offset >= self.reached, "blocks are fed in order");
        self.reached = self.reached.min(span.offset);
    }

    /// Gives back the block, and the held bytes of long lines and records, so that an idle client
    /// holds almost nothing. `step` then asks for them again.
    pub fn release(&mut self) {
        match &mut self.mode {
            Mode::Lines(lines) => lines.release(),
            Mode::Joined(joined) => joined.release(),
        }
    }

    /// Bytes that are held of lines and records outside the block: those that are not complete, and
    /// those that are longer than a block.
    pub fn held(&self) -> usize {
        match &self.mode {
            Mode::Lines(lines) => lines.held(),
            Mode::Joined(joined) => joined.held(),
        }
    }

    /// What is delivered of the last record in place of its first bytes: set if it is one line that
    /// is longer than the line limit and has no match in its beginning. The time of the record
    /// still comes from its beginning.
    pub fn excerpt(&self) -> Option<Span> {
        match &self.mode {
            Mode::Lines(lines) => lines.excerpt(),
            Mode::Joined(joined) => joined.excerpt(),
        }
    }

    /// Where the delivered bytes of the last record lie in the file, in their order. This is one
    /// span unless there are NUL runs between its lines.
    pub fn delivered(&self) -> Vec<Span> {
        match &self.mode {
            Mode::Lines(lines) => lines.delivered(),
            Mode::Joined(joined) => joined.delivered(),
        }
    }

    /// The bytes of the last record in `span`, if they are still in memory.
    pub fn at_hand(&self, span: Span) -> Option<&[u8]> {
        match &self.mode {
            Mode::Lines(lines) => lines.at_hand(span),
            Mode::Joined(joined) => joined.at_hand(span),
        }
    }

    /// Whether every line is a record.
    pub fn takes_all(&self) -> bool {
        matches!(&self.mode, Mode::Lines(lines) if lines.takes_all())
    }

    /// The offset from which on the window is done: every record that begins there or later has been
    /// yielded. A line begins there, or the window ends.
    pub fn settled(&self) -> u64 {
        match &self.mode {
            _ if self.window.is_empty() => self.window.start,
            Mode::Lines(lines) => lines.settled(),
            Mode::Joined(joined) => joined.settled(),
        }
    }

    /// How many bytes the window of a search for this filter has to reach beyond an offset, so that
    /// [`Search::resumed`] finds each record that begins before it. It is less than a run of NUL bytes.
    pub fn reach(filter: &Filter, limits: Limits) -> u64 {
        match filter {
            Filter::AcrossLines(keyword) => keyword.len().min(limits.nul_run) as u64 - 1,
            Filter::All | Filter::Literals(_) | Filter::Patterns(_) => 0,
        }
    }

    /// The same search, which yields only what [`Search::settled`] had left of an earlier one.
    #[must_use]
    pub fn resumed(mut self, settled: u64) -> Search<B> {
        if let Mode::Joined(joined) = &mut self.mode {
            joined.resume(settled);
        }
        self
    }

    /// How many records are still wanted; `None` if all are.
    pub fn remaining(&self) -> Option<u64> {
        self.remaining
    }

    /// Whether records come with the lines before them that are in memory.
    pub fn has_older_lines(&self) -> bool {
        matches!(self.mode, Mode::Lines(_))
    }

    /// Goes on to the next record, or to the next thing that the search needs.
    pub fn step(&mut self) -> Step<'_> {
        if self.remaining == Some(0) || self.window.is_empty() {
            return Step::Done;
        }
        let step = match &mut self.mode {
            Mode::Lines(lines) => lines.step(),
            Mode::Joined(joined) => joined.step(),
        };
        if let Step::Record(record) = &step {
            self.remaining = self.remaining.map(|n| n - 1);
            self.summary.lines += record.lines;
            self.summary.truncated_lines += record.truncated_lines;
        }
        step
    }

    /// The last record does not count: the caller does not want it, for a reason that the filter does
    /// not know. `lines` and `truncated_lines` are those of the record.
    pub fn take_back(&mut self, lines: u64, truncated_lines: u64) {
        self.remaining = self.remaining.map(|n| n + 1);
        self.summary.lines -= lines;
        self.summary.truncated_lines -= truncated_lines;
    }

    /// Appends as many records as possible to `out` as text: each is a line that ends with a line
    /// feed. Stops when `out` has `full` bytes. This is faster than a [`Search::step`] for each
    /// line. False if only `step` can go on, for example with a line that is longer than `longest`
    /// bytes.
    pub fn take_lines(&mut self, out: &mut Vec<u8>, full: usize, longest: usize) -> bool {
        let Mode::Lines(lines) = &mut self.mode else { return false };
        let taken = lines.take_lines(out, full, longest, self.remaining.unwrap_or(u64::MAX));
        self.remaining = self.remaining.map(|n| n - taken);
        self.summary.lines += taken;
        taken > 0
    }

    /// The counts of the search so far.
    pub fn summary(&self) -> Summary {
        let skipped_bytes = match &self.mode {
            Mode::Lines(lines) => lines.skipped(),
            Mode::Joined(joined) => joined.skipped(),
        };
        Summary { bytes_scanned: self.window.end - self.reached - self.holes, skipped_bytes, ..self.summary }
    }
}
