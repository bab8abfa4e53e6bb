//! Memory for long records that are merged, for all answers together.
//!
//! A record waits ten seconds at most for memory. While one waits, another one loses its memory
//! if its bytes do not arrive within three seconds, or if its client takes nothing of it for as
//! long: then its answer ends as incomplete. The bytes are kept here and not by the answer, so
//! that they can be taken from an answer that nobody polls because its client does not read.

use super::units::{UNIT_BYTES, units};
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Bytes of long records that all answers together hold. The longest record has a quarter of it.
const RECORDS_BYTES: usize = 8 << 20;

/// How long a record may keep others waiting for memory: until all of it has come, and then from
/// one part that its client takes to the next.
const STALLED: Duration = Duration::from_secs(3);

/// How long a record waits for memory. This is long enough for three rounds in which records that
/// do not go on lose theirs.
const WAIT: Duration = Duration::from_secs(10);

/// How often a record that waits looks for others whose memory can be taken.
const LOOK_TIME: Duration = Duration::from_millis(250);

/// There was no memory in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMemory;

/// Its memory was taken, because others waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostMemory;

/// The memory for long records.
#[derive(Debug, Clone)]
pub struct RecordMemory {
    memory: Arc<Semaphore>,
    table: Arc<Mutex<Table>>,
}

impl Default for RecordMemory {
    fn default() -> RecordMemory {
        let memory = Arc::new(Semaphore::new(RECORDS_BYTES / UNIT_BYTES));
        RecordMemory { memory, table: Arc::default() }
    }
}

/// The records that have memory, and what others wait for.
#[derive(Debug, Default)]
struct Table {
    next: u64,
    slots: HashMap<u64, Arc<Slot>>,
    /// Bytes that records wait for.
    wanted: usize,
    looked: Option<Instant>,
}

/// One record's bytes.
#[derive(Debug)]
struct Slot {
    /// None once it has lost its memory.
    held: Mutex<Option<Held>>,
    /// Notified when it has lost its memory.
    lost: Notify,
}

#[derive(Debug)]
struct Held {
    /// What has come so far, until all of it has come.
    coming: BytesMut,
    whole: Bytes,
    /// When it got its memory, when all of it had come, or when its client last took a part.
    since: Instant,
    permit: OwnedSemaphorePermit,
}

/// A record that has memory, until this is dropped.
#[derive(Debug)]
pub struct HeldRecord {
    id: u64,
    slot: Arc<Slot>,
    table: Arc<Mutex<Table>>,
}

impl RecordMemory {
    /// Waits for memory for a record of so many bytes, no longer than `until`. A request that
    /// waits holds none, so that no request waits for one that is itself waiting.
    pub async fn hold(&self, bytes: usize, until: Instant) -> Result<HeldRecord, NoMemory> {
        let bytes = bytes.min(RECORDS_BYTES);
        let until = until.min(Instant::now() + WAIT);
        let mut permit = pin!(Arc::clone(&self.memory).acquire_many_owned(units(bytes)));
        let mut wanted = None;
        loop {
            let look = until.min(Instant::now() + LOOK_TIME);
            if let Ok(permit) = timeout_at(look, permit.as_mut()).await {
                let permit = permit.map_err(|_| NoMemory)?;
                return Ok(self.taken(bytes, permit));
            }
            if Instant::now() >= until {
                return Err(NoMemory);
            }
            wanted.get_or_insert_with(|| Wanted::new(&self.table, bytes));
            self.take_from_stalled();
        }
    }

    fn taken(&self, bytes: usize, permit: OwnedSemaphorePermit) -> HeldRecord {
        let coming = BytesMut::with_capacity(bytes);
        let held = Held { coming, whole: Bytes::new(), since: Instant::now(), permit };
        let slot = Arc::new(Slot { held: Mutex::new(Some(held)), lost: Notify::new() });
        let mut table = locked(&self.table);
        let id = table.next;
        table.next += 1;
        table.slots.insert(id, Arc::clone(&slot));
        drop(table);
        HeldRecord { id, slot, table: Arc::clone(&self.table) }
    }

