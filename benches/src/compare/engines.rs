//! The product's read engines, and one that is the limit of what reading costs, behind the
//! product's own trait.

use crate::corpus::ABSENT;
use anyhow::{Context as _, Result, ensure};
use backscroll_secondary::read::block::{BLOCKS, Block, Pool};
use backscroll_secondary::read::{Ended, Engine, Pause, ReadAt, ReadResult, Readahead};
use backscroll_shared::scan::{Limits, ReadPlan, Search, Span, Stage, Step};
use std::fs::File;
use std::future::{Future, Ready, ready};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// `pread` on the thread that asks for it: nothing is handed over, nothing is ahead.
#[derive(Debug, Clone, Copy)]
pub struct Inline;

/// A file that is read where it is asked for.
#[derive(Debug)]
pub struct InlineFile(OwnedFd);

impl Engine for Inline {
    type File = InlineFile;
    const NAME: &'static str = "inline";

    fn adopt(self, file: OwnedFd) -> InlineFile {
        InlineFile(file)
    }

    fn pause(self) -> Pause {
        Box::pin(ready(()))
    }

    fn block_on<F: Future<Output = Ended>>(self, root: F) -> io::Result<Ended> {
        Ok(tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(root))
    }
}

impl ReadAt for InlineFile {
    type Read = Ready<ReadResult>;

    fn read_at(&self, mut block: Block, span: Span, done: usize) -> Ready<ReadResult> {
        let memory = &mut block.memory()[done..span.len];
        let read = rustix::io::pread(&self.0, memory, span.offset + done as u64);
        ready(read.map(|len| (len, block)).map_err(io::Error::from))
    }

    fn size(&self) -> io::Result<u64> {
        Ok(u64::try_from(rustix::fs::fstat(&self.0)?.st_size).unwrap_or(0))
    }
}

/// Looks for the absent keyword through the first `bytes` of a file, from their end on.
pub fn scan<E: Engine>(engine: E, path: &Path, bytes: u64, ramp: &'static [Stage]) -> Result<()> {
    let file = File::open(path)?;
    let pool = Pool::new(BLOCKS);
    let mut outcome = Ok(());
    engine.block_on(async {
        let plan = ReadPlan::with_ramp(bytes, ramp, PAGE);
        let readahead = Readahead::new(engine.adopt(file.into()), plan, pool.clone());
        outcome = search(readahead, bytes).await;
        // The engine must know of reads that a failure has left under way: it leaks their
        // memory then, rather than free it under the kernel.
        match pool.in_use() {
            0 => Ended::Clean,
            reads => Ended::ReadsPending(reads),
        }
    })?;
    outcome
}

/// Page size that reads are aligned to.
const PAGE: u64 = 4096;

async fn search<F: ReadAt>(mut readahead: Readahead<F>, bytes: u64) -> Result<()> {
    let mut search = Search::new(vec![ABSENT.as_bytes().to_vec()], None, bytes, Limits::default());
    loop {
        match search.step() {
            Step::NeedBlock => match readahead.next().await.context("reading the log")? {
                Some((span, block)) => search.feed(span, block),
                None => break,
            },
            Step::Done => break,
            Step::Record(_) | Step::NeedAgain(_) => anyhow::bail!("the absent keyword was found"),
        }
    }
    ensure!(search.summary().bytes_scanned == bytes, "not all of the log was read");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::write_large;
    use backscroll_secondary::read::threads::Threads;

    #[test]
    fn every_engine_reads_the_whole_log() {
        static RAMP: [Stage; 1] = [Stage { block_len: 16 << 10, depth: 4, until: u64::MAX }];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        write_large(&path, 1 << 20).unwrap();
        for bytes in [1 << 20, 700_001, 1] {
            scan(Inline, &path, bytes, &RAMP).unwrap();
            scan(Threads, &path, bytes, &RAMP).unwrap();
        }
        assert!(scan(Inline, &path, 1 << 30, &RAMP).is_err(), "the log ends before");
    }
}
