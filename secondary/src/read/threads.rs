//! Reads with `pread` on a pool of threads: for hosts that refuse io_uring, and to compare with it.

use super::block::Block;
use super::open_file::OpenFile;
use super::{CacheUse, Ended, Engine, InodeState, Pause, ReadAt, ReadResult};
use backscroll_shared::scan::Span;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::{JoinHandle, LocalSet};

/// Threads in the pool of one ring thread. They are enough to keep the queue of a disk filled.
pub const POOL_THREADS: usize = 16;

/// How long a runtime that ends with no read under way waits for its pool.
const SHUTDOWN_TIME: Duration = Duration::from_secs(1);

/// The thread-pool engine.
#[derive(Debug, Clone, Copy)]
pub struct Threads;

impl Engine for Threads {
    type File = PooledFile;
    const NAME: &'static str = "threads";

    fn adopt(self, file: OwnedFd) -> PooledFile {
        PooledFile(Arc::new(OpenFile::new(file)))
    }

    fn pause(self) -> Pause {
        #[expect(clippy::disallowed_methods, reason = "there is no ring here whose reads would wait")]
        Box::pin(tokio::task::yield_now())
    }

    fn block_on<F: Future<Output = Ended>>(self, root: F) -> io::Result<Ended> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(POOL_THREADS)
            .thread_name("backscroll-pool")
            .build()?;
        let local = LocalSet::new();
        let ended = runtime.block_on(local.run_until(root));
        drop(local);
        // A read that hangs keeps its thread for ever. It must not keep the process alive.
        runtime.shutdown_timeout(if ended == Ended::Clean { SHUTDOWN_TIME } else { Duration::ZERO });
        Ok(ended)
    }
}

/// A file that is read on the pool of threads.
#[derive(Debug, Clone)]
pub struct PooledFile(Arc<OpenFile>);

impl ReadAt for PooledFile {
    type Read = PooledRead;

    /// Always `None`: this engine makes every read on the pool.
    fn read_cached(&self, _: &mut Block, _: Span, _: usize, _: CacheUse) -> Option<usize> {
        None
    }

    fn read_at(&self, block: Block, span: Span, done: usize, cache: CacheUse) -> PooledRead {
        PooledRead::begin(Arc::clone(&self.0), block, span, done, cache, ())
    }

    fn open_file(&self) -> Option<&OpenFile> {
        Some(&self.0)
    }

    /// Always `None`: reads on the pool already run beside the scan, so no other thread needs to
    /// help.
    fn shared(&self) -> Option<Arc<OpenFile>> {
        None
    }

    fn forget(&self, span: Span) {
        self.0.forget(span);
    }

    fn inode_state(&self) -> io::Result<InodeState> {
        InodeState::of(self.0.fd())
    }
}

/// A read on the pool of threads.
#[derive(Debug)]
pub struct PooledRead(JoinHandle<ReadResult>);

impl PooledRead {
    /// Begins a read on the pool of this thread's runtime. `held` is dropped with its block, when the
    /// read is over.
    pub(super) fn begin(
        file: Arc<OpenFile>,
        mut block: Block,
        span: Span,
        done: usize,
        cache: CacheUse,
        held: impl Send + 'static,
    ) -> PooledRead {
        #[expect(clippy::disallowed_methods, reason = "this is the thread pool")]
        PooledRead(tokio::task::spawn_blocking(move || {
            let _held = held;
            let memory = &mut block.memory()[done..span.len];
            let len = file.read(memory, span.offset + done as u64, cache)?;
            Ok((len, block))
        }))
    }
}

impl Future for PooledRead {
    type Output = ReadResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReadResult> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(result) => result,
            Err(error) => Err(io::Error::other(error)),
        })
    }
}
