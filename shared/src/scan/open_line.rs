//! The line whose beginning has not been read yet. It grows at its front, block by block.

use super::window::Span;

/// Memory of a cleared buffer that is used again.
const ROOMY: usize = 64 << 10;

/// Bytes that are prepended more often than they are read, kept contiguous. Free room
/// lies in front; it doubles when it is used up, so that a prepended byte moves few times.
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

    /// Memory that one long line has needed is not kept for the short ones after it.
    pub(super) fn clear(&mut self) {
        if self.buf.len() > ROOMY {
            self.free();
        }
        self.start = self.buf.len();
    }

    pub(super) fn free(&mut self) {
        *self = FrontBuf::default();
    }

    /// Puts `bytes` in front. No more room than for `most` bytes is made, where they fit.
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

    /// Keeps the first `len` bytes at most.
    pub(super) fn truncate(&mut self, len: usize) {
        self.buf.truncate(self.start + len.min(self.len()));
    }
}

/// Bytes of a head that stay while a client does not read: most lines are shorter, and are
/// not read again.
const KEPT: usize = if cfg!(test) { 3 } else { 4 << 10 };

/// Bytes of a head that are read again at once: no more than a block holds.
const AGAIN: usize = if cfg!(test) { 7 } else { 512 << 10 };

/// The part of a line that has been read: its newest bytes, of which the oldest `keep`
/// are held. That is its beginning, once the rest of the line turns up.
#[derive(Debug, Default)]
pub(super) struct OpenLine {
    head: FrontBuf,
    /// Bytes of the line read so far, held or not; its line feed is not one of them.
    len: u64,
    /// Bytes of the head that were given up and have to be read again.
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

    /// Ends the line, and gives its memory back.
    pub(super) fn free(&mut self) {
        self.head.free();
        self.len = 0;
        self.lost = 0;
    }

    /// Gives up a long head: it is read again before the line grows.
    pub(super) fn give_up(&mut self) {
        if self.head.len() > KEPT {
            self.lost += self.head.len();
            self.head.free();
        }
    }

    /// What has to be read again of a line of which all bytes from `base` on have been read:
    /// its newest part first.
    pub(super) fn lost(&self, base: u64) -> Option<Span> {
        let len = self.lost.min(AGAIN);
        (len > 0).then(|| Span { offset: base + (self.lost - len) as u64, len })
    }

    /// Takes that again.
    pub(super) fn take_again(&mut self, bytes: &[u8], keep: usize) {
        self.lost -= bytes.len();
        self.head.prepend(bytes, keep);
    }

    /// Puts `bytes`, which stand before the rest in the file, in front; holds `keep` bytes.
    pub(super) fn prepend(&mut self, bytes: &[u8], keep: usize) {
        self.len += bytes.len() as u64;
        let bytes = &bytes[..bytes.len().min(keep)];
        // Before they are moved: what is cut off needs no room.
        self.head.truncate(keep - bytes.len());
        self.head.prepend(bytes, keep);
    }

    /// The same with so many NUL bytes, of which `held` are as many as are held at most.
    pub(super) fn prepend_nuls(&mut self, nuls: u64, held: &[u8], keep: usize) {
        self.prepend(held, keep);
        self.len += nuls - held.len() as u64;
    }
}
