//! Long records of merges, each with the room that it takes.
//!
//! Nobody waits long for room. While somebody does, a record loses its room that is not there,
//! or of which its client took nothing, for [`STALLED`]: its answer ends as incomplete. The
//! bytes are kept here and not by the answer, so that they can be taken from an answer that
//! nobody polls because its client does not read.

use super::{Long, MERGED_BYTES, units};
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// How long a record may keep the others waiting for room: until it is there, and then from one
/// part that its client takes to the next.
const STALLED: Duration = Duration::from_secs(3);

/// How long is waited for room. Others that do not go on lose theirs three times meanwhile.
const WAIT: Duration = Duration::from_secs(10);

/// How often it is looked at whose room can be taken.
const LOOK_TIME: Duration = Duration::from_millis(250);

/// There was no room in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

/// Its room was taken, as others waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostRoom;

/// The records that have room, and what is waited for.
#[derive(Debug, Default)]
pub(super) struct Records(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    slots: HashMap<u64, Arc<Slot>>,
    /// Bytes for which somebody waits.
    wanted: usize,
    looked: Option<Instant>,
}

/// One record's bytes.
#[derive(Debug)]
struct Slot {
    held: Mutex<Option<Held>>,
    /// It has lost its room.
    lost: Notify,
}

#[derive(Debug)]
struct Held {
    /// What has come, until all has.
    coming: BytesMut,
    whole: Bytes,
    /// When it got its room, was there, or its client last took a part.
    since: Instant,
    permit: OwnedSemaphorePermit,
}

/// A record that has room.
#[derive(Debug)]
pub struct Record {
    id: u64,
    slot: Arc<Slot>,
    records: Arc<Records>,
}

impl Long {
    /// Room for a record of so many bytes, once it is there. Whoever waits is to hold none, so
    /// that nobody waits for somebody who waits.
    pub async fn hold(&self, bytes: usize, until: Instant) -> Result<Record, NoRoom> {
        let bytes = bytes.min(MERGED_BYTES);
        let until = until.min(Instant::now() + WAIT);
        let mut permit = pin!(Arc::clone(&self.merged).acquire_many_owned(units(bytes)));
        let mut wanted = None;
        loop {
            let look = until.min(Instant::now() + LOOK_TIME);
            if let Ok(permit) = timeout_at(look, permit.as_mut()).await {
                let permit = permit.map_err(|_| NoRoom)?;
                return Ok(self.records.taken(bytes, permit));
            }
            if Instant::now() >= until {
                return Err(NoRoom);
            }
            wanted.get_or_insert_with(|| Wanted::new(&self.records, bytes));
            self.records.take_from_stalled();
        }
    }
}

/// Room that somebody waits for.
struct Wanted<'r>(&'r Records, usize);

impl<'r> Wanted<'r> {
    fn new(records: &'r Records, bytes: usize) -> Wanted<'r> {
        locked(&records.0).wanted += bytes;
        Wanted(records, bytes)
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        locked(&self.0.0).wanted -= self.1;
    }
}

impl Records {
    fn taken(self: &Arc<Records>, bytes: usize, permit: OwnedSemaphorePermit) -> Record {
        let coming = BytesMut::with_capacity(bytes);
        let held = Held { coming, whole: Bytes::new(), since: Instant::now(), permit };
        let slot = Arc::new(Slot { held: Mutex::new(Some(held)), lost: Notify::new() });
        let mut table = locked(&self.0);
        let id = table.next;
        table.next += 1;
        table.slots.insert(id, Arc::clone(&slot));
        drop(table);
        Record { id, slot, records: Arc::clone(self) }
    }

