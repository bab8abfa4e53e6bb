//! Reads through io_uring, with tokio-uring: one ring for each thread, and no thread pool, except
//! for files on FUSE.
//!
//! Bytes in the page cache are read at once, with `RWF_NOWAIT`. The kernel does the same first with
//! a read from the ring, so this only saves the way through the ring. A read that would have to
//! wait goes to the ring. A read with `RWF_NOWAIT` makes the kernel read the missing pages, so it
//! too must say whether they stay in the page cache.
//!
//! A file on FUSE is read on threads. The ring would read it wrongly: after a short read of a file
//! that can be polled, which of all files only those on FUSE can, the kernel (seen with 6.18) reads
//! on by itself, at the offset at which it has just read. Those bytes come twice, and nothing tells.
//!
//! The compiler cannot check what `UnsubmittedOneshot` relies on. It holds here:
//!
//! - The pointer and the length in the entry lie within the block's memory. This is a mapping that
//!   does not move and that nobody else can reach while the operation owns the [`Block`].
//! - The descriptor in the entry is open while the operation owns its [`Arc`].
//! - A dropped read hands both to the driver, which keeps them until the completion.
//! - The driver is not dropped before that: [`Uring::block_on`] counts all reads of its thread, and
//!   leaks the runtime if one is pending. (`Driver::drop` of tokio-uring 0.5 frees the stored data
//!   of every pending operation *before* it cancels the operation and waits for it.)

use super::block::{BLOCKS, Block};
use super::open_file::{OpenFile, is_refused_flag};
use super::threads::PooledRead;
use super::{CacheUse, Ended, Engine, InodeState, Pause, ReadAt, ReadResult};
use backscroll_shared::scan::Span;
use io_uring::{cqueue, opcode, types};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, ReadWriteFlags};
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio_uring::{InFlightOneshot, OneshotOutputTransform, UnsubmittedOneshot};

/// Entries of a ring's submission queue. The number is small because the memory of rings counts
/// against the memlock limit of a user, across all its containers. If the queue is full, it is
/// submitted; that is no error.
pub const RING_ENTRIES: u32 = 64;

/// The flags of a ring. A completion does not interrupt the thread, but is handled when the thread
/// next enters the kernel. Only one thread submits.
pub(super) fn ring_builder() -> io_uring::Builder {
    let mut builder = tokio_uring::uring_builder();
    builder.setup_coop_taskrun().setup_single_issuer();
    builder
}

/// The io_uring engine.
#[derive(Debug, Clone, Copy)]
pub struct Uring;

impl Engine for Uring {
    type File = UringFile;
    const NAME: &'static str = "uring";

    fn adopt(self, file: OwnedFd) -> UringFile {
        UringFile::new(file, true)
    }

    fn pause(self) -> Pause {
        // Entries go to the kernel only when the thread parks, and tokio's own `yield_now` parks
        // without submitting them. So the pause itself must be an operation on the ring.
        Box::pin(async {
            if let Err(error) = tokio_uring::no_op().await {
                tracing::warn!(%error, "a no-op on the ring failed");
            }
        })
    }

    fn block_on<F: Future<Output = Ended>>(self, root: F) -> io::Result<Ended> {
        let mut builder = tokio_uring::builder();
        builder.entries(RING_ENTRIES).uring_builder(&ring_builder());
        // Dropped even if `root` panics.
        let runtime = LeakedUnderReads(ManuallyDrop::new(tokio_uring::Runtime::new(&builder)?));
        Ok(runtime.0.block_on(root))
    }
}

/// The same engine, but every read goes through the ring, whether the page cache has the bytes or
/// not. For tests of the ring and for comparisons.
#[derive(Debug, Clone, Copy)]
pub struct RingAlone;

impl Engine for RingAlone {
    type File = UringFile;
    const NAME: &'static str = "ring-alone";

    fn adopt(self, file: OwnedFd) -> UringFile {
        UringFile::new(file, false)
    }

