//! Long lines and records: which bytes arrive, in which pieces, and how much memory slow clients
//! cost.

use crate::process::Process;
use crate::support::{Server, find, raw, sleep, write};
use backscroll_secondary::Io;
use backscroll_secondary::answer::chunks::Chunks;
use backscroll_secondary::answer::frame_writer::FrameWriter;
use backscroll_secondary::answer::{Answer, Context, Encoding, Ending};
use backscroll_secondary::read::block::Pool;
use backscroll_secondary::read::uring::Uring;
use backscroll_secondary::read::{Ended, Engine as _, InodeState, Readahead};
use backscroll_shared::filter::Filter;
use backscroll_shared::query::FileName;
use backscroll_shared::scan::{Limits, ReadPlan, Search, Window};
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::frames::{Decoder, Item};
use backscroll_shared::wire::verdict::{Status, Verdict};
use backscroll_shared::wire::{Encoder, Format};
use base64::Engine as _;
use proptest::prelude::*;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes that are delivered of a line at most.
const LIMIT: usize = 1 << 20;

/// Bytes of a chunk for a client that has not taken much yet, with the longest record in it.
const FRAME: usize = 29 << 10;

/// Bytes that a client has to take before its chunks become larger.
const SMALL_UNTIL: usize = 8 << 20;

/// What is delivered of each line that holds the keyword, newest first, with its offset.
fn oracle(file: &[u8], keyword: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut records = Vec::new();
    let mut start = 0;
    for line in file.split_inclusive(|b| *b == b'\n') {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let first = if keyword.is_empty() { Some(0) } else { find(content, keyword) };
        if let Some(first) = first {
            let past = (first + keyword.len()).saturating_sub(LIMIT);
            let from =
                if past == 0 { 0 } else { (first - (LIMIT - keyword.len()) / 2).min(content.len() - LIMIT) };
            let to = content.len().min(from + LIMIT);
            records.push(((start + from) as u64, content[from..to].to_vec()));
        }
        start += line.len();
    }
    records.reverse();
    records
}

/// What arrived of an answer.
struct Outcome {
    records: Vec<(u64, Vec<u8>)>,
    verdict: Option<Verdict>,
    is_cut: bool,
    longest: usize,
    scanned: u64,
}

/// How a client reads its answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Client {
    Fast,
    /// The client is slow, so the server gives everything up after each chunk.
    Slow,
    /// The client is slow, and the server stops after this many chunks.
    CutAfter(usize),
}

fn answer(content: &[u8], keyword: &[u8], format: Format, client: Client) -> Outcome {
    let mut outcome = None;
    let ended = Uring.block_on(async {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        let file = file.into();
        let opened = InodeState::of(&file).unwrap();
        let keywords = if keyword.is_empty() { vec![] } else { vec![keyword.to_vec()] };
        let search =
            Search::new(&Filter::new(keywords).unwrap(), None, Window::whole(opened.size), Limits::default());
        let plan = ReadPlan::new(Window::whole(opened.size));
        // So few blocks that an answer must not hold any that it does not need.
        let readahead = Readahead::new(Uring.adopt(file), plan, Pool::new(2), Arc::default());
        let encoding = match format {
            Format::Frames => Encoding::Framed(Box::new(FrameWriter::new(0))),
            _ => Encoding::Plain(Encoder::new(format, "here", b"app.log", 0)),
        };
        let giving_up = Rc::new(std::cell::Cell::new(false));
        let ending =
            Ending { format, trailers: format == Format::Text, browser: false, relay: false, deadline: None };
        let context = Context {
            engine: Uring,
            admission: Arc::default(),
            chunks: Chunks::default(),
            giving_up: Rc::clone(&giving_up),
        };
        let name = FileName::parse(b"app.log".to_vec()).unwrap();
        let mut stream = Answer::new(context, name, opened, search, readahead, encoding, ending);
        stream.prime().await.unwrap();
        let (mut body, mut trailers, mut is_cut, mut longest, mut frames) = (Vec::new(), None, false, 0, 0);
        while let Some(frame) = stream.next_frame().await {
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => {
                    if body.len() < SMALL_UNTIL {
                        longest = longest.max(data.len());
                    }
                    body.extend_from_slice(&data);
                }
                Ok(Err(frame)) => trailers = frame.into_trailers().ok(),
                Err(_) => is_cut = true,
            }
            frames += 1;
            if client != Client::Fast {
                stream.park();
            }
            giving_up.set(matches!(client, Client::CutAfter(most) if frames >= most));
        }
        outcome = Some(match format {
            Format::Text => Outcome {
                // Plain text has no offsets.
                records: body.split_inclusive(|b| *b == b'\n').map(|line| (0, unended(line))).collect(),
                verdict: trailers.and_then(|trailers| Verdict::from_trailers(&trailers)),
                is_cut,
                longest,
                scanned: 0,
            },
            Format::Ndjson => of_ndjson(&body, is_cut, longest),
            Format::Frames => of_frames(body, is_cut, longest),
        });
        Ended::Clean
    });
    assert_eq!(ended.unwrap(), Ended::Clean);
    outcome.unwrap()
}

