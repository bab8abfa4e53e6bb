//! What the writer and the reader of frames agree on.

use crate::limits;

/// Bytes of a record: the longest that the scan delivers.
pub(super) const RECORD_BYTES: usize = limits::RECORD_BYTES + limits::LINE_BYTES;
/// Bytes of an end: a verdict on one host.
pub(super) const END_BYTES: usize = 64 << 10;

/// The bits of a tag that are the kind of the frame.
pub(super) const KIND: u8 = 0xF0;
pub(super) const RECORD: u8 = 0x10;
pub(super) const MARK: u8 = 0x20;
pub(super) const END: u8 = 0x30;
pub(super) const PROGRESS: u8 = 0x40;
/// The other bits of a record's tag.
pub(super) const TIMED: u8 = 1;
pub(super) const OWN_TIME: u8 = 2;
pub(super) const COUNTED: u8 = 4;
pub(super) const OTHER_TIME: u8 = 8;

/// The last numbers of a stream. The next ones are written as the difference to them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Last {
    pub(super) offset: u64,
    pub(super) nanos: i64,
    /// Bytes of the file that have been scanned.
    pub(super) scanned: u64,
}
