//! Lines that are joined, and the records that they become.

use crate::scan::limits::Limits;
use crate::scan::open_line::FrontBuf;
use crate::scan::window::Span;

/// A line whose beginning is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) start: u64,
    /// Offset after its line feed.
    pub(super) end: u64,
    /// Bytes of it, held or not, without its line feed.
    pub(super) len: u64,
    /// Where it begins in the file.
    pub(super) offset: u64,
    /// Bytes of the run that it begins with there, and that is no part of it.
    pub(super) run: u64,
}

impl Line {
    /// Where its bytes begin in the file.
    pub(super) fn text(&self) -> u64 {
        self.offset + self.run
    }
}

#[derive(Debug, Default)]
pub(super) struct OwnedRecord {
    pub(super) offset: u64,
    /// Offset after its last line feed.
    pub(super) end: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
    pub(super) truncated_lines: u64,
    /// Where the bytes lie in the file, in their order.
    pub(super) spans: Vec<Span>,
    pub(super) excerpt: Option<Span>,
}

impl OwnedRecord {
    /// The file's bytes in `span`, where they are some of this record's.
    pub(super) fn at_hand(&self, span: Span) -> Option<&[u8]> {
        let mut at = 0;
        for known in &self.spans {
            if known.offset <= span.offset && span.end() <= known.end() {
                let from = at + usize::try_from(span.offset - known.offset).ok()?;
                return self.bytes.get(from..from + span.len);
            }
            at += known.len;
        }
        None
    }
}

/// The joined lines so far, each with a line feed.
#[derive(Debug, Default)]
pub(super) struct Group {
    offset: u64,
    pub(super) end: u64,
    bytes: FrontBuf,
    pub(super) lines: u64,
    truncated_lines: u64,
    /// Where the bytes lie in the file, the newest first.
    spans: Vec<Span>,
    /// Runs before its lines.
    runs: usize,
    /// Of a line that is alone in it, as one is that was cut.
    excerpt: Option<Span>,
}

impl Group {
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Whether a line of which `head` is delivered would make too much of it. A run before a line
    /// of it would part that one from this.
    pub(super) fn is_full_for(&self, head: &[u8], limits: Limits) -> bool {
        self.lines > 0 && (self.bytes.len() + head.len() + 1 > limits.record || self.runs > limits.runs)
    }

    /// Puts a line in front, of which `head` is delivered, or of one that is alone `excerpt`.
    pub(super) fn prepend(&mut self, line: Line, head: &[u8], excerpt: Option<Span>, limits: Limits) {
        let is_first = self.lines == 0;
        if is_first {
            self.end = line.end;
        } else {
            self.add_span(Span { offset: line.text() + line.len, len: 1 });
        }
        self.add_span(Span { offset: line.text(), len: head.len() });
        self.excerpt = excerpt.filter(|_| is_first);
        let most = limits.record + limits.line + 2;
        self.bytes.prepend(b"\n", most);
        self.bytes.prepend(head, most);
        self.offset = line.offset;
        self.runs += usize::from(line.run > 0);
        self.lines += 1;
        self.truncated_lines += u64::from(line.len > limits.line as u64);
    }

    fn add_span(&mut self, span: Span) {
        match self.spans.last_mut() {
            Some(next) if next.offset == span.end() => {
                *next = Span { offset: span.offset, len: span.len + next.len };
            }
            _ if span.len > 0 => self.spans.push(span),
            _ => {}
        }
    }

    /// The record that it is, if there are lines in it. The next line begins another one.
    pub(super) fn take(&mut self) -> Option<OwnedRecord> {
        let (_, bytes) = self.bytes.bytes().split_last()?;
        let mut spans = std::mem::take(&mut self.spans);
        spans.reverse();
        let record = OwnedRecord {
            offset: self.offset,
            end: self.end,
            bytes: bytes.to_vec(),
            lines: self.lines,
            truncated_lines: self.truncated_lines,
            spans,
            excerpt: self.excerpt.take(),
        };
        self.bytes.clear();
        (self.lines, self.truncated_lines, self.runs) = (0, 0, 0);
        Some(record)
    }
}
