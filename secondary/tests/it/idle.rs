//! Connections up to the limit. An idle connection makes room for a new one, and some connections
//! are reserved for health checks.

use crate::support::{Server, endless, sleep};
use backscroll_secondary::Io;
use backscroll_shared::conn::HEALTH_RESERVE;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const LIMIT: usize = 8;
const HEALTHZ: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

fn server() -> Server {
    let server = Server::with(|config| {
        config.io = Io::Uring;
        config.threads = 2;
        config.connections = LIMIT;
    });
    server.write("app.log", b"line\n");
    server
}

/// A connection that has been served, and is idle now.
fn idle(server: &Server) -> TcpStream {
    let mut socket = server.connect();
    ask(&mut socket).unwrap();
    socket
}

fn ask(socket: &mut TcpStream) -> std::io::Result<()> {
    socket.write_all(HEALTHZ)?;
    let mut answer = [0; 15];
    socket.read_exact(&mut answer)?;
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let mut rest = [0; 4096];
    while !rest.windows(7).any(|window| window == b"\r\n\r\nok\n") {
        assert!(socket.read(&mut rest)? > 0);
    }
    Ok(())
}

/// A connection whose answer does not end during the test.
fn busy(server: &Server, target: &str) -> TcpStream {
    let mut socket = server.connect();
    socket.write_all(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
    socket.read_exact(&mut [0; 15]).unwrap();
    socket
}

fn is_closed(socket: &mut TcpStream) -> bool {
    !matches!(socket.read(&mut [0; 1]), Ok(1))
}

#[test]
fn the_connection_that_has_been_idle_the_longest_makes_room() {
    let server = server();
    let mut old = idle(&server);
    sleep(Duration::from_millis(20));
    let mut idle: Vec<TcpStream> = (1..LIMIT).map(|_| idle(&server)).collect();
    for _ in 0..3 {
        assert_eq!(server.get("/logs?filename=app.log").body, b"line\n");
    }
    assert!(is_closed(&mut old));
    // Most of the others are still open.
    let served = idle.iter_mut().filter_map(|socket| ask(socket).ok()).count();
    assert!(served >= LIMIT - 4, "{served}");
}

#[test]
fn a_newcomer_has_a_moment_to_ask_however_many_come_behind_it() {
    let server = server();
    // The server waits for the rest of a head on each of these connections.
    let held: Vec<TcpStream> = (0..LIMIT)
        .map(|_| {
            let mut socket = server.connect();
            socket.write_all(b"GET /").unwrap();
            socket
        })
        .collect();
    sleep(Duration::from_millis(1500));
    // Each new connection replaces one of those, and not the new one before it.
    let mut newcomers: Vec<TcpStream> = (0..LIMIT).map(|_| server.connect()).collect();
    let served = newcomers.iter_mut().filter_map(|socket| ask(socket).ok()).count();
    assert_eq!(served, LIMIT);
    drop(held);
}

/// H3.
#[test]
fn connections_that_never_ask_keep_nobody_away() {
    let server = server();
    // Some connections send nothing, and some send only the beginning of a request.
    let held: Vec<TcpStream> = (0..20 * LIMIT)
        .map(|number| {
            let mut socket = server.connect();
            if number % 2 == 0 {
                let _ = socket.write_all(b"GET /");
            }
            socket
        })
        .collect();
    let began = Instant::now();
    while server.get("/logs?filename=app.log").status != 200 || server.get("/readyz").status != 200 {
        assert!(began.elapsed() < Duration::from_secs(30), "they do");
        sleep(Duration::from_millis(50));
    }
    drop(held);
}

#[test]
fn connections_that_were_refused_and_stay_open_keep_nobody_away() {
    let server = server();
    let mut held = Vec::new();
    for _ in 0..4 * LIMIT {
        let mut socket = server.connect();
        socket.write_all(b"GET /a b HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        socket.read_exact(&mut [0; 15]).unwrap();
        held.push(socket);
        assert_eq!(server.get("/logs?filename=app.log").body, b"line\n");
    }
}

#[test]
fn places_for_health_checks_stay_for_health_checks() {
    let server = server();
    let target = endless(server.dir.path());
    let mut held: Vec<TcpStream> = (0..LIMIT).map(|_| busy(&server, &target)).collect();
    for _ in 0..3 {
        // These connections fill the reserve, and their time to send a request is over when the
        // others come.
        let idle: Vec<TcpStream> = (0..HEALTH_RESERVE).map(|_| server.connect()).collect();
        sleep(Duration::from_millis(1500));
        for _ in 0..HEALTH_RESERVE / 2 {
            let mut socket = server.connect();
            socket.write_all(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
            let mut status = [0; 12];
            socket.read_exact(&mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 503");
            held.push(socket);
        }
        assert_eq!(server.get("/healthz").status, 200);
        drop(idle);
    }
    drop(held);
}

/// H9.
#[test]
fn a_server_that_is_busy_still_says_how_it_is() {
    let server = server();
    let target = endless(server.dir.path());
    let mut held: Vec<TcpStream> = (0..LIMIT).map(|_| busy(&server, &target)).collect();
    for _ in 0..3 {
        for path in ["/healthz", "/readyz"] {
            let answer = server.get(path);
            assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{path}");
        }
        let refused = server.get("/logs?filename=app.log");
        assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
        assert!(refused.header("retry-after").is_some());
        assert!(refused.header("backscroll-instance").is_some(), "a primary knows whose answer it is");
    }
    // None of the busy connections was cut to make room.
    for socket in &mut held {
        socket.set_nonblocking(true).unwrap();
        let mut buf = [0; 4096];
        let last = loop {
            match socket.read(&mut buf) {
                Ok(len) if len > 0 => {}
                other => break other,
            }
        };
        assert!(last.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    }
    // Beyond the reserve for health checks, each new connection also gets an answer.
    let idle: Vec<TcpStream> = (0..HEALTH_RESERVE + 4).map(|_| server.connect()).collect();
    assert!([200, 503].contains(&server.get("/healthz").status));
    drop((idle, held));
}
