//! A cursor: where an answer ended, and how another answer continues there.
//!
//! For a client it is an opaque word. It is not signed, because it gives no rights: the file and the
//! hosts are those of the query, and what the caller may see is checked anew.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use integer_encoding::VarInt;
use sha2::{Digest as _, Sha256};

/// The first byte of each cursor.
const VERSION: u8 = 1;

/// Bytes of a file whose hash tells it from others: fewer if the file is shorter.
pub const HEAD_BYTES: usize = 1024;

/// Bytes at a place whose hash tells whether it still holds the same record: fewer if the line is
/// shorter.
pub const ANCHOR_BYTES: usize = 64;

/// Places in one cursor at most. A form has no room for more.
const PLACES: usize = 4096;

/// Which way an answer continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Further back.
    Older,
    /// With what has come since.
    Newer,
}

/// Eight bytes of a SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub u64);

impl Digest {
    /// That of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        let digest = Sha256::digest(bytes);
        Digest(digest.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte)))
    }

    /// That of a place at which a record begins with these bytes.
    pub fn anchor(record: &[u8]) -> Digest {
        let line = memchr::memchr(b'\n', record).unwrap_or(record.len());
        Digest::of(&record[..line.min(ANCHOR_BYTES)])
    }
}

/// Which file a place is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// The device of its file system.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
    /// How many of its first bytes are hashed: at most [`HEAD_BYTES`].
    pub head_len: u16,
    /// Their hash.
    pub head: Digest,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// Where the answer continues. [`Direction::Older`]: with what stands before this offset.
    /// [`Direction::Newer`]: with what stands from this offset on.
    pub offset: u64,
    /// [`Direction::Older`]: what stands before this offset belongs to an earlier answer.
    pub floor: u64,
    /// Where newer records begin: the file's end when the first of these answers began.
    /// [`Direction::Newer`]: the same as `offset`.
    pub end: u64,
    /// The hash of what stands at `offset`, as [`Digest::anchor`] makes it of the bytes before `end`.
    /// In a cursor for newer records that of the bytes before `offset`, [`ANCHOR_BYTES`] at most. None
    /// where it was not at hand.
    pub anchor: Option<Digest>,
}

/// To which records time keeps a host, because the answer that asked it first had no place for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// [`Direction::Older`]: those up to the time. [`Direction::Newer`]: those after it.
    pub side: Direction,
    /// The time, in nanoseconds since 1970.
    pub at: i64,
}

/// A place on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPlace {
    /// The name of the host in the fleet. Empty in the cursor of a secondary.
    pub host: String,
    /// The time by which its last record was merged, in nanoseconds since 1970. No record that follows
    /// is merged as a newer one. None where nothing of it was merged, or by no time.
    pub key: Option<i64>,
    /// Time keeps it to these records, too. None in the cursor of a secondary.
    pub bound: Option<Bound>,
    /// The place there.
    pub place: Place,
}

/// Where an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Which way it continues.
    pub direction: Direction,
    /// The query that it belongs to, without `n`, `timeout`, `on_error` and the cursor.
    pub query: Digest,
    /// The time range as it was resolved, in nanoseconds since 1970.
    pub since: Option<i64>,
    /// Its end.
    pub until: Option<i64>,
    /// The time of the last record that was delivered, in nanoseconds since 1970. Of hosts without a
    /// place, the records up to it are older ones, and those after it newer ones. None where nothing
    /// was delivered.
    pub boundary: Option<i64>,
    /// Where each host continues.
    pub places: Vec<HostPlace>,
}

/// The text is not a cursor of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct Malformed;

impl FileId {
    /// Whether the file may be one that begins with these bytes. There must be [`HEAD_BYTES`] of them,
    /// or all that the file has.
    pub fn has_head(&self, bytes: &[u8]) -> bool {
        bytes.get(..self.head_len.into()).is_some_and(|head| Digest::of(head) == self.head)
    }
}

impl Place {
    /// The place in a file where newer records begin: from there on nothing has been read.
    pub fn newer(file: FileId, offset: u64, anchor: Option<Digest>) -> Place {
        Place { file, offset, floor: 0, end: offset, anchor }
    }
}

impl Cursor {
    /// As a word of letters, digits, `-` and `_`.
    pub fn encode(&self) -> String {
        let mut out = vec![VERSION, u8::from(self.direction == Direction::Newer)];
        out.extend_from_slice(&self.query.0.to_be_bytes());
        for time in [self.since, self.until, self.boundary] {
            out.push(u8::from(time.is_some()));
            if let Some(time) = time {
                push(time, &mut out);
            }
        }
        push(self.places.len() as u64, &mut out);
        for HostPlace { host, key, bound, place } in &self.places {
            let Place { file, offset, floor, end, anchor } = place;
            push(host.len() as u64, &mut out);
            out.extend_from_slice(host.as_bytes());
            out.push(u8::from(key.is_some()));
            if let Some(key) = key {
                push(*key, &mut out);
            }
            match bound {
                None => out.push(0),
                Some(Bound { side, at }) => {
                    out.push(if *side == Direction::Older { 1 } else { 2 });
                    push(*at, &mut out);
                }
            }
            push(file.device, &mut out);
            push(file.inode, &mut out);
            push(file.head_len, &mut out);
            out.extend_from_slice(&file.head.0.to_be_bytes());
            push(*offset, &mut out);
            push(*floor, &mut out);
            push(end.saturating_sub(*offset), &mut out);
            out.push(u8::from(anchor.is_some()));
            if let Some(anchor) = anchor {
                out.extend_from_slice(&anchor.0.to_be_bytes());
            }
        }
        URL_SAFE_NO_PAD.encode(out)
    }

