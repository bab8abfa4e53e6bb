//! Compares both engines, on real files, with a search that reads everything at once.

use crate::support::{Server, descriptors, naive, write};
use backscroll_secondary::Io;
use backscroll_secondary::read::block::Pool;
use backscroll_secondary::read::threads::Threads;
use backscroll_secondary::read::uring::{RingAlone, Uring};
use backscroll_secondary::read::{
    BlockSource as _, CacheUse, Ended, Engine, ReadAt as _, Readahead, SourceBlock,
};
use backscroll_shared::filter::Filter;
use backscroll_shared::scan::{Limits, ReadPlan, Search, Span, Stage, Step, Window};
use proptest::prelude::*;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn open(path: &Path) -> OwnedFd {
    std::fs::File::open(path).unwrap().into()
}

/// Searches one file with several block sizes, on one runtime.
fn searched<E: Engine>(engine: E, path: &Path, keyword: &[u8], block_lens: &[usize]) -> Vec<Vec<u8>> {
    let mut outputs = Vec::new();
    let ended = engine.block_on(async {
        let pool = Pool::new(8);
        for block_len in block_lens {
            let file = engine.adopt(open(path));
            let size = file.inode_state().unwrap().size;
            let ramp = Box::leak(Box::new([Stage { block_len: *block_len, depth: 3, until: u64::MAX }]));
            let align = if *block_len < 4096 { 1 } else { 4096 };
            let mut readahead = Readahead::new(
                file,
                ReadPlan::with_ramp(Window::whole(size), ramp, align),
                pool.clone(),
                Arc::default(),
            );
            let keywords = if keyword.is_empty() { vec![] } else { vec![keyword.to_vec()] };
            let mut search =
                Search::new(&Filter::new(keywords).unwrap(), None, Window::whole(size), Limits::default());
            let mut out = Vec::new();
            loop {
                match search.step() {
                    Step::Record(record) => {
                        out.extend_from_slice(record.bytes);
                        out.push(b'\n');
                    }
                    Step::NeedBlock => match readahead.next().await.unwrap() {
                        Some(SourceBlock { span, block, .. }) => search.feed(span, block),
                        None => break,
                    },
                    Step::Working => {}
                    Step::NeedAgain(_) => unreachable!("nothing was released"),
                    Step::Done => break,
                }
            }
            outputs.push(out);
        }
        assert_eq!(pool.in_use(), 0, "every block is back");
        Ended::Clean
    });
    assert_eq!(ended.unwrap(), Ended::Clean);
    outputs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    // F1, on real files.
    #[test]
    fn both_engines_agree_with_a_naive_search_at_every_block_size(
        file in prop::collection::vec(prop::sample::select(b"aab\n\n\r\0\xff".to_vec()), 0..200),
        keyword in prop::collection::vec(prop::sample::select(b"ab\xff".to_vec()), 0..3),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        write(&path, &file);
        let expected = naive(&file, &keyword, usize::MAX);
        let block_lens: Vec<usize> = (1..=17).chain([4096, 64 << 10, 256 << 10]).collect();
        for outputs in [
            searched(Uring, &path, &keyword, &block_lens),
            searched(RingAlone, &path, &keyword, &block_lens),
            searched(Threads, &path, &keyword, &block_lens),
        ] {
            for output in outputs {
                prop_assert_eq!(&output, &expected);
            }
        }
    }
}

#[test]
fn a_large_file_is_the_same_bytes_through_both_engines() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let file: Vec<u8> = (0..120_000u32)
        .flat_map(|i| format!("{i} {}\n", "x".repeat((i % 211) as usize)).into_bytes())
        .collect();
    write(&path, &file);
    for keyword in [&b""[..], b"77", b"99999 x"] {
        let expected = naive(&file, keyword, usize::MAX);
        assert_eq!(searched(Uring, &path, keyword, &[256 << 10])[0], expected);
        assert_eq!(searched(RingAlone, &path, keyword, &[256 << 10])[0], expected);
        assert_eq!(searched(Threads, &path, keyword, &[64 << 10])[0], expected);
    }
}

/// U2: reads that are dropped before, while and after they are submitted.
#[test]
fn reads_that_are_dropped_leak_no_descriptor_and_no_block() {
    fn dropped<E: Engine>(engine: E, path: &Path, times: usize) {
        let before = descriptors();
        let ended = engine.block_on(async {
            let pool = Pool::new(16);
            for round in 0..times {
                let file = engine.adopt(open(path));
                let block = pool.acquire().await.unwrap();
                let mut read = file.read_at(block, Span { offset: 0, len: 4096 }, 0, CacheUse::Keep);
                // The read is dropped before it is submitted, after that, or after it was polled.
                match round % 3 {
                    0 => drop(read),
                    1 => drop((file, read)),
                    _ => {
                        let polled = futures_util::future::poll_immediate(&mut read).await;
                        drop((polled, read));
                    }
                }
                if round % 64 == 0 {
                    engine.pause().await;
                }
            }
            while pool.in_use() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            Ended::Clean
        });
        assert_eq!(ended.unwrap(), Ended::Clean);
        // Other tests of this process also open and close descriptors.
        assert!(descriptors() < before + 200, "{before} before, {} after", descriptors());
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    write(&path, &[b'x'; 8192]);
    dropped(RingAlone, &path, 10_000);
    dropped(Threads, &path, 10_000);
}

/// F6.
#[test]
fn a_read_that_hangs_is_leaked_with_its_memory_not_freed_under_the_kernel() {
    // A read from a pipe without bytes hangs, like one from a dead disk.
    let (reader, writer) = std::io::pipe().unwrap();
    let pool = Pool::new(1);
    let ended = Uring.block_on(async {
        let file = Uring.adopt(reader.into());
        let block = pool.acquire().await.unwrap();
        drop(file.read_at(block, Span { offset: 0, len: 4096 }, 0, CacheUse::Keep));
        Uring.pause().await;
        match pool.in_use() {
            0 => Ended::Clean,
            reads => Ended::ReadsPending(reads),
        }
    });
    assert_eq!(ended.unwrap(), Ended::ReadsPending(1));
    // The kernel now writes into the block. The block must still exist, and nothing else may use
    // it.
    std::io::Write::write_all(&mut { writer }, &[7; 4096]).unwrap();
    assert_eq!(pool.in_use(), 1);
    assert!(pool.try_acquire().is_none());
}

#[test]
fn a_panic_with_a_read_under_way_frees_nothing_under_the_kernel() {
    let (reader, writer) = std::io::pipe().unwrap();
    let pool = Pool::new(1);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Uring.block_on(async {
            let file = Uring.adopt(reader.into());
            let block = pool.acquire().await.unwrap();
            let _read = file.read_at(block, Span { offset: 0, len: 4096 }, 0, CacheUse::Keep);
            Uring.pause().await;
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    // The kernel now writes into the block. The block must still exist, and nothing else may use
    // it.
    std::io::Write::write_all(&mut { writer }, &[7; 4096]).unwrap();
    assert_eq!(pool.in_use(), 1);
    assert!(pool.try_acquire().is_none());
}

#[test]
fn nothing_but_ring_threads_reads() {
    let server = Server::start(Io::Uring);
    let file: Vec<u8> = (0..200_000u32).flat_map(|i| format!("line {i}\n").into_bytes()).collect();
    server.write("app.log", &file);
    for _ in 0..50 {
        assert_eq!(server.get("/logs?filename=app.log&keyword=absent").body, b"");
    }
    for task in tasks() {
        assert!(!task.starts_with("iou-wrk") && !task.starts_with("tokio"), "{task}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn tasks() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok()).collect()
}
