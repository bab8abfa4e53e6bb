//! A disk that fails at a chosen block, behind the same trait as the engines.

use backscroll_secondary::answer::chunks::Chunks;
use backscroll_secondary::answer::{Answer, Context, Encoding, Ending};
use backscroll_secondary::read::block::{Block, Pool};
use backscroll_secondary::read::open_file::OpenFile;
use backscroll_secondary::read::{
    BlockSource as _, CacheUse, Ended, Engine, InodeState, Pause, ReadAt, ReadResult, Readahead, SourceBlock,
};
use backscroll_shared::filter::Filter;
use backscroll_shared::query::FileName;
use backscroll_shared::scan::{Limits, ReadPlan, Search, Span, Window};
use backscroll_shared::wire::{Encoder, Format};
use futures_util::future::poll_immediate;
use std::future::{Future, Ready, ready};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

/// A file whose reads succeed, a few bytes at a time, until one lies below offset `bad`.
#[derive(Clone, Copy)]
struct Faulty {
    bad: u64,
    errno: i32,
}

#[derive(Clone)]
struct FaultyFile(Faulty);

const SIZE: u64 = 2 << 20;
const LINE: &[u8] = b"a line of the log\n";

impl ReadAt for FaultyFile {
    type Read = Ready<ReadResult>;

    fn read_cached(&self, _: &mut Block, _: Span, _: usize, _: CacheUse) -> Option<usize> {
        None
    }

    fn read_at(&self, mut block: Block, span: Span, done: usize, _: CacheUse) -> Ready<ReadResult> {
        if span.offset < self.0.bad {
            return ready(Err(io::Error::from_raw_os_error(self.0.errno)));
        }
        // Short reads on purpose: a third of what was asked for, but at least one byte.
        let len = ((span.len - done) / 3).max(1);
        for (i, byte) in block.memory()[done..done + len].iter_mut().enumerate() {
            *byte = LINE[usize::try_from(span.offset + (done + i) as u64).unwrap() % LINE.len()];
        }
        ready(Ok((len, block)))
    }

    fn shared(&self) -> Option<Arc<OpenFile>> {
        None
    }

    fn forget(&self, _: Span) {}

    fn inode_state(&self) -> io::Result<InodeState> {
        Ok(stamp())
    }
}

impl Engine for Faulty {
    type File = FaultyFile;
    const NAME: &'static str = "faulty";

    fn adopt(self, _: OwnedFd) -> FaultyFile {
        FaultyFile(self)
    }

    fn pause(self) -> Pause {
        Box::pin(ready(()))
    }

    fn block_on<F: Future<Output = Ended>>(self, root: F) -> io::Result<Ended> {
        Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(root))
    }
}

/// The state of a file of [`SIZE`] bytes.
fn stamp() -> InodeState {
    let file = tempfile::tempfile().unwrap();
    file.set_len(SIZE).unwrap();
    InodeState::of(&file.into()).unwrap()
}

struct Outcome {
    problem: Option<u16>,
    body: Vec<u8>,
    trailers: Option<http::HeaderMap>,
    cut: bool,
}

fn answer(bad: u64, errno: i32, format: Format, trailers: bool) -> Outcome {
    answer_to(false, bad, errno, format, trailers)
}

fn answer_to(browser: bool, bad: u64, errno: i32, format: Format, trailers: bool) -> Outcome {
    let engine = Faulty { bad, errno };
    let mut outcome = Outcome { problem: None, body: Vec::new(), trailers: None, cut: false };
    engine
        .block_on(async {
            let readahead = Readahead::new(
                FaultyFile(engine),
                ReadPlan::new(Window::whole(SIZE)),
                Pool::new(8),
                Arc::default(),
            );
            let search = Search::new(&Filter::All, None, Window::whole(SIZE), Limits::default());
            let name = FileName::parse(b"app.log".to_vec()).unwrap();
            let encoding = Encoding::Plain(Encoder::new(format, "here", name.as_bytes(), 0));
            let ending = Ending { format, trailers, browser, relay: false, deadline: None };
            let context = Context {
                engine,
                admission: Arc::default(),
                chunks: Chunks::default(),
                giving_up: Rc::default(),
            };
            let mut stream = Answer::new(context, name, stamp(), search, readahead, encoding, ending);
            if let Err(problem) = stream.prime().await {
                outcome.problem = Some(problem.code().status().as_u16());
                return Ended::Clean;
            }
            while let Some(frame) = stream.next_frame().await {
                match frame.map(http_body::Frame::into_data) {
                    Ok(Ok(data)) => outcome.body.extend_from_slice(&data),
                    Ok(Err(frame)) => outcome.trailers = frame.into_trailers().ok(),
                    Err(_) => outcome.cut = true,
                }
                assert!(!(outcome.cut && outcome.trailers.is_some()));
            }
            Ended::Clean
        })
        .unwrap();
    outcome
}

const EIO: i32 = 5;
const ESTALE: i32 = 116;

