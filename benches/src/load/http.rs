//! Parses HTTP/1.1 answers as their bytes arrive: the status, and the end of the body. It opens no
//! socket, so the load tool's many connections and a single blocking one can use it.

use anyhow::{Context as _, Result, bail, ensure};

/// The most bytes of a head, or of a line between two chunks: far more than the servers here send.
const HEAD_BYTES: usize = 64 << 10;

/// Reads one answer. The bytes may be split at any place.
#[derive(Debug, Default)]
pub struct AnswerReader {
    part: Part,
    /// A head or a line that is not complete yet.
    held: Vec<u8>,
    status: u16,
    body_bytes: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Head,
    /// In a body with a length, with so many bytes left.
    Body(u64),
    ChunkSize,
    /// In a chunk, with so many bytes left.
    Chunk(u64),
    /// The empty line after a chunk.
    ChunkEnd,
    /// After the last chunk, up to an empty line.
    Trailers,
    End,
}

impl AnswerReader {
    /// A reader before its first byte.
    pub fn new() -> AnswerReader {
        AnswerReader::default()
    }

    /// Takes bytes, and returns how many belong to this answer. `body` gets the bytes of the body.
    pub fn feed(&mut self, bytes: &[u8], mut body: impl FnMut(&[u8])) -> Result<usize> {
        let mut at = 0;
        while at < bytes.len() && self.part != Part::End {
            let rest = &bytes[at..];
            at += match self.part {
                Part::Head => self.head(rest)?,
                Part::Body(left) => {
                    let taken = self.take(left, rest, &mut body);
                    self.part = if taken.1 == 0 { Part::End } else { Part::Body(taken.1) };
                    taken.0
                }
                Part::Chunk(left) => {
                    let taken = self.take(left, rest, &mut body);
                    self.part = if taken.1 == 0 { Part::ChunkEnd } else { Part::Chunk(taken.1) };
                    taken.0
                }
                Part::ChunkSize | Part::ChunkEnd | Part::Trailers => self.line(rest)?,
                Part::End => 0,
            };
        }
        Ok(at)
    }

    /// Whether the answer is complete.
    pub fn is_whole(&self) -> bool {
        self.part == Part::End
    }

    /// The status, once the head has arrived.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Bytes of the body so far.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// How many bytes belong to a part with `left` bytes left, and how many are left then.
    fn take(&mut self, left: u64, rest: &[u8], body: &mut impl FnMut(&[u8])) -> (usize, u64) {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        body(&rest[..taken]);
        self.body_bytes += taken as u64;
        (taken, left - taken as u64)
    }

    fn head(&mut self, rest: &[u8]) -> Result<usize> {
        // The end may begin in the bytes before and finish in these.
        let from = self.held.len().saturating_sub(3);
        let before = self.held.len();
        self.held.extend_from_slice(rest);
        let Some(end) = memchr::memmem::find(&self.held[from..], b"\r\n\r\n") else {
            ensure!(self.held.len() <= HEAD_BYTES, "the head of the answer does not end");
            return Ok(rest.len());
        };
        let end = from + end + 4;
        let head = std::mem::take(&mut self.held);
        (self.status, self.part) = parse_head(&head[..end])?;
        Ok(end - before)
    }

    fn line(&mut self, rest: &[u8]) -> Result<usize> {
        let Some(feed) = memchr::memchr(b'\n', rest) else {
            self.held.extend_from_slice(rest);
            ensure!(self.held.len() <= HEAD_BYTES, "a line between two chunks does not end");
            return Ok(rest.len());
        };
        self.held.extend_from_slice(&rest[..feed]);
        let line = std::mem::take(&mut self.held);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        self.part = match self.part {
            Part::ChunkSize => match chunk_size(line)? {
                0 => Part::Trailers,
                len => Part::Chunk(len),
            },
            Part::ChunkEnd => {
                ensure!(line.is_empty(), "a chunk is longer than its size says");
                Part::ChunkSize
            }
            _ if line.is_empty() => Part::End,
            _ => Part::Trailers,
        };
        Ok(feed + 1)
    }
}

fn chunk_size(line: &[u8]) -> Result<u64> {
    let digits = line.split(|b| *b == b';').next().unwrap_or_default();
    let text = std::str::from_utf8(digits).context("the size of a chunk is not text")?;
    u64::from_str_radix(text.trim(), 16).with_context(|| format!("the size of a chunk is {text:?}"))
}

fn parse_head(head: &[u8]) -> Result<(u16, Part)> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    ensure!(first.starts_with("HTTP/1.1 "), "{first:?} is not an HTTP/1.1 answer");
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("{first:?} has no status"))?;
    let mut part = None;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            part = Some(Part::ChunkSize);
        } else if name.eq_ignore_ascii_case("content-length") && part.is_none() {
            let len = value.parse().with_context(|| format!("content-length is {value:?}"))?;
            part = Some(if len == 0 { Part::End } else { Part::Body(len) });
        }
    }
    match part {
        Some(part) => Ok((status, part)),
        None if status == 204 || status == 304 => Ok((status, Part::End)),
        None => bail!("the answer has neither a length nor chunks"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &[u8], piece: usize) -> Result<(AnswerReader, Vec<u8>, usize)> {
        let (mut reader, mut body, mut taken) = (AnswerReader::new(), Vec::new(), 0);
        for bytes in answer.chunks(piece) {
            taken += reader.feed(bytes, |b| body.extend_from_slice(b))?;
        }
        Ok((reader, body, taken))
    }

    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Log-Status\r\n\r\n\
        5\r\nhello\r\nA;x=y\r\n, chunked!\r\n0\r\nLog-Status: complete\r\n\r\n";

    #[test]
    fn a_chunked_answer_is_read_whole_however_it_is_cut() {
        for piece in 1..=CHUNKED.len() {
            let (reader, body, taken) = read(CHUNKED, piece).unwrap();
            assert!(reader.is_whole(), "{piece}");
            assert_eq!((reader.status(), &body[..], taken), (200, &b"hello, chunked!"[..], CHUNKED.len()));
            assert_eq!(reader.body_bytes(), 15);
        }
    }

    #[test]
    fn an_answer_with_a_length_ends_where_it_says_and_leaves_the_next_one() {
        let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n";
        for piece in 1..=answer.len() {
            let (reader, body, taken) = read(answer, piece).unwrap();
            assert_eq!((reader.is_whole(), reader.status(), &body[..]), (true, 404, &b"abc"[..]));
            assert_eq!(taken, answer.len() - b"HTTP/1.1 200 OK\r\n".len());
        }
    }

    #[test]
    fn an_empty_body_is_whole_with_its_head() {
        assert!(read(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 7).unwrap().0.is_whole());
    }

    #[test]
    fn a_cut_answer_is_not_whole() {
        for len in 0..CHUNKED.len() {
            assert!(!read(&CHUNKED[..len], 9).unwrap().0.is_whole(), "{len}");
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"SSH-2.0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
        ] {
            assert!(read(answer, 5).is_err(), "{}", answer.escape_ascii());
        }
    }
}
