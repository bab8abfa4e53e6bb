//! Reads whole files from their end to their beginning with one read engine, and takes the time.

use super::cold;
use super::search::{self, Keywords, PAGE};
use backscroll_secondary::read::block::Pool;
use backscroll_secondary::read::{BlockSource as _, Ended, Engine, ReadFailure, Readahead, SourceBlock};
use backscroll_shared::scan::{ReadPlan, Stage, Window};
use std::fs::File;
use std::hint::black_box;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the kernel may take to return the other reads after one of them has failed.
const READS_TIME: Duration = Duration::from_secs(2);

/// One way to read a file: the size of the blocks, and the number of reads at the same time.
#[derive(Debug)]
pub struct Reading {
    ramp: &'static [Stage],
    pool: Arc<Pool>,
    /// The most bytes that are read, from the beginning of the file.
    most: u64,
}

/// What happens with the blocks.
#[derive(Debug, Clone, Copy)]
pub enum Use<'a> {
    /// Nothing: only the disk, or the copy from the page cache, is measured.
    Drop,
    /// They are searched.
    Search(Keywords<'a>),
}

/// Where the file's bytes are before they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// In the page cache, if they fit.
    Warm,
    /// On the disk: they are evicted before each pass, which is not timed.
    Cold,
}

/// Why a pass could not be timed.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    /// The file, or the runtime.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A read.
    #[error("{0}")]
    Read(#[from] ReadFailure),
    /// The runtime could not end, because the kernel still has reads.
    #[error("the engine's thread ended as {0:?}")]
    Ended(Ended),
}

impl Reading {
    /// Blocks of `block_bytes`, a multiple of the page size, with `depth` reads at the same time
    /// from the first byte on. There is no ramp, which would blur the comparison.
    pub fn new(block_bytes: usize, depth: usize) -> Reading {
        // Plans live as long as the program. There are only a few dozen.
        let ramp = Box::leak(Box::new([Stage { block_len: block_bytes, depth, until: u64::MAX }]));
        // One more block, for the one that the search uses; and reading ahead leaves a quarter of a
        // pool to others.
        let blocks = (depth + 1) * 4 / 3 + 2;
        Reading { ramp, pool: Pool::with_block_bytes(blocks, block_bytes), most: u64::MAX }
    }

    /// The same, for only the first `bytes` of a file.
    #[must_use]
    pub fn first(self, bytes: u64) -> Reading {
        Reading { most: bytes, ..self }
    }

    /// Reads the whole file at `path` `passes` times, and returns how long that took.
    pub fn time<E: Engine>(
        &self,
        engine: E,
        path: &Path,
        cache: Cache,
        using: Use<'_>,
        passes: u64,
    ) -> Result<Duration, ReadingError> {
        let file = open(path)?;
        let mut outcome = Ok(Duration::ZERO);
        let ended = engine.block_on(async {
            outcome = self.passes(engine, &file, cache, using, passes).await;
            self.wait_for_reads().await
        })?;
        match ended {
            Ended::Clean => outcome,
            ended => Err(ReadingError::Ended(ended)),
        }
    }

    async fn passes<E: Engine>(
        &self,
        engine: E,
        file: &OwnedFd,
        cache: Cache,
        using: Use<'_>,
        passes: u64,
    ) -> Result<Duration, ReadingError> {
        let size = u64::try_from(rustix::fs::fstat(file).map_err(io::Error::from)?.st_size).unwrap_or(0);
        let size = size.min(self.most);
        let mut spent = Duration::ZERO;
        for _ in 0..passes {
            if cache == Cache::Cold {
                cold::evict(file)?;
            }
            let began = Instant::now();
            let plan = ReadPlan::with_ramp(Window::whole(size), self.ramp, PAGE);
            let mut readahead =
                Readahead::new(engine.adopt(file.try_clone()?), plan, Arc::clone(&self.pool), Arc::default());
            match using {
                Use::Search(keywords) => {
                    black_box(search::from_file(readahead, size, keywords).await?);
                }
                Use::Drop => {
                    while let Some(SourceBlock { block, .. }) = readahead.next().await? {
                        black_box(block.as_ref().first());
                    }
                }
            }
            spent += began.elapsed();
        }
        Ok(spent)
    }

    /// A pass that failed leaves reads in the kernel, and the runtime must outlive them.
    async fn wait_for_reads(&self) -> Ended {
        let began = Instant::now();
        while self.pool.in_use() > 0 && began.elapsed() < READS_TIME {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        match self.pool.in_use() {
            0 => Ended::Clean,
            reads => Ended::ReadsPending(reads),
        }
    }
}

/// Opens a file to be read.
#[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
pub fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(File::open(path)?.into())
}

#[cfg(test)]
mod tests {
    use super::super::inline::Inline;
    use super::super::search::Tally;
    use super::*;
    use backscroll_secondary::read::probe::probe;
    use backscroll_secondary::read::threads::Threads;
    use backscroll_secondary::read::uring::{RingAlone, Uring};

    /// All records of a file, read with one engine.
    fn tally<E: Engine>(engine: E, path: &Path, reading: &Reading) -> Tally {
        let file = open(path).unwrap();
        let size = u64::try_from(rustix::fs::fstat(&file).unwrap().st_size).unwrap();
        let mut tally = None;
        let ended = engine.block_on(async {
            let plan = ReadPlan::with_ramp(Window::whole(size), reading.ramp, PAGE);
            let readahead =
                Readahead::new(engine.adopt(file), plan, Arc::clone(&reading.pool), Arc::default());
            tally = search::from_file(readahead, size, &[b"ERROR"]).await.ok();
            reading.wait_for_reads().await
        });
        assert_eq!(ended.unwrap(), Ended::Clean);
        tally.unwrap()
    }

    #[test]
    fn every_engine_finds_the_same_at_every_block_size_and_depth() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large.log");
        backscroll_samples::write_large(&path, 3 << 20).unwrap();
        let expected = tally(Inline, &path, &Reading::new(256 << 10, 1));
        assert!(expected.records > 100, "{expected:?}");
        for (block_bytes, depth) in [(16 << 10, 1), (64 << 10, 4), (1 << 20, 16)] {
            let reading = Reading::new(block_bytes, depth);
            assert_eq!(tally(Inline, &path, &reading), expected);
            assert_eq!(tally(Threads, &path, &reading), expected);
            if probe().is_ok() {
                assert_eq!(tally(Uring, &path, &reading), expected);
                assert_eq!(tally(RingAlone, &path, &reading), expected);
            }
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let reading = Reading::new(16 << 10, 1);
        let timed = reading.time(Inline, Path::new("/nonexistent"), Cache::Warm, Use::Drop, 1);
        assert!(matches!(timed, Err(ReadingError::Io(_))));
    }
}
