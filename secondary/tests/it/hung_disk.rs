//! Disks that hang, and disks that are slower or faster than their client: which requests wait,
//! what they hold meanwhile, and how much is read.

use backscroll_secondary::answer::chunks::Chunks;
use backscroll_secondary::answer::frame_writer::FrameWriter;
use backscroll_secondary::answer::look_back::look_back;
use backscroll_secondary::answer::{Answer, Context, Encoding, Ending};
use backscroll_secondary::read::admission::{Admission, DEEP_AT_ONCE, LARGE_AT_ONCE};
use backscroll_secondary::read::block::{Block, Pool};
use backscroll_secondary::read::open_file::OpenFile;
use backscroll_secondary::read::{
    BlockSource as _, CacheUse, Ended, Engine, InodeState, Pause, ReadAt, ReadResult, Readahead, SourceBlock,
};
use backscroll_shared::filter::Filter;
use backscroll_shared::query::FileName;
use backscroll_shared::scan::{Limits, ReadPlan, Search, Span, Window};
use backscroll_shared::time::{LineTimes, Stamps};
use backscroll_shared::wire::frames::{Decoder, Item};
use backscroll_shared::wire::verdict::Status;
use backscroll_shared::wire::{Encoder, Format};
use futures_util::future::poll_immediate;
use std::cell::{Cell, RefCell};
use std::future::{Future, ready};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

const SIZE: u64 = 64 << 20;

/// Longer than any step of these tests takes, and shorter than the time that a disk has for a
/// block.
const PATIENCE: Duration = Duration::from_secs(15);

/// A file of lines of one length, on a disk, with no page in the page cache.
#[derive(Clone)]
struct Disk {
    line: usize,
    /// Reads below this offset never complete.
    hangs_below: u64,
    reads: Rc<RefCell<Vec<Span>>>,
}

impl Disk {
    fn new(line: usize) -> Disk {
        Disk { line, hangs_below: 0, reads: Rc::default() }
    }

    fn readahead(&self, pool: &Arc<Pool>, admission: &Arc<Admission>) -> Readahead<Disk> {
        Readahead::new(
            self.clone(),
            ReadPlan::new(Window::whole(SIZE)),
            Arc::clone(pool),
            Arc::clone(admission),
        )
    }

    fn stream(
        &self,
        format: Format,
        pool: &Arc<Pool>,
        admission: &Arc<Admission>,
    ) -> Answer<Slow, Readahead<Disk>> {
        let search = Search::new(&Filter::All, Some(3), Window::whole(SIZE), Limits::default());
        let encoding = match format {
            Format::Frames => Encoding::Framed(Box::new(FrameWriter::new(0))),
            _ => Encoding::Plain(Encoder::new(format, "here", b"app.log", 0)),
        };
        let context = Context {
            engine: Slow,
            admission: Arc::clone(admission),
            chunks: Chunks::default(),
            giving_up: Rc::default(),
        };
        let ending = Ending { format, trailers: true, browser: false, relay: false, deadline: None };
        let name = FileName::parse(b"app.log".to_vec()).unwrap();
        let readahead = self.readahead(pool, admission);
        Answer::new(context, name, stamp(), search, readahead, encoding, ending)
    }
}

impl ReadAt for Disk {
    type Read = Pin<Box<dyn Future<Output = ReadResult>>>;

    fn read_cached(&self, _: &mut Block, _: Span, _: usize, _: CacheUse) -> Option<usize> {
        None
    }

    #[expect(clippy::disallowed_methods, reason = "there is no ring that would have to be submitted to")]
    fn read_at(&self, mut block: Block, span: Span, done: usize, _: CacheUse) -> Self::Read {
        self.reads.borrow_mut().push(span);
        if span.offset < self.hangs_below {
            return Box::pin(async move {
                let _held = block;
                std::future::pending().await
            });
        }
        let line = self.line as u64;
        for (byte, at) in block.memory()[done..span.len].iter_mut().zip(span.offset + done as u64..) {
            *byte = if at % line == line - 1 { b'\n' } else { b'x' };
        }
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok((span.len - done, block))
        })
    }

    fn shared(&self) -> Option<Arc<OpenFile>> {
        None
    }

    fn forget(&self, _: Span) {}

    fn inode_state(&self) -> io::Result<InodeState> {
        Ok(stamp())
    }
}

