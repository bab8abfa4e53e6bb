//! Reads with a plain `pread`, on the calling thread. The other engines are measured against this
//! one. A server could not use it, because a cold read blocks its thread.

use backscroll_secondary::read::block::Block;
use backscroll_secondary::read::open_file::OpenFile;
use backscroll_secondary::read::{CacheUse, Ended, Engine, InodeState, Pause, ReadAt, ReadResult};
use backscroll_shared::scan::Span;
use std::future::{Future, Ready, ready};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::task::LocalSet;

/// An engine that only reads. Its depth is one, whatever the plan says, because each read is
/// finished before the next begins.
#[derive(Debug, Clone, Copy)]
pub struct Inline;

impl Engine for Inline {
    type File = InlineFile;
    const NAME: &'static str = "inline";

    fn adopt(self, file: OwnedFd) -> InlineFile {
        InlineFile(Arc::new(file))
    }

    fn pause(self) -> Pause {
        Box::pin(ready(()))
    }

    fn block_on<F: Future<Output = Ended>>(self, root: F) -> io::Result<Ended> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(LocalSet::new().block_on(&runtime, root))
    }
}

/// A file that is read with a plain `pread`.
#[derive(Debug, Clone)]
pub struct InlineFile(Arc<OwnedFd>);

impl ReadAt for InlineFile {
    type Read = Ready<ReadResult>;

    fn read_cached(&self, block: &mut Block, span: Span, done: usize, _: CacheUse) -> Option<usize> {
        let memory = &mut block.memory()[done..span.len];
        rustix::io::pread(&*self.0, memory, span.offset + done as u64).ok().filter(|len| *len > 0)
    }

    /// Called with a read that has failed, to say why.
    fn read_at(&self, mut block: Block, span: Span, done: usize, _: CacheUse) -> Ready<ReadResult> {
        let memory = &mut block.memory()[done..span.len];
        let read = rustix::io::pread(&*self.0, memory, span.offset + done as u64);
        ready(read.map(|len| (len, block)).map_err(io::Error::from))
    }

    fn shared(&self) -> Option<Arc<OpenFile>> {
        None
    }

    fn forget(&self, _: Span) {}

    fn inode_state(&self) -> io::Result<InodeState> {
        InodeState::of(&self.0)
    }
}
