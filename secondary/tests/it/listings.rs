//! `/files` lists every file, at every depth, also for a client that reads slowly.

use crate::support::{Response, Server, sleep};
use backscroll_secondary::Io;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const BOTH: [Io; 2] = [Io::Uring, Io::Threads];

fn names(listing: &Response) -> Vec<&str> {
    assert_eq!((listing.status, listing.complete), (200, true), "{listing:?}");
    listing.text().lines().map(|line| line.split('\t').nth(2).unwrap()).collect()
}

fn ask(server: &Server, headers: &str) -> TcpStream {
    // A small window, so that the listing does not fit the buffers between server and client.
    let mut socket = server.connect_with_window(32 << 10);
    let request = format!("GET /files HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    socket.read_exact(&mut [0; 1]).unwrap();
    socket
}

/// The rest of an answer whose first byte has been read.
fn rest(mut socket: TcpStream) -> Response {
    let mut bytes = b"H".to_vec();
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let ended = socket.read_to_end(&mut bytes).is_ok();
    Response::parse(&bytes, ended)
}

/// Writes so many files that their names do not fit the buffers between a server and its client.
fn write_many(server: &Server) -> Vec<String> {
    let mut names: Vec<String> =
        (0..2000).map(|number| format!("{}/{number:0>230}.log", number % 7)).collect();
    for name in &names {
        server.write(name, b"x");
    }
    names.sort();
    names
}

#[test]
fn a_file_is_listed_however_deep_it_lies_and_can_be_asked_for() {
    for io in BOTH {
        let server = Server::start(io);
        for depth in [1, 31, 32, 33, 200] {
            let name = format!("{}x.log", "d/".repeat(depth));
            server.write(&name, b"line\n");
            assert_eq!(server.get(&format!("/logs?filename={name}")).body, b"line\n");
        }
        let listing = server.get("/files");
        let mut depths: Vec<usize> = names(&listing).iter().map(|name| name.matches('/').count()).collect();
        depths.sort_unstable();
        assert_eq!(depths, [1, 31, 32, 33, 200]);
    }
}

/// H10.
#[test]
fn clients_that_do_not_read_keep_no_listing_from_anybody() {
    for io in BOTH {
        let server = Server::start(io);
        let expected = write_many(&server);
        let held: Vec<TcpStream> = (0..40).map(|_| ask(&server, "")).collect();
        for _ in 0..3 {
            assert_eq!(names(&server.get("/files")), expected);
            assert_eq!(names(&server.get("/files?glob=0/*")).len(), 286);
        }
        drop(held);
    }
}

#[test]
fn a_client_that_reads_slowly_gets_each_name_once_and_in_order() {
    for io in BOTH {
        let server = Server::start(io);
        let expected = write_many(&server);
        let (text, json) = (ask(&server, ""), ask(&server, "accept: application/json\r\n"));
        // By then the server has dropped the rest of its page. One new file comes before the names
        // that are sent next, so it is not listed. The other one comes last.
        sleep(Duration::from_secs(1));
        server.write("0/0.log", b"");
        server.write("zzz.log", b"");
        let text = rest(text);
        assert_eq!(names(&text)[..2000], expected);
        assert_eq!(names(&text)[2000..], ["zzz.log"]);
        let listed: Vec<serde_json::Value> = serde_json::from_slice(&rest(json).body).unwrap();
        let listed: Vec<&str> = listed.iter().map(|file| file["name"].as_str().unwrap()).collect();
        assert_eq!(listed, names(&text));
    }
}

#[test]
fn a_listing_whose_rest_cannot_be_made_is_cut() {
    for io in BOTH {
        for headers in ["", "accept: application/json\r\n"] {
            let server = Server::start(io);
            write_many(&server);
            let slow = ask(&server, headers);
            sleep(Duration::from_secs(1));
            let moved = server.dir.path().with_extension("moved");
            std::fs::rename(server.dir.path(), &moved).unwrap();
            std::fs::create_dir(server.dir.path()).unwrap();
            let answer = rest(slow);
            std::fs::remove_dir_all(moved).unwrap();
            assert!(!answer.complete, "{} bytes", answer.body.len());
            assert!(!answer.body.ends_with(b"]\n"));
        }
    }
}

#[test]
fn a_glob_that_is_too_costly_is_a_400_and_others_keep_nobody_waiting() {
    let server = Server::start(Io::Uring);
    for number in 0..2000 {
        server.write(&format!("pod-{number}-{}/app/a.log", "abcdef".repeat(20)), b"");
    }
    server.write("app.log", b"line\n");
    let branches = |most: usize| {
        let branch = |k: usize| format!("**/*[0-9]{}", "%3F".repeat(k));
        format!("/files?glob=%7B{}z%7D", (1..most).map(branch).collect::<Vec<_>>().join(","))
    };
    let refused = server.get(&branches(60));
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_parameter"));
    assert!(refused.text().contains("too costly"), "{refused:?}");
    // With regular expressions this took seconds, during which no other request had a turn.
    let costly = branches(38);
    std::thread::scope(|scope| {
        let listing = scope.spawn(|| server.get(&costly));
        let mut longest = Duration::ZERO;
        while !listing.is_finished() {
            let began = Instant::now();
            assert_eq!(server.get("/logs?filename=app.log&n=1").body, b"line\n");
            longest = longest.max(began.elapsed());
        }
        assert!(longest < Duration::from_secs(1), "{longest:?}");
        assert_eq!(names(&listing.join().unwrap()), Vec::<&str>::new());
    });
}

#[test]
fn a_directory_that_is_removed_while_it_is_listed_fails_nothing() {
    for io in BOTH {
        let server = Server::start(io);
        server.write("app.log", b"line\n");
        let dir = server.dir.path().to_owned();
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = std::sync::Arc::clone(&stop);
        let churn = std::thread::spawn(move || {
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                for number in 0..20 {
                    std::fs::create_dir(dir.join(format!("pod-{number}"))).unwrap();
                }
                for number in 0..20 {
                    std::fs::remove_dir(dir.join(format!("pod-{number}"))).unwrap();
                }
            }
        });
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            let listing = server.get("/files");
            assert_eq!(names(&listing), ["app.log"]);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        churn.join().unwrap();
    }
}
