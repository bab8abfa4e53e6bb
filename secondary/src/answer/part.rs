//! Where one record lies in the file.

use backscroll_shared::scan::{Record, Span};

/// Where one record lies in the file.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Offset at which its first line begins.
    pub(crate) offset: u64,
    /// The offset that the answer gives for it, and the bytes that are delivered.
    pub(crate) span: Span,
    /// Where the delivered bytes lie in the file, as [`Search::delivered`] says. Filled only for a
    /// record that is written in pieces.
    ///
    /// [`Search::delivered`]: backscroll_shared::scan::Search::delivered
    pub(crate) spans: Vec<Span>,
    /// Lines in it, and how many of them were cut.
    pub(crate) lines: u64,
    pub(crate) truncated_lines: u64,
}

impl Part {
    /// The part of a record that is written in one piece.
    pub(crate) fn of(record: &Record<'_>) -> Part {
        let Record { offset, bytes, lines, truncated_lines, .. } = *record;
        Part { offset, span: Span { offset, len: bytes.len() }, spans: Vec::new(), lines, truncated_lines }
    }

    /// The same record, written in pieces. `spans` are its delivered bytes. `excerpt` is set if
    /// they are not the beginning of the line.
    pub(crate) fn in_pieces(self, spans: Vec<Span>, excerpt: Option<Span>) -> Part {
        Part { span: excerpt.unwrap_or(self.span), spans, ..self }
    }
}
