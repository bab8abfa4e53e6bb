//! What a search leaves in the page cache: the newest megabytes, and the pages that were there
//! before.

use crate::support::{Server, naive, raw, write};
use backscroll_secondary::Io;
use backscroll_secondary::read::block::{BLOCK_BYTES, Pool};
use backscroll_secondary::read::limits::CACHED_BYTES;
use backscroll_secondary::read::open_file::OpenFile;
use backscroll_secondary::read::threads::Threads;
use backscroll_secondary::read::uring::{RingAlone, Uring};
use backscroll_secondary::read::{
    BlockSource as _, CacheUse, Ended, Engine, ReadAt as _, Readahead, SourceBlock,
};
use backscroll_shared::scan::{ReadPlan, Span, Window};
use memmap2::{Advice, Mmap};
use rustix::fs::{fadvise, fsync};
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use tempfile::TempDir;

const MIB: usize = 1 << 20;
const PAGE: usize = 4096;
const SIZE: usize = 48 * MIB;
const KEPT: usize = 8 * MIB;
const _: () = assert!(KEPT as u64 == CACHED_BYTES);

/// Bytes that may stay beyond those that stay by design: a read or two may cross an edge.
const SLACK: usize = MIB;

#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn open(path: &Path) -> File {
    File::open(path).unwrap()
}

/// A directory on a disk whose file system can leave the page cache as it was. The directory for
/// temporary files may be in memory, or on the file system of a container.
fn disk() -> Option<TempDir> {
    for parent in [std::env::temp_dir(), env!("CARGO_TARGET_TMPDIR").into()] {
        let dir = tempfile::tempdir_in(&parent).unwrap();
        let path = dir.path().join("probe");
        write(&path, &[b'x'; PAGE]);
        let probe = OpenFile::new(open(&path).into());
        probe.read(&mut [0; 1], 0, CacheUse::LeaveAsFound).unwrap();
        if !probe.can_leave_cache_as_found() {
            eprintln!("{}: this kernel or file system knows no RWF_DONTCACHE", parent.display());
        } else if evict(&path) {
            return Some(dir);
        } else {
            eprintln!("{}: pages cannot be dropped there", parent.display());
        }
    }
    eprintln!("skipped: no folder for it; it takes Linux 6.14 and, for one, ext4");
    None
}

/// Drops the pages of the file. False if some of them stay.
fn evict(path: &Path) -> bool {
    let file = open(path);
    fsync(&file).unwrap();
    fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    cached(path, 0..usize::MAX) == 0
}

/// Bytes of a part of the file that are in the page cache. Counts whole pages.
fn cached(path: &Path, part: Range<usize>) -> usize {
    let file = open(path);
    // SAFETY: only this test has the file, and it does not become shorter.
    let map = unsafe { Mmap::map(&file) }.unwrap();
    let mut pages = vec![0_u8; map.len().div_ceil(PAGE)];
    // SAFETY: the mapping is as long as is said, and there is a byte for each of its pages.
    let outcome = unsafe { libc::mincore(map.as_ptr().cast_mut().cast(), map.len(), pages.as_mut_ptr()) };
    assert_eq!(outcome, 0, "{}", std::io::Error::last_os_error());
    let pages = &pages[part.start / PAGE..part.end.div_ceil(PAGE).min(pages.len())];
    pages.iter().filter(|page| **page & 1 == 1).count() * PAGE
}

/// Brings a part of the file into the page cache, and no page beside it.
fn warm(path: &Path, part: &Range<usize>) {
    let file = open(path);
    // SAFETY: only this test has the file, and it does not become shorter.
    let map = unsafe { Mmap::map(&file) }.unwrap();
    map.advise(Advice::Random).unwrap();
    assert!(map[part.clone()].iter().step_by(PAGE).all(|byte| *byte != 0));
    assert_eq!(cached(path, part.clone()), part.len());
}

/// Bytes that may be lost of 2 MiB that were cached before. Linux 6.18 on a busy machine sometimes
/// drops single pages near reads with `RWF_DONTCACHE` (14 of 455,000 in a test without any code of
/// ours), and none near reads without the flag.
const LOST: usize = 16 * PAGE;

