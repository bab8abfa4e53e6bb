//! A line whose beginning has not been read yet. It grows at its front, block by block.

use super::window::Span;

/// A cleared buffer that is larger than this is freed.
const ROOMY: usize = 64 << 10;

/// Contiguous bytes that are prepended more often than they are read. The free room lies in front
/// of them. It doubles when it is used up, so that each byte is moved only a few times.
#[derive(Debug, Default)]
pub(super) struct FrontBuf {
    buf: Vec<u8>,
    start: usize,
}

impl FrontBuf {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buf[self.start..]
    }

    pub(super) fn len(&self) -> usize {
        self.buf.len() - self.start
    }

    /// Clears the buffer. Memory that one long line needed is not kept for the short lines after
    /// it.
    pub(super) fn clear(&mut self) {
        if self.buf.len() > ROOMY {
            self.free();
        }
        self.start = self.buf.len();
    }

    pub(super) fn free(&mut self) {
        *self = FrontBuf::default();
    }

    /// Puts `bytes` in front. Makes room for no more than `most` bytes in all, if they fit that.
    pub(super) fn prepend(&mut self, bytes: &[u8], most: usize) {
        if bytes.len() > self.start {
            let kept = self.len();
            let room = (bytes.len() + kept).max(64).min(most.saturating_sub(kept)).max(bytes.len());
            let mut grown = vec![0; room + kept];
            grown[room..].copy_from_slice(self.bytes());
            self.buf = grown;
            self.start = room;
        }
        self.start -= bytes.len();
        self.buf[self.start..self.start + bytes.len()].copy_from_slice(bytes);
    }

    /// Keeps at most the first `len` bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.buf.truncate(self.start + len.min(self.len()));
    }
}

/// Bytes of a head that are kept while a client does not read. Most lines are shorter, and so are
/// not read again.
const KEPT: usize = if cfg!(test) { 3 } else { 4 << 10 };

/// Bytes of a head that are read again at once. They fit one block.
const AGAIN: usize = if cfg!(test) { 7 } else { 512 << 10 };

/// The known part of a line: its newest bytes. The first `keep` bytes of this part are held. They
/// are the beginning of the line once all of it is known.
#[derive(Debug, Default)]
pub(super) struct OpenLine {
    head: FrontBuf,
    /// Bytes of the line read so far, held or not, without its line feed.
    len: u64,
    /// Bytes of the head that were given up, and that have to be read again.
    lost: usize,
}

impl OpenLine {
    pub(super) fn head(&self) -> &[u8] {
        self.head.bytes()
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn clear(&mut self) {
        self.head.clear();
        self.len = 0;
        self.lost = 0;
    }

    /// Forgets the line, and frees its memory.
    pub(super) fn free(&mut self) {
        self.head.free();
        self.len = 0;
        self.lost = 0;
    }

    /// Gives up a long head. It is read again before the line grows.
    pub(super) fn give_up(&mut self) {
        if self.head.len() > KEPT {
            self.lost += self.head.len();
            self.head.free();
        }
    }

    /// Whether bytes have to be read again.
    pub(super) fn has_lost(&self) -> bool {
        self.lost > 0
    }

    /// The bytes that have to be read again next, if any: the newest ones first. `base` is the
    /// offset at which the known part of the line begins.
    pub(super) fn lost(&self, base: u64) -> Option<Span> {
        let len = self.lost.min(AGAIN);
        (len > 0).then(|| Span { offset: base + (self.lost - len) as u64, len })
    }

    /// Takes bytes that [`OpenLine::lost`] has asked for.
    pub(super) fn take_again(&mut self, bytes: &[u8], keep: usize) {
        self.lost -= bytes.len();
        self.head.prepend(bytes, keep);
    }

    /// Puts `bytes`, which stand before the known part in the file, in front. Holds at most `keep`
    /// bytes.
    pub(super) fn prepend(&mut self, bytes: &[u8], keep: usize) {
        self.len += bytes.len() as u64;
        let bytes = &bytes[..bytes.len().min(keep)];
        // Truncated before the bytes are moved, so that no room is made for what is cut off.
        self.head.truncate(keep - bytes.len());
        self.head.prepend(bytes, keep);
    }

    /// The same for `nuls` NUL bytes. `held` are the first of them, or all: no more are held.
    pub(super) fn prepend_nuls(&mut self, nuls: u64, held: &[u8], keep: usize) {
        self.prepend(held, keep);
        self.len += nuls - held.len() as u64;
    }
}
