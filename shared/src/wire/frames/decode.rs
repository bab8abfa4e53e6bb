//! Reads frames.

use super::format::{
    COUNTED, END, END_BYTES, KIND, Last, MARK, OTHER_TIME, OWN_TIME, PROGRESS, RECORD, RECORD_BYTES, TIMED,
};
use crate::scan::Record;
use crate::time::{LineTime, Stamp};
use crate::wire::verdict::Verdict;
use bytes::{Bytes, BytesMut};
use integer_encoding::VarInt;

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

/// Why what came is not a stream of frames.
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

/// Reads the frames of one stream, however it is cut into chunks. It holds one chunk, or one
/// unfinished frame.
#[derive(Debug, Default)]
pub struct Decoder {
    chunk: Bytes,
    /// The beginning of a frame whose end has not come.
    pub(super) held: BytesMut,
    /// Bytes of it that are needed before it is read again.
    needed: usize,
    last: Last,
    is_over: bool,
    /// Records longer than this are given in parts, if they have not come whole.
    whole_bytes: Option<usize>,
    /// Bytes of a record in parts that have not been given.
    left: usize,
}

/// Why a frame cannot be read.
enum Stop {
    /// It has at least so many bytes.
    Short(usize),
    Bad(Malformed),
}

impl Decoder {
    /// A decoder that holds records of up to so many bytes until they are whole, and gives longer
    /// ones in parts.
    pub fn in_parts(whole_bytes: usize) -> Decoder {
        Decoder { whole_bytes: Some(whole_bytes), ..Decoder::default() }
    }

    /// Takes the next chunk, after all frames of the last one have been taken.
    pub fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "a chunk is read to its end");
        if self.held.is_empty() {
            self.chunk = chunk;
            return;
        }
        let len = self.held.len() + chunk.len();
        if len > self.held.capacity() {
            // A buffer that grows by itself doubles, and many of them are held at once.
            let mut held = BytesMut::with_capacity(len);
            held.extend_from_slice(&self.held);
            self.held = held;
        }
        self.held.extend_from_slice(&chunk);
        if len >= self.needed {
            // The buffer moves with the bytes, so that an empty one does not keep memory.
            self.chunk = std::mem::take(&mut self.held).freeze();
        }
    }

    /// The next frame; None where another chunk is needed for it.
    pub fn next_item(&mut self) -> Result<Option<Item>, Malformed> {
        loop {
            if self.chunk.is_empty() || self.left > 0 {
                return Ok(None);
            }
            if self.is_over {
                return Err(Malformed::AfterEnd);
            }
            let mut last = self.last;
            match read(&self.chunk, &mut last, self.whole_bytes.unwrap_or(usize::MAX)) {
                Ok((item, len, left)) => {
                    self.last = last;
                    self.left = left;
                    let _ = self.chunk.split_to(len);
                    self.is_over = matches!(item, Some(Item::End(_)));
                    if item.is_some() {
                        return Ok(item);
                    }
                }
                Err(Stop::Short(needed)) => {
                    self.needed = needed;
                    self.held = BytesMut::with_capacity(needed);
                    self.held.extend_from_slice(&self.chunk);
                    self.chunk = Bytes::new();
                    return Ok(None);
                }
                Err(Stop::Bad(why)) => return Err(why),
            }
        }
    }

    /// The next part of a long record; None where another chunk is needed for it.
    pub fn next_part(&mut self) -> Option<Bytes> {
        let part = self.chunk.split_to(self.left.min(self.chunk.len()));
        self.left -= part.len();
        Some(part).filter(|part| !part.is_empty())
    }

    /// Bytes of a long record that have not been given.
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
        self.is_over && self.chunk.is_empty() && self.held.is_empty()
    }
}

