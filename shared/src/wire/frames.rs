//! The private framing between secondary and primary, version 2: what the primary needs to
//! merge the records of many hosts, without JSON to parse or times to look for.
//!
//! A stream is a sequence of frames, of which the last is an end. Each begins with a tag
//! byte, whose upper half is its kind. Numbers are LEB128; those that can be negative are
//! zigzag-encoded first. Offsets and times are told as what they are less than the last one
//! told, both counted from 0, so that those of neighbours take few bytes.
//!
//! | kind | tag | follows |
//! | --- | --- | --- |
//! | record | `0x10`, `+1` timed, `+2` carries a time itself, `+4` several or cut lines, `+8` its own time differs from the time by which it is merged | length in bytes; offset; if timed: time in nanoseconds; if it carries one: minutes east of UTC; if `+8`: the time by which it is merged minus its own time, in nanoseconds; if `+4`: lines, cut lines; the bytes, without the last line feed |
//! | mark | `0x20` | time: no record that follows is newer |
//! | progress | `0x40` | bytes of the file scanned since the last one |
//! | end | `0x30` | length in bytes; the verdict as JSON |

use super::verdict::Verdict;
use crate::limits;
use crate::scan::{Record, Span};
use crate::time::{LineTime, Stamp};
use bytes::{Bytes, BytesMut};
use integer_encoding::VarInt;

/// The media type, version included. Only a primary is given it.
pub const CONTENT_TYPE: &str = "application/vnd.backscroll.frames.v2";

/// Bytes of a record: the longest that the scan delivers.
const RECORD_BYTES: usize = limits::RECORD_BYTES + limits::LINE_BYTES;
/// Bytes of an end: a verdict on one host.
const END_BYTES: usize = 64 << 10;

const KIND: u8 = 0xF0;
const RECORD: u8 = 0x10;
const MARK: u8 = 0x20;
const END: u8 = 0x30;
const PROGRESS: u8 = 0x40;
const TIMED: u8 = 1;
const OWN_TIME: u8 = 2;
const COUNTED: u8 = 4;
const OTHER_TIME: u8 = 8;

/// Writes the frames of one stream.
#[derive(Debug, Default)]
pub struct Encoder {
    last: Last,
}

/// What the next offset and time are told against.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    offset: u64,
    nanos: i64,
    /// Bytes of the file.
    scanned: u64,
}

impl Encoder {
    /// Appends a record.
    pub fn record(&mut self, record: &Record<'_>, stamp: Option<Stamp>, out: &mut Vec<u8>) {
        let Record { offset, bytes, lines, truncated_lines, .. } = *record;
        self.begin_record(Span { offset, len: bytes.len() }, lines, truncated_lines, stamp, out);
        out.extend_from_slice(bytes);
    }

    /// Appends the beginning of a record; the bytes of `span` are to follow.
    pub fn begin_record(
        &mut self,
        span: Span,
        lines: u64,
        truncated_lines: u64,
        stamp: Option<Stamp>,
        out: &mut Vec<u8>,
    ) {
        let counted = lines != 1 || truncated_lines != 0;
        let own = stamp.and_then(|stamp| stamp.own);
        let other = stamp
            .and_then(|stamp| Some(stamp.nanos.wrapping_sub(stamp.own?.nanos)))
            .filter(|less| *less != 0);
        let mut tag = RECORD;
        tag |= if stamp.is_some() { TIMED } else { 0 };
        tag |= if own.is_some() { OWN_TIME } else { 0 };
        tag |= if counted { COUNTED } else { 0 };
        tag |= if other.is_some() { OTHER_TIME } else { 0 };
        out.push(tag);
        push(span.len as u64, out);
        // Wraps where it must: whatever is told comes back as it was.
        push(self.last.offset.wrapping_sub(span.offset).cast_signed(), out);
        self.last.offset = span.offset;
        if let Some(stamp) = stamp {
            self.time(stamp.nanos, out);
        }
        if let Some(own) = own {
            push(own.offset_minutes, out);
        }
        if let Some(less) = other {
            push(less, out);
        }
        if counted {
            push(lines, out);
            push(truncated_lines, out);
        }
    }

    /// Appends a mark: no record that follows is newer than `nanos`.
    pub fn mark(&mut self, nanos: i64, out: &mut Vec<u8>) {
        out.push(MARK);
        self.time(nanos, out);
    }

    /// Says that `bytes` of the file have been scanned so far, where they are more than was
    /// said last.
    pub fn progress(&mut self, bytes: u64, out: &mut Vec<u8>) {
        if let Some(more) = bytes.checked_sub(self.last.scanned).filter(|more| *more > 0) {
            out.push(PROGRESS);
            push(more, out);
            self.last.scanned = bytes;
        }
    }

