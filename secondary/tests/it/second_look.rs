//! Files that are truncated while they are read, and have grown again before the search reaches
//! their start. A model of the file, with all engines and formats.

use crate::counted_source::CountedSource;
use backscroll_secondary::answer::chunks::Chunks;
use backscroll_secondary::answer::frame_writer::FrameWriter;
use backscroll_secondary::answer::{Answer, Context, Encoding, Ending};
use backscroll_secondary::read::block::Pool;
use backscroll_secondary::read::threads::Threads;
use backscroll_secondary::read::uring::{RingAlone, Uring};
use backscroll_secondary::read::{Ended, Engine, InodeState, Readahead};
use backscroll_shared::filter::Filter;
use backscroll_shared::query::FileName;
use backscroll_shared::scan::{Limits, ReadPlan, Search, Window};
use backscroll_shared::wire::frames::{Decoder, Item};
use backscroll_shared::wire::problem::Code;
use backscroll_shared::wire::verdict::{Status, Verdict};
use backscroll_shared::wire::{Encoder, Format};
use futures_util::future::poll_immediate;
use proptest::prelude::*;
use std::cell::Cell;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use tempfile::TempDir;

/// What happens to the file, or to the answer, between two chunks of the body.
#[derive(Debug, Clone)]
enum Event {
    /// The writer appends lines. This does no harm.
    Append(usize),
    /// The file is cut to this percentage of its length.
    Truncate(u64),
    /// The file is cut to this percentage, and then grows past its old length.
    Regrow(u64),
    /// The file is emptied. Its writer does not append, so it goes on at its old offset.
    Hole,
    /// The file is renamed, and another one takes its name. This does no harm.
    Rename,
    /// Its name is deleted. This does no harm.
    Delete,
    /// The file is copied and emptied, and its writer goes on at its beginning.
    Copytruncate,
    /// The client takes this many chunks.
    Take(usize),
    /// The client is slow, so the blocks are taken back.
    Park,
}

impl Event {
    fn is_harm(&self) -> bool {
        matches!(self, Event::Truncate(_) | Event::Regrow(_) | Event::Hole | Event::Copytruncate)
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (1_usize..300).prop_map(Event::Append),
        1 => (0_u64..100).prop_map(Event::Truncate),
        1 => prop_oneof![Just(0), 0_u64..100].prop_map(Event::Regrow),
        1 => Just(Event::Hole),
        1 => Just(Event::Rename),
        1 => Just(Event::Delete),
        1 => Just(Event::Copytruncate),
        4 => (1_usize..5).prop_map(Event::Take),
        3 => Just(Event::Park),
    ]
}

/// A log of different lines. Some of them have no time.
struct Log {
    dir: TempDir,
    file: File,
    next: u64,
}

impl Log {
    fn new(lines: usize) -> (Log, Vec<Vec<u8>>) {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create_new(dir.path().join("app.log")).unwrap();
        let mut log = Log { dir, file, next: 0 };
        let lines: Vec<Vec<u8>> = (0..lines).map(|_| log.line()).collect();
        for line in &lines {
            log.file.write_all(line).unwrap();
        }
        (log, lines)
    }

    fn line(&mut self) -> Vec<u8> {
        self.next += 1;
        let filler = "x".repeat(usize::try_from(self.next % 61).unwrap());
        let stamp = if self.next.is_multiple_of(5) { " at" } else { "2026-11-25T10:11:12Z" };
        format!("{stamp} line {} {filler}\n", self.next).into_bytes()
    }

    fn append(&mut self, until: u64) {
        let mut end = self.file.seek(SeekFrom::End(0)).unwrap();
        while end < until {
            let line = self.line();
            self.file.write_all(&line).unwrap();
            end += line.len() as u64;
        }
    }

    fn suffer(&mut self, event: &Event) {
        let len = self.file.metadata().unwrap().len();
        match event {
            Event::Append(lines) => self.append(len + *lines as u64 * 50),
            Event::Truncate(hundredths) => self.file.set_len(len * hundredths / 100).unwrap(),
            Event::Regrow(hundredths) => {
                self.file.set_len(len * hundredths / 100).unwrap();
                self.append(len + 1);
            }
            Event::Hole => {
                self.file.set_len(0).unwrap();
                self.file.seek(SeekFrom::Start(len)).unwrap();
                let line = self.line();
                self.file.write_all(&line).unwrap();
            }
            Event::Rename => {
                // It may have been deleted before.
                let _ = std::fs::rename(self.dir.path().join("app.log"), self.dir.path().join("app.log.1"));
                #[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
                std::fs::write(self.dir.path().join("app.log"), self.line()).unwrap();
            }
            Event::Delete => drop(std::fs::remove_file(self.dir.path().join("app.log"))),
            Event::Copytruncate => {
                drop(std::fs::copy(self.dir.path().join("app.log"), self.dir.path().join("app.log.1")));
                self.file.set_len(0).unwrap();
                self.append(200);
            }
            Event::Take(_) | Event::Park => {}
        }
    }

