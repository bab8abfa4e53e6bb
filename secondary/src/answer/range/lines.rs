//! The lines of a piece of a file.

use backscroll_shared::scan::Span;
use memchr::{memchr, memrchr};

/// A time has to begin within 256 bytes, and is read to its end. So the beginning of a line tells.
pub(super) const HEAD: usize = 512;

/// A piece of a file: where it lies, and its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
    /// Whether a line begins with its first byte.
    pub(super) is_at_line: bool,
}

impl<'a> Piece<'a> {
    pub(super) fn new(span: Span, bytes: &'a [u8], start: u64) -> Piece<'a> {
        Piece { offset: span.offset, bytes, is_at_line: span.offset == start }
    }

    /// Where the first line begins that begins at `from` or later.
    pub(super) fn line_at(&self, from: usize) -> Option<usize> {
        if from == 0 && self.is_at_line {
            return Some(0);
        }
        // A line that begins at `from` counts.
        let from = from.saturating_sub(1);
        memchr(b'\n', &self.bytes[from..]).map(|feed| from + feed + 1).filter(|at| *at < self.bytes.len())
    }

    /// The lines from `from` on, oldest first: where each begins, and its bytes. The last one only if
    /// enough of it is there.
    pub(super) fn forwards(self, from: usize) -> impl Iterator<Item = (u64, &'a [u8])> {
        let mut next = self.line_at(from);
        std::iter::from_fn(move || {
            let at = next?;
            let rest = &self.bytes[at..];
            let feed = memchr(b'\n', rest);
            next = feed.map(|feed| at + feed + 1).filter(|at| *at < self.bytes.len());
            let line = &rest[..feed.unwrap_or(rest.len())];
            (feed.is_some() || line.len() >= HEAD).then_some((self.offset + at as u64, line))
        })
    }

    /// The lines that lie in the piece whole and end before `end`, newest first.
    pub(super) fn backwards(self, end: usize) -> impl Iterator<Item = (u64, &'a [u8])> {
        let mut end = memrchr(b'\n', &self.bytes[..end]);
        std::iter::from_fn(move || {
            let to = end?;
            let feed = memrchr(b'\n', &self.bytes[..to]);
            if feed.is_none() && !self.is_at_line {
                return None;
            }
            let from = feed.map_or(0, |feed| feed + 1);
            end = feed;
            Some((self.offset + from as u64, &self.bytes[from..to]))
        })
    }
}
