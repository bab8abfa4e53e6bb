//! A client that ends its sending after its request, and a client that has left.

use crate::support::{Response, Server, endless, naive, sleep};
use backscroll_secondary::Io;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

fn big() -> Vec<u8> {
    (0..200_000u32)
        .flat_map(|i| format!("{i:06} a line of a log that is long enough to fill it\n").into_bytes())
        .collect()
}

fn ask(server: &Server, request: &str) -> TcpStream {
    let mut socket = server.connect_with_window(16 << 10);
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    socket
}

fn rest(socket: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    let ended = socket.read_to_end(&mut bytes).is_ok();
    Response::parse(&bytes, ended)
}

#[test]
fn who_ends_his_sending_after_the_request_gets_the_whole_answer() {
    let server = Server::start(Io::Uring);
    let file = big();
    server.write("big.log", &file);
    for fields in ["", "connection: close\r\n"] {
        for (target, body) in
            [("/healthz", b"ok\n".to_vec()), ("/logs?filename=big.log", naive(&file, b"", usize::MAX))]
        {
            for wait in [0, 300] {
                let mut socket =
                    ask(&server, &format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n"));
                sleep(Duration::from_millis(wait));
                socket.shutdown(Shutdown::Write).unwrap();
                // The client reads slowly. The server closes the connection when it has sent
                // everything.
                sleep(Duration::from_millis(1500));
                let answer = rest(&mut socket);
                assert!(answer.complete && answer.body == body, "{target} {fields:?} {wait}");
            }
        }
    }
}

#[test]
fn the_requests_of_a_pipeline_are_all_answered() {
    let server = Server::start(Io::Uring);
    let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(40);
    let mut socket = ask(&server, &request);
    socket.shutdown(Shutdown::Write).unwrap();
    let mut bytes = String::new();
    socket.read_to_string(&mut bytes).unwrap();
    assert_eq!(bytes.matches("HTTP/1.1 200 OK").count(), 40);
}

#[test]
fn what_comes_behind_a_request_is_answered_after_it() {
    let server = Server::start(Io::Uring);
    let file = big();
    server.write("big.log", &file);
    let small = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let large = "GET /logs?filename=big.log HTTP/1.1\r\nhost: localhost\r\n\r\n";
    // More requests than the server reads before it answers the first one.
    let many = small.repeat(2000);
    for (behind, answers) in [(small, 2), ("\r\n\r\n\n", 1), ("\r", 1), (&many, 2001), ("GET / HT", 2)] {
        for wait in [0, 300] {
            let mut socket = ask(&server, large);
            sleep(Duration::from_millis(wait));
            let mut writing = socket.try_clone().unwrap();
            let sent = behind.to_owned();
            let writer = std::thread::spawn(move || {
                for piece in sent.as_bytes().chunks(1000) {
                    writing.write_all(piece).unwrap();
                }
                writing.shutdown(Shutdown::Write).unwrap();
            });
            sleep(Duration::from_millis(300));
            let mut bytes = Vec::new();
            socket.read_to_end(&mut bytes).unwrap();
            writer.join().unwrap();
            let text = String::from_utf8(bytes).unwrap();
            // A request that ends inside its head gets an error.
            let whole = answers - usize::from(behind == "GET / HT");
            assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), whole, "{wait}");
            assert_eq!(text.matches("HTTP/1.1 400 Bad Request\r\n").count(), answers - whole, "{wait}");
        }
    }
    // Empty lines between requests are ignored, and the connection goes on.
    let mut socket = ask(&server, &format!("\r\n{small}\r\n"));
    socket
        .write_all(format!("\n{}", small.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n")).as_bytes())
        .unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2);
}

#[test]
fn an_answer_that_takes_long_is_waited_for() {
    let server = Server::with(|config| {
        config.io = Io::Uring;
        config.drain_time = Duration::from_secs(4);
    });
    let target = endless(server.dir.path());
    let mut socket = ask(
        &server,
        &format!("GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: application/x-ndjson\r\n\r\n"),
    );
    socket.shutdown(Shutdown::Write).unwrap();
    socket.read_exact(&mut [0; 15]).unwrap();
    // Longer than the server waits for a client that has left.
    sleep(Duration::from_secs(3));
    drop(server);
    let mut text = String::new();
    let _ = socket.read_to_string(&mut text);
    assert!(text.contains("\"code\":\"draining\""), "it was still searched for: {text}");
}

#[test]
fn the_work_for_a_client_that_is_gone_stops() {
    // Each request would search for a very long time, and there are only two blocks.
    let server = Server::with(|config| {
        config.io = Io::Uring;
        config.blocks = 2;
    });
    let target = endless(server.dir.path());
    server.write("small.log", b"line\n");
    let request = &*format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let begun = |socket: &mut TcpStream| socket.read_exact(&mut [0; 15]).unwrap();
    // Clients that leave at once, in the middle of the answer, after shutting down properly, and
    // with bytes left unread. And a primary that leaves.
    for _ in 0..4 {
        drop(ask(&server, request));
        let mut socket = ask(&server, request);
        begun(&mut socket);
        socket.set_nonblocking(true).unwrap();
        while socket.read(&mut [0; 4096]).is_ok() {}
        drop(socket);
        let mut socket = ask(&server, request);
        begun(&mut socket);
        drop(socket);
        let socket = ask(&server, request);
        socket.shutdown(Shutdown::Write).unwrap();
        drop(socket);
        let relayed = request.replace("\r\n\r\n", "\r\nbackscroll-relay: x\r\n\r\n");
        ask(&server, &relayed).shutdown(Shutdown::Write).unwrap();
        // With more bytes after the request: another request, its beginning, or only line ends.
        for behind in ["\r\n", "\r", "G", request] {
            drop(ask(&server, &format!("{request}{behind}")));
            let mut socket = ask(&server, request);
            begun(&mut socket);
            socket.write_all(behind.as_bytes()).unwrap();
            drop(socket);
        }
    }
    let began = Instant::now();
    while crate::support::descriptors_of(&server.dir.path().join("endless.log")) > 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "somebody is still searched for");
        sleep(Duration::from_millis(20));
    }
    assert_eq!(server.get("/logs?filename=small.log").body, b"line\n");
}
