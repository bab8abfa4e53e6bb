//! NUL runs at the beginning of a line, and holes: they are skipped and counted.

use crate::support::{Response, Server, naive};
use backscroll_secondary::Io;
use std::os::unix::fs::FileExt as _;

const BOTH: [Io; 2] = [Io::Uring, Io::Threads];
const TEXT: &[u8] = b"2024-11-05 10:11:12 ERROR after rotation\n2024-11-05 10:11:13 INFO next\n";
const HOLE: u64 = 1 << 30;

/// Writes a file whose text begins after a hole.
fn write_after_hole(server: &Server, name: &str, hole: u64, text: &[u8]) {
    let file = std::fs::File::create(server.dir.path().join(name)).unwrap();
    file.set_len(hole).unwrap();
    file.write_all_at(text, hole).unwrap();
}

fn skipped(answer: &Response) -> u64 {
    assert_eq!(answer.trailer("log-status"), Some("complete"), "{answer:?}");
    answer.trailer("log-skipped-bytes").unwrap_or("0").parse().unwrap()
}

#[test]
fn a_line_comes_without_the_run_that_it_begins_with_in_every_format() {
    for io in BOTH {
        let server = Server::start(io);
        for (len, is_run) in [(4095, false), (4096, true), (2_000_000, true)] {
            let nuls = vec![0; len];
            let delivered: &[u8] = if is_run { b"" } else { &nuls };
            let file = [&b"first\n"[..], &nuls, TEXT].concat();
            server.write("app.log", &file);
            let expected = naive(&[b"first\n", delivered, TEXT].concat(), b"", 9);
            let trailers = "te: trailers\r\n";
            let all = server.request("GET", "/logs?filename=app.log", trailers);
            assert!(all.body == expected, "{len}: {} bytes", all.body.len());
            assert_eq!(skipped(&all), if is_run { len as u64 } else { 0 });
            let error = server.request("GET", "/logs?filename=app.log&keyword=ERROR", trailers);
            assert_eq!(error.body.len(), delivered.len() + 41);
            assert_eq!(skipped(&error), if is_run { len as u64 } else { 0 });
            let across = server.request("GET", "/logs?filename=app.log&keyword=first%0A2024", trailers);
            assert_eq!(across.body.len(), if is_run { 6 + 41 } else { 0 });
            // A match that lies only in the run does not count.
            let nul = server.request("GET", "/logs?filename=app.log&keyword=%00", trailers);
            assert_eq!(nul.body.is_empty(), is_run);
            let json =
                server.request("GET", "/logs?filename=app.log&n=2", "accept: application/x-ndjson\r\n");
            let objects: Vec<serde_json::Value> =
                json.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert!(objects[1]["time"].as_str().unwrap().starts_with("2024-11-05T10:11:12"), "{len}");
            assert_eq!(objects[1]["offset"], 6);
            assert_eq!(objects[2]["end"]["skipped_bytes"].as_u64().unwrap_or(0), skipped(&all));
        }
    }
}

#[test]
fn holes_are_not_read() {
    for io in BOTH {
        let server = Server::start(io);
        write_after_hole(&server, "app.log", HOLE, TEXT);
        write_after_hole(&server, "lastlog", HOLE, b"");
        for query in ["", "&keyword=ERROR", "&keyword=rotation%0A2024", "&n=2"] {
            for headers in ["te: trailers\r\n", "backscroll-relay: a\r\nte: trailers\r\n"] {
                let answer = server.request("GET", &format!("/logs?filename=app.log{query}"), headers);
                assert_eq!(skipped(&answer), HOLE, "{query}");
                assert!(
                    answer.body.len() < 100 && answer.body.ends_with(b"after rotation\n")
                        || query.contains("%0A")
                );
                let scanned: u64 = answer.trailer("log-bytes-scanned").unwrap().parse().unwrap();
                assert!(scanned < 4 << 20, "{query}: {scanned}");
            }
        }
        let empty = server.request("GET", "/logs?filename=lastlog&n=1", "te: trailers\r\n");
        assert_eq!((empty.body.len(), skipped(&empty)), (0, HOLE));
        // In frames for a primary, the record has the time of the line after the hole.
        let frames = server.request(
            "GET",
            "/logs?filename=app.log&n=2",
            "accept: application/vnd.backscroll.frames.v2\r\nbackscroll-relay: a\r\n",
        );
        let said = String::from_utf8_lossy(&frames.body).into_owned();
        assert!(
            said.contains("after rotation") && said.contains(&format!("\"skipped_bytes\":{HOLE}")),
            "{said}"
        );
    }
}

#[test]
fn a_hole_inside_of_a_line_is_a_part_of_it() {
    for io in BOTH {
        let server = Server::start(io);
        let file = [&b"first\nbegin"[..], &vec![0; 8 << 20], b"end\nlast\n"].concat();
        write_after_hole(&server, "app.log", (8 << 20) + 11, b"end\nlast\n");
        #[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
        let written = std::fs::File::options().write(true).open(server.dir.path().join("app.log")).unwrap();
        written.write_all_at(b"first\nbegin", 0).unwrap();
        server.write("full.log", &file);
        for query in ["", "&keyword=end", "&keyword=begin", "&keyword=first%0Abeg", "&keyword=%00%00", "&n=1"]
        {
            let ask = |name: &str| {
                server.request("GET", &format!("/logs?filename={name}.log{query}"), "te: trailers\r\n")
            };
            let (sparse, full) = (ask("app"), ask("full"));
            assert!(sparse.body == full.body, "{query}");
            assert_eq!(sparse.trailer("log-truncated-lines"), full.trailer("log-truncated-lines"), "{query}");
            assert_eq!(skipped(&sparse), 0, "{query}");
        }
    }
}
