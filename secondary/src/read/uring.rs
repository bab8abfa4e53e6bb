//! Reads through io_uring, with tokio-uring: one ring a thread, no thread pool.
//!
//! What `UnsubmittedOneshot` is told of memory, the compiler cannot check. It holds here:
//!
//! - the entry's pointer and length lie within the block's memory, a mapping that does not
//!   move and that nobody else can reach while the operation owns the [`Block`];
//! - the entry's descriptor is open while the operation owns its [`Rc`];
//! - a dropped read hands both to the driver, which keeps them until the completion;
//! - the driver itself is not dropped before: [`Uring::block_on`] counts the reads of its
//!   thread, whoever made them, and leaks the runtime where one is pending. (`Driver::drop`
//!   of tokio-uring 0.5 frees the stored data of every pending operation *before* it cancels
//!   and waits for it.)

use super::block::Block;
use super::{Ended, Engine, Pause, ReadAt, ReadResult};
use backscroll_shared::scan::Span;
use io_uring::{cqueue, opcode, types};
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use tokio_uring::{InFlightOneshot, OneshotOutputTransform, UnsubmittedOneshot};

/// Entries of a ring's submission queue. Small: ring memory counts against the memlock
/// limit of a user, across all its containers. A full queue is submitted, not an error.
pub const RING_ENTRIES: u32 = 64;

/// The ring's flags: completions run when the thread enters the kernel anyway instead of
/// interrupting it, and only one thread submits.
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
        UringFile(Rc::new(file))
    }

    fn pause(self) -> Pause {
        // Entries leave for the kernel only when the thread parks, and tokio's own
        // `yield_now` parks in a way that does not submit: the pause itself must be an
        // operation on the ring.
        Box::pin(async {
            if let Err(error) = tokio_uring::no_op().await {
                tracing::warn!(%error, "a no-op on the ring failed");
            }
        })
    }

    fn block_on<F: Future<Output = Ended>>(self, root: F) -> io::Result<Ended> {
        let mut builder = tokio_uring::builder();
        builder.entries(RING_ENTRIES).uring_builder(&ring_builder());
        // Dropped also where `root` panics.
        let runtime = LeakedUnderReads(ManuallyDrop::new(tokio_uring::Runtime::new(&builder)?));
        Ok(runtime.0.block_on(root))
    }
}

thread_local! {
    /// Reads of this thread whose memory is in the kernel's hands, or waits to get there.
    static READS: Cell<usize> = const { Cell::new(0) };
}

/// A runtime that is dropped only where its driver holds no read.
struct LeakedUnderReads(ManuallyDrop<tokio_uring::Runtime>);

impl Drop for LeakedUnderReads {
    fn drop(&mut self) {
        if READS.get() == 0 {
            // SAFETY: this is the only place that drops it, and nobody uses it afterwards.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

/// A file that is read through this thread's ring.
#[derive(Debug, Clone)]
pub struct UringFile(Rc<OwnedFd>);

impl ReadAt for UringFile {
    type Read = InFlightOneshot<Reading, IntoResult>;

    fn read_at(&self, mut block: Block, span: Span, done: usize) -> Self::Read {
        let memory = &mut block.memory()[done..span.len];
        let len = u32::try_from(memory.len()).expect("a block is far smaller than 4 GiB");
        let entry = opcode::Read::new(types::Fd(self.0.as_raw_fd()), memory.as_mut_ptr(), len)
            .offset(span.offset + done as u64)
            .build();
        READS.set(READS.get() + 1);
        UnsubmittedOneshot::new(Reading { block: Some(block), _file: Rc::clone(&self.0) }, IntoResult, entry)
            .submit()
    }

    fn size(&self) -> io::Result<u64> {
        super::threads::size(&self.0)
    }
}

/// What a read under way owns.
#[derive(Debug)]
pub struct Reading {
    /// Present until the read is done.
    block: Option<Block>,
    _file: Rc<OwnedFd>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        READS.set(READS.get() - 1);
    }
}

/// Turns a completion into a result.
#[derive(Debug)]
pub struct IntoResult;

impl OneshotOutputTransform for IntoResult {
    type Output = ReadResult;
    type StoredData = Reading;

    fn transform_oneshot_output(self, mut data: Reading, completion: cqueue::Entry) -> ReadResult {
        match usize::try_from(completion.result()) {
            Ok(len) => Ok((len, data.block.take().expect("taken here alone"))),
            Err(_) => Err(io::Error::from_raw_os_error(-completion.result())),
        }
    }
}
