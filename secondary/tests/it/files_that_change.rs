//! Files that grow, shrink or become sparse while they are read.

use crate::support::{Response, Server, naive};
use backscroll_secondary::Io;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn create(server: &Server, name: &str) -> std::fs::File {
    std::fs::OpenOptions::new()
        .create(true)
        .append(false)
        .write(true)
        .truncate(false)
        .open(server.dir.path().join(name))
        .unwrap()
}

/// F7.
#[test]
fn the_size_at_opening_is_the_end() {
    let server = Server::start(Io::Uring);
    server.write("app.log", b"old\n");
    let stop = Arc::new(AtomicBool::new(false));
    let (mut file, stopped) = (create(&server, "app.log"), Arc::clone(&stop));
    let writer = std::thread::spawn(move || {
        file.seek(SeekFrom::End(0)).unwrap();
        let line = "new line\n".repeat(1000);
        for _ in 0..4000 {
            if stopped.load(Relaxed) {
                break;
            }
            file.write_all(line.as_bytes()).unwrap();
        }
    });
    for _ in 0..20 {
        let response = server.request("GET", "/logs?filename=app.log", "te: trailers\r\n");
        assert_eq!(response.trailer("log-status"), Some("complete"));
        assert!(response.body.ends_with(b"old\n"));
        // The last line may have been read while it was written. The part that was there counts.
        let mut lines = response.text().lines();
        assert!(lines.next().is_some_and(|line| line == "old" || "new line".starts_with(line)));
        assert!(lines.all(|line| line == "new line" || line == "old"));
    }
    stop.store(true, Relaxed);
    writer.join().unwrap();
}

/// Asks for a file of 64 MiB, shortens it when the answer has begun, and reads the rest.
fn shortened(headers: &str) -> Response {
    let server = Server::start(Io::Uring);
    server.write("app.log", "some line of a log\n".repeat(4 << 20).as_bytes());
    let mut socket = server.connect();
    let request = format!(
        "GET /logs?filename=app.log HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = vec![0; 64 << 10];
    socket.read_exact(&mut answer).unwrap();
    create(&server, "app.log").set_len(1 << 20).unwrap();
    let ended = socket.read_to_end(&mut answer).is_ok();
    Response::parse(&answer, ended)
}

/// F2.
#[test]
fn a_file_that_shrinks_is_found_out_and_told_in_each_of_the_three_ways() {
    let cut = shortened("");
    assert_eq!((cut.status, cut.complete), (200, false));

    let told = shortened("te: trailers\r\n");
    assert!(told.complete);
    assert_eq!(told.trailer("log-status"), Some("failed"));
    assert!(told.trailer("log-error").unwrap().starts_with("file_shrunk: "));
    let lines = told.text().lines().count();
    assert_eq!(told.trailer("log-lines"), Some(lines.to_string().as_str()));
    assert!(told.text().lines().all(|line| line == "some line of a log"));

    let ndjson = shortened("accept: application/x-ndjson\r\n");
    assert!(!ndjson.complete);
    let last: serde_json::Value = serde_json::from_str(ndjson.text().lines().last().unwrap()).unwrap();
    assert_eq!(last["end"]["status"], "failed");
    assert_eq!(last["end"]["error"]["code"], "file_shrunk");
}

#[test]
fn a_failed_answer_to_http_1_0_ends_in_a_reset() {
    let server = Server::start(Io::Uring);
    server.write("app.log", "some line of a log\n".repeat(4 << 20).as_bytes());
    let mut socket = server.connect();
    socket.write_all(b"GET /logs?filename=app.log HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = vec![0; 64 << 10];
    socket.read_exact(&mut answer).unwrap();
    create(&server, "app.log").set_len(1 << 20).unwrap();
    let error = socket.read_to_end(&mut answer).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

/// F3.
#[test]
fn five_sparse_gibibytes_before_a_real_tail_cost_a_tail_request_nothing() {
    let server = Server::start(Io::Uring);
    let mut file = create(&server, "app.log");
    file.seek(SeekFrom::Start(5 << 30)).unwrap();
    file.write_all(b"\nfirst\nsecond\n").unwrap();
    let response = server.request("GET", "/logs?filename=app.log&n=2", "te: trailers\r\n");
    assert_eq!(response.body, b"second\nfirst\n");
    assert!(response.trailer("log-bytes-scanned").unwrap().parse::<u64>().unwrap() <= 64 << 10);
}

/// F3.
#[test]
fn a_line_of_a_gibibyte_is_cut_and_told() {
    let server = Server::start(Io::Uring);
    let mut file = create(&server, "app.log");
    file.write_all(b"before\nbegin").unwrap();
    file.seek(SeekFrom::Start(1 << 30)).unwrap();
    file.write_all(b"end\nafter\n").unwrap();
    for (query, shown) in [("&n=2", "beginning"), ("&keyword=begin", "beginning"), ("&keyword=end", "end")] {
        let target = format!("/logs?filename=app.log{query}");
        let response = server.request("GET", &target, "te: trailers\r\n");
        let line = response.body.strip_prefix(b"after\n").unwrap_or(&response.body);
        assert_eq!(line.len(), (1 << 20) + 1);
        // The excerpt shows the match.
        assert!(if shown == "end" { line.ends_with(b"\0end\n") } else { line.starts_with(b"begin\0") });
        assert_eq!(response.trailer("log-truncated-lines"), Some("1"));
        assert_eq!(response.trailer("log-status"), Some("complete"));
    }
}

/// F2.
#[test]
fn a_renamed_or_deleted_file_is_read_to_its_end() {
    let server = Server::start(Io::Uring);
    let content = "a line of a file that will go\n".repeat(1 << 20);
    server.write("app.log", content.as_bytes());
    let mut socket = server.connect();
    socket
        .write_all(b"GET /logs?filename=app.log HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = vec![0; 1024];
    socket.read_exact(&mut answer).unwrap();
    std::fs::remove_file(server.dir.path().join("app.log")).unwrap();
    let ended = socket.read_to_end(&mut answer).is_ok();
    let response = Response::parse(&answer, ended);
    assert!(response.complete);
    assert_eq!(response.body, naive(content.as_bytes(), b"", usize::MAX));
}
