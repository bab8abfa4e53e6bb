//! The part of the file that one record is.

use backscroll_shared::scan::{Record, Span};

/// The part of the file that one record is.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Where its first line begins.
    pub(crate) offset: u64,
    /// The offset that the answer gives, and the bytes that it delivers.
    pub(crate) span: Span,
    /// Where these lie in the file, of a record that leaves in pieces: as [`Search::delivered`]
    /// says.
    ///
    /// [`Search::delivered`]: backscroll_shared::scan::Search::delivered
    pub(crate) spans: Vec<Span>,
    /// Lines in it, and those of them that were cut.
    pub(crate) lines: u64,
    pub(crate) truncated_lines: u64,
}

impl Part {
    /// Of a record that leaves in one piece.
    pub(crate) fn of(record: &Record<'_>) -> Part {
        let Record { offset, bytes, lines, truncated_lines, .. } = *record;
        Part { offset, span: Span { offset, len: bytes.len() }, spans: Vec::new(), lines, truncated_lines }
    }

    /// The same record, of which the bytes at `spans` are delivered, as an `excerpt` where that is
    /// not its beginning.
    pub(crate) fn in_pieces(self, spans: Vec<Span>, excerpt: Option<Span>) -> Part {
        Part { span: excerpt.unwrap_or(self.span), spans, ..self }
    }
}