    fn pause(self) -> Pause {
        Uring.pause()
    }

    fn block_on<F: Future<Output = Ended>>(self, root: F) -> io::Result<Ended> {
        Uring.block_on(root)
    }
}

thread_local! {
    /// Reads of this thread whose memory the kernel uses, or will use once they are submitted.
    static READS: Cell<usize> = const { Cell::new(0) };
    /// A clone for each read of this thread that is under way on another thread.
    static POOLED_READS: Arc<()> = Arc::default();
}

/// A runtime that is leaked, and not dropped, while its driver holds a read.
struct LeakedUnderReads(ManuallyDrop<tokio_uring::Runtime>);

impl Drop for LeakedUnderReads {
    fn drop(&mut self) {
        // The runtime would wait for its other threads, and a read on FUSE may hang for ever.
        let are_pooled = POOLED_READS.with(|reads| Arc::strong_count(reads) > 1);
        if READS.get() == 0 && !are_pooled {
            // SAFETY: this is the only place that drops it, and nobody uses it afterwards.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

/// A file that is read through this thread's ring.
#[derive(Debug, Clone)]
pub struct UringFile {
    file: Arc<OpenFile>,
    /// Whether bytes in the page cache are read without the ring.
    is_read_on_the_spot: bool,
    /// Whether the descriptor may still have `O_NONBLOCK` set.
    is_nonblocking: Cell<bool>,
}

impl UringFile {
    fn new(fd: OwnedFd, is_read_on_the_spot: bool) -> UringFile {
        UringFile { file: Arc::new(OpenFile::new(fd)), is_read_on_the_spot, is_nonblocking: Cell::new(true) }
    }
}

impl ReadAt for UringFile {
    type Read = UringRead;

    fn read_cached(&self, block: &mut Block, span: Span, done: usize, cache: CacheUse) -> Option<usize> {
        if !self.is_read_on_the_spot {
            return None;
        }
        let memory = &mut block.memory()[done..span.len];
        self.file.read_cached(memory, span.offset + done as u64, cache)
    }

    fn read_at(&self, block: Block, span: Span, done: usize, cache: CacheUse) -> UringRead {
        // With `O_NONBLOCK`, io_uring answers EAGAIN, and does not wait, if the file system does
        // not support reads without waiting. The flag is cleared only here, so that answers from
        // the page cache do not pay for the call.
        if self.is_nonblocking.replace(false)
            && let Err(error) = fcntl_setfl(self.file.fd(), OFlags::empty())
        {
            tracing::warn!(%error, "a file stays non-blocking");
        }
        let file = Arc::clone(&self.file);
        if !file.can_nowait() {
            if file.is_on_fuse() {
                let held = POOLED_READS.with(Arc::clone);
                return UringRead::Pooled(PooledRead::begin(file, block, span, done, cache, held));
            }
            allow_workers();
        }
        let flag = file.cache_flag(cache);
        UringRead::Ring(RingRead { read: submit(&file, block, span, done, flag), file, span, done, flag })
    }

    fn forget(&self, span: Span) {
        self.file.forget(span);
    }

    fn inode_state(&self) -> io::Result<InodeState> {
        InodeState::of(self.file.fd())
    }

    fn open_file(&self) -> Option<&OpenFile> {
        Some(&self.file)
    }

    fn shared(&self) -> Option<Arc<OpenFile>> {
        (self.is_read_on_the_spot && self.file.can_nowait()).then(|| Arc::clone(&self.file))
    }
}

/// Allows the kernel one worker thread for each block of this thread.
///
/// If a file system refuses `RWF_NOWAIT`, as overlayfs and tmpfs do, a worker thread of the kernel
/// makes each read of the ring, whether the page cache has the bytes or not. By default there are 4
/// workers for each core, and further reads queue for them: reads of cached bytes would wait for
/// reads of others. Workers start when they are needed, and end after some seconds without work.
///
/// The limit belongs to the thread, whichever ring sets it. So a ring made for this purpose sets
/// it: the runtime does not give access to its own.
#[cold]
fn allow_workers() {
    thread_local! {
        static ARE_ALLOWED: Cell<bool> = const { Cell::new(false) };
    }
    if ARE_ALLOWED.replace(true) {
        return;
    }
    // The second number limits work that may take for ever, such as reads of sockets. 0 leaves it
    // as it is.
    let mut most = [u32::try_from(BLOCKS).expect("there are few"), 0];
    let allowed =
        io_uring::IoUring::new(1).and_then(|ring| ring.submitter().register_iowq_max_workers(&mut most));
    if let Err(error) = allowed {
        tracing::warn!(%error, "reads of files on overlayfs and the like may have to wait for each other");
    }
}

fn submit(
    file: &Arc<OpenFile>,
    mut block: Block,
    span: Span,
    done: usize,
    flag: ReadWriteFlags,
) -> InFlightOneshot<Reading, IntoResult> {
    let memory = &mut block.memory()[done..span.len];
    let len = u32::try_from(memory.len()).expect("a block is far smaller than 4 GiB");
    let entry = opcode::Read::new(types::Fd(file.fd().as_raw_fd()), memory.as_mut_ptr(), len)
        .offset(span.offset + done as u64)
        .rw_flags(flag.bits().cast_signed())
        .build();
    READS.set(READS.get() + 1);
    UnsubmittedOneshot::new(Reading { block: Some(block), _file: Arc::clone(file) }, IntoResult, entry)
        .submit()
}

/// A read of a file.
#[derive(Debug)]
pub enum UringRead {
    /// On the ring.
    Ring(RingRead),
    /// On another thread.
    Pooled(PooledRead),
}

impl Future for UringRead {
    type Output = ReadResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReadResult> {
        match self.get_mut() {
            UringRead::Ring(read) => Pin::new(read).poll(cx),
            UringRead::Pooled(read) => Pin::new(read).poll(cx),
        }
    }
}

/// A read on the ring.
pub struct RingRead {
    read: InFlightOneshot<Reading, IntoResult>,
    file: Arc<OpenFile>,
    span: Span,
    done: usize,
    flag: ReadWriteFlags,
}

impl std::fmt::Debug for RingRead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RingRead").field("span", &self.span).field("done", &self.done).finish_non_exhaustive()
    }
}

impl Future for RingRead {
    type Output = ReadResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReadResult> {
        let this = &mut *self;
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut this.read).poll(cx)) {
                Ok((len, block)) => Ok((len, block)),
                // The file system cannot leave the page cache as it was. Repeat the read without
                // the flag, and do not use the flag again for this file.
                Err((error, block)) if !this.flag.is_empty() && is_refusal(&error) => {
                    this.file.refuses_dontcache();
                    this.flag = ReadWriteFlags::empty();
                    this.read = submit(&this.file, block, this.span, this.done, this.flag);
                    continue;
                }
                Err((error, _)) => Err(error),
            });
        }
    }
}

fn is_refusal(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(is_refused_flag)
}

/// What an operation on the ring owns until it completes.
#[derive(Debug)]
pub struct Reading {
    /// `Some` until the read is done.
    block: Option<Block>,
    _file: Arc<OpenFile>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        READS.set(READS.get() - 1);
    }
}

/// Turns a completion into a result. A failed read's block is part of the result.
#[derive(Debug)]
pub struct IntoResult;

impl OneshotOutputTransform for IntoResult {
    type Output = Result<(usize, Block), (io::Error, Block)>;
    type StoredData = Reading;

    fn transform_oneshot_output(self, mut data: Reading, completion: cqueue::Entry) -> Self::Output {
        let block = data.block.take().expect("taken here alone");
        match usize::try_from(completion.result()) {
            Ok(len) => Ok((len, block)),
            Err(_) => Err((io::Error::from_raw_os_error(-completion.result()), block)),
        }
    }
}
