//! A long record on its way out. It leaves in pieces, so that no client makes the server hold
//! all of it: what is not at hand any more is read again from the file, piece by piece.

use super::{Encoding, LogStream};
use crate::read::{Engine, ReadFailure};
use backscroll_shared::scan::{ReadPlan, Record, Span};
use backscroll_shared::time::{Known, LineTime};
use backscroll_shared::wire::{Encoder, ndjson};

/// Bytes of a record that are looked at in one turn, to see whether they are text.
const SEEN_AT_ONCE: usize = 64 << 10;

/// The part of the file that one record is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Where its first line begins.
    pub(crate) offset: u64,
    /// What is delivered of it.
    pub(crate) span: Span,
    /// Lines in it, and those of them that were cut.
    pub(crate) lines: u64,
    pub(crate) truncated_lines: u64,
}

impl Part {
    /// Of a record whose first bytes are delivered.
    pub(crate) fn of(record: &Record<'_>) -> Part {
        let Record { offset, bytes, lines, truncated_lines, .. } = *record;
        Part { offset, span: Span { offset, len: bytes.len() }, lines, truncated_lines }
    }
}

/// What has to be known of a record before it is written.
pub(super) enum Looked {
    Text,
    Json(Option<LineTime>),
    Framed(Known),
}

impl Looked {
    pub(super) fn at(encoding: &mut Encoding, record: &Record<'_>, is_worth_reading: bool) -> Looked {
        match encoding {
            Encoding::Plain(Encoder::Text) => Looked::Text,
            Encoding::Plain(Encoder::Ndjson(_, times)) => Looked::Json(times.of(record.bytes)),
            Encoding::Framed(framing) => Looked::Framed(framing.look_at(record, is_worth_reading)),
        }
    }
}

/// Bytes that are written as JSON at once, at least.
const LEAST: usize = if cfg!(test) { 5 } else { 256 };

/// A record that leaves in pieces.
#[derive(Debug)]
pub(super) struct Long {
    pub(super) part: Part,
    /// Offset of the next byte.
    at: u64,
    form: Form,
}

/// How its bytes are written.
#[derive(Debug)]
enum Form {
    /// As they stand; these follow them.
    Raw(&'static [u8]),
    /// As JSON, once all of them have been looked at. With the time that it carries.
    Unseen(Option<LineTime>),
    Text,
    Base64,
}

/// How much is written at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Bytes that the frame is to collect.
    pub(super) full: usize,
    /// Bytes of the record that are written without a look at how full the frame is.
    pub(super) piece: usize,
}

impl Long {
    /// A record that is delivered as text.
    fn text(part: Part) -> Long {
        Long { part, at: part.span.offset, form: Form::Raw(b"\n") }
    }

    /// One in a frame whose beginning has been written.
    pub(super) fn framed(part: Part) -> Long {
        Long { part, at: part.span.offset, form: Form::Raw(b"") }
    }

    /// One that is delivered as JSON.
    fn json(part: Part, time: Option<LineTime>) -> Long {
        Long { part, at: part.span.offset, form: Form::Unseen(time) }
    }

    /// Whether some of it has been written.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.form, Form::Unseen(_))
    }

    fn is_over(&self) -> bool {
        self.at == self.part.span.end() && self.has_begun()
    }

    /// The bytes that are wanted next.
    fn wanted(&self, room: Room, frame: &[u8]) -> Span {
        let len = match self.form {
            Form::Unseen(_) => SEEN_AT_ONCE,
            _ => room.piece.max(room.full.saturating_sub(frame.len())),
        };
        let left = usize::try_from(self.part.span.end() - self.at).unwrap_or(usize::MAX);
        Span { offset: self.at, len: len.min(left) }
    }

    /// Takes them, and writes as much as there is room for. False where they are not the bytes
    /// that they were before.
    fn take(
        &mut self,
        bytes: &[u8],
        room: Room,
        json: Option<&ndjson::Encoder>,
        frame: &mut Vec<u8>,
    ) -> bool {
        match (&self.form, json) {
            (Form::Raw(tail), _) => {
                frame.extend_from_slice(bytes);
                self.at += bytes.len() as u64;
                if self.at == self.part.span.end() {
                    frame.extend_from_slice(tail);
                }
                true
            }
            (Form::Unseen(time), Some(encoder)) => {
                let time = *time;
                let sound = text_of(bytes, self.is_last(bytes));
                self.at += sound.map_or(0, str::len) as u64;
                if sound.is_none() || self.at == self.part.span.end() {
                    self.at = self.part.span.offset;
                    self.form = if sound.is_some() { Form::Text } else { Form::Base64 };
                    encoder.begin_pieces(self.part.span.offset, time, sound.is_some(), frame);
                }
                true
            }
            _ => self.take_as_json(bytes, room, frame),
        }
    }

    fn take_as_json(&mut self, mut bytes: &[u8], room: Room, frame: &mut Vec<u8>) -> bool {
        let began = self.at;
        while !bytes.is_empty() && frame.len() < room.full {
            // Each byte may take six.
            let most = ((room.full - frame.len()) / 6).clamp(LEAST, room.piece.max(LEAST));
            let mut piece = &bytes[..bytes.len().min(most)];
            if let Form::Text = self.form {
                let Some(text) = text_of(piece, self.is_last(piece)) else { return false };
                ndjson::escaped(text, frame);
                piece = text.as_bytes();
            } else {
                if !self.is_last(piece) {
                    piece = &piece[..piece.len() - piece.len() % 3];
                }
                ndjson::base64(piece, frame);
            }
            if piece.is_empty() {
                // The next read begins with it.
                break;
            }
            self.at += piece.len() as u64;
            bytes = &bytes[piece.len()..];
        }
        if self.at == self.part.span.end() {
            frame.extend_from_slice(ndjson::END);
        }
        self.at > began
    }

    fn is_last(&self, piece: &[u8]) -> bool {
        self.at + piece.len() as u64 == self.part.span.end()
    }
}

