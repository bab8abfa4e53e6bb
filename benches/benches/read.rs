//! Reads whole files backwards with each read engine: several block sizes at one depth, several
//! depths at one block size, warm and cold, with the blocks dropped or searched.
//!
//! All engines are measured at one point directly after each other, so that a machine that becomes
//! slower does so for all of them. `inline` is a plain `pread` with depth one: it is the limit if
//! the file is warm, but not if it is cold.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use backscroll_benches::engines::cold::check_evicts;
use backscroll_benches::engines::inline::Inline;
use backscroll_benches::engines::reading::{Cache, Reading, Use, open};
use backscroll_samples::{ABSENT, write_large};
use backscroll_secondary::read::Engine;
use backscroll_secondary::read::probe::probe;
use backscroll_secondary::read::threads::Threads;
use backscroll_secondary::read::uring::{RingAlone, Uring};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use std::path::Path;
use std::time::Duration;

const FILE_BYTES: u64 = 64 << 20;

/// Several block sizes at depth 4, and several depths at the block size of a deep scan.
const POINTS: [(usize, usize); 8] = [
    (16 << 10, 4),
    (64 << 10, 4),
    (256 << 10, 1),
    (256 << 10, 2),
    (256 << 10, 4),
    (256 << 10, 8),
    (256 << 10, 16),
    (1 << 20, 4),
];

fn read(criterion: &mut Criterion) {
    // On the disk of the build: the folder for temporary files may be in memory.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = dir.path().join("read.log");
    write_large(&path, FILE_BYTES).unwrap();
    let uring = probe().inspect_err(|refusal| eprintln!("uring is left out: {refusal}")).is_ok();
    let mut caches = vec![("warm", Cache::Warm)];
    match check_evicts(&open(&path).unwrap(), FILE_BYTES) {
        Ok(()) => caches.push(("cold", Cache::Cold)),
        Err(error) => eprintln!("cold reads are left out: {error}"),
    }
    for (cache_name, cache) in caches {
        for (use_name, using) in [("read", Use::Drop), ("search", Use::Search(&[ABSENT.as_bytes()]))] {
            let mut group = criterion.benchmark_group(format!("{use_name}/{cache_name}"));
            group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Bytes(FILE_BYTES));
            for (block_bytes, depth) in POINTS {
                let reading = Reading::new(block_bytes, depth);
                let mut point =
                    Point { group: &mut group, reading, block_bytes, depth, path: &path, cache, using };
                // `inline` always has depth one: one figure for each block size is enough.
                if block_bytes != 256 << 10 || depth == 1 {
                    point.depth = 1;
                    point.bench(Inline);
                    point.depth = depth;
                }
                point.bench(Threads);
                if uring {
                    point.bench(Uring);
                    // If the file is warm, this shows what the way through the ring costs.
                    if cache == Cache::Warm {
                        point.bench(RingAlone);
                    }
                }
            }
        }
    }
}

/// One block size at one depth, with each engine.
struct Point<'a, 'b> {
    group: &'a mut BenchmarkGroup<'b, WallTime>,
    reading: Reading,
    block_bytes: usize,
    depth: usize,
    path: &'a Path,
    cache: Cache,
    using: Use<'a>,
}

impl Point<'_, '_> {
    fn bench<E: Engine>(&mut self, engine: E) {
        let id = format!("{}KiB/depth{}/{}", self.block_bytes >> 10, self.depth, E::NAME);
        let (reading, path, cache, using) = (&self.reading, self.path, self.cache, self.using);
        self.group.bench_function(id, |bencher| {
            bencher.iter_custom(|passes| reading.time(engine, path, cache, using, passes).unwrap());
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(1500));
    targets = read
}
criterion_main!(benches);
