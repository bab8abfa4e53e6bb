//! The heads of requests, before hyper sees them.
//!
//! curl, Java, Go and Node send `"`, `<` and `>` in a URL as they are, and hyper refuses them.
//! [`Heads`] follows the bytes of a connection and percent-encodes these characters. It changes
//! only the target of a request line. After a request that has a body, or says that it has one, it
//! changes nothing on that connection any more, so that hyper and this code cannot disagree on
//! where the next request begins. It also notes what is wrong with a head, because hyper answers
//! only with status 400.

mod plain_line;
#[cfg(feature = "fuzzing")]
pub(super) mod seen;

use super::unsound::Unsound;
use crate::limits;
use crate::wire::head::is_encoded;
use memchr::memchr;
use plain_line::PlainLine;
use std::mem::take;

/// The most bytes of a target, from any peer.
const TARGET_BYTES: usize = limits::RELAYED_URI_BYTES;

/// A byte that no target may contain: it makes hyper refuse the request.
const REFUSED: u8 = 0x7f;

/// A byte that no head may contain at any place: it makes hyper refuse the request.
pub(super) const REFUSED_ANYWHERE: u8 = 0;

/// Follows the heads of the requests of one connection.
#[derive(Debug)]
pub(super) struct Heads {
    at: At,
    /// The beginning of the method, of the version, or of a header line.
    kept: Kept,
    /// Bytes of the target so far.
    target: usize,
    has_body: bool,
    /// Whether it is a HEAD request, whose answer has no body.
    pub(super) is_head: bool,
    /// Whether one of the requests used HTTP/1.0.
    pub(super) has_seen_http_1_0: bool,
    /// What is wrong with this head. It is known when hyper sees the wrong byte, since the rest of
    /// the line may come later.
    pub(super) unsound: Option<Unsound>,
}

/// The part of a request that the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before a request line, or in the empty lines that may come before it.
    Start,
    Method,
    Target,
    Version,
    /// In the header lines.
    Lines,
    /// After a head: this call takes nothing more.
    Ended,
    /// After the head of a request with a body, or in a head that hyper refuses. This state is
    /// final.
    Rest,
}

/// The first bytes of something.
#[derive(Debug, Default)]
struct Kept {
    bytes: [u8; Kept::BYTES],
    len: usize,
}

impl Kept {
    /// A little more than the longest name that is searched for.
    const BYTES: usize = 20;