/// A piece as text, without a character that its end cuts. None where it is no text.
fn text_of(piece: &[u8], is_last: bool) -> Option<&str> {
    match std::str::from_utf8(piece) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() && !is_last => {
            std::str::from_utf8(&piece[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

impl<E: Engine> LogStream<E> {
    /// Begins to write a long record, or leaves it with the framing until its time is known.
    pub(super) fn begin_long(&mut self, looked: Looked, part: Part) {
        let part = Part { span: self.search.window().unwrap_or(part.span), ..part };
        self.long = match (looked, &mut self.encoding) {
            (Looked::Framed(known), Encoding::Framed(framing)) => {
                framing.begin(known, part, &mut self.frame).map(Long::framed)
            }
            (Looked::Json(time), _) => Some(Long::json(part, time)),
            _ => Some(Long::text(part)),
        };
    }

    /// Writes the next piece of the long record that is on its way.
    pub(super) async fn write_piece(&mut self, room: Room) -> Result<(), ReadFailure> {
        self.take_turns().await;
        let Some(long) = &self.long else { return Ok(()) };
        let span = long.wanted(room, &self.frame);
        let mut block = None;
        if self.search.at_hand(span).is_none() {
            self.make_room_for_another_block();
            self.look.has_read_more();
            let mut ahead = self.readahead.of_same_file(ReadPlan::new(0));
            block = Some(ahead.again(span).await?.1);
        }
        let bytes = block.as_ref().map(AsRef::as_ref).or_else(|| self.search.at_hand(span));
        let (Some(long), Some(bytes)) = (&mut self.long, bytes) else { return Ok(()) };
        let json = match &self.encoding {
            Encoding::Plain(Encoder::Ndjson(encoder, _)) => Some(encoder),
            _ => None,
        };
        if !long.take(bytes, room, json, &mut self.frame) {
            return Err(ReadFailure::Overwritten { offset: span.offset });
        }
        if long.is_over() {
            self.long = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(bytes: &[u8], room: Room, json: Option<&ndjson::Encoder>) -> Vec<Vec<u8>> {
        let span = Span { offset: 40, len: bytes.len() };
        let part = Part { offset: 40, span, lines: 1, truncated_lines: 0 };
        let mut long = if json.is_some() { Long::json(part, None) } else { Long::text(part) };
        let mut frames = vec![Vec::new()];
        while !long.is_over() {
            if frames.last().unwrap().len() >= room.full {
                frames.push(Vec::new());
            }
            let frame = frames.last_mut().unwrap();
            let Span { offset, len } = long.wanted(room, frame);
            let from = usize::try_from(offset).unwrap() - 40;
            assert!(long.take(&bytes[from..from + len], room, json, frame));
        }
        frames
    }

    proptest! {
        #[test]
        fn pieces_make_the_record_that_is_written_in_one_go(
            text in "[a-z\u{e9}\u{1}\"\u{1f600}]{40,300}", cut in 0_usize..4, full in 10_usize..90, piece in 5_usize..9,
        ) {
            // Cut, it may be no text.
            let bytes = &text.as_bytes()[..text.len() - cut];
            let encoder = ndjson::Encoder::new("h", b"a");
            let record = backscroll_shared::scan::Record { offset: 40, bytes, lines: 1, truncated_lines: 0, older: &[] };
            let mut whole = Vec::new();
            encoder.encode(&record, None, &mut whole);
            let room = Room { full, piece };
            let frames = written(bytes, room, Some(&encoder));
            prop_assert_eq!(frames.concat(), whole);
            // The beginning, or a piece of control characters, goes past the end.
            prop_assert!(frames.iter().all(|frame| frame.len() < full + 6 * piece + 60));
            let frames = written(bytes, room, None);
            prop_assert_eq!(frames.concat(), [bytes, b"\n"].concat());
            prop_assert!(frames.iter().all(|frame| frame.len() <= full + piece + 1));
        }
    }

    #[test]
    fn text_that_has_become_something_else_is_not_written() {
        let encoder = ndjson::Encoder::new("h", b"a");
        let room = Room { full: 100, piece: 10 };
        let span = Span { offset: 0, len: 20 };
        let mut long = Long::json(Part { offset: 0, span, lines: 1, truncated_lines: 0 }, None);
        let mut frame = Vec::new();
        assert!(long.take(&[b'x'; 20], room, Some(&encoder), &mut frame) && long.has_begun());
        assert!(!long.take(&[0xff; 20], room, Some(&encoder), &mut frame));
    }
}
