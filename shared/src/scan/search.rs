//! The state machine: blocks in, records out, stop at `n`.

use super::block_matcher::{BlockMatcher, BlockMatches};
use super::joined::JoinedSearch;
use super::limits::Limits;
use super::lines::LineSearch;
use super::record::{Step, Summary};
use super::window::{Span, Window};
use crate::filter::{Filter, LineFilter};

/// A backwards search through a window of one file. `B` is a block of its bytes, owned until it has
/// been searched through and dropped as soon as it has.
#[derive(Debug)]
pub struct Search<B> {
    mode: Mode<B>,
    remaining: Option<u64>,
    window: Window,
    /// Offset of the oldest byte fed.
    reached: u64,
    /// Bytes of holes that were not read.
    holes: u64,
    summary: Summary,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the large one is the usual one, and needs no allocation so")]
enum Mode<B> {
    Lines(LineSearch<B>),
    Joined(Box<JoinedSearch<B>>),
}

impl<B: AsRef<[u8]>> Search<B> {
    /// Searches a window of a file; yields at most `n` records, the newest.
    pub fn new(filter: &Filter, n: Option<u64>, window: Window, limits: Limits) -> Search<B> {
        let lines = |literals| Mode::Lines(LineSearch::new(LineFilter::literals(literals), window, limits));
        let mode = match filter {
            Filter::All => lines(&[]),
            Filter::Literals(literals) => lines(literals),
            Filter::AcrossLines(keyword) => {
                Mode::Joined(Box::new(JoinedSearch::new(keyword, window, limits)))
            }
        };
        Search { mode, remaining: n, window, reached: window.end, holes: 0, summary: Summary::default() }
    }

    /// Takes the block at `span`: the one before the last, or what was released, as `step` asks
    /// for it.
    ///
    /// # Panics
    /// If the block is not `span.len` bytes long, or is not what `step` asked for.
    pub fn feed(&mut self, span: Span, block: B) {
        self.expect_block(span, &block);
        match &mut self.mode {
            Mode::Lines(lines) => lines.feed(span, block, None),
            Mode::Joined(joined) => joined.feed(span, block),
        }
    }

    /// Takes a hole, where the block before the last one is wanted: bytes that are all NUL, and
    /// that nobody has to read.
    ///
    /// # Panics
    /// If another block is wanted.
    pub fn feed_hole(&mut self, span: Span) {
        assert_eq!(span.end(), self.reached, "blocks are fed in order");
        self.reached = span.offset;
        self.holes += span.len as u64;
        match &mut self.mode {
            Mode::Lines(lines) => lines.feed_hole(span),
            Mode::Joined(joined) => joined.feed_hole(span),
        }
    }

    /// What matches blocks for this search elsewhere. None where it has to match them itself.
    pub fn block_matcher(&self) -> Option<BlockMatcher> {
        match &self.mode {
            Mode::Lines(lines) => lines.block_matcher(),
            Mode::Joined(_) => None,
        }
    }

    /// The same as [`Search::feed`], for a block whose matching lines this search's
    /// [`BlockMatcher`] has found.
    ///
    /// # Panics
    /// As `feed`, and where the search has no block matcher.
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

    /// Gives the block back before it has been searched through, and what is held of long
    /// lines and records, so that a client which does not read holds next to nothing. `step`
    /// then asks for it again.
    pub fn release(&mut self) {
        match &mut self.mode {
            Mode::Lines(lines) => lines.release(),
            Mode::Joined(joined) => joined.release(),
        }
    }

    /// Bytes held of a line, or of a record, that is not whole yet, or that is longer than
    /// the block it lies in.
    pub fn held(&self) -> usize {
        match &self.mode {
            Mode::Lines(lines) => lines.held(),
            Mode::Joined(joined) => joined.held(),
        }
    }

    /// What is delivered of the last record instead of its first bytes, where that is a line longer
    /// than the line limit without a match in its beginning. Its time stands in its beginning.
    pub fn excerpt(&self) -> Option<Span> {
        match &self.mode {
            Mode::Lines(lines) => lines.excerpt(),
            Mode::Joined(joined) => joined.excerpt(),
        }
    }

    /// Where in the file the bytes lie that are delivered of the last record, in their order. They
    /// lie together but where runs of NUL bytes stand between its lines.
    pub fn delivered(&self) -> Vec<Span> {
        match &self.mode {
            Mode::Lines(lines) => lines.delivered(),
            Mode::Joined(joined) => joined.delivered(),
        }
    }

    /// Bytes of the last record, where they have not been given back.
    pub fn at_hand(&self, span: Span) -> Option<&[u8]> {
        match &self.mode {
            Mode::Lines(lines) => lines.at_hand(span),
            Mode::Joined(joined) => joined.at_hand(span),
        }
    }

    /// Records that are still wanted; None where all are.
    pub fn remaining(&self) -> Option<u64> {
        self.remaining
    }

    /// Whether a record comes with the lines before it that are at hand.
    pub fn has_older_lines(&self) -> bool {
        matches!(self.mode, Mode::Lines(_))
    }

    /// Goes on to the next record.
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

    /// Goes on by as many records as can be had in one go, as text: each a line, ended by a
    /// line feed, appended to `out` until that has `full` bytes. It is [`Search::step`]
    /// without the way there and back for each line; false where only `step` can go on, as
    /// with a line that is longer than `longest`.
    pub fn take_lines(&mut self, out: &mut Vec<u8>, full: usize, longest: usize) -> bool {
        let Mode::Lines(lines) = &mut self.mode else { return false };
        let taken = lines.take_lines(out, full, longest, self.remaining.unwrap_or(u64::MAX));
        self.remaining = self.remaining.map(|n| n - taken);
        self.summary.lines += taken;
        taken > 0
    }

    /// What has been done so far.
    pub fn summary(&self) -> Summary {
        let skipped_bytes = match &self.mode {
            Mode::Lines(lines) => lines.skipped(),
            Mode::Joined(joined) => joined.skipped(),
        };
        Summary { bytes_scanned: self.window.end - self.reached - self.holes, skipped_bytes, ..self.summary }
    }
}