    /// Appends the end.
    pub fn end(verdict: &Verdict, out: &mut Vec<u8>) {
        let body = serde_json::to_vec(verdict).expect("a verdict is plain data, and a Vec takes it");
        out.push(END);
        push(body.len() as u64, out);
        out.extend_from_slice(&body);
    }

    fn time(&mut self, nanos: i64, out: &mut Vec<u8>) {
        push(self.last.nanos.wrapping_sub(nanos), out);
        self.last.nanos = nanos;
    }
}

fn push<N: VarInt>(number: N, out: &mut Vec<u8>) {
    let mut bytes = [0; 10];
    let len = number.encode_var(&mut bytes);
    out.extend_from_slice(&bytes[..len]);
}

/// One frame, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The next newest record. One that comes in parts has no bytes yet: they follow, and
    /// [`Decoder::next_part`] takes them.
    Record(Framed),
    /// No record that follows is newer than this, in nanoseconds since 1970.
    Mark(i64),
    /// The host has ended.
    End(Verdict),
}

/// A record as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed {
    /// Offset of its first byte in the file.
    pub offset: u64,
    /// The time by which it is merged; None where none was found near it.
    pub stamp: Option<Stamp>,
    /// Lines in it.
    pub lines: u64,
    /// Lines in it that were cut at the line limit.
    pub truncated_lines: u64,
    /// Its lines in file order, without the last one's line feed.
    pub bytes: Bytes,
}

impl Framed {
    /// The record as the scan knows it.
    pub fn record(&self) -> Record<'_> {
        let Framed { offset, ref bytes, lines, truncated_lines, .. } = *self;
        Record { offset, bytes, lines, truncated_lines, older: &[] }
    }
}

/// What came is no stream of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A tag that version 2 does not have.
    #[error("a frame has the tag {0:#04x}, which version 2 does not have")]
    Tag(u8),
    /// A number of more than 64 bits.
    #[error("a frame holds a number that is too large")]
    Number,
    /// A record or an end longer than any.
    #[error("a frame is {0} bytes long")]
    Length(u64),
    /// An end that holds no verdict.
    #[error("the end holds no verdict")]
    Verdict,
    /// Something follows the end.
    #[error("something follows the end")]
    AfterEnd,
}

/// Reads the frames of one stream, however it was cut into pieces. It holds one piece, or
/// one unfinished frame.
#[derive(Debug, Default)]
pub struct Decoder {
    piece: Bytes,
    /// The beginning of a frame whose end has not come.
    held: BytesMut,
    /// Bytes of it without which there is nothing to try.
    needed: usize,
    last: Last,
    is_over: bool,
    /// Records longer than this come in parts where they have not come whole.
    whole_bytes: Option<usize>,
    /// Bytes of a record in parts that have not been taken.
    left: usize,
}

/// Why a frame cannot be read.
enum Stop {
    /// It is at least so long.
    Short(usize),
    Bad(Malformed),
}

impl Decoder {
    /// One that holds records of up to so many bytes until they are whole, and gives longer
    /// ones in parts.
    pub fn in_parts(whole_bytes: usize) -> Decoder {
        Decoder { whole_bytes: Some(whole_bytes), ..Decoder::default() }
    }

    /// Takes the next piece, once `next` has come to an end of the last one.
    pub fn push(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty(), "a piece is read to its end");
        if self.held.is_empty() {
            self.piece = piece;
            return;
        }
        let len = self.held.len() + piece.len();
        if len > self.held.capacity() {
            // Just enough: a buffer that grows by itself doubles, and many are held at once.
            let mut held = BytesMut::with_capacity(len);
            held.extend_from_slice(&self.held);
            self.held = held;
        }
        self.held.extend_from_slice(&piece);
        if len >= self.needed {
            // Whole, so that an empty rest does not keep its memory.
            self.piece = std::mem::take(&mut self.held).freeze();
        }
    }

    /// The next frame; None where another piece is needed for it.
    pub fn next_item(&mut self) -> Result<Option<Item>, Malformed> {
        loop {
            if self.piece.is_empty() || self.left > 0 {
                return Ok(None);
            }
            if self.is_over {
                return Err(Malformed::AfterEnd);
            }
            let mut last = self.last;
            match read(&self.piece, &mut last, self.whole_bytes.unwrap_or(usize::MAX)) {
                Ok((item, len, left)) => {
                    self.last = last;
                    self.left = left;
                    let _ = self.piece.split_to(len);
                    self.is_over = matches!(item, Some(Item::End(_)));
                    if item.is_some() {
                        return Ok(item);
                    }
                }
                Err(Stop::Short(needed)) => {
                    self.needed = needed;
                    self.held = BytesMut::with_capacity(needed);
                    self.held.extend_from_slice(&self.piece);
                    self.piece = Bytes::new();
                    return Ok(None);
                }
                Err(Stop::Bad(why)) => return Err(why),
            }
        }
    }

    /// The next part of a long record; None where another piece is needed for it.
    pub fn next_part(&mut self) -> Option<Bytes> {
        let part = self.piece.split_to(self.left.min(self.piece.len()));
        self.left -= part.len();
        Some(part).filter(|part| !part.is_empty())
    }

    /// Bytes of a long record that have not been taken.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Bytes of its file that the host has scanned so far, as it says.
    pub fn scanned(&self) -> u64 {
        self.last.scanned
    }

    /// Bytes held of a frame whose end has not come.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Whether an end has come, and nothing after it.
    pub fn is_over(&self) -> bool {
        self.is_over && self.piece.is_empty() && self.held.is_empty()
    }
}