    /// Takes as much room as is waited for from the records that have not gone on, those first
    /// that have not for the longest.
    fn take_from_stalled(&self) {
        let now = Instant::now();
        let mut table = locked(&self.0);
        if table.looked.is_some_and(|looked| now < looked + LOOK_TIME) {
            return;
        }
        table.looked = Some(now);
        let since = |slot: &Arc<Slot>| Some((locked(&slot.held).as_ref()?.since, Arc::clone(slot)));
        let mut stalled: Vec<_> = table.slots.values().filter_map(since).collect();
        let mut wanted = units(table.wanted) as usize;
        drop(table);
        stalled.retain(|(since, _)| *since + STALLED <= now);
        stalled.sort_by_key(|(since, _)| *since);
        for (_, slot) in stalled {
            if wanted == 0 {
                return;
            }
            let Some(held) = locked(&slot.held).take() else { continue };
            wanted = wanted.saturating_sub(held.permit.num_permits());
            drop(held);
            slot.lost.notify_one();
        }
    }
}

impl Record {
    /// For how long one may keep others waiting.
    pub const STALLED: Duration = STALLED;

    /// More of it has come.
    pub fn extend(&self, part: &[u8]) -> Result<(), LostRoom> {
        self.with(|held| held.coming.extend_from_slice(part))
    }

    /// All of it has come.
    pub fn is_whole(&self) -> Result<(), LostRoom> {
        self.with(|held| {
            held.whole = std::mem::take(&mut held.coming).freeze();
            held.since = Instant::now();
        })
    }

    /// Its bytes, of which the client takes another part. They are not to be kept.
    pub fn bytes(&self) -> Result<Bytes, LostRoom> {
        self.with(|held| {
            held.since = Instant::now();
            held.whole.clone()
        })
    }

    /// Waits until it loses its room.
    pub async fn lost(&self) {
        self.slot.lost.notified().await;
    }

    fn with<T>(&self, then: impl FnOnce(&mut Held) -> T) -> Result<T, LostRoom> {
        locked(&self.slot.held).as_mut().map(then).ok_or(LostRoom)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        locked(&self.records.0).slots.remove(&self.id);
    }
}

/// What is behind it is whole at any time: a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later() -> Instant {
        Instant::now() + Duration::from_mins(5)
    }

    async fn filled(long: &Long, bytes: usize) -> Record {
        let record = long.hold(bytes, later()).await.unwrap();
        record.extend(b"record").unwrap();
        record
    }

    /// It went on so long ago.
    fn went_on(record: &Record, ago: Duration) {
        record.with(|held| held.since = Instant::now().checked_sub(ago).unwrap()).unwrap();
    }

    #[tokio::test]
    async fn who_waits_gets_the_room_of_those_that_do_not_go_on_and_of_no_more() {
        let long = Long::default();
        let (coming, whole) = (filled(&long, MERGED_BYTES / 4).await, filled(&long, MERGED_BYTES / 4).await);
        let (other, read) = (filled(&long, MERGED_BYTES / 4).await, filled(&long, MERGED_BYTES / 4).await);
        whole.is_whole().unwrap();
        read.is_whole().unwrap();
        for (record, times) in [(&coming, 4), (&whole, 3), (&other, 2), (&read, 9)] {
            went_on(record, STALLED * times);
        }
        assert_eq!(read.bytes(), Ok(Bytes::from_static(b"record")), "nobody waits");
        let first = long.hold(MERGED_BYTES / 2, later()).await.unwrap();
        coming.lost().await;
        assert_eq!((coming.extend(b""), whole.bytes()), (Err(LostRoom), Err(LostRoom)));
        assert!(other.extend(b"").is_ok() && read.bytes().is_ok() && first.extend(b"").is_ok());
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_is_said_and_nothing_is_left_of_those_that_did() {
        let long = Long::default();
        let record = filled(&long, MERGED_BYTES).await;
        let soon = Instant::now() + Duration::from_millis(600);
        assert_eq!(long.hold(1, soon).await.unwrap_err(), NoRoom);
        assert!(Instant::now() >= soon && record.bytes().is_ok());
        drop(record);
        assert!(long.hold(MERGED_BYTES, later()).await.is_ok());
        assert!(locked(&long.records.0).slots.is_empty() && locked(&long.records.0).wanted == 0);
    }
}
