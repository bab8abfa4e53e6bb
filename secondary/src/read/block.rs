//! Page-aligned blocks from a pool, and the bound on how many a thread has.

use super::meter::Meter;
use memmap2::MmapMut;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a block. The largest read of the ramp fits it.
pub const BLOCK_BYTES: usize = 512 << 10;

/// Blocks of one thread: 28 MiB if all of them are filled. Each deep scan that has a pass holds up
/// to 8, and the one that it searches. The rest is for tails, which fill a small part of a block.
pub const BLOCKS: usize = 56;

/// The blocks of one thread. A block is mapped when it is first needed and then kept, because a
/// fresh mapping costs a page fault for each page.
///
/// A block that waits for the disk also needs a cold permit. There are fewer of these than blocks,
/// so reads from the page cache find a block even if many scans wait for a slow disk.
#[derive(Debug)]
pub struct Pool {
    free: Mutex<Vec<MmapMut>>,
    permits: Arc<Semaphore>,
    cold: Arc<Semaphore>,
    capacity: usize,
    cold_capacity: usize,
    block_bytes: usize,
    meter: Meter,
}

impl Pool {
    /// A pool of at most `capacity` blocks. None is mapped yet.
    pub fn new(capacity: usize) -> Arc<Pool> {
        Pool::with_block_bytes(capacity, BLOCK_BYTES)
    }

    /// The same, and this counts what is read into its blocks.
    pub fn metered(capacity: usize, meter: Meter) -> Arc<Pool> {
        Arc::new(Pool::unshared(capacity, BLOCK_BYTES, meter))
    }

    /// A pool whose blocks have `block_bytes` bytes. Benchmarks use it to compare block sizes.
    pub fn with_block_bytes(capacity: usize, block_bytes: usize) -> Arc<Pool> {
        Arc::new(Pool::unshared(capacity, block_bytes, Meter::default()))
    }

    fn unshared(capacity: usize, block_bytes: usize, meter: Meter) -> Pool {
        let permits = Arc::new(Semaphore::new(capacity));
        let cold_capacity = (capacity - capacity / 4).max(1);
        let cold = Arc::new(Semaphore::new(cold_capacity));
        Pool { free: Mutex::default(), permits, cold, capacity, cold_capacity, block_bytes, meter }
    }

    /// What counts the reads.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// How many blocks there may be.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Blocks that wait for the disk, or have come from it and not been looked at.
    pub fn waiting_for_disk(&self) -> usize {
        self.cold_capacity - self.cold.available_permits()
    }

    /// Waits for a block. First come, first served. Fails if the block cannot be mapped.
    pub async fn acquire(self: &Arc<Pool>) -> io::Result<Block> {
        let permit = self.permits.clone().acquire_owned().await.expect("the semaphore is never closed");
        self.block(permit)
    }

    /// A block, if one is free now.
    pub fn try_acquire(self: &Arc<Pool>) -> Option<io::Result<Block>> {
        self.permits.clone().try_acquire_owned().ok().map(|permit| self.block(permit))
    }

    /// Waits for the permit of a block that waits for the disk.
    pub(super) async fn cold_permit(&self) -> OwnedSemaphorePermit {
        self.cold.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Whether more than a quarter of the blocks is free. Reading ahead stops before that quarter,
    /// so that a request which cannot go on without a block finds one.
    pub fn has_room(&self) -> bool {
        self.permits.available_permits() > self.capacity / 4
    }

    /// Whether a request that needs a block now has to wait for one.
    pub fn is_exhausted(&self) -> bool {
        self.permits.available_permits() == 0
    }

    /// Unmaps the free blocks, except `kept` of them.
    pub fn give_back(&self, kept: usize) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.min(free.len());
        let surplus = free.split_off(kept);
        // Unlocks the pool first, so that others need not wait while the kernel unmaps.
        drop(free);
        drop(surplus);
    }

    /// Blocks in use, by a scan or by the kernel.
    pub fn in_use(&self) -> usize {
        self.capacity - self.permits.available_permits()
    }

