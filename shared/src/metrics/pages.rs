//! The thread that makes the page, so that no thread that serves requests adds up cells, looks at
//! `/proc`, or writes the text of a thousand hosts.

use super::counts::Counts;
use super::row::Program;
use super::samples::{Samples, Source};
use super::table::Metric;
use super::{process, text};
use crate::VERSION;
use crate::wire::accept::Exposition;
use crate::wire::problem::{Code, Problem};
use bytes::Bytes;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// The most pages that are on their way at once. With thousands of hosts a page has some MiB, and a
/// client that reads slowly keeps it.
pub(super) const ON_THEIR_WAY: usize = 8;

/// The most requests that wait for a page.
pub(super) const WAITING: usize = 64;

/// A request that waits for a page.
#[derive(Debug)]
pub(super) struct Ask {
    form: Exposition,
    /// None where too many pages are on their way.
    reply: oneshot::Sender<Option<Bytes>>,
}

/// A page that is on its way, with its permit. All who waited for it share it.
struct Page {
    text: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

/// What pages are made of.
pub(super) struct Inner {
    program: Program,
    pub(super) counts: Arc<Counts>,
    sources: Mutex<Vec<Arc<dyn Source>>>,
    /// Limits the pages that are on their way.
    permits: Arc<Semaphore>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) fn new(program: Program, threads: usize) -> Inner {
        let permits = Arc::new(Semaphore::new(ON_THEIR_WAY));
        Inner { program, counts: Arc::new(Counts::new(threads)), sources: Mutex::default(), permits }
    }

    pub(super) fn register(&self, source: Arc<dyn Source>) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// The page as it is now. It counts as on its way until its last copy is dropped. None where too
    /// many are.
    fn page(&self, form: Exposition) -> Option<Bytes> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        let mut samples = Samples::new(self.program);
        samples.add(Metric::BuildInfo, [self.program.as_str(), VERSION], 1_u64);
        for source in self.sources.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            source.look(&mut samples);
        }
        self.counts.collect(&mut samples);
        process::look(&mut samples);
        // Without the room that the text was written in.
        let text = text::page(samples, form).into_bytes().into_boxed_slice().into();
        Some(Bytes::from_owner(Page { text, _permit: permit }))
    }
}

/// Starts the thread. It ends when nobody can ask it any more.
pub(super) fn start(inner: Arc<Inner>) -> io::Result<mpsc::Sender<Ask>> {
    let (asks, mut asked) = mpsc::channel::<Ask>(WAITING);
    std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
        let mut waiting = Vec::new();
        while asked.blocking_recv_many(&mut waiting, WAITING) > 0 {
            // If a source panics, those who wait get an error, and the next ones their page.
            if catch_unwind(AssertUnwindSafe(|| answer(&inner, &mut waiting))).is_err() {
                waiting.clear();
            }
        }
    })?;
    Ok(asks)
}

/// Makes the page once for all that wait for it in the same form.
fn answer(inner: &Inner, waiting: &mut Vec<Ask>) {
    for form in [Exposition::Text, Exposition::OpenMetrics] {
        let mut page = None;
        for Ask { reply, .. } in waiting.extract_if(.., |ask| ask.form == form) {
            let page: &Option<Bytes> = page.get_or_insert_with(|| inner.page(form));
            // Its client may have left.
            let _ = reply.send(page.clone());
        }
    }
}

/// Asks for the page.
pub(super) async fn ask(asks: &mpsc::Sender<Ask>, form: Exposition) -> Result<Bytes, Problem> {
    let (reply, page) = oneshot::channel();
    let busy =
        || Problem::new(Code::Overloaded, "too many ask for the metrics at once: try again in a moment");
    asks.try_send(Ask { form, reply }).map_err(|_| busy())?;
    // The thread gives no answer only if it has panicked, which a source may make it do.
    let broken = |_| Problem::new(Code::IoError, "the metrics cannot be read: see the log");
    page.await.map_err(broken)?.ok_or_else(busy)
}