fn unended(line: &[u8]) -> Vec<u8> {
    line.strip_suffix(b"\n").map_or_else(|| [line, b" (no end)"].concat(), <[u8]>::to_vec)
}

fn of_ndjson(body: &[u8], is_cut: bool, longest: usize) -> Outcome {
    let mut outcome = Outcome { records: Vec::new(), verdict: None, is_cut, longest, scanned: 0 };
    for line in body.split_inclusive(|b| *b == b'\n') {
        let object: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert!(outcome.verdict.is_none(), "nothing follows the last object");
        if let Some(end) = object.get("end") {
            outcome.verdict = Some(serde_json::from_value(end.clone()).unwrap());
        } else if object.get("incomplete").is_none() {
            let bytes = match object.get("line") {
                Some(line) => line.as_str().unwrap().as_bytes().to_vec(),
                None => base64::engine::general_purpose::STANDARD
                    .decode(object["line_base64"].as_str().unwrap())
                    .unwrap(),
            };
            outcome.records.push((object["offset"].as_u64().unwrap(), bytes));
        }
    }
    outcome
}

fn of_frames(body: Vec<u8>, is_cut: bool, longest: usize) -> Outcome {
    let mut outcome = Outcome { records: Vec::new(), verdict: None, is_cut, longest, scanned: 0 };
    let mut decoder = Decoder::default();
    decoder.push(body.into());
    while let Some(item) = decoder.next_item().unwrap() {
        match item {
            Item::Record(record) => outcome.records.push((record.offset, record.bytes.to_vec())),
            Item::Mark(_) => {}
            Item::End(end) => outcome.verdict = Some(end),
        }
    }
    outcome.scanned = decoder.scanned();
    outcome
}

/// One line: its bytes, its length, and where the keyword is in it.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let fill = prop::sample::select(vec![&b"x"[..], "\u{e9}\u{20ac}".as_bytes(), b"\x01", b"\xff", b"\"\\"]);
    let len = prop_oneof![
        4 => 0_usize..300,
        2 => 3_000_usize..20_000,
        2 => 60_000_usize..70_000,
        1 => 500_000_usize..530_000,
        1 => (LIMIT - 40)..(LIMIT + 40),
        1 => LIMIT..(3 * LIMIT),
    ];
    (fill, len, prop::option::of(0.0..1.0)).prop_map(|(fill, len, keyword)| {
        let mut line = fill.repeat(len / fill.len());
        if let Some(at) = keyword {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within")]
            #[expect(clippy::cast_precision_loss, reason = "any place will do")]
            let at = (line.len() as f64 * at) as usize / fill.len() * fill.len();
            line.splice(at..at, *b"needle");
        }
        line.push(b'\n');
        line
    })
}

fn content(lines: &[Vec<u8>]) -> Vec<u8> {
    // Each line has a time, so that a merge does not read the lines a second time to look for one.
    lines.iter().flat_map(|line| [b"2026-11-25T10:00:00Z ", &line[..]].concat()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_byte_arrives_in_pieces_however_the_client_reads(
        lines in prop::collection::vec(line(), 1..12),
        keyword in prop::sample::select(vec!["", "needle"]),
        format in prop::sample::select(vec![Format::Text, Format::Ndjson, Format::Frames]),
        client in prop::sample::select(vec![Client::Fast, Client::Slow]),
    ) {
        let file = content(&lines);
        let expected = oracle(&file, keyword.as_bytes());
        let outcome = answer(&file, keyword.as_bytes(), format, client);
        let verdict = outcome.verdict.unwrap();
        prop_assert_eq!((verdict.status, outcome.is_cut), (Status::Complete, false));
        prop_assert_eq!(verdict.lines, expected.len() as u64);
        prop_assert!(client == Client::Fast || outcome.longest < FRAME, "{}", outcome.longest);
        prop_assert_eq!(outcome.records.len(), expected.len());
        for ((offset, bytes), (expected_offset, expected)) in outcome.records.iter().zip(&expected) {
            prop_assert!(format == Format::Text || offset == expected_offset);
            prop_assert!(bytes == expected, "{} bytes, {}", bytes.len(), expected.len());
        }
    }

    #[test]
    fn records_across_lines_arrive_whole_however_the_client_reads(
        lines in prop::collection::vec(line(), 1..8),
        format in prop::sample::select(vec![Format::Ndjson, Format::Frames]),
    ) {
        let file = content(&lines);
        let fast = answer(&file, b"\n2026-", format, Client::Fast);
        let slow = answer(&file, b"\n2026-", format, Client::Slow);
        prop_assert!(slow.longest < FRAME, "{}", slow.longest);
        prop_assert!(fast.records == slow.records);
        prop_assert_eq!(fast.verdict, slow.verdict);
        let lines = file.iter().filter(|b| **b == b'\n').count();
        prop_assert!(fast.records.is_empty() == (lines == 1));
    }

    #[test]
    fn an_answer_that_ends_within_a_record_says_so_and_counts_whole_ones(
        lines in prop::collection::vec(line(), 2..8),
        format in prop::sample::select(vec![Format::Text, Format::Ndjson, Format::Frames]),
        frames in 1_usize..30,
    ) {
        let file = content(&lines);
        let expected = oracle(&file, b"");
        let outcome = answer(&file, b"", format, Client::CutAfter(frames));
        let mut records = outcome.records;
        if format == Format::Text && records.last().is_some_and(|(_, line)| line.ends_with(b" (no end)")) {
            records.pop();
        }
        match outcome.verdict {
            Some(verdict) if verdict.status == Status::Complete => prop_assert_eq!(records.len(), expected.len()),
            Some(verdict) => {
                prop_assert_eq!(verdict.error.unwrap().code, Code::Draining);
                prop_assert_eq!(verdict.lines, records.len() as u64);
                prop_assert!(verdict.bytes_scanned > 0, "what was read is told");
                prop_assert!(outcome.is_cut || format != Format::Ndjson);
            }
            None => {
                prop_assert!(outcome.is_cut && format == Format::Frames, "{:?}", format);
                prop_assert!(outcome.scanned > 0 || records.is_empty());
            }
        }
        for ((_, bytes), (_, expected)) in records.iter().zip(&expected) {
            prop_assert!(bytes == expected);
        }
    }
}

/// A client that reads the head of its answer, and then almost nothing.
fn slow(addr: SocketAddr, target: &str, accept: &str) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&addr.into()).unwrap();
    let mut socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    socket
}