    fn extend(&mut self, bytes: &[u8]) {
        let room = bytes.len().min(Kept::BYTES - self.len);
        self.bytes[self.len..self.len + room].copy_from_slice(&bytes[..room]);
        self.len += room;
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Heads {
    pub(super) fn new() -> Heads {
        Heads {
            at: At::Start,
            kept: Kept::default(),
            target: 0,
            has_body: false,
            is_head: false,
            has_seen_http_1_0: false,
            unsound: None,
        }
    }

    /// Notes that nothing more comes. Returns whether that cuts off a head.
    pub(super) fn has_ended_in_a_head(&mut self) -> bool {
        let is_cut_off = !matches!(self.at, At::Start | At::Rest);
        if is_cut_off {
            self.is_unsound(Unsound::Ended);
            self.at = At::Start;
        }
        is_cut_off
    }

    /// Notes that hyper has refused a request: it does not read what follows.
    pub(super) fn are_refused(&mut self) {
        self.at = At::Rest;
    }

    /// Whether bytes may arrive that are never read, such as a body.
    pub(super) fn leaves_a_rest(&self) -> bool {
        self.at == At::Rest
    }

    /// Whether the last byte belonged to the target.
    pub(super) fn is_in_the_target(&self) -> bool {
        self.at == At::Target
    }

    /// How many of these bytes are empty lines before a request. They have no meaning, and hyper
    /// need not see them.
    pub(super) fn empty_lines(&self, bytes: &[u8]) -> usize {
        if self.at != At::Start {
            return 0;
        }
        let mut len = 0;
        loop {
            match &bytes[len..] {
                [b'\r', b'\n', ..] => len += 2,
                [b'\n', ..] => len += 1,
                _ => return len,
            }
        }
    }

    /// Whether these bytes may be the beginning of such a line.
    pub(super) fn may_be_empty(&self, bytes: &[u8]) -> bool {
        self.at == At::Start && matches!(bytes, b"" | b"\r")
    }

    /// Takes bytes up to the end of a head. Returns how many, and the bytes that hyper gets
    /// instead, if they differ.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, Option<Vec<u8>>) {
        let mut rest = self.skip_plain(bytes);
        let mut out = None;
        while self.at != At::Ended
            && let Some((first, others)) = rest.split_first()
        {
            let out = out.get_or_insert_with(|| {
                let mut out = Vec::with_capacity(bytes.len() + 64);
                out.extend_from_slice(&bytes[..bytes.len() - rest.len()]);
                out
            });
            self.byte(*first, out);
            let after = self.skip_plain(others);
            out.extend_from_slice(&others[..others.len() - after.len()]);
            rest = after;
        }
        if self.at == At::Ended {
            self.at = At::Start;
        }
        (bytes.len() - rest.len(), out)
    }

    /// Skips what need not be checked byte by byte. Returns the rest.
    fn skip_plain<'b>(&mut self, mut rest: &'b [u8]) -> &'b [u8] {
        loop {
            match self.at {
                At::Rest => return &[],
                At::Lines if !rest.is_empty() => rest = self.lines(rest),
                At::Start => {
                    let Some(line) = PlainLine::at(rest) else { return rest };
                    self.begin();
                    self.is_head = line.is_head;
                    self.has_seen_http_1_0 |= line.is_http_1_0;
                    self.at = At::Lines;
                    rest = &rest[line.len..];
                }
                _ => return rest,
            }
        }
    }

    fn begin(&mut self) {
        self.kept.len = 0;
        self.target = 0;
        self.has_body = false;
        self.unsound = None;
    }

    /// Takes header lines. Returns the bytes after the head.
    fn lines<'b>(&mut self, mut rest: &'b [u8]) -> &'b [u8] {
        while let Some(feed) = memchr(b'\n', rest) {
            let line = &rest[..feed];
            rest = &rest[feed + 1..];
            if self.kept.len == 0 {
                self.line(line);
            } else {
                self.kept.extend(line);
                let kept = take(&mut self.kept);
                self.line(kept.as_slice());
            }
            if self.at != At::Lines {
                return rest;
            }
        }
        self.kept.extend(rest);
        &[]
    }

    fn line(&mut self, line: &[u8]) {
        if matches!(line, b"" | b"\r") {
            self.at = if self.has_body { At::Rest } else { At::Ended };
        } else if matches!(line[0], b'c' | b'C' | b't' | b'T') {
            self.has_body |= begins_with(line, b"content-length") || begins_with(line, b"transfer-encoding");
        }
    }

    /// Takes one byte of a request line that is not a plain one.
    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.at == At::Start && !matches!(byte, b'\r' | b'\n') {
            self.begin();
            self.at = At::Method;
        }
        match (self.at, byte) {
            (At::Method | At::Target | At::Version, b'\n') => self.end_of_request_line(),
            (At::Method, b' ') => {
                self.is_head = self.kept.as_slice() == b"HEAD";
                self.at = At::Target;
            }
            (At::Method, _) => {
                if self.kept.len == 0 && byte == TLS_HANDSHAKE {
                    self.is_unsound(Unsound::Tls);
                } else if !(byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)) {
                    self.is_unsound(Unsound::Method);
                }
                self.kept.extend(&[byte]);
            }
            (At::Target, _) => return self.target_byte(byte, out),
            (At::Version, _) => self.version_byte(byte),
            (At::Start | At::Lines | At::Ended | At::Rest, _) => {}
        }
        out.push(byte);
    }

    fn version_byte(&mut self, byte: u8) {
        const BEGIN: &[u8] = b"HTTP/1.";
        let at = self.kept.len;
        match BEGIN.get(at) {
            Some(expected) if byte == *expected => {}
            // The line ends too soon, or this is another version, or `http`.
            Some(_) if byte == b'\r' || at >= b"HTTP/".len() || (at == 0 && byte == b'h') => {
                self.is_unsound(Unsound::Version);
            }
            Some(_) => self.is_unsound(Unsound::Space),
            None if at == BEGIN.len() && matches!(byte, b'0' | b'1') => {}
            None if at > BEGIN.len() && byte == b' ' => self.is_unsound(Unsound::Space),
            None if at == BEGIN.len() + 1 && byte == b'\r' => {}
            None => self.is_unsound(Unsound::Version),
        }
        self.kept.extend(&[byte]);
    }

    fn target_byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.target > TARGET_BYTES {
            self.is_unsound(Unsound::TooLong);
            return out.push(REFUSED);
        }
        self.target += 1;
        if self.unsound == Some(Unsound::Version) {
            // The carriage return before this byte was not the end of the line.
            self.unsound = Some(Unsound::Byte(b'\r'));
        }
        match byte {
            b' ' => {
                self.kept.len = 0;
                self.at = At::Version;
            }
            // The beginning of HTTP/2, which hyper does not answer at all.
            b'*' if self.kept.as_slice() == b"PRI" => {
                self.is_unsound(Unsound::Http2);
                return out.push(REFUSED);
            }
            // A fragment, or a byte of a keyword: it cannot be told. hyper would drop it, and what
            // follows.
            b'#' => {
                self.is_unsound(Unsound::Fragment);
                return out.push(REFUSED);
            }
            // Most likely the end of the line.
            b'\r' => self.is_unsound(Unsound::Version),
            // Some parsers end the target at white space, some at a NUL.
            0 | b'\t' | 0x0b | 0x0c => self.is_unsound(Unsound::Byte(byte)),
            _ if is_encoded(byte) => {
                self.target += 2;
                let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
                return out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
            }
            _ => {}
        }
        out.push(byte);
    }

    fn end_of_request_line(&mut self) {
        let kept = self.kept.as_slice();
        match self.at {
            At::Version => match kept.strip_suffix(b"\r").unwrap_or(kept) {
                b"HTTP/1.1" => {}
                b"HTTP/1.0" => self.has_seen_http_1_0 = true,
                _ => self.is_unsound(Unsound::Version),
            },
            At::Target => self.is_unsound(Unsound::Version),
            _ => self.is_unsound(Unsound::Method),
        }
        self.kept.len = 0;
        self.at = if self.unsound.is_some() { At::Rest } else { At::Lines };
    }

    /// Notes what is wrong, unless something is already: hyper refuses a request at the first
    /// mistake.
    fn is_unsound(&mut self, unsound: Unsound) {
        self.unsound.get_or_insert(unsound);
    }
}

/// The first byte of a TLS connection.
const TLS_HANDSHAKE: u8 = 0x16;

fn begins_with(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests;