fn stamp() -> InodeState {
    let file = tempfile::tempfile().unwrap();
    file.set_len(SIZE).unwrap();
    InodeState::of(&file.into()).unwrap()
}

thread_local! {
    static PAUSES: Cell<usize> = const { Cell::new(0) };
}

/// An engine that counts the pauses of its thread.
#[derive(Clone, Copy)]
struct Slow;

impl Engine for Slow {
    type File = Disk;
    const NAME: &'static str = "slow";

    fn adopt(self, _: OwnedFd) -> Disk {
        Disk::new(100)
    }

    fn pause(self) -> Pause {
        PAUSES.set(PAUSES.get() + 1);
        Box::pin(ready(()))
    }

    fn block_on<F: Future<Output = Ended>>(self, root: F) -> io::Result<Ended> {
        Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(root))
    }
}

fn run(work: impl Future<Output = ()>) {
    Slow.block_on(async {
        work.await;
        Ended::Clean
    })
    .unwrap();
}

async fn drain(readahead: &mut Readahead<Disk>) {
    while readahead.next().await.unwrap().is_some() {}
}

/// F6.
#[test]
fn scans_whose_disk_hangs_do_not_keep_others_from_scanning() {
    run(async {
        let (pool, admission) = (Pool::new(64), Arc::new(Admission::default()));
        let dead = Disk { hangs_below: SIZE - (4 << 20), ..Disk::new(100) };
        let mut hung: Vec<_> = (0..DEEP_AT_ONCE).map(|_| dead.readahead(&pool, &admission)).collect();
        for readahead in &mut hung {
            dead.reads.borrow_mut().clear();
            let hangs = || dead.reads.borrow().iter().any(|span| span.offset < dead.hangs_below);
            while !hangs() {
                let _ = timeout(Duration::from_millis(50), drain(readahead)).await;
            }
            let waited = timeout(Duration::from_millis(300), drain(readahead)).await;
            assert!(waited.is_err(), "it hangs");
        }
        let mut other = Disk::new(100).readahead(&pool, &admission);
        timeout(PATIENCE, drain(&mut other)).await.expect("it has a pass");
    });
}

#[test]
fn a_long_line_that_waits_for_its_place_holds_nothing_and_is_not_refused() {
    for format in [Format::Text, Format::Ndjson, Format::Frames] {
        run(async {
            let (pool, admission) = (Pool::new(2), Arc::new(Admission::default()));
            let permits: Vec<_> = (0..LARGE_AT_ONCE).map(|_| admission.try_large_permit().unwrap()).collect();
            let mut stream = Disk::new(3 << 19).stream(format, &pool, &admission);
            let waited = timeout(Duration::from_millis(300), stream.prime()).await;
            assert!(waited.is_err(), "it waits");
            assert_eq!(pool.in_use(), 0);
            assert!(admission.is_free_of_scans());
            drop(permits);
            timeout(PATIENCE, stream.prime()).await.expect("it goes on").unwrap();
            let mut bytes = 0;
            while let Some(frame) = stream.next_frame().await {
                let frame = frame.unwrap();
                if let Some(trailers) = frame.trailers_ref() {
                    assert_eq!(trailers["log-status"], "complete", "{trailers:?}");
                }
                bytes += frame.data_ref().map_or(0, bytes::Bytes::len);
                // While the answer waits for its client, another one can have the permit.
                stream.park();
                assert!((0..LARGE_AT_ONCE).all(|_| admission.try_large_permit().is_some()));
                let at_once: Vec<_> =
                    (0..LARGE_AT_ONCE).map_while(|_| admission.try_large_permit()).collect();
                assert_eq!((at_once.len(), pool.in_use()), (LARGE_AT_ONCE, 0));
            }
            assert!((3 << 20..(3 << 20) + 1000).contains(&bytes), "{format:?}: {bytes}");
        });
    }
}

