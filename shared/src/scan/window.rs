//! Parts of a file: the one that is searched, and pieces of it.

/// The part of a file that is searched, from `start` up to `end`. It is searched as if it were a
/// file of its own: a line begins at `start`, and at `end` if that is not the file's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Offset of its first byte.
    pub start: u64,
    /// Offset of the first byte after it.
    pub end: u64,
}

impl Window {
    /// A whole file of so many bytes.
    pub fn whole(size: u64) -> Window {
        Window { start: 0, end: size }
    }

    /// Bytes in it.
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether there is no byte in it.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }
}

/// A piece of the file: where it begins, and how many bytes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte in the file.
    pub offset: u64,
    /// Bytes.
    pub len: usize,
}

impl Span {
    /// Offset of the first byte after it.
    pub fn end(self) -> u64 {
        self.offset + self.len as u64
    }
}