    /// Takes as much memory as others wait for from the records that have not gone on, beginning
    /// with the one that has not gone on for the longest time.
    fn take_from_stalled(&self) {
        let now = Instant::now();
        let mut table = locked(&self.table);
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

/// Memory that a record waits for.
struct Wanted<'t>(&'t Mutex<Table>, usize);

impl<'t> Wanted<'t> {
    fn new(table: &'t Mutex<Table>, bytes: usize) -> Wanted<'t> {
        locked(table).wanted += bytes;
        Wanted(table, bytes)
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        locked(self.0).wanted -= self.1;
    }
}

impl HeldRecord {
    /// For how long a record may keep others waiting.
    pub const STALLED: Duration = STALLED;

    /// Adds bytes that have come.
    pub fn extend(&self, part: &[u8]) -> Result<(), LostMemory> {
        self.with(|held| held.coming.extend_from_slice(part))
    }

    /// Says that all of it has come.
    pub fn is_whole(&self) -> Result<(), LostMemory> {
        self.with(|held| {
            held.whole = std::mem::take(&mut held.coming).freeze();
            held.since = Instant::now();
        })
    }

    /// Its bytes, of which the client takes another part. The caller is not to keep them.
    pub fn bytes(&self) -> Result<Bytes, LostMemory> {
        self.with(|held| {
            held.since = Instant::now();
            held.whole.clone()
        })
    }

    /// Waits until it loses its memory.
    pub async fn lost(&self) {
        self.slot.lost.notified().await;
    }

    fn with<T>(&self, then: impl FnOnce(&mut Held) -> T) -> Result<T, LostMemory> {
        locked(&self.slot.held).as_mut().map(then).ok_or(LostMemory)
    }
}

impl Drop for HeldRecord {
    fn drop(&mut self) {
        locked(&self.table).slots.remove(&self.id);
    }
}

/// Ignores poison: no panic leaves a value half changed here.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later() -> Instant {
        Instant::now() + Duration::from_mins(5)
    }

    async fn filled(records: &RecordMemory, bytes: usize) -> HeldRecord {
        let record = records.hold(bytes, later()).await.unwrap();
        record.extend(b"record").unwrap();
        record
    }

    /// Makes it look as if the record had last gone on this long ago.
    fn went_on(record: &HeldRecord, ago: Duration) {
        record.with(|held| held.since = Instant::now().checked_sub(ago).unwrap()).unwrap();
    }

    #[tokio::test]
    async fn who_waits_gets_the_room_of_those_that_do_not_go_on_and_of_no_more() {
        let records = RecordMemory::default();
        let (coming, whole) =
            (filled(&records, RECORDS_BYTES / 4).await, filled(&records, RECORDS_BYTES / 4).await);
        let (other, read) =
            (filled(&records, RECORDS_BYTES / 4).await, filled(&records, RECORDS_BYTES / 4).await);
        whole.is_whole().unwrap();
        read.is_whole().unwrap();
        for (record, times) in [(&coming, 4), (&whole, 3), (&other, 2), (&read, 9)] {
            went_on(record, STALLED * times);
        }
        assert_eq!(read.bytes(), Ok(Bytes::from_static(b"record")), "nobody waits");
        let first = records.hold(RECORDS_BYTES / 2, later()).await.unwrap();
        coming.lost().await;
        assert_eq!((coming.extend(b""), whole.bytes()), (Err(LostMemory), Err(LostMemory)));
        assert!(other.extend(b"").is_ok() && read.bytes().is_ok() && first.extend(b"").is_ok());
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_is_said_and_nothing_is_left_of_those_that_did() {
        let records = RecordMemory::default();
        let record = filled(&records, RECORDS_BYTES).await;
        let soon = Instant::now() + Duration::from_millis(600);
        assert_eq!(records.hold(1, soon).await.unwrap_err(), NoMemory);
        assert!(Instant::now() >= soon && record.bytes().is_ok());
        drop(record);
        assert!(records.hold(RECORDS_BYTES, later()).await.is_ok());
        assert!(locked(&records.table).slots.is_empty() && locked(&records.table).wanted == 0);
    }
}
