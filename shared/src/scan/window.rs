//! Parts of a file: the window that is searched, and spans in it.

/// The part of a file that is searched, from `start` up to `end`. It is searched like a whole file:
/// a line begins at `start`, and the last line ends at `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Offset of its first byte.
    pub start: u64,
    /// Offset of the first byte after it.
    pub end: u64,
}

impl Window {
    /// A whole file of `size` bytes.
    pub fn whole(size: u64) -> Window {
        Window { start: 0, end: size }
    }

    /// Bytes in it.
    pub fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether the window has no bytes.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }
}

/// Some bytes of a file: where they begin, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte in the file.
    pub offset: u64,
    /// Number of bytes.
    pub len: usize,
}

impl Span {
    /// Offset of the first byte after it.
    pub fn end(self) -> u64 {
        self.offset + self.len as u64
    }
}
