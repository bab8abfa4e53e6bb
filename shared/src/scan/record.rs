//! What a search yields: records, and requests for blocks.

use super::window::Span;

/// What a match yields: one line, or several lines that the match joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where its first line begins in the file, before any run of NUL bytes that is not part of it.
    pub offset: u64,
    /// Its lines in the order of the file, without the last line feed.
    /// [`Search::delivered`](super::Search::delivered) says where they lie in the file.
    pub bytes: &'a [u8],
    /// Lines in it.
    pub lines: u64,
    /// Lines in it that were cut at the line limit.
    pub truncated_lines: u64,
    /// The bytes before the record that are in memory: nothing, or bytes up to and including the
    /// line feed before it.
    pub older: &'a [u8],
}

/// The outcome of [`Search::step`](super::Search::step).
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The next newest record.
    Record(Record<'a>),
    /// No record yet, but the search has worked so long that other tasks should run first.
    Working,
    /// The search needs the next older block, by [`Search::feed`](super::Search::feed).
    NeedBlock,
    /// The search needs these bytes again, by [`Search::feed`](super::Search::feed), because
    /// [`Search::release`](super::Search::release) gave them back.
    NeedAgain(Span),
    /// No record is left, or `n` records have been delivered.
    Done,
}

/// The counts of a search so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines delivered.
    pub lines: u64,
    /// Bytes of the file that were searched.
    pub bytes_scanned: u64,
    /// Lines delivered that were cut at the line limit.
    pub truncated_lines: u64,
    /// Bytes of skipped NUL runs at the beginning of lines, whether the lines were delivered or
    /// not. Includes the bytes of holes, which were not even read.
    pub skipped_bytes: u64,
}
