//! The line whose beginning has not been read yet. It grows at its front, block by block.

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

    pub(super) fn clear(&mut self) {
        self.start = self.buf.len();
    }

    pub(super) fn prepend(&mut self, bytes: &[u8]) {
        if bytes.len() > self.start {
            let kept = self.len();
            let room = (bytes.len() + kept).max(64);
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

/// The part of a line that has been read: its newest bytes, of which the oldest `keep`
/// are held. That is its beginning, once the rest of the line turns up.
#[derive(Debug, Default)]
pub(super) struct OpenLine {
    head: FrontBuf,
    /// Bytes of the line read so far, held or not; its line feed is not one of them.
    len: u64,
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
    }

    /// Puts `bytes`, which stand before the rest in the file, in front; holds `keep` bytes.
    pub(super) fn prepend(&mut self, bytes: &[u8], keep: usize) {
        self.len += bytes.len() as u64;
        self.head.prepend(&bytes[..bytes.len().min(keep)]);
        self.head.truncate(keep);
    }

    /// The same with so many NUL bytes, of which `held` are as many as are held at most.
    pub(super) fn prepend_nuls(&mut self, nuls: u64, held: &[u8], keep: usize) {
        self.len += nuls;
        self.head.prepend(held);
        self.head.truncate(keep);
    }
}
