//! Memory for long lines that are passed on, for all answers together.

use super::units::{UNIT_BYTES, units};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of long lines that all answers together hold. The longest line of NDJSON has 12 MiB.
/// Records that are merged have a limit of their own, so that neither keeps the other out: a line
/// that finds no memory leaves in parts, and a record fails.
const LINES_BYTES: usize = 14 << 20;

/// The memory for long lines.
#[derive(Debug, Clone)]
pub struct LineMemory(Arc<Semaphore>);

impl Default for LineMemory {
    fn default() -> LineMemory {
        LineMemory(Arc::new(Semaphore::new(LINES_BYTES / UNIT_BYTES)))
    }
}

impl LineMemory {
    /// Memory for so many bytes of a line; None where there is not enough now.
    pub fn try_hold(&self, bytes: usize) -> Option<HeldLine> {
        Arc::clone(&self.0).try_acquire_many_owned(units(bytes)).ok().map(HeldLine)
    }
}

/// Memory that a line has taken, until this is dropped.
#[derive(Debug)]
pub struct HeldLine(OwnedSemaphorePermit);

impl HeldLine {
    /// Makes it enough for so many bytes. False where there is not enough now.
    #[must_use]
    pub fn try_grow(&mut self, lines: &LineMemory, bytes: usize) -> bool {
        let taken = self.0.num_permits() * UNIT_BYTES;
        if bytes <= taken {
            return true;
        }
        let Some(HeldLine(more)) = lines.try_hold(bytes - taken) else { return false };
        self.0.merge(more);
        true
    }

    /// The same bytes. Their memory counts as taken until the last part of them is dropped.
    pub fn keep(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Kept { bytes, _hold: self })
    }
}

struct Kept {
    bytes: Bytes,
    _hold: HeldLine,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_taken_for_as_long_as_the_bytes_are_there() {
        let lines = LineMemory::default();
        let mut hold = lines.try_hold(1).unwrap();
        assert!(hold.try_grow(&lines, UNIT_BYTES) && hold.try_grow(&lines, LINES_BYTES));
        assert!(!hold.try_grow(&lines, LINES_BYTES + 1) && lines.try_hold(1).is_none());
        let kept = hold.keep(Bytes::from_static(b"line"));
        let slice = kept.slice(1..);
        drop(kept);
        assert!(lines.try_hold(1).is_none(), "a part is still there");
        drop(slice);
        assert!(lines.try_hold(LINES_BYTES).is_some());
    }
}
