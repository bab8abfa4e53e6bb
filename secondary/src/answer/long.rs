//! Writes a long record in pieces, so that no client makes the server hold all of it. Bytes that
//! are no longer in memory are read again from the file, piece by piece.

use super::part::Part;
use backscroll_shared::scan::Span;
use backscroll_shared::time::LineTime;
use backscroll_shared::wire::ndjson;

/// Bytes of a record that one turn checks for being text.
const SEEN_AT_ONCE: usize = 64 << 10;

/// The fewest bytes that are written as JSON at once.
const LEAST: usize = if cfg!(test) { 5 } else { 256 };

/// A record that is written in pieces.
#[derive(Debug)]
pub(super) struct Long {
    pub(super) part: Part,
    /// Index of the span that the next byte lies in. `at` is that byte's offset in the file.
    index: usize,
    at: u64,
    form: Form,
}

/// How the record's bytes are written.
#[derive(Debug)]
enum Form {
    /// As they are. These bytes follow the last one.
    Raw(&'static [u8]),
    /// As JSON, once all bytes have been checked for being text. Holds the record's own time.
    Unseen(Option<LineTime>),
    Text,
    /// As base64, which writes three bytes at once. Holds the up to two bytes that are left over.
    Base64(Vec<u8>),
}

/// How much is written at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Bytes that the chunk collects.
    pub(super) chunk: usize,
    /// Bytes of a record that may be written however full the chunk is.
    pub(super) piece: usize,
}

impl Long {
    /// A record for an answer in plain text.
    pub(super) fn text(part: Part) -> Long {
        Long::new(part, Form::Raw(b"\n"))
    }

    /// A record in a frame whose beginning has been written.
    pub(super) fn framed(part: Part) -> Long {
        Long::new(part, Form::Raw(b""))
    }

    /// A record for an answer in JSON.
    pub(super) fn json(part: Part, time: Option<LineTime>) -> Long {
        Long::new(part, Form::Unseen(time))
    }

    fn new(part: Part, form: Form) -> Long {
        let mut long = Long { part, index: 0, at: 0, form };
        long.rewind();
        long
    }

    /// Goes back to the record's first byte.
    fn rewind(&mut self) {
        (self.index, self.at) = (0, self.part.spans.first().map_or(0, |span| span.offset));
    }

    /// Advances by `len` bytes, all of which lie in the current span.
    fn advance(&mut self, len: usize) {
        self.at += len as u64;
        if self.at == self.span().end()
            && let Some(next) = self.part.spans.get(self.index + 1)
        {
            (self.index, self.at) = (self.index + 1, next.offset);
        }
    }

    /// The span that the next byte lies in.
    fn span(&self) -> Span {
        self.part.spans.get(self.index).copied().unwrap_or(Span { offset: self.at, len: 0 })
    }

    /// Whether all bytes have been taken.
    fn is_at_end(&self) -> bool {
        self.at == self.span().end()
    }

    /// Whether some of the record has been written.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.form, Form::Unseen(_))
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_at_end() && self.has_begun()
    }

    /// The bytes that [`Long::take`] needs next.
    pub(super) fn wanted(&self, sizes: Sizes, out: &[u8]) -> Span {
        let len = match self.form {
            Form::Unseen(_) => SEEN_AT_ONCE,
            _ => sizes.piece.max(sizes.chunk.saturating_sub(out.len())),
        };
        let left = usize::try_from(self.span().end() - self.at).unwrap_or(usize::MAX);
        Span { offset: self.at, len: len.min(left) }
    }

    /// Takes the wanted bytes and writes as many as there is room for. False if they differ from
    /// what an earlier pass saw.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        sizes: Sizes,
        json: Option<&ndjson::Encoder>,
        out: &mut Vec<u8>,
    ) -> bool {
        match (&self.form, json) {
            (Form::Raw(tail), _) => {
                let tail = *tail;
                out.extend_from_slice(bytes);
                self.advance(bytes.len());
                if self.is_at_end() {
                    out.extend_from_slice(tail);
                }
                true
            }
            (Form::Unseen(time), Some(encoder)) => {
                let time = *time;
                let sound = text_of(bytes, self.ends_span(bytes));
                self.advance(sound.map_or(0, str::len));
                if sound.is_none() || self.is_at_end() {
                    self.rewind();
                    self.form = if sound.is_some() { Form::Text } else { Form::Base64(Vec::new()) };
                    encoder.begin_pieces(self.part.span.offset, time, sound.is_some(), out);
                }
                true
            }
            _ => self.take_as_json(bytes, sizes, out),
        }
    }

    fn take_as_json(&mut self, mut bytes: &[u8], sizes: Sizes, out: &mut Vec<u8>) -> bool {
        let mut has_written = false;
        while !bytes.is_empty() && out.len() < sizes.chunk {
            // Each byte may become six.
            let most = ((sizes.chunk - out.len()) / 6).clamp(LEAST, sizes.piece.max(LEAST));
            let mut piece = &bytes[..bytes.len().min(most)];
            let (ends_span, is_last) = (self.ends_span(piece), self.is_last(piece));
            if let Form::Base64(left_over) = &mut self.form {
                left_over.extend_from_slice(piece);
                let whole = if is_last { left_over.len() } else { left_over.len() / 3 * 3 };
                ndjson::base64(&left_over[..whole], out);
                left_over.drain(..whole);
            } else {
                let Some(text) = text_of(piece, ends_span) else { return false };
                ndjson::escaped(text, out);
                piece = text.as_bytes();
            }
            if piece.is_empty() {
                // The end of `bytes` cuts a character. The next read begins with it.
                break;
            }
            self.advance(piece.len());
            bytes = &bytes[piece.len()..];
            has_written = true;
        }
        if self.is_at_end() {
            out.extend_from_slice(ndjson::END);
        }
        has_written
    }

    /// Whether a piece is the last one of its span. A line ends there, so no character continues in
    /// the next span.
    fn ends_span(&self, piece: &[u8]) -> bool {
        self.at + piece.len() as u64 == self.span().end()
    }

    fn is_last(&self, piece: &[u8]) -> bool {
        self.index + 1 >= self.part.spans.len() && self.ends_span(piece)
    }
}

/// A piece as text, without a character that its end cuts. `None` if it is not text.
fn text_of(piece: &[u8], is_last: bool) -> Option<&str> {
    match std::str::from_utf8(piece) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() && !is_last => {
            std::str::from_utf8(&piece[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
