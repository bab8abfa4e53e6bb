//! A task that wakes itself gives everybody else a turn first.
//!
//! hyper goes on with one connection for as long as it has input, and wakes itself in
//! between. On a ring thread that starves the reads of all others: reads leave for the
//! kernel only when the thread has nothing else to do, and with a client that pipelines
//! requests without end it always has. [`Fair`] turns such a self-wake into a pause of the
//! engine, which everything that is due then precedes.

use crate::read::{Engine, Pause};
use futures_util::task::AtomicWaker;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

/// A future whose self-wakes become pauses.
pub(crate) struct Fair<F, E> {
    inner: Pin<Box<F>>,
    engine: E,
    pause: Option<Pause>,
    shared: Arc<Shared>,
    waker: Waker,
}

struct Shared {
    polling: AtomicBool,
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In this order, and the poll looks at them in the other: a wake from another
        // thread is seen by one of the two.
        self.woken.store(true, SeqCst);
        if !self.polling.load(SeqCst) {
            self.task.wake();
        }
    }
}

impl<F: Future, E: Engine> Fair<F, E> {
    pub(crate) fn new(inner: F, engine: E) -> Fair<F, E> {
        let shared = Arc::new(Shared {
            polling: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            task: AtomicWaker::new(),
        });
        let waker = Waker::from(Arc::clone(&shared));
        Fair { inner: Box::pin(inner), engine, pause: None, shared, waker }
    }

    pub(crate) fn inner(&mut self) -> Pin<&mut F> {
        self.inner.as_mut()
    }
}

impl<F: Future, E: Engine + Unpin> Future for Fair<F, E> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        this.shared.task.register(cx.waker());
        loop {
            if let Some(pause) = &mut this.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.pause = None;
            }
            this.shared.woken.store(false, SeqCst);
            this.shared.polling.store(true, SeqCst);
            let polled = this.inner.as_mut().poll(&mut Context::from_waker(&this.waker));
            this.shared.polling.store(false, SeqCst);
            if polled.is_ready() || !this.shared.woken.swap(false, SeqCst) {
                return polled;
            }
            this.pause = Some(this.engine.pause());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::block::Pool;
    use crate::read::threads::Threads;
    use crate::read::uring::Uring;
    use crate::read::{CacheUse, Ended, ReadAt as _};
    use backscroll_shared::scan::Span;
    use std::cell::Cell;
    use std::rc::Rc;

    /// Polls that a task which wakes itself without end gets before another's read is done.
    fn polls_until_read<E: Engine + Unpin>(engine: E) -> u32 {
        let (polls, done) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
        let ended = engine.block_on(async {
            let (counted, stop) = (Rc::clone(&polls), Rc::clone(&done));
            let selfish = std::future::poll_fn(move |cx| {
                counted.set(counted.get() + 1);
                if stop.get() || counted.get() > 1_000_000 {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            });
            let selfish = tokio::task::spawn_local(Fair::new(selfish, engine));
            let pool = Pool::new(1);
            let file = engine.adopt(tempfile::tempfile().unwrap().into());
            let block = pool.acquire().await.unwrap();
            let read = file.read_at(block, Span { offset: 0, len: 4096 }, 0, CacheUse::Keep);
            let (len, _) = read.await.unwrap();
            assert_eq!(len, 0, "the file is empty");
            done.set(true);
            selfish.await.unwrap();
            Ended::Clean
        });
        assert_eq!(ended.unwrap(), Ended::Clean);
        polls.get()
    }

    #[test]
    fn a_task_that_wakes_itself_starves_no_read() {
        // Without `Fair` the ring is never submitted to, and the count runs to its end.
        let polls = polls_until_read(Uring);
        assert!(polls < 100, "{polls}");
        assert!(polls_until_read(Threads) < 1_000_000);
    }
}
