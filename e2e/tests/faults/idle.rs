//! H2, H9: heads that never end, and more idle connections than there may be.

use crate::clients::idle;
use crate::support::{PATIENCE, curl, line, lines, primary, secondary, until};
use backscroll_e2e::program::raise_file_limit;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const SLOW_HEADS: usize = 1000;
const IDLE: usize = 1100;

/// Clients that send their head a byte a second. Returns when all of them have been closed.
fn slow_heads(what: &str, address: SocketAddr, of: &str) {
    let client = || {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ").unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    };
    let mut open: Vec<TcpStream> = (0..SLOW_HEADS).map(|_| client()).collect();
    let began = Instant::now();
    while !open.is_empty() {
        assert!(began.elapsed() < PATIENCE, "{what}: {} are still open", open.len());
        open.retain_mut(|socket| {
            let sent = socket.write(b"a").is_ok();
            let is_silent =
                socket.read(&mut [0; 64]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            sent && is_silent
        });
        let got = curl(address, &format!("/logs?filename=app.log&n=1{of}"), &["-f", "--retry", "5"]);
        assert_eq!((got.exit, got.text()), (0, line(999).as_str()), "{what}: others are served");
        std::thread::sleep(Duration::from_secs(1));
    }
    eprintln!("H2, {what}: {SLOW_HEADS} slow heads closed within {:?}", began.elapsed());
}

/// H2. A head has 10 s.
#[test]
#[ignore = "takes ten seconds for each server: run by .ci/faults"]
fn h2_a_thousand_heads_that_never_end_are_closed_and_others_are_served() {
    raise_file_limit();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.log"), lines(1000)).unwrap();
    let host = secondary(dir.path(), "s1", &[]);
    slow_heads("a secondary", host.listen, "");
    let primary = primary(&[("s1", host.listen)], &[]);
    slow_heads("a primary", primary.listen, "&hostname=s1");
}

/// H9. With the limits as they are: 1,024 connections of a secondary.
#[test]
#[ignore = "opens thousands of connections: run by .ci/faults"]
fn h9_more_idle_connections_than_there_may_be_keep_nobody_away() {
    raise_file_limit();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.log"), lines(1000)).unwrap();
    let host = secondary(dir.path(), "s1", &[]);
    let primary = primary(&[("s1", host.listen)], &[]);
    for (address, of, count) in [(host.listen, "", IDLE), (primary.listen, "&hostname=s1", 4 * IDLE)] {
        let held = idle(address, count);
        let began = Instant::now();
        for target in [format!("/logs?filename=app.log&n=1{of}"), "/healthz".to_owned(), "/readyz".to_owned()]
        {
            until("it is served", || curl(address, &target, &["-f"]).exit == 0);
        }
        eprintln!("H9: beside {} idle connections served after {:?}", held.len(), began.elapsed());
        for _ in 0..50 {
            assert_eq!(curl(address, &format!("/logs?filename=app.log&n=1{of}"), &["-f"]).exit, 0);
        }
    }
}
