//! How much at once, and who waits. One [`Admission`] a ring thread.
//!
//! A request for the newest lines reads a block or two and is never kept waiting for a scan.
//! A scan that goes on past [`DEEP_FROM`] is *deep*: it needs a pass, of which a thread has
//! few, and gives it up after a slice where others wait. So deep scans take turns, hold few
//! blocks between them, and none is refused or starves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that every request may read without a pass: with the ramp's second stage over, it
/// is a search, not a look at the tail.
pub const DEEP_FROM: u64 = 1 << 20;

/// Deep scans of one thread that read at once: one that is matched, one that waits for the
/// disk.
pub const DEEP_AT_ONCE: usize = 2;

/// Bytes that a deep scan reads before it lets others go on who wait.
pub const SLICE_BYTES: u64 = 16 << 20;

/// How long it may take over them: a client that takes its time is not to keep a pass.
pub const SLICE_TIME: Duration = Duration::from_millis(20);

/// Bytes of a line, or of a record, from which on an answer needs a large place.
pub const LARGE_BYTES: usize = 64 << 10;

/// Answers of one thread at once that hold a line or a record as large as that: 1 MiB, and
/// where a record has many lines some copies of it. They hold it while they read, and never
/// while they wait for a client.
pub const LARGE_AT_ONCE: usize = 4;

/// Walks of one thread at once that make a page of a listing: each collects up to 1 MiB of names.
pub const WALKS_AT_ONCE: usize = 4;

/// Pages of listings that one thread keeps while their clients read.
pub const PAGES_AT_ONCE: usize = 4;

/// Who may go on, on one thread.
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

    /// A place for a large line or record, once there is one.
    pub async fn large(&self) -> OwnedSemaphorePermit {
        let _waiting = Waiting::new(&self.large_waiting);
        self.large.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// The same, if there is one now.
    pub fn try_large(&self) -> Option<OwnedSemaphorePermit> {
        self.large.clone().try_acquire_owned().ok()
    }

    /// Whether somebody waits for a place for a large line or record.
    pub fn is_large_waited_for(&self) -> bool {
        self.large_waiting.load(Relaxed) > 0
    }

    /// Whether somebody waits for what an answer may hold whose client does not read.
    pub fn is_waited_for(&self) -> bool {
        self.is_large_waited_for() || self.deep_waiting.load(Relaxed) > 0
    }

    /// A place for a walk, once there is one.
    pub async fn walk(&self) -> OwnedSemaphorePermit {
        self.walks.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// A place for a page of a listing, if there is one now.
    pub fn try_page(&self) -> Option<OwnedSemaphorePermit> {
        self.pages.clone().try_acquire_owned().ok()
    }
}

/// What one scan may read.
#[derive(Debug)]
pub struct Pass {
    admission: Arc<Admission>,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    _permit: OwnedSemaphorePermit,
    bytes_left: u64,
    since: Instant,
}

impl Held {
    fn new(permit: OwnedSemaphorePermit) -> Held {
        Held { _permit: permit, bytes_left: SLICE_BYTES, since: Instant::now() }
    }
}

impl Pass {
    /// A scan that has not read anything yet.
    pub fn new(admission: Arc<Admission>) -> Pass {
        Pass { admission, held: None }
    }

    /// Who gives the passes.
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.admission)
    }

    /// Whether `len` bytes may be read now, after `planned` others.
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

    /// Goes to the end of the queue, and comes back with a slice. May be dropped and called
    /// again.
    pub async fn renew(&mut self) {
        self.held = None;
        let waiting = Waiting::new(&self.admission.deep_waiting);
        let permit = self.admission.deep.clone().acquire_owned().await.expect("it is never closed");
        drop(waiting);
        self.held = Some(Held::new(permit));
    }

    /// The same where nobody has to be waited for.
    pub fn renew_at_once(&mut self) {
        if self.held.is_none()
            && self.admission.deep_waiting.load(Relaxed) == 0
            && let Ok(permit) = self.admission.deep.clone().try_acquire_owned()
        {
            self.held = Some(Held::new(permit));
        }
    }

    /// Lets others go on: the client does not read, or the disk takes its time.
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
        // Nobody waits: a slice that is used up is followed by the next.
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
}
