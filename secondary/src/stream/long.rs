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
    pub(crate) places: Vec<Span>,
    /// Lines in it, and those of them that were cut.
    pub(crate) lines: u64,
    pub(crate) truncated_lines: u64,
}

impl Part {
    /// Of a record that leaves in one piece.
    pub(crate) fn of(record: &Record<'_>) -> Part {
        let Record { offset, bytes, lines, truncated_lines, .. } = *record;
        Part { offset, span: Span { offset, len: bytes.len() }, places: Vec::new(), lines, truncated_lines }
    }

    /// The same record, of which the bytes at `places` are delivered, in `window` where that is not
    /// its beginning.
    fn in_pieces(self, places: Vec<Span>, window: Option<Span>) -> Part {
        Part { span: window.unwrap_or(self.span), places, ..self }
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
    /// The place that the next byte lies in, and its offset in the file.
    place: usize,
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
    /// Up to two bytes are left over of what has been taken: three are written at once.
    Base64(Vec<u8>),
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
        Long::new(part, Form::Raw(b"\n"))
    }

    /// One in a frame whose beginning has been written.
    pub(super) fn framed(part: Part) -> Long {
        Long::new(part, Form::Raw(b""))
    }

    /// One that is delivered as JSON.
    fn json(part: Part, time: Option<LineTime>) -> Long {
        Long::new(part, Form::Unseen(time))
    }

    fn new(part: Part, form: Form) -> Long {
        let mut long = Long { part, place: 0, at: 0, form };
        long.rewind();
        long
    }

    /// Goes back to its first byte.
    fn rewind(&mut self) {
        (self.place, self.at) = (0, self.part.places.first().map_or(0, |place| place.offset));
    }

    /// Goes on by so many bytes of the place that the last ones were in.
    fn advance(&mut self, len: usize) {
        self.at += len as u64;
        if self.at == self.place().end()
            && let Some(next) = self.part.places.get(self.place + 1)
        {
            (self.place, self.at) = (self.place + 1, next.offset);
        }
    }

    /// The place that the next byte lies in.
    fn place(&self) -> Span {
        self.part.places.get(self.place).copied().unwrap_or(Span { offset: self.at, len: 0 })
    }

    /// Whether all bytes have been taken.
    fn is_at_end(&self) -> bool {
        self.at == self.place().end()
    }