    /// Reads one. White space around it does not count: a shell adds a line feed easily.
    pub fn decode(text: &[u8]) -> Result<Cursor, Malformed> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_ascii()).map_err(|_| Malformed)?;
        let mut rest = Rest(&bytes);
        if rest.byte()? != VERSION {
            return Err(Malformed);
        }
        let direction = if rest.flag()? { Direction::Newer } else { Direction::Older };
        let query = rest.digest()?;
        let mut times = [None; 3];
        for time in &mut times {
            if rest.flag()? {
                *time = Some(rest.number()?);
            }
        }
        let count = rest.number::<u64>()?;
        let mut places = Vec::new();
        for _ in 0..usize::try_from(count).ok().filter(|count| *count <= PLACES).ok_or(Malformed)? {
            places.push(rest.host_place()?);
        }
        let [since, until, boundary] = times;
        rest.0.is_empty().then_some(()).ok_or(Malformed)?;
        Ok(Cursor { direction, query, since, until, boundary, places })
    }

    /// The place on this host.
    pub fn place(&self, host: &str) -> Option<&Place> {
        self.places.iter().find(|place| place.host == host).map(|place| &place.place)
    }
}

fn push<N: VarInt>(number: N, out: &mut Vec<u8>) {
    let mut bytes = [0; 10];
    let len = number.encode_var(&mut bytes);
    out.extend_from_slice(&bytes[..len]);
}

/// The bytes that have not been read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    fn number<N: VarInt>(&mut self) -> Result<N, Malformed> {
        let (number, len) = N::decode_var(self.0).ok_or(Malformed)?;
        self.take(len)?;
        Ok(number)
    }

    fn digest(&mut self) -> Result<Digest, Malformed> {
        Ok(Digest(self.take(8)?.iter().fold(0, |all, byte| all << 8 | u64::from(*byte))))
    }

    fn host_place(&mut self) -> Result<HostPlace, Malformed> {
        let len = usize::try_from(self.number::<u64>()?).map_err(|_| Malformed)?;
        let host = std::str::from_utf8(self.take(len)?).map_err(|_| Malformed)?.to_owned();
        let key = if self.flag()? { Some(self.number()?) } else { None };
        let side = match self.byte()? {
            0 => None,
            1 => Some(Direction::Older),
            2 => Some(Direction::Newer),
            _ => return Err(Malformed),
        };
        let bound = match side {
            Some(side) => Some(Bound { side, at: self.number()? }),
            None => None,
        };
        let (device, inode) = (self.number()?, self.number()?);
        let head_len = self.number::<u16>()?;
        if usize::from(head_len) > HEAD_BYTES {
            return Err(Malformed);
        }
        let file = FileId { device, inode, head_len, head: self.digest()? };
        let (offset, floor) = (self.number::<u64>()?, self.number::<u64>()?);
        let end = offset.checked_add(self.number()?).ok_or(Malformed)?;
        let anchor = if self.flag()? { Some(self.digest()?) } else { None };
        if floor > offset {
            return Err(Malformed);
        }
        Ok(HostPlace { host, key, bound, place: Place { file, offset, floor, end, anchor } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places() -> impl Strategy<Value = Vec<HostPlace>> {
        let place = (
            any::<[u64; 3]>(),
            0..=1024_u16,
            any::<[u32; 3]>(),
            any::<[Option<i64>; 2]>(),
            any::<Option<(bool, i64)>>(),
            "[a-z0-9.@-]{0,12}",
        );
        let place =
            place.prop_map(|([device, inode, head], head_len, [a, b, more], [anchor, key], bound, host)| {
                let side = |is_older| if is_older { Direction::Older } else { Direction::Newer };
                HostPlace {
                    host,
                    key,
                    bound: bound.map(|(is_older, at)| Bound { side: side(is_older), at }),
                    place: Place {
                        file: FileId { device, inode, head_len, head: Digest(head) },
                        offset: u64::from(a.max(b)),
                        floor: u64::from(a.min(b)),
                        end: u64::from(a.max(b)) + u64::from(more),
                        anchor: anchor.map(|hash| Digest(hash.cast_unsigned())),
                    },
                }
            });
        proptest::collection::vec(place, 0..5)
    }

    proptest! {
        #[test]
        fn a_cursor_survives_encoding(
            newer: bool,
            query: u64,
            times: [Option<i64>; 3],
            places in places(),
        ) {
            let direction = if newer { Direction::Newer } else { Direction::Older };
            let [since, until, boundary] = times;
            let cursor = Cursor { direction, query: Digest(query), since, until, boundary, places };
            let word = cursor.encode();
            prop_assert!(word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(Cursor::decode(word.as_bytes()), Ok(cursor));
        }

        #[test]
        fn any_other_text_is_refused_and_nothing_panics(text: Vec<u8>, bytes: Vec<u8>) {
            let _ = Cursor::decode(&text);
            let mut word = vec![VERSION];
            word.extend(bytes);
            let _ = Cursor::decode(URL_SAFE_NO_PAD.encode(word).as_bytes());
        }
    }
}