/// Reads one frame. Returns it, its length, and how many of its bytes are to follow in parts, which
/// happens only for a record of more than `whole_bytes`. Progress is noted in `last`, and is no item.
fn read(chunk: &Bytes, last: &mut Last, whole_bytes: usize) -> Result<(Option<Item>, usize, usize), Stop> {
    let mut at = 1;
    let tag = chunk[0];
    match tag & KIND {
        RECORD if tag & (TIMED | OWN_TIME) != OWN_TIME && tag & (OWN_TIME | OTHER_TIME) != OTHER_TIME => {
            let len = length(number(chunk, &mut at)?, RECORD_BYTES)?;
            let offset = number::<i64>(chunk, &mut at)?;
            last.offset = last.offset.wrapping_sub(offset.cast_unsigned());
            let mut stamp = None;
            if tag & TIMED != 0 {
                last.nanos = last.nanos.wrapping_sub(number::<i64>(chunk, &mut at)?);
                stamp = Some(Stamp { nanos: last.nanos, own: None });
            }
            if tag & OWN_TIME != 0 {
                let offset_minutes = number::<i16>(chunk, &mut at)?;
                let less = if tag & OTHER_TIME != 0 { number::<i64>(chunk, &mut at)? } else { 0 };
                let own = LineTime { nanos: last.nanos.wrapping_sub(less), offset_minutes };
                stamp = Some(Stamp { nanos: last.nanos, own: Some(own) });
            }
            let (mut lines, mut truncated_lines) = (1, 0);
            if tag & COUNTED != 0 {
                lines = number(chunk, &mut at)?;
                truncated_lines = number(chunk, &mut at)?;
            }
            if len > whole_bytes && chunk.len() < at + len {
                let bytes = Bytes::new();
                let framed = Framed { offset: last.offset, stamp, lines, truncated_lines, bytes };
                return Ok((Some(Item::Record(framed)), at, len));
            }
            let bytes = slice(chunk, at, len)?;
            let framed = Framed { offset: last.offset, stamp, lines, truncated_lines, bytes };
            Ok((Some(Item::Record(framed)), at + len, 0))
        }
        MARK if tag == MARK => {
            last.nanos = last.nanos.wrapping_sub(number::<i64>(chunk, &mut at)?);
            Ok((Some(Item::Mark(last.nanos)), at, 0))
        }
        PROGRESS if tag == PROGRESS => {
            last.scanned = last.scanned.saturating_add(number::<u64>(chunk, &mut at)?);
            Ok((None, at, 0))
        }
        END if tag == END => {
            let len = length(number(chunk, &mut at)?, END_BYTES)?;
            let body = slice(chunk, at, len)?;
            let verdict = serde_json::from_slice(&body).map_err(|_| Stop::Bad(Malformed::Verdict))?;
            Ok((Some(Item::End(verdict)), at + len, 0))
        }
        _ => Err(Stop::Bad(Malformed::Tag(tag))),
    }
}

/// Bytes of the longest LEB128 of 64 bits.
const NUMBER_BYTES: usize = 10;

fn number<N: VarInt>(chunk: &[u8], at: &mut usize) -> Result<N, Stop> {
    let rest = &chunk[*at..];
    let rest = &rest[..rest.len().min(NUMBER_BYTES)];
    match N::decode_var(rest) {
        Some((number, len)) => {
            *at += len;
            Ok(number)
        }
        None if rest.len() < NUMBER_BYTES && rest.iter().all(|byte| byte & 0x80 != 0) => {
            Err(Stop::Short(chunk.len() + 1))
        }
        None => Err(Stop::Bad(Malformed::Number)),
    }
}

fn length(len: u64, most: usize) -> Result<usize, Stop> {
    usize::try_from(len).ok().filter(|len| *len <= most).ok_or(Stop::Bad(Malformed::Length(len)))
}

fn slice(chunk: &Bytes, at: usize, len: usize) -> Result<Bytes, Stop> {
    if chunk.len() < at + len {
        return Err(Stop::Short(at + len));
    }
    Ok(chunk.slice(at..at + len))
}
