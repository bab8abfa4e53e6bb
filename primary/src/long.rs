//! What all answers together hold of lines and records that are too long for each of a
//! thousand answers to hold one.

mod record;

pub use record::{LostRoom, NoRoom, Record};

use bytes::Bytes;
use record::Records;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of an unfinished line or record that every answer may hold, of each of its hosts: more
/// than most lines have. A thousand answers of three hosts each hold 24 MiB like this.
pub const FREE_BYTES: usize = 8 << 10;

/// Bytes of longer records of merges that all answers together hold. The longest has a quarter
/// of it.
const MERGED_BYTES: usize = 8 << 20;

/// The same of lines that are passed on; the longest one of NDJSON has 12 MiB. Apart, so that
/// neither keeps the other out: a line finds its way without room, and a record does not.
const RELAYED_BYTES: usize = 14 << 20;

/// What is counted at once.
const UNIT_BYTES: usize = 4 << 10;

/// The room for long lines and records, for all answers together.
#[derive(Debug, Clone)]
pub struct Long {
    merged: Arc<Semaphore>,
    relayed: Arc<Semaphore>,
    records: Arc<Records>,
}

impl Default for Long {
    fn default() -> Long {
        let room = |bytes: usize| Arc::new(Semaphore::new(bytes / UNIT_BYTES));
        Long { merged: room(MERGED_BYTES), relayed: room(RELAYED_BYTES), records: Arc::default() }
    }
}

impl Long {
    /// Room for so many bytes of a line, where it is there now.
    pub fn try_hold(&self, bytes: usize) -> Option<Hold> {
        Arc::clone(&self.relayed).try_acquire_many_owned(units(bytes)).ok().map(Hold)
    }
}

/// Room that is taken by a line.
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
        assert!(hold.try_grow(&long, UNIT_BYTES) && hold.try_grow(&long, RELAYED_BYTES));
        assert!(!hold.try_grow(&long, RELAYED_BYTES + 1) && long.try_hold(1).is_none());
        let kept = hold.keep(Bytes::from_static(b"line"));
        let slice = kept.slice(1..);
        drop(kept);
        assert!(long.try_hold(1).is_none(), "a part is still there");
        drop(slice);
        assert!(long.try_hold(RELAYED_BYTES).is_some());
    }
}
