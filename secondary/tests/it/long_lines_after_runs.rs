//! Long lines that begin with NUL runs, for clients that read slowly. When part of such a line is
//! read again, reading begins after its run.

use crate::support::{Response, Server, sleep};
use backscroll_secondary::Io;
use backscroll_shared::wire::frames::{CONTENT_TYPE, Decoder, Item};
use base64::Engine as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

const LIMIT: usize = 1 << 20;
const RUN: usize = 4096;

/// The bytes of the lines, each with the length of the run before it.
fn lines() -> Vec<(usize, Vec<u8>)> {
    let line = |run, parts: &[&[u8]]| (run, [b"2026-11-25T10:00:00Z ", &parts.concat()[..], b"\n"].concat());
    vec![
        line(0, &[b"short"]),
        line(5000, &[&[b'x'; 200_000], b" needle"]),
        line(RUN, &[b"short needle"]),
        line(100_000, &["\u{e9}\u{20ac}".repeat(20_000).as_bytes()]),
        // Only an excerpt of this line is delivered.
        line(70_000, &[&[b'y'; 2_000_000], b" needle ", &[b'y'; 500_000]]),
        line(2 * RUN, &[b"needle ", &[0xff; 300_000]]),
        line(RUN, &[b"NUL bytes within ", &[0; 90_000], b" needle"]),
        (0, [&[0; RUN - 1][..], b"2026-11-25T10:00:01Z too few needle\n"].concat()),
        line(8 << 20, &[b"after a hole ", &[b'z'; 120_000], b" needle"]),
        line(RUN, &[b"\x01".repeat(70_000).as_slice()]),
    ]
}

/// Writes the lines with their runs, as holes or as NUL bytes. Returns the bytes of the file.
fn write_lines(server: &Server, name: &str, has_runs: bool, are_holes: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut texts = Vec::new();
    for (run, text) in lines() {
        file.resize(file.len() + if has_runs { run } else { 0 }, 0);
        texts.push((file.len() as u64, text.len()));
        file.extend_from_slice(&text);
    }
    if are_holes {
        let sparse = std::fs::File::create(server.dir.path().join(name)).unwrap();
        sparse.set_len(file.len() as u64).unwrap();
        for (offset, len) in texts {
            let from = usize::try_from(offset).unwrap();
            sparse.write_all_at(&file[from..from + len], offset).unwrap();
        }
    } else {
        server.write(name, &file);
    }
    file
}

/// Reads an answer in small parts, with pauses now and then.
fn taken_slowly(mut socket: TcpStream, request: &str) -> Response {
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let (mut bytes, mut part, mut rested) = (Vec::new(), vec![0; 16 << 10], 0);
    loop {
        let len = socket.read(&mut part).unwrap();
        bytes.extend_from_slice(&part[..len]);
        if len == 0 {
            return Response::parse(&bytes, true);
        }
        if bytes.len() - rested >= 100_000 {
            rested = bytes.len();
            sleep(Duration::from_millis(30));
        }
    }
}

/// The records of an answer, with their offsets if the format has them.
fn records(answer: &Response, accept: &str) -> Vec<(Option<u64>, Vec<u8>)> {
    match accept {
        "text/plain" => {
            answer.body.split_inclusive(|b| *b == b'\n').map(|line| (None, line.to_vec())).collect()
        }
        CONTENT_TYPE => {
            let mut decoder = Decoder::default();
            decoder.push(answer.body.clone().into());
            let items = std::iter::from_fn(|| decoder.next_item().unwrap());
            items
                .filter_map(|item| match item {
                    Item::Record(record) => {
                        assert!(record.stamp.is_some(), "each line has a time, or one before it has");
                        Some((Some(record.offset), record.bytes.to_vec()))
                    }
                    _ => None,
                })
                .collect()
        }
        _ => {
            let objects =
                answer.text().lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            objects
                .filter(|object| object.get("end").is_none())
                .map(|object| {
                    let bytes = match object["line"].as_str() {
                        Some(line) => line.as_bytes().to_vec(),
                        None => base64::engine::general_purpose::STANDARD
                            .decode(object["line_base64"].as_str().unwrap())
                            .unwrap(),
                    };
                    (object["offset"].as_u64(), bytes)
                })
                .collect()
        }
    }
}

/// Whether a record begins at `offset`, or after the run there.
fn begins_at(file: &[u8], offset: u64, record: &[u8]) -> bool {
    let mut rest = &file[usize::try_from(offset).unwrap()..];
    let nuls = rest.iter().take_while(|b| **b == 0).count();
    if nuls >= RUN {
        rest = &rest[nuls..];
    }
    let first = record.split(|b| *b == b'\n').next().unwrap();
    rest.starts_with(first)
}

#[test]
fn slow_clients_get_long_lines_as_they_stand_in_the_file_without_the_runs() {
    let skipped: usize = lines().iter().map(|(run, _)| run).sum();
    for io in [Io::Uring, Io::Threads] {
        let server = Server::start(io);
        write_lines(&server, "plain.log", false, false);
        let file = write_lines(&server, "runs.log", true, false);
        write_lines(&server, "holes.log", true, true);
        let (server, file) = (&server, &file);
        std::thread::scope(|scope| {
            for query in ["", "&keyword=needle", "&keyword=%0A2026-11", "&keyword=needle%0A2026&n=2"] {
                for accept in ["text/plain", "application/x-ndjson", CONTENT_TYPE] {
                    let relay = if accept == CONTENT_TYPE { "backscroll-relay: a\r\n" } else { "" };
                    let request = move |name: &str| {
                        format!(
                            "GET /logs?filename={name}.log{query} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\n\
                             te: trailers\r\nconnection: close\r\n{relay}\r\n"
                        )
                    };
                    scope.spawn(move || {
                        let expected = server.raw(request("plain").as_bytes());
                        let expected = records(&expected, accept);
                        assert!(expected.iter().any(|(_, bytes)| bytes.len() > 64 << 10), "{query}");
                        for name in ["runs", "holes"] {
                            let answer = taken_slowly(server.connect_with_window(4096), &request(name));
                            assert!(answer.status == 200 && answer.complete, "{name} {query} {accept}");
                            if accept == "text/plain" {
                                assert_eq!(answer.trailer("log-status"), Some("complete"));
                                if !query.contains("&n=") {
                                    assert_eq!(
                                        answer.trailer("log-skipped-bytes"),
                                        Some(&*skipped.to_string())
                                    );
                                }
                            }
                            let found = records(&answer, accept);
                            assert_eq!(found.len(), expected.len(), "{name} {query} {accept}");
                            for ((offset, bytes), (_, plain)) in found.iter().zip(&expected) {
                                assert!(bytes == plain, "{name} {query} {accept}: {} bytes", bytes.len());
                                assert!(bytes.len() <= LIMIT + 1);
                                assert!(
                                    offset.is_none_or(|offset| begins_at(file, offset, bytes)),
                                    "{name} {query} {accept}: {offset:?}"
                                );
                            }
                        }
                    });
                }
            }
        });
    }
}
