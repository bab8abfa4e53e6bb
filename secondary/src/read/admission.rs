//! Limits how many requests read at once. Each ring thread has one [`Admission`].
//!
//! A request for the newest lines reads a block or two, and never waits for a scan. A scan that
//! reads more than [`DEEP_FROM`] bytes is *deep*: it needs a pass. A thread has few passes, and a
//! scan gives its pass up after a slice if others wait for one. So deep scans take turns and hold
//! few blocks together, and each of them gets its turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that every request may read without a pass. The third stage of the ramp ends here: a
/// request that reads more is a search, not a look at the tail.
pub const DEEP_FROM: u64 = 1 << 20;

/// Deep scans of one thread that read at once: one is matched while the other waits for the disk.
pub const DEEP_AT_ONCE: usize = 2;

/// Deep scans of one thread that wait for a pass at once. They take turns, so each one more makes all
/// of them slower. One that comes when so many wait, and has not delivered anything, is refused.
pub const DEEP_WAITING: usize = 128;

/// Bytes that a deep scan reads before it gives up its pass to others that wait.
pub const SLICE_BYTES: u64 = 16 << 20;

/// How long a scan may take over a slice. A scan whose client reads slowly must not keep a pass.
pub const SLICE_TIME: Duration = Duration::from_millis(20);

/// A line or record that is longer than this many bytes needs a large permit.
pub const LARGE_BYTES: usize = 64 << 10;

/// Answers of one thread that hold a large line or record at once. Each holds up to 1 MiB, and some
/// copies of it if the record has many lines. They hold the permit while they read, and never while
/// they wait for a client.
pub const LARGE_AT_ONCE: usize = 4;

/// Directory walks of one thread at once. Each collects up to 1 MiB of names for a page of a
/// listing.
pub const WALKS_AT_ONCE: usize = 4;

/// Pages of listings that one thread keeps at once while their clients read.
pub const PAGES_AT_ONCE: usize = 4;

/// The permits of one thread.
#[derive(Debug)]
pub struct Admission {
    deep: Arc<Semaphore>,
    deep_waiting: AtomicUsize,
    large: Arc<Semaphore>,
    large_waiting: AtomicUsize,
    walks: Arc<Semaphore>,
    pages: Arc<Semaphore>,
}

impl Default for Admission {
    fn default() -> Admission {
        Admission {
            deep: Arc::new(Semaphore::new(DEEP_AT_ONCE)),
            deep_waiting: AtomicUsize::new(0),
            large: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
            large_waiting: AtomicUsize::new(0),
            walks: Arc::new(Semaphore::new(WALKS_AT_ONCE)),
            pages: Arc::new(Semaphore::new(PAGES_AT_ONCE)),
        }
    }
}

impl Admission {
    /// Whether no deep scan reads or waits on this thread.
    pub fn is_free_of_scans(&self) -> bool {
        self.deep.available_permits() == DEEP_AT_ONCE && self.deep_waiting.load(Relaxed) == 0
    }

    /// Deep scans that have a pass.
    pub fn deep_running(&self) -> usize {
        DEEP_AT_ONCE - self.deep.available_permits()
    }

    /// Deep scans that wait for a pass.
    pub fn deep_waiting(&self) -> usize {
        self.deep_waiting.load(Relaxed)
    }

    /// Waits for a permit for a large line or record.
    pub async fn large_permit(&self) -> OwnedSemaphorePermit {
        let _waiting = Waiting::new(&self.large_waiting);
        self.large.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// A permit for a large line or record, if one is free now.
    pub fn try_large_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.large.clone().try_acquire_owned().ok()
    }

    /// Whether an answer waits for a permit for a large line or record.
    pub fn is_large_waited_for(&self) -> bool {
        self.large_waiting.load(Relaxed) > 0
    }

    /// Whether an answer waits for a permit or a pass that an answer to an idle client may hold.
    pub fn is_waited_for(&self) -> bool {
        self.is_large_waited_for() || self.deep_waiting.load(Relaxed) > 0
    }

    /// Waits for a permit for a walk.
    pub async fn walk_permit(&self) -> OwnedSemaphorePermit {
        self.walks.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// A permit for a walk, if one is free now.
    pub fn try_walk_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.walks.clone().try_acquire_owned().ok()
    }

    /// A permit for a page of a listing, if one is free now.
    pub fn try_page_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.pages.clone().try_acquire_owned().ok()
    }
}

/// The right of one scan to read deep, while it holds a pass.
#[derive(Debug)]
pub struct Pass {
    admission: Arc<Admission>,
    held: Option<Slice>,
    /// Whether the scan may go on, however many wait.
    has_place: bool,
}

/// Too many deep scans wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

#[derive(Debug)]
struct Slice {
    _permit: OwnedSemaphorePermit,
    bytes_left: u64,
    since: Instant,
}

impl Slice {
    fn new(permit: OwnedSemaphorePermit) -> Slice {
        Slice { _permit: permit, bytes_left: SLICE_BYTES, since: Instant::now() }
    }
}