fn take(sockets: &mut [TcpStream], bytes: usize) {
    for socket in sockets {
        socket.read_exact(&mut vec![0; bytes]).unwrap();
    }
}

const FORMATS: [&str; 2] = ["*/*", "application/x-ndjson"];

/// H10.
#[test]
fn clients_that_read_long_lines_slowly_refuse_them_to_nobody() {
    let server = Server::with(|config| {
        config.io = Io::Uring;
        config.threads = 1;
    });
    let long = [&b"2026-11-25T10:00:00Z "[..], &b"x".repeat(LIMIT - 30), b"\n"].concat();
    server.write("long.log", &long.repeat(24));
    server.write("app.log", &[&b"y".repeat(100_000)[..], b"\n"].concat());
    let mut held: Vec<TcpStream> =
        (0..100).map(|i| slow(server.addr, "/logs?filename=long.log", FORMATS[i % 2])).collect();
    for _ in 0..5 {
        take(&mut held, 1);
        for accept in FORMATS {
            for target in ["/logs?filename=app.log", "/logs?filename=long.log&n=2"] {
                let response = server.request("GET", target, &format!("accept: {accept}\r\n"));
                assert!(response.status == 200 && response.complete, "{target} {accept} {}", response.status);
            }
        }
    }
    // Each of these clients still gets more of its answer.
    take(&mut held, 300_000);
}

#[test]
fn what_is_held_for_a_slow_client_does_not_depend_on_its_lines() {
    const CLIENTS: usize = 300;
    let dir = tempfile::tempdir().unwrap();
    // The worst case for each format: control characters, which JSON makes six times as long; lines
    // that begin in an older block; and a short line after each, so that a chunk leaves in between.
    let line = [&b"\x01".repeat(LIMIT - 200)[..], b"\n2026-11-25T10:00:00Z short\n"].concat();
    write(&dir.path().join("control.log"), &line.repeat(12));
    let line = [&b"x".repeat(LIMIT / 2 + 7)[..], b"\n2026-11-25T10:00:00Z short\n"].concat();
    write(&dir.path().join("half.log"), &line.repeat(24));
    for target in [
        "/logs?filename=control.log",
        "/logs?filename=half.log",
        "/logs?filename=half.log&keyword=%0A2026",
        "/logs?filename=control.log&keyword=%01%0A",
    ] {
        let mut command = Process::command();
        let process = Process::start(command.arg("--log-dir").arg(dir.path()).args(["--threads", "2"]));
        let (addr, _) = process.serving();
        let mut held: Vec<TcpStream> = (0..CLIENTS).map(|i| slow(addr, target, FORMATS[i % 2])).collect();
        // Read past the short line, which comes first.
        take(&mut held, 20_000);
        take(&mut held, 1);
        let began = Instant::now();
        // Blocks of clients that do not read are taken back within a second.
        let mut peak = 0;
        while began.elapsed() < Duration::from_secs(2) {
            peak = process.resident();
            sleep(Duration::from_millis(200));
        }
        // A small part of a megabyte for each client, and what the threads need for their work.
        assert!(peak < 64 << 20, "{target}: {} MiB", peak >> 20);
        let request = format!("GET {target}&n=1 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        assert_eq!(raw(addr, request.as_bytes()).status, 200);
        drop(held);
    }
}