    fn reader(&self) -> OwnedFd {
        rustix::fs::open(
            format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&self.file)),
            rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .unwrap()
    }
}

/// How an answer ended, and which lines it had.
#[derive(Debug)]
enum Outcome {
    Refused(Code, String),
    Ended { lines: Vec<Vec<u8>>, is_complete: bool, code: Option<Code> },
}

type Stream<E> = Answer<E, CountedSource<Readahead<<E as Engine>::File>>>;

/// An answer about `log`, for a client that asks for `format`. The number of blocks that have been
/// read for it is counted.
fn stream<E: Engine>(
    engine: E,
    log: &Log,
    format: Format,
    keyword: &str,
    n: Option<u64>,
) -> (Stream<E>, Rc<Cell<usize>>) {
    let file = log.reader();
    let opened = InodeState::of(&file).unwrap();
    let keywords = if keyword.is_empty() { vec![] } else { vec![keyword.into()] };
    let search =
        Search::new(&Filter::new(keywords).unwrap(), n, Window::whole(opened.size), Limits::default());
    let plan = ReadPlan::new(Window::whole(opened.size));
    let readahead = Readahead::new(engine.adopt(file), plan, Pool::new(16), Arc::default());
    let (source, blocks) = CountedSource::new(readahead);
    let encoding = match format {
        Format::Frames => Encoding::Framed(Box::new(FrameWriter::new(0))),
        _ => Encoding::Plain(Encoder::new(format, "here", b"app.log", 0)),
    };
    let ending =
        Ending { format, trailers: format == Format::Text, browser: false, relay: false, deadline: None };
    let context =
        Context { engine, admission: Arc::default(), chunks: Chunks::default(), giving_up: Rc::default() };
    let name = FileName::parse(b"app.log".to_vec()).unwrap();
    (Answer::new(context, name, opened, search, source, encoding, ending), blocks)
}

fn answer<E: Engine>(
    engine: E,
    log: &mut Log,
    format: Format,
    keyword: &str,
    n: Option<u64>,
    events: &[Event],
) -> Outcome {
    let mut outcome = None;
    let ended = engine.block_on(async {
        let (mut stream, _) = stream(engine, log, format, keyword, n);
        outcome = Some(pulled(&mut stream, log, format, events).await);
        Ended::Clean
    });
    assert_eq!(ended.unwrap(), Ended::Clean);
    outcome.unwrap()
}

async fn pulled<E: Engine>(
    stream: &mut Stream<E>,
    log: &mut Log,
    format: Format,
    events: &[Event],
) -> Outcome {
    if let Err(problem) = stream.prime().await {
        return Outcome::Refused(problem.code(), problem.detail().to_owned());
    }
    let (mut body, mut trailers, mut is_cut) = (Vec::new(), None, false);
    let mut events = events.iter();
    let mut to_take = 0;
    'over: loop {
        while to_take == 0 {
            match events.next() {
                Some(Event::Take(frames)) => to_take = *frames,
                Some(Event::Park) => stream.park(),
                Some(event) => log.suffer(event),
                None => to_take = usize::MAX,
            }
        }
        to_take -= 1;
        match stream.next_frame().await {
            None => break 'over,
            Some(Err(_)) => is_cut = true,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().ok(),
            },
        }
    }
    let feed = |line: &[u8]| [line, b"\n"].concat();
    let (lines, verdict): (Vec<Vec<u8>>, Verdict) = match format {
        Format::Text => {
            let lines = body.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
            (lines, Verdict::from_trailers(&trailers.unwrap()).unwrap())
        }
        Format::Ndjson => {
            let mut objects: Vec<serde_json::Value> = body
                .split(|b| *b == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_slice(line).unwrap())
                .collect();
            let end = objects.pop().unwrap();
            objects.retain(|object| object.get("incomplete").is_none());
            let line = |object: &serde_json::Value| feed(object["line"].as_str().unwrap_or("").as_bytes());
            (objects.iter().map(line).collect(), serde_json::from_value(end["end"].clone()).unwrap())
        }
        Format::Frames => {
            let mut decoder = Decoder::default();
            decoder.push(body.into());
            let (mut lines, mut verdict) = (Vec::new(), None);
            while let Some(item) = decoder.next_item().unwrap() {
                match item {
                    Item::Record(record) => lines.push(feed(&record.bytes)),
                    Item::Mark(_) => {}
                    Item::End(end) => verdict = Some(end),
                }
            }
            (lines, verdict.unwrap())
        }
    };
    let is_complete = verdict.status == Status::Complete;
    assert!(format != Format::Ndjson || is_cut != is_complete, "and the stream says the same");
    Outcome::Ended { lines, is_complete, code: verdict.error.map(|error| error.code) }
}