#[test]
fn a_block_that_is_being_read_again_is_not_fed_a_second_time() {
    run(async {
        let (pool, admission) = (Pool::new(64), Arc::default());
        let mut readahead = Disk::new(100).readahead(&pool, &admission);
        let mut end = SIZE;
        for round in 0..40 {
            let SourceBlock { span, block, .. } = readahead.next().await.unwrap().unwrap();
            drop(block);
            assert_eq!(span.end(), end, "round {round}");
            end = span.offset;
            // The request for the block is given up before the block has come. In some rounds all
            // reads under way are given up too.
            if round % 2 == 0 {
                readahead.park();
            }
            assert!(poll_immediate(Box::pin(readahead.again(span))).await.is_none());
            if round % 3 == 0 {
                readahead.park();
            }
            if round % 5 < 3 {
                assert_eq!(readahead.again(span).await.unwrap().span, span);
            }
        }
    });
}

#[test]
fn for_a_slow_client_nothing_is_read_that_it_does_not_take() {
    run(async {
        let (pool, admission) = (Pool::new(64), Arc::default());
        let disk = Disk::new(100);
        let mut readahead = disk.readahead(&pool, &admission);
        let mut again = 0;
        for blocks in 1..60 {
            let SourceBlock { span, block, .. } = readahead.next().await.unwrap().unwrap();
            drop(block);
            for _ in 0..3 {
                readahead.slow_down();
                readahead.park();
                drop(readahead.again(span).await.unwrap());
                again += 1;
            }
            let reads = disk.reads.borrow().len();
            // The reads that were started before the client was known to be slow are given up once.
            assert!(reads <= blocks + again + 2, "{reads} reads for {blocks} blocks");
        }
        // As soon as the client keeps up, more is read ahead.
        let before = disk.reads.borrow().len();
        for _ in 0..6 {
            drop(readahead.next().await.unwrap().unwrap());
        }
        let reads = disk.reads.borrow().len() - before;
        assert!(reads > 9, "{reads} reads for 6 blocks");
    });
}

#[test]
fn lines_that_are_looked_back_at_are_looked_at_in_turns() {
    run(async {
        let (pool, admission) = (Pool::new(64), Arc::default());
        // Empty lines are the most work for each block.
        let readahead = Disk::new(1).readahead(&pool, &admission);
        let mut stamps = Stamps::new(LineTimes::new(0), 0);
        let record = backscroll_shared::scan::Record {
            offset: SIZE - 1,
            bytes: b"",
            lines: 1,
            truncated_lines: 0,
            older: &[],
        };
        stamps.of(&record, true);
        PAUSES.set(0);
        look_back(Slow, &readahead, &mut stamps, SIZE - 1).await.unwrap();
        assert!(PAUSES.get() > 100, "{} turns for four million lines", PAUSES.get());
    });
}

#[test]
fn a_search_of_a_file_whose_beginning_is_not_known_in_time_is_not_complete() {
    for format in [Format::Text, Format::Ndjson, Format::Frames] {
        run(async {
            let (pool, admission) = (Pool::new(64), Arc::new(Admission::default()));
            let mut stream = Disk::new(100).stream(format, &pool, &admission);
            stream.prime().await.unwrap();
            stream.end_unidentified();
            stream.identify(None);
            let (mut body, mut status) = (Vec::new(), None);
            while let Some(frame) = stream.next_frame().await {
                let frame = frame.unwrap();
                status = frame.trailers_ref().map(|trailers| trailers["log-status"].clone()).or(status);
                body.extend_from_slice(frame.data_ref().map_or(b"", |data| data));
            }
            assert_eq!(status.unwrap(), "partial");
            if format == Format::Frames {
                let mut decoder = Decoder::default();
                decoder.push(body.into());
                let mut items = Vec::new();
                while let Some(item) = decoder.next_item().unwrap() {
                    items.push(item);
                }
                let Some(Item::End(verdict)) = items.pop() else { panic!("{items:?}") };
                assert_eq!((verdict.status, verdict.lines, items.len()), (Status::Partial, 0, 0));
            }
        });
    }
}
