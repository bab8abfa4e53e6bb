//! What a search yields.

use super::window::Span;

/// What a match yields: one line, or several that one match touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where its first line begins in the file, with a run of NUL bytes that is no part of it.
    pub offset: u64,
    /// Its lines in file order, without the last one's line feed. [`Search::delivered`](super::Search::delivered) says
    /// where they stand in the file.
    pub bytes: &'a [u8],
    /// Lines in it.
    pub lines: u64,
    /// Lines in it that were cut at the line limit.
    pub truncated_lines: u64,
    /// The bytes before it that are at hand: nothing, or up to the line feed before it.
    pub older: &'a [u8],
}

/// What [`Search::step`](super::Search::step) has come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The next newest record.
    Record(Record<'a>),
    /// So much has been looked at without a record that others may go first.
    Working,
    /// [`Search::feed`](super::Search::feed) the block before the last one.
    NeedBlock,
    /// [`Search::feed`](super::Search::feed) these bytes once more: they were given back by [`Search::release`](super::Search::release).
    NeedAgain(Span),
    /// No record is left, or `n` have been delivered.
    Done,
}

/// What a search has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines delivered.
    pub lines: u64,
    /// Bytes of the file looked at.
    pub bytes_scanned: u64,
    /// Lines delivered that were cut at the line limit.
    pub truncated_lines: u64,
    /// Bytes of NUL runs at the beginning of lines, delivered or not, that were passed over; those
    /// of holes, which were not even read, among them.
    pub skipped_bytes: u64,
}
