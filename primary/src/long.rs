//! What all answers together hold of lines and records that are too long for each of a
//! thousand answers to hold one.

use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of an unfinished line or record that every answer may hold: more than most lines have.
pub const FREE_BYTES: usize = 64 << 10;

/// Bytes of longer ones that all answers together hold. The longest record of a merge has an
/// eighth of it, and the longest line of NDJSON three quarters.
const LONG_BYTES: usize = 16 << 20;

/// What is counted at once.
const UNIT_BYTES: usize = 64 << 10;

/// The room for long lines and records, for all answers together.
#[derive(Debug, Clone)]
pub struct Long(Arc<Semaphore>);

impl Default for Long {
    fn default() -> Long {
        Long(Arc::new(Semaphore::new(LONG_BYTES / UNIT_BYTES)))
    }
}

impl Long {
    /// Room for so many bytes, where it is there now.
    pub fn try_hold(&self, bytes: usize) -> Option<Hold> {
        Arc::clone(&self.0).try_acquire_many_owned(units(bytes)).ok().map(Hold)
    }

    /// Room for so many bytes, once it is there. Whoever waits is to hold none, so that nobody
    /// waits for somebody who waits.
    pub async fn hold(&self, bytes: usize) -> Hold {
        let bytes = bytes.min(LONG_BYTES);
        Hold(Arc::clone(&self.0).acquire_many_owned(units(bytes)).await.expect("it is never closed"))
    }
}

/// Room that is taken.
#[derive(Debug)]
pub struct Hold(OwnedSemaphorePermit);

impl Hold {
    /// Makes it enough for so many bytes. False where there is no more room.
    #[must_use]
    pub fn try_grow(&mut self, long: &Long, bytes: usize) -> bool {
        let taken = self.0.num_permits() * UNIT_BYTES;
        if bytes <= taken {
            return true;
        }
        let Some(Hold(more)) = long.try_hold(bytes - taken) else { return false };
        self.0.merge(more);
        true
    }

    /// These bytes, which are held until they have left.
    pub fn keep(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Kept { bytes, _hold: self })
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

struct Kept {
    bytes: Bytes,
    _hold: Hold,
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
    fn room_is_taken_for_as_long_as_the_bytes_are_there() {
        let long = Long::default();
        let mut hold = long.try_hold(1).unwrap();
        assert!(hold.try_grow(&long, UNIT_BYTES) && hold.try_grow(&long, LONG_BYTES));
        assert!(!hold.try_grow(&long, LONG_BYTES + 1) && long.try_hold(1).is_none());
        let kept = hold.keep(Bytes::from_static(b"line"));
        let slice = kept.slice(1..);
        drop(kept);
        assert!(long.try_hold(1).is_none(), "a part is still there");
        drop(slice);
        assert!(long.try_hold(LONG_BYTES).is_some());
    }
}
