//! Clients that leave, that stall, and that come in large numbers; and the end of the server.

use crate::support::{Response, Server, descriptors, endless, naive, sleep};
use backscroll_secondary::Io;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const DUMP: &[u8] = b"GET /logs?filename=big.log HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
const DEEP: &[u8] = b"GET /logs?filename=big.log&keyword=absent HTTP/1.1\r\nhost: localhost\r\n\r\n";

fn big() -> Vec<u8> {
    (0..500_000u32)
        .flat_map(|i| format!("{i:06} a line of a log that is long enough to fill it\n").into_bytes())
        .collect()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        sleep(Duration::from_millis(10));
    }
}

/// U2 and H4: 5,000 for each engine, some of them in the middle of the answer.
#[test]
fn clients_that_go_leak_no_descriptor_and_no_block() {
    for io in [Io::Uring, Io::Threads] {
        // With so few blocks, even one leak in a thousand requests would stop everything.
        let server = Server::with(|config| {
            config.io = io;
            config.blocks = 8;
        });
        server.write("big.log", &big());
        let before = descriptors();
        for round in 0..5000 {
            let mut socket = server.connect();
            socket.write_all(if round % 2 == 0 { DUMP } else { DEEP }).unwrap();
            if round % 4 == 0 {
                let mut some = [0; 4096];
                let _ = socket.read(&mut some).unwrap();
            }
        }
        until("descriptors", || descriptors() < before + 100);
        assert_eq!(server.get("/logs?filename=big.log&n=1").body, naive(&big(), b"", 1));
        // The server ends cleanly only if every block has been given back.
        server.stop().unwrap();
    }
}

/// H1.
#[test]
fn clients_that_do_not_read_hold_no_blocks() {
    let server = Server::with(|config| {
        config.io = Io::Uring;
        config.blocks = 4;
    });
    let file = big();
    server.write("big.log", &file);
    let mut stalled: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut socket = server.connect();
            socket.write_all(DUMP).unwrap();
            socket
        })
        .collect();
    until("a request gets a block", || server.get("/logs?filename=big.log&n=1").status == 200);
    // A stalled client that reads again gets the rest of its answer, every byte of it.
    let mut answer = Vec::new();
    let ended = stalled.remove(7).read_to_end(&mut answer).is_ok();
    let response = Response::parse(&answer, ended);
    if response.status == 200 && response.complete {
        assert_eq!(response.body, naive(&file, b"", usize::MAX));
    } else {
        assert!(response.status == 503 || !response.complete, "{}", response.status);
    }
}

#[test]
fn a_client_that_stalls_and_goes_on_gets_every_byte() {
    let server = Server::start(Io::Uring);
    let file = big();
    server.write("big.log", &file);
    for headers in ["", "accept: application/x-ndjson\r\n"] {
        let mut socket = server.connect();
        let request = format!(
            "GET /logs?filename=big.log HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n"
        );
        socket.write_all(request.as_bytes()).unwrap();
        // Longer than the server waits before it takes the blocks back.
        sleep(Duration::from_millis(3500));
        let mut answer = Vec::new();
        let ended = socket.read_to_end(&mut answer).is_ok();
        let response = Response::parse(&answer, ended);
        assert!(response.complete);
        if headers.is_empty() {
            assert!(response.body == naive(&file, b"", usize::MAX));
        } else {
            assert_eq!(response.text().lines().count(), 500_001);
        }
    }
}

#[test]
fn an_answer_that_is_cut_at_the_end_of_the_drain_says_so_where_it_can() {
    let mut server = Server::with(|config| {
        config.io = Io::Uring;
        config.drain_time = Duration::from_millis(600);
    });
    let target = endless(server.dir.path());
    let ask = |headers: &str| {
        let mut socket = server.connect();
        let request =
            format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        socket
    };
    let mut trailers = ask("te: trailers\r\n");
    let mut ndjson = ask("accept: application/x-ndjson\r\n");
    let mut text = ask("");
    // The server sends the head of each answer after at most a second. So all three are being
    // searched.
    sleep(Duration::from_millis(1500));
    server.begin_to_stop();
    let end = |socket: &mut TcpStream| {
        let mut answer = Vec::new();
        let ended = socket.read_to_end(&mut answer).is_ok();
        Response::parse(&answer, ended)
    };
    let trailers = end(&mut trailers);
    assert_eq!(trailers.trailer("log-status"), Some("failed"));
    assert!(trailers.trailer("log-error").unwrap().starts_with("draining: "));
    assert!(end(&mut ndjson).text().contains("\"code\":\"draining\""));
    assert!(!end(&mut text).complete);
    server.stop().unwrap();
}

#[test]
fn answers_in_flight_end_when_it_is_told_to_stop() {
    let mut server = Server::start(Io::Uring);
    let file = big();
    server.write("big.log", &file);
    let mut socket = server.connect();
    socket.write_all(DUMP).unwrap();
    let mut answer = vec![0; 1 << 20];
    socket.read_exact(&mut answer).unwrap();
    server.begin_to_stop();
    sleep(Duration::from_millis(200));
    assert!(TcpStream::connect(server.addr).is_err(), "nothing new is accepted");
    let ended = socket.read_to_end(&mut answer).is_ok();
    let response = Response::parse(&answer, ended);
    assert!(response.complete);
    assert!(response.body == naive(&file, b"", usize::MAX));
    server.stop().unwrap();
}

#[test]
fn what_has_not_ended_by_the_deadline_is_cut_and_the_server_leaves() {
    let mut server = Server::with(|config| {
        config.io = Io::Uring;
        config.drain_time = Duration::from_millis(300);
    });
    server.write("big.log", &big());
    let mut socket = server.connect();
    socket.write_all(DUMP).unwrap();
    let mut answer = vec![0; 1 << 20];
    socket.read_exact(&mut answer).unwrap();
    server.begin_to_stop();
    server.stop().unwrap();
    let ended = socket.read_to_end(&mut answer).is_ok();
    assert!(!Response::parse(&answer, ended).complete);
}

#[test]
fn the_deadline_is_kept_also_where_the_first_thread_has_nothing_to_do() {
    let mut server = Server::with(|config| {
        config.io = Io::Uring;
        config.threads = 2;
        config.drain_time = Duration::from_millis(300);
    });
    server.write("big.log", &big());
    // One connection for each thread. Then the first thread's client leaves.
    let first = server.connect();
    let mut second = server.connect();
    second.write_all(DUMP).unwrap();
    second.read_exact(&mut [0; 1]).unwrap();
    drop(first);
    sleep(Duration::from_millis(200));
    server.begin_to_stop();
    let began = Instant::now();
    server.stop().unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "it waited for a client that does not read");
    drop(second);
}

#[test]
fn every_thread_serves() {
    let server = Server::with(|config| {
        config.io = Io::Uring;
        config.threads = 3;
    });
    server.write("big.log", &big());
    let held: Vec<TcpStream> = (0..9)
        .map(|_| {
            let mut socket = server.connect();
            socket.write_all(DEEP).unwrap();
            socket
        })
        .collect();
    for mut socket in held {
        let mut head = [0; 15];
        socket.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
    }
}