/// Lines of 64 bytes without a time.
fn lines(size: usize) -> Vec<u8> {
    let text = |line: usize| format!("{:<63}\n", format!("line {line:x} of no time at all"));
    (0..size / 64).flat_map(|line| text(line).into_bytes()).collect()
}

/// A server with one cold file, which it reads with the engine `io`.
fn server(dir: &TempDir, io: Io) -> Server {
    Server::with(|config| {
        dir.path().clone_into(&mut config.log_dir);
        config.io = io;
        // Two threads, so that they help each other.
        config.threads = 2;
    })
}

fn assert_left_as_found(path: &Path, what: &str) {
    let beyond = cached(path, 0..SIZE - KEPT);
    assert!(beyond <= SLACK, "{what}: {} KiB of what is older than the newest 8 MiB stay", beyond >> 10);
}

#[test]
fn a_deep_search_leaves_no_page_of_its_own_but_the_newest() {
    let Some(dir) = disk() else { return };
    let path = dir.path().join("cold.log");
    write(&path, &lines(SIZE));
    for io in [Io::Uring, Io::Threads] {
        let server = server(&dir, io);
        for target in ["&keyword=absent", "&keyword=absent&keyword=b", "&keyword=7ff%20", ""] {
            assert!(evict(&path));
            let response = server.get(&format!("/logs?filename=cold.log{target}"));
            assert!(response.complete && response.status == 200);
            assert_left_as_found(&path, &format!("{io:?} {target}"));
            let tail = cached(&path, SIZE - KEPT..SIZE);
            assert!(tail >= KEPT - BLOCK_BYTES, "{io:?}: a tail is looked at again, and {tail} bytes stay");
        }
    }
}

#[test]
fn a_deep_search_that_ends_early_leaves_nothing_of_what_it_has_read_ahead() {
    let Some(dir) = disk() else { return };
    let path = dir.path().join("cold.log");
    write(&path, &lines(SIZE));
    for io in [Io::Uring, Io::Threads] {
        let server = server(&dir, io);
        assert!(evict(&path));
        let response = server.get("/logs?filename=cold.log&keyword=line%2060000%20&n=1");
        assert!(response.complete && response.text().lines().count() == 1);
        // The reads that were under way go on without the client. The server ends when all are
        // complete.
        server.stop().unwrap();
        assert_left_as_found(&path, &format!("{io:?}"));
    }
}

#[test]
fn what_was_cached_before_a_deep_search_is_cached_after_it_and_nothing_else() {
    let Some(dir) = disk() else { return };
    let path = dir.path().join("mixed.log");
    write(&path, &lines(SIZE));
    // Cached and uncached parts, cut at other offsets than the reads. So the scan goes back and
    // forth between its helpers and the disk.
    let parts: Vec<Range<usize>> =
        (0..13).map(|i| i * 3 * MIB + 37 * PAGE..(i * 3 + 2) * MIB + 5 * PAGE).collect();
    for io in [Io::Uring, Io::Threads] {
        let server = server(&dir, io);
        assert!(evict(&path));
        for part in &parts {
            warm(&path, part);
        }
        let before: usize = parts.iter().map(Range::len).sum();
        let response = server.get("/logs?filename=mixed.log&keyword=absent");
        assert!(response.complete && response.status == 200);
        for part in &parts {
            let kept = cached(&path, part.clone());
            assert!(kept >= part.len() - LOST, "{io:?}: of {part:?} only {kept} bytes are still there");
        }
        let after = cached(&path, 0..SIZE - KEPT);
        assert!(after <= before + SLACK, "{io:?}: {before} bytes before, {after} after");
    }
}

#[test]
fn looking_back_for_a_time_leaves_no_page_either() {
    let Some(dir) = disk() else { return };
    let path = dir.path().join("untimed.log");
    write(&path, &lines(SIZE));
    for io in [Io::Uring, Io::Threads] {
        let server = server(&dir, io);
        assert!(evict(&path));
        // There is a match in every few KiB. For its time, the lines before it are read.
        let request = "GET /logs?filename=untimed.log&keyword=77%20 HTTP/1.1\r\nhost: localhost\r\n\
            connection: close\r\nte: trailers\r\nbackscroll-relay: here\r\n\
            accept: application/vnd.backscroll.frames.v2\r\n\r\n";
        let response = raw(server.addr, request.as_bytes());
        assert!(response.complete && response.status == 200, "{response:?}");
        assert_left_as_found(&path, &format!("{io:?}"));
    }
}