fn check<E: Engine>(
    engine: E,
    lines: usize,
    format: Format,
    keyword: &str,
    n: Option<u64>,
    events: &[Event],
) {
    let (mut log, all) = Log::new(lines);
    let wanted = all.iter().rev().filter(|line| keyword.is_empty() || contains(line, keyword));
    let wanted: Vec<Vec<u8>> =
        wanted.take(n.map_or(usize::MAX, |n| usize::try_from(n).unwrap())).cloned().collect();
    let outcome = answer(engine, &mut log, format, keyword, n, events);
    match &outcome {
        Outcome::Refused(code, detail) => panic!("nothing had happened: {code:?} {detail}"),
        Outcome::Ended { lines, is_complete: true, code } => {
            assert!(*lines == wanted, "{} lines of {}", lines.len(), wanted.len());
            assert_eq!(*code, None);
        }
        Outcome::Ended { is_complete: false, code, lines } => {
            assert_eq!(*code, Some(Code::FileShrunk));
            // A primary may have all that it wants before the answer ends.
            assert!(format != Format::Frames || wanted.starts_with(lines), "{} lines", lines.len());
            assert!(events.iter().any(Event::is_harm), "an append does no harm");
        }
    }
}

fn contains(line: &[u8], keyword: &str) -> bool {
    line.windows(keyword.len()).any(|window| window == keyword.as_bytes())
}

/// How many sequences are tried: `.ci/faults` tries 5,000.
fn sequences() -> u32 {
    std::env::var("BACKSCROLL_SEQUENCES").map_or(400, |value| value.parse().unwrap())
}

// F2: each sequence against the model, which is the list of lines that the file had when it was
// opened. F8 is a part of it.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(sequences()))]

    #[test]
    fn an_answer_that_looks_complete_has_the_lines_that_were_there_when_the_file_was_opened(
        lines in 0_usize..20_000,
        format in prop::sample::select(vec![Format::Text, Format::Ndjson, Format::Frames]),
        keyword in prop::sample::select(vec!["", "", "7 ", "99"]),
        n in prop_oneof![3 => Just(None), 2 => (1_u64..20_000).prop_map(Some)],
        events in prop::collection::vec(event(), 0..12),
        engine in 0..3,
    ) {
        match engine {
            0 => check(Uring, lines, format, keyword, n, &events),
            1 => check(RingAlone, lines, format, keyword, n, &events),
            _ => check(Threads, lines, format, keyword, n, &events),
        }
    }
}

/// F8: checks that each format detects a change to a file of a megabyte, after a part was taken.
fn found_out<E: Engine>(engine: E) {
    for format in [Format::Text, Format::Ndjson, Format::Frames] {
        for harm in [Event::Hole, Event::Regrow(0), Event::Regrow(50), Event::Truncate(0)] {
            for (take, park) in [(1, true), (3, true), (1, false), (3, false)] {
                for n in [None, Some(15_000)] {
                    let mut events = vec![Event::Take(take), harm.clone()];
                    if park {
                        events.insert(1, Event::Park);
                    }
                    let (mut log, all) = Log::new(20_000);
                    match answer(engine, &mut log, format, "", n, &events) {
                        Outcome::Ended { is_complete: false, code: Some(code), lines } => {
                            assert_eq!(code, Code::FileShrunk);
                            // After a pause the file is checked before the search goes on, so that
                            // no line is joined from two files.
                            let old = all.iter().rev().zip(&lines).take_while(|(old, line)| old == line);
                            let is_looked_at = park || format == Format::Frames;
                            assert!(!is_looked_at || old.count() == lines.len(), "{format:?} {harm:?}");
                        }
                        other => panic!("{format:?} {harm:?} {park} {n:?}: {other:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn a_file_that_has_grown_again_is_found_out_in_each_format_and_by_each_engine() {
    found_out(Uring);
    found_out(RingAlone);
    found_out(Threads);
}

#[test]
fn what_is_found_out_before_the_first_byte_is_a_status() {
    for harm in [Event::Hole, Event::Regrow(0)] {
        // A keyword that only the first line holds, and one that no line holds.
        for keyword in [" 1 ", "absent"] {
            let ended = RingAlone.block_on(async {
                let (mut log, _) = Log::new(20_000);
                let (mut stream, blocks) = stream(RingAlone, &log, Format::Text, keyword, None);
                // A read completes, however long that takes, and the next one begins.
                let mut primed = Box::pin(stream.prime());
                for _ in 0..10_000 {
                    assert!(poll_immediate(&mut primed).await.is_none());
                    if blocks.get() > 0 {
                        break;
                    }
                    RingAlone.pause().await;
                }
                assert_eq!(blocks.get(), 1);
                drop(primed);
                log.suffer(&harm);
                let problem = stream.prime().await.unwrap_err();
                assert_eq!(problem.code().status(), 500);
                assert!(problem.detail().contains("truncated while it was read"), "{}", problem.detail());
                Ended::Clean
            });
            assert_eq!(ended.unwrap(), Ended::Clean);
        }
    }
}