impl Pass {
    /// For a scan that has not read anything yet.
    pub fn new(admission: Arc<Admission>) -> Pass {
        Pass { admission, held: None, has_place: false }
    }

    /// The admission that this pass comes from.
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.admission)
    }

    /// Whether the scan may read `len` more bytes now. `planned`: bytes that it has planned before.
    /// False if it has to [renew](Pass::renew) the pass first.
    pub fn spend(&mut self, planned: u64, len: usize) -> bool {
        if planned < DEEP_FROM {
            return true;
        }
        let Some(held) = &mut self.held else { return false };
        let len = len as u64;
        if held.bytes_left < len || held.since.elapsed() >= SLICE_TIME {
            if self.admission.deep_waiting.load(Relaxed) > 0 {
                return false;
            }
            held.bytes_left = SLICE_BYTES.max(len);
            held.since = Instant::now();
        }
        held.bytes_left -= len;
        true
    }

    /// From now on the scan may go on, however many wait: it has delivered something.
    pub fn keep_place(&mut self) {
        self.has_place = true;
    }

    /// Gives the pass up, queues for a new one, and returns with a full slice. A scan that has no
    /// place is refused if too many wait. May be dropped and called again.
    pub async fn renew(&mut self) -> Result<(), TooMany> {
        if !self.has_place && self.admission.deep_waiting.load(Relaxed) >= DEEP_WAITING {
            return Err(TooMany);
        }
        self.has_place = true;
        self.held = None;
        let waiting = Waiting::new(&self.admission.deep_waiting);
        let permit = self.admission.deep.clone().acquire_owned().await.expect("it is never closed");
        drop(waiting);
        self.held = Some(Slice::new(permit));
        Ok(())
    }

    /// Takes a pass if one is free and nobody waits.
    pub fn renew_at_once(&mut self) {
        if self.held.is_none()
            && self.admission.deep_waiting.load(Relaxed) == 0
            && let Ok(permit) = self.admission.deep.clone().try_acquire_owned()
        {
            self.held = Some(Slice::new(permit));
            self.has_place = true;
        }
    }

    /// Gives the pass up, because the client does not read or the disk is slow.
    pub fn give_up(&mut self) {
        self.held = None;
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Waiting<'_> {
    fn new(count: &AtomicUsize) -> Waiting<'_> {
        count.fetch_add(1, Relaxed);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn a_tail_needs_no_pass_and_deep_scans_take_turns() {
        let admission = Arc::new(Admission::default());
        let mut scans: Vec<Pass> = (0..=DEEP_AT_ONCE).map(|_| Pass::new(Arc::clone(&admission))).collect();
        assert!(scans.iter_mut().all(|scan| scan.spend(0, 65_536)));
        assert!(admission.is_free_of_scans());
        let (last, first) = scans.split_last_mut().unwrap();
        for scan in &mut *first {
            assert!(!scan.spend(DEEP_FROM, 65_536));
            assert!(scan.renew().now_or_never().is_some());
            assert!(scan.spend(DEEP_FROM, 65_536));
        }
        assert!(!admission.is_free_of_scans());
        // Nobody waits, so a new slice follows a slice that is used up.
        assert!(first[0].spend(DEEP_FROM, usize::try_from(SLICE_BYTES).unwrap()));
        assert!(first[0].spend(DEEP_FROM, 65_536));
        {
            let mut waits = Box::pin(last.renew());
            assert!((&mut waits).now_or_never().is_none());
            assert!(!first[0].spend(DEEP_FROM, usize::try_from(SLICE_BYTES).unwrap()));
            let mut again = Box::pin(first[0].renew());
            assert!((&mut again).now_or_never().is_none(), "it goes to the end of the queue");
            assert!(waits.now_or_never().is_some(), "and the next has its turn");
            drop(again);
        }
        assert!(last.spend(DEEP_FROM, 65_536));
        drop(scans);
        assert!(admission.is_free_of_scans());
    }

    /// O1: what is too much is refused at once, and what has begun goes on.
    #[test]
    fn a_new_scan_is_refused_where_many_wait_and_one_that_has_begun_is_not() {
        let admission = Arc::new(Admission::default());
        let pass = || Pass::new(Arc::clone(&admission));
        let mut passes: Vec<Pass> = (0..DEEP_AT_ONCE + DEEP_WAITING).map(|_| pass()).collect();
        let mut renewed: Vec<_> = passes.iter_mut().map(|scan| Box::pin(scan.renew())).collect();
        for (at, renewed) in renewed.iter_mut().enumerate() {
            assert_eq!(renewed.now_or_never().is_some(), at < DEEP_AT_ONCE);
        }
        let (mut new, mut begun) = (pass(), pass());
        begun.keep_place();
        assert_eq!(new.renew().now_or_never(), Some(Err(TooMany)));
        assert!(begun.renew().now_or_never().is_none(), "it waits");
        // One that waits no more makes room for another one.
        drop(renewed.pop());
        assert!(new.renew().now_or_never().is_none());
    }
}