/// Reads a cold file like an answer to a slow client: gives each block back, reads it again, and
/// then looks at the bytes before it.
fn read_again_and_again<E: Engine>(engine: E, path: &Path) {
    let (mut blocks, mut kept) = (0, 0);
    let ended = engine.block_on(async {
        let pool = Pool::new(16);
        let file = engine.adopt(open(path).into());
        let size = file.inode_state().unwrap().size;
        let mut readahead =
            Readahead::new(file, ReadPlan::new(Window::whole(size)), pool.clone(), std::sync::Arc::default());
        while let Some(SourceBlock { span, block, .. }) = readahead.next().await.unwrap() {
            drop(block);
            readahead.park();
            for _ in 0..2 {
                drop(readahead.again(span).await.unwrap());
                readahead.park();
            }
            let (from, len) = (usize::try_from(span.offset).unwrap(), span.len);
            kept += usize::from(cached(path, from..from + len) >= len);
            let mut before = readahead.beside(Some(Window::whole(span.offset)));
            for _ in 0..3 {
                drop(before.next().await.unwrap());
            }
            before.park();
            blocks += 1;
        }
        drop(readahead);
        while pool.in_use() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        Ended::Clean
    });
    assert_eq!(ended.unwrap(), Ended::Clean);
    assert!(blocks > 80, "{blocks}");
    // If a read that was given up has already brought a block in, the block counts as cached and is
    // not kept.
    assert!(kept > blocks / 4, "{kept} of {blocks} were not read from the disk each time");
    assert_left_as_found(path, E::NAME);
}

#[test]
fn blocks_that_are_read_again_leave_no_page_either() {
    let Some(dir) = disk() else { return };
    let path = dir.path().join("again.log");
    write(&path, &lines(SIZE));
    assert!(evict(&path));
    read_again_and_again(Uring, &path);
    assert!(evict(&path));
    read_again_and_again(RingAlone, &path);
    assert!(evict(&path));
    read_again_and_again(Threads, &path);
}

#[test]
fn a_refused_flag_is_remembered_by_both_engines_and_the_bytes_come() {
    fn read_twice<E: Engine>(engine: E) {
        let ended = engine.block_on(async {
            let pool = Pool::new(1);
            // `/dev/zero` has no pages.
            let file = engine.adopt(open(Path::new("/dev/zero")).into());
            for _ in 0..2 {
                let mut block = pool.acquire().await.unwrap();
                block.memory()[..PAGE].fill(7);
                let span = Span { offset: 0, len: PAGE };
                let (len, mut block) = file.read_at(block, span, 0, CacheUse::LeaveAsFound).await.unwrap();
                assert_eq!((len, &block.memory()[..PAGE]), (PAGE, &[0; PAGE][..]), "{}", E::NAME);
            }
            if let Some(file) = file.shared() {
                assert!(file.can_nowait() && !file.can_leave_cache_as_found());
            }
            Ended::Clean
        });
        assert_eq!(ended.unwrap(), Ended::Clean);
    }
    read_twice(Uring);
    read_twice(RingAlone);
    read_twice(Threads);
}

#[test]
fn a_file_system_that_refuses_the_flags_makes_no_answer_fail() {
    let Ok(dir) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("skipped: there is no /dev/shm, whose file system is memory");
        return;
    };
    let file = lines(12 * MIB);
    write(&dir.path().join("log"), &file);
    for io in [Io::Uring, Io::Threads] {
        let server = server(&dir, io);
        let response = server.get("/logs?filename=log&keyword=7ff%20");
        assert!(response.complete && response.status == 200);
        assert_eq!(response.body, naive(&file, b"7ff ", usize::MAX), "{io:?}");
    }
}
