//! Groups of joined lines, which become records.

use crate::scan::limits::Limits;
use crate::scan::open_line::FrontBuf;
use crate::scan::window::Span;

/// A line whose beginning has been read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) start: u64,
    /// Offset after its line feed.
    pub(super) end: u64,
    /// Bytes of the line, held or not, without its line feed.
    pub(super) len: u64,
    /// Offset in the file at which it begins, with its run.
    pub(super) offset: u64,
    /// Bytes of the NUL run at its beginning, which is not part of the line.
    pub(super) run: u64,
}

impl Line {
    /// Offset in the file at which its bytes begin, after the run.
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
    /// Where the bytes lie in the file, oldest first.
    pub(super) spans: Vec<Span>,
    pub(super) excerpt: Option<Span>,
}

impl OwnedRecord {
    /// The file's bytes in `span`, if the record holds them.
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

/// The joined lines so far. Each has a line feed.
#[derive(Debug, Default)]
pub(super) struct Group {
    offset: u64,
    pub(super) end: u64,
    bytes: FrontBuf,
    pub(super) lines: u64,
    truncated_lines: u64,
    /// Where the bytes lie in the file, newest first.
    spans: Vec<Span>,
    /// Lines of the group that begin with a NUL run.
    runs: usize,
    /// The excerpt of the line, if it is the only one. A line that was cut always is.
    excerpt: Option<Span>,
}

impl Group {
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the group has no room for a line of which `head` is delivered. A NUL run in the
    /// group would stand between that line and the rest of the record, and a record may have only
    /// so many.
    pub(super) fn is_full_for(&self, head: &[u8], limits: Limits) -> bool {
        self.lines > 0 && (self.bytes.len() + head.len() + 1 > limits.record || self.runs > limits.runs)
    }

    /// Adds an older line, of which `head` is delivered; or `excerpt`, if the line stays alone.
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

    /// Ends the group, and returns its record if it has lines. The next line begins another group.
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