/// A frame and its length, and the bytes of it that are to follow in parts: none but of a record
/// of more than `whole_bytes`. Of progress `last` alone takes note.
fn read(piece: &Bytes, last: &mut Last, whole_bytes: usize) -> Result<(Option<Item>, usize, usize), Stop> {
    let mut at = 1;
    let tag = piece[0];
    match tag & KIND {
        RECORD if tag & (TIMED | OWN_TIME) != OWN_TIME && tag & (OWN_TIME | OTHER_TIME) != OTHER_TIME => {
            let len = length(number(piece, &mut at)?, RECORD_BYTES)?;
            let offset = number::<i64>(piece, &mut at)?;
            last.offset = last.offset.wrapping_sub(offset.cast_unsigned());
            let mut stamp = None;
            if tag & TIMED != 0 {
                last.nanos = last.nanos.wrapping_sub(number::<i64>(piece, &mut at)?);
                stamp = Some(Stamp { nanos: last.nanos, own: None });
            }
            if tag & OWN_TIME != 0 {
                let offset_minutes = number::<i16>(piece, &mut at)?;
                let less = if tag & OTHER_TIME != 0 { number::<i64>(piece, &mut at)? } else { 0 };
                let own = LineTime { nanos: last.nanos.wrapping_sub(less), offset_minutes };
                stamp = Some(Stamp { nanos: last.nanos, own: Some(own) });
            }
            let (mut lines, mut truncated_lines) = (1, 0);
            if tag & COUNTED != 0 {
                lines = number(piece, &mut at)?;
                truncated_lines = number(piece, &mut at)?;
            }
            if len > whole_bytes && piece.len() < at + len {
                let bytes = Bytes::new();
                let framed = Framed { offset: last.offset, stamp, lines, truncated_lines, bytes };
                return Ok((Some(Item::Record(framed)), at, len));
            }
            let bytes = slice(piece, at, len)?;
            let framed = Framed { offset: last.offset, stamp, lines, truncated_lines, bytes };
            Ok((Some(Item::Record(framed)), at + len, 0))
        }
        MARK if tag == MARK => {
            last.nanos = last.nanos.wrapping_sub(number::<i64>(piece, &mut at)?);
            Ok((Some(Item::Mark(last.nanos)), at, 0))
        }
        PROGRESS if tag == PROGRESS => {
            last.scanned = last.scanned.saturating_add(number::<u64>(piece, &mut at)?);
            Ok((None, at, 0))
        }
        END if tag == END => {
            let len = length(number(piece, &mut at)?, END_BYTES)?;
            let body = slice(piece, at, len)?;
            let verdict = serde_json::from_slice(&body).map_err(|_| Stop::Bad(Malformed::Verdict))?;
            Ok((Some(Item::End(verdict)), at + len, 0))
        }
        _ => Err(Stop::Bad(Malformed::Tag(tag))),
    }
}

/// Bytes of the longest LEB128 of 64 bits.
const NUMBER_BYTES: usize = 10;

fn number<N: VarInt>(piece: &[u8], at: &mut usize) -> Result<N, Stop> {
    let rest = &piece[*at..];
    let rest = &rest[..rest.len().min(NUMBER_BYTES)];
    match N::decode_var(rest) {
        Some((number, len)) => {
            *at += len;
            Ok(number)
        }
        None if rest.len() < NUMBER_BYTES && rest.iter().all(|byte| byte & 0x80 != 0) => {
            Err(Stop::Short(piece.len() + 1))
        }
        None => Err(Stop::Bad(Malformed::Number)),
    }
}

fn length(len: u64, most: usize) -> Result<usize, Stop> {
    usize::try_from(len).ok().filter(|len| *len <= most).ok_or(Stop::Bad(Malformed::Length(len)))
}

fn slice(piece: &Bytes, at: usize, len: usize) -> Result<Bytes, Stop> {
    if piece.len() < at + len {
        return Err(Stop::Short(at + len));
    }
    Ok(piece.slice(at..at + len))
}

#[cfg(test)]
mod tests;