    fn block(self: &Arc<Pool>, permit: OwnedSemaphorePermit) -> io::Result<Block> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let map = match free {
            Some(map) => map,
            // An anonymous mapping begins at a page boundary. A copy to any other address is four
            // times slower.
            None => MmapMut::map_anon(self.block_bytes)?,
        };
        Ok(Block { map: Some(map), len: 0, pool: Arc::clone(self), _permit: permit, cold: None })
    }
}

/// Memory that a read fills. It holds its own permit, so a block of an abandoned read counts as
/// used until the kernel is done with it.
#[derive(Debug)]
pub struct Block {
    /// `Some` until the block is dropped.
    map: Option<MmapMut>,
    len: usize,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
    cold: Option<OwnedSemaphorePermit>,
}

impl Block {
    /// Takes a cold permit, if one is free now. False if none is.
    pub(super) fn take_cold_permit(&mut self) -> bool {
        if self.cold.is_none() {
            self.cold = self.pool.cold.clone().try_acquire_owned().ok();
        }
        self.cold.is_some()
    }

    /// Takes over a cold permit that the caller has waited for.
    pub(super) fn put_cold_permit(&mut self, permit: OwnedSemaphorePermit) {
        self.cold = Some(permit);
    }

    /// Gives the cold permit back, because the block has been read.
    pub(super) fn leave_cold_permit(&mut self) {
        self.cold = None;
    }

    /// All memory of the block. It does not move while the block lives.
    pub fn memory(&mut self) -> &mut [u8] {
        self.map.as_mut().expect("present until dropped")
    }

    /// What counts the reads.
    pub(super) fn meter(&self) -> &Meter {
        &self.pool.meter
    }

    /// Sets how many bytes, from the first on, have been filled.
    pub(crate) fn set_len(&mut self, len: usize) {
        self.len = len.min(self.pool.block_bytes);
    }
}

impl AsRef<[u8]> for Block {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.map.as_ref().expect("present until dropped")[..self.len]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(map) = self.map.take() {
            self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(map);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_begin_at_a_page_are_reused_and_bounded() {
        let pool = Pool::new(2);
        let mut first = pool.try_acquire().unwrap().unwrap();
        let at = first.memory().as_ptr().addr();
        assert_eq!(at % 4096, 0);
        let second = pool.try_acquire().unwrap().unwrap();
        assert_eq!(pool.in_use(), 2);
        assert!(pool.try_acquire().is_none());
        drop(second);
        drop(first);
        assert_eq!(pool.in_use(), 0);
        assert_eq!(pool.try_acquire().unwrap().unwrap().memory().as_ptr().addr(), at);
    }

    #[test]
    fn blocks_that_wait_for_the_disk_leave_some_to_those_that_need_not() {
        let pool = Pool::new(4);
        let mut blocks: Vec<Block> = (0..4).map(|_| pool.try_acquire().unwrap().unwrap()).collect();
        let waiting = blocks.iter_mut().filter_map(|block| block.take_cold_permit().then_some(())).count();
        assert_eq!(waiting, 3);
        blocks[0].leave_cold_permit();
        assert!(blocks[3].take_cold_permit());
        drop(blocks);
        assert!(pool.try_acquire().unwrap().unwrap().take_cold_permit());
    }

    #[test]
    fn blocks_that_nobody_uses_are_given_back_but_for_some() {
        let pool = Pool::new(4);
        let blocks: Vec<Block> = (0..4).map(|_| pool.try_acquire().unwrap().unwrap()).collect();
        pool.give_back(1);
        drop(blocks);
        assert_eq!(pool.free.lock().unwrap().len(), 4);
        pool.give_back(1);
        assert_eq!(pool.free.lock().unwrap().len(), 1);
        assert_eq!((0..4).filter_map(|_| pool.try_acquire()).flatten().count(), 4);
    }

    #[test]
    fn a_pool_has_blocks_of_the_size_it_is_asked_for() {
        let pool = Pool::with_block_bytes(1, 1 << 20);
        let mut block = pool.try_acquire().unwrap().unwrap();
        assert_eq!(block.memory().len(), 1 << 20);
        block.set_len(1 << 20);
        assert_eq!(block.as_ref().len(), 1 << 20);
    }
}