    /// Whether some of it has been written.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.form, Form::Unseen(_))
    }

    fn is_over(&self) -> bool {
        self.is_at_end() && self.has_begun()
    }

    /// The bytes that are wanted next.
    fn wanted(&self, room: Room, frame: &[u8]) -> Span {
        let len = match self.form {
            Form::Unseen(_) => SEEN_AT_ONCE,
            _ => room.piece.max(room.full.saturating_sub(frame.len())),
        };
        let left = usize::try_from(self.place().end() - self.at).unwrap_or(usize::MAX);
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
                let tail = *tail;
                frame.extend_from_slice(bytes);
                self.advance(bytes.len());
                if self.is_at_end() {
                    frame.extend_from_slice(tail);
                }
                true
            }
            (Form::Unseen(time), Some(encoder)) => {
                let time = *time;
                let sound = text_of(bytes, self.ends_place(bytes));
                self.advance(sound.map_or(0, str::len));
                if sound.is_none() || self.is_at_end() {
                    self.rewind();
                    self.form = if sound.is_some() { Form::Text } else { Form::Base64(Vec::new()) };
                    encoder.begin_pieces(self.part.span.offset, time, sound.is_some(), frame);
                }
                true
            }
            _ => self.take_as_json(bytes, room, frame),
        }
    }

    fn take_as_json(&mut self, mut bytes: &[u8], room: Room, frame: &mut Vec<u8>) -> bool {
        let mut has_written = false;
        while !bytes.is_empty() && frame.len() < room.full {
            // Each byte may take six.
            let most = ((room.full - frame.len()) / 6).clamp(LEAST, room.piece.max(LEAST));
            let mut piece = &bytes[..bytes.len().min(most)];
            let (ends_place, is_last) = (self.ends_place(piece), self.is_last(piece));
            if let Form::Base64(left_over) = &mut self.form {
                left_over.extend_from_slice(piece);
                let whole = if is_last { left_over.len() } else { left_over.len() / 3 * 3 };
                ndjson::base64(&left_over[..whole], frame);
                left_over.drain(..whole);
            } else {
                let Some(text) = text_of(piece, ends_place) else { return false };
                ndjson::escaped(text, frame);
                piece = text.as_bytes();
            }
            if piece.is_empty() {
                // The next read begins with it.
                break;
            }
            self.advance(piece.len());
            bytes = &bytes[piece.len()..];
            has_written = true;
        }
        if self.is_at_end() {
            frame.extend_from_slice(ndjson::END);
        }
        has_written
    }

    /// Whether a piece is the last one of its place: a line ends there, and no character goes on
    /// in the next place.
    fn ends_place(&self, piece: &[u8]) -> bool {
        self.at + piece.len() as u64 == self.place().end()
    }

    fn is_last(&self, piece: &[u8]) -> bool {
        self.place + 1 >= self.part.places.len() && self.ends_place(piece)
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
        let part = part.in_pieces(self.search.delivered(), self.search.excerpt());
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
            let mut ahead = self.readahead.of_same_file(ReadPlan::empty());
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

    /// A record of `bytes`, of which the file has them from 40 on, and 1,000 others after each of
    /// `cuts`.
    fn part(bytes: &[u8], cuts: &[usize]) -> (Part, Vec<u8>) {
        let mut file = vec![b'?'; 40];
        let mut places = Vec::new();
        for (from, to) in [0].iter().chain(cuts).zip(cuts.iter().chain([&bytes.len()])) {
            places.push(Span { offset: file.len() as u64, len: to - from });
            file.extend_from_slice(&bytes[*from..*to]);
            file.extend_from_slice(&[0; 1000]);
        }
        places.retain(|place| place.len > 0);
        let span = Span { offset: 40, len: bytes.len() };
        (Part { offset: 40, span, places, lines: 1, truncated_lines: 0 }, file)
    }

    fn written(bytes: &[u8], cuts: &[usize], room: Room, json: Option<&ndjson::Encoder>) -> Vec<Vec<u8>> {
        let (part, file) = part(bytes, cuts);
        let mut long = if json.is_some() { Long::json(part, None) } else { Long::text(part) };
        let mut frames = vec![Vec::new()];
        while !long.is_over() {
            if frames.last().unwrap().len() >= room.full {
                frames.push(Vec::new());
            }
            let frame = frames.last_mut().unwrap();
            let Span { offset, len } = long.wanted(room, frame);
            let from = usize::try_from(offset).unwrap();
            assert!(long.take(&file[from..from + len], room, json, frame));
        }
        frames
    }

    proptest! {
        #[test]
        fn pieces_make_the_record_that_is_written_in_one_go(
            text in "[a-z\u{e9}\u{1}\"\u{1f600}]{40,300}", cut in 0_usize..4, full in 10_usize..90, piece in 5_usize..9,
            feeds in prop::collection::btree_set(1_usize..200, 0..5),
        ) {
            // Cut, it may be no text. Its lines do not lie together.
            let mut bytes = text.as_bytes()[..text.len() - cut].to_vec();
            let cuts: Vec<usize> = feeds.into_iter().filter(|at| *at < bytes.len()).collect();
            for at in &cuts {
                bytes[at - 1] = b'\n';
            }
            let bytes = &bytes[..];
            let encoder = ndjson::Encoder::new("h", b"a");
            let record = backscroll_shared::scan::Record { offset: 40, bytes, lines: 1, truncated_lines: 0, older: &[] };
            let mut whole = Vec::new();
            encoder.encode(&record, None, &mut whole);
            let room = Room { full, piece };
            let frames = written(bytes, &cuts, room, Some(&encoder));
            prop_assert_eq!(frames.concat(), whole);
            // The beginning, or a piece of control characters, goes past the end.
            prop_assert!(frames.iter().all(|frame| frame.len() < full + 6 * piece + 60));
            let frames = written(bytes, &cuts, room, None);
            prop_assert_eq!(frames.concat(), [bytes, b"\n"].concat());
            prop_assert!(frames.iter().all(|frame| frame.len() <= full + piece + 1));
        }
    }

    #[test]
    fn text_that_has_become_something_else_is_not_written() {
        let encoder = ndjson::Encoder::new("h", b"a");
        let room = Room { full: 100, piece: 10 };
        let mut long = Long::json(part(&[b'x'; 20], &[]).0, None);
        let mut frame = Vec::new();
        assert!(long.take(&[b'x'; 20], room, Some(&encoder), &mut frame) && long.has_begun());
        assert!(!long.take(&[0xff; 20], room, Some(&encoder), &mut frame));
    }
}