/// F4.
#[test]
fn short_reads_are_read_on() {
    let outcome = answer(0, EIO, Format::Text, true);
    assert_eq!(
        outcome.body.iter().filter(|b| **b == b'\n').count(),
        usize::try_from(SIZE).unwrap() / LINE.len() + 1
    );
    assert_eq!(outcome.trailers.unwrap()["log-status"], "complete");
}

/// F4.
#[test]
fn a_failure_before_the_first_byte_is_a_status() {
    for format in [Format::Text, Format::Ndjson] {
        for trailers in [false, true] {
            assert_eq!(answer(SIZE, EIO, format, trailers).problem, Some(500));
        }
    }
}

#[test]
fn a_failure_after_it_is_the_last_line_for_a_browser() {
    for trailers in [false, true] {
        let told = answer_to(true, SIZE / 2, EIO, Format::Text, trailers);
        assert!(!told.cut && told.trailers.is_some() == trailers);
        let text = String::from_utf8(told.body).unwrap();
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("-- incomplete: io_error: ") && text.ends_with('\n'), "{last}");
        assert!(text.lines().filter(|line| line.starts_with("-- ")).count() == 1);
        let whole = answer_to(true, 0, EIO, Format::Text, trailers);
        assert!(!whole.cut && !whole.body.windows(3).any(|bytes| bytes == b"-- "));
    }
}

/// F4.
#[test]
fn a_failure_after_it_is_told_in_each_format() {
    for bad in [SIZE / 2, 1] {
        for errno in [EIO, ESTALE] {
            let cut = answer(bad, errno, Format::Text, false);
            assert!(cut.cut && cut.trailers.is_none() && !cut.body.is_empty());

            let told = answer(bad, errno, Format::Text, true);
            let trailers = told.trailers.unwrap();
            assert_eq!(trailers["log-status"], "failed");
            assert!(trailers["log-error"].to_str().unwrap().starts_with("io_error: "));
            let lines = told.body.iter().filter(|b| **b == b'\n').count();
            assert_eq!(trailers["log-lines"].to_str().unwrap(), lines.to_string());

            let ndjson = answer(bad, errno, Format::Ndjson, false);
            assert!(ndjson.cut);
            let text = String::from_utf8(ndjson.body).unwrap();
            let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            assert_eq!(last["end"]["status"], "failed");
            assert_eq!(last["end"]["error"]["code"], "io_error");
            assert_eq!(last["end"]["lines"], text.lines().count() - 1);
        }
    }
}

#[test]
fn a_read_that_is_tried_again_survives_being_given_up_while_it_waits_for_a_block() {
    /// The first read waits, and then fails with EINTR. Later reads complete at once.
    #[derive(Clone)]
    struct Interrupted(std::cell::Cell<bool>);

    impl ReadAt for Interrupted {
        type Read = std::pin::Pin<Box<dyn Future<Output = ReadResult>>>;

        fn read_cached(&self, _: &mut Block, _: Span, _: usize, _: CacheUse) -> Option<usize> {
            None
        }

        fn read_at(&self, mut block: Block, span: Span, done: usize, _: CacheUse) -> Self::Read {
            if !self.0.replace(true) {
                return Box::pin(async {
                    pending_once().await;
                    drop(block);
                    Err(io::Error::from_raw_os_error(4))
                });
            }
            block.memory()[done..span.len].fill(b'x');
            Box::pin(ready(Ok((span.len - done, block))))
        }

        fn shared(&self) -> Option<Arc<OpenFile>> {
            None
        }

        fn forget(&self, _: Span) {}

        fn inode_state(&self) -> io::Result<InodeState> {
            Ok(stamp())
        }
    }

    async fn pending_once() {
        let mut polled = false;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut polled, true) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }

    let engine = Faulty { bad: 0, errno: 0 };
    let ended = engine.block_on(async {
        let pool = Pool::new(1);
        let mut readahead = Readahead::new(
            Interrupted(false.into()),
            ReadPlan::new(Window::whole(4096)),
            pool.clone(),
            Arc::default(),
        );
        // When the failed read gives its block back, another answer takes the block first.
        let mut next = Box::pin(readahead.next());
        let mut other = Box::pin(pool.acquire());
        assert!(poll_immediate(&mut next).await.is_none(), "it reads");
        assert!(poll_immediate(&mut other).await.is_none(), "the only block is being read into");
        assert!(poll_immediate(&mut next).await.is_none(), "it has failed, and waits for a block");
        drop(next);
        drop(poll_immediate(&mut other).await.expect("it was next in line"));
        drop(other);
        let SourceBlock { span, block, .. } = readahead.next().await.unwrap().unwrap();
        assert_eq!((span, block.as_ref().len()), (Span { offset: 0, len: 4096 }, 4096));
        assert_eq!(readahead.next().await.unwrap().map(|next| next.span), None);
        Ended::Clean
    });
    assert_eq!(ended.unwrap(), Ended::Clean);
}

#[test]
fn what_passes_by_itself_is_tried_again_but_not_for_ever() {
    const EINTR: i32 = 4;
    assert_eq!(answer(SIZE, EINTR, Format::Text, false).problem, Some(500));
}
