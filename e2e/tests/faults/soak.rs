//! A soak: all kinds of faults at random, for ten minutes where the tests may take long.

use crate::clients::{Slow, idle};
use crate::support::{curl, is_long, lines, primary, secondary, seconds, until};
use backscroll_e2e::program::{Program, raise_file_limit};
use rustix::process::Signal;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// How much more memory a server may hold at the end than after the first third.
const GROWTH: u64 = 16 << 20;

struct System {
    hosts: Vec<Program>,
    primary: Program,
}

/// Bytes that are no request, or a bad one.
const BAD: [&[u8]; 6] = [
    b"GET /logs HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET /logs?filename=../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\x00\x01\x02\x03\r\n\r\n",
    b"GET /logs?filename=app.log&n=-1 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET /logs?filename=app.log HTTP/1.1\r\nhost",
];

/// One fault, or a few requests.
fn step(rng: &mut fastrand::Rng, dir: &Path, system: &System) {
    let host = &system.hosts[rng.usize(..system.hosts.len())];
    let (address, of) = if rng.bool() {
        (host.listen, "")
    } else {
        (system.primary.listen, *rng.choice(["", "&hostname=s1", "&hostname=s*"].iter()).unwrap())
    };
    match rng.u8(0..10) {
        0 => {
            // The host hangs for a moment.
            host.signal(Signal::STOP).unwrap();
            let _ = curl(system.primary.listen, "/logs?filename=app.log&n=5", &["--max-time", "1"]);
            host.signal(Signal::CONT).unwrap();
        }
        1 => {
            // Clients that go in the middle.
            for _ in 0..20 {
                let mut socket = TcpStream::connect(address).unwrap();
                let request = format!("GET /logs?filename=app.log{of} HTTP/1.1\r\nhost: localhost\r\n\r\n");
                socket.write_all(request.as_bytes()).unwrap();
                let _ = socket.read(&mut [0; 4096]);
            }
        }
        2 => {
            let mut slow = Slow::new(address, &format!("/logs?filename=app.log{of}"), "", 50);
            for _ in 0..5 {
                slow.read();
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        3 => drop(idle(address, 100)),
        4 => {
            // Emptied in place, and filled again.
            let log = dir.join(format!("{}/app.log", rng.u8(1..=3)));
            let file = std::fs::OpenOptions::new().write(true).open(&log).unwrap();
            file.set_len(0).unwrap();
            std::fs::write(&log, lines(50_000)).unwrap();
        }
        5 => {
            // Replaced, as by a rotation.
            let folder = dir.join(format!("{}", rng.u8(1..=3)));
            std::fs::write(folder.join("new"), lines(50_000)).unwrap();
            std::fs::rename(folder.join("new"), folder.join("app.log")).unwrap();
        }
        6 => {
            for bad in BAD {
                let mut socket = TcpStream::connect(address).unwrap();
                let _ = socket.write_all(bad);
                if rng.bool() {
                    let _ = socket.set_read_timeout(Some(Duration::from_millis(50)));
                    let _ = socket.read(&mut [0; 4096]);
                }
            }
        }
        7 => drop(curl(address, &format!("/files?{of}"), &[])),
        8 => {
            let target = format!("/logs?filename=app.log&keyword=absent{of}");
            drop(curl(address, &target, &["-H", "Accept: application/x-ndjson"]));
        }
        _ => drop(curl(address, &format!("/logs?filename=app.log&n=100{of}"), &["--max-time", "20"])),
    }
}

/// Waits until a server is at rest, and returns its memory and descriptors.
fn at_rest(program: &Program) -> (u64, usize) {
    let mut last = 0;
    until("it rests", || {
        std::thread::sleep(Duration::from_millis(300));
        let now = program.descriptors().unwrap();
        std::mem::replace(&mut last, now) == now
    });
    (program.memory_now_bytes().unwrap(), last)
}

/// The targets' soak: mixed faults without growth in memory or descriptors.
#[test]
#[ignore = "takes half a minute, or ten: run by .ci/faults"]
fn a_soak_of_mixed_faults_grows_neither_memory_nor_descriptors() {
    raise_file_limit();
    let seed = std::env::var("BACKSCROLL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let mut rng = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    let hosts: Vec<Program> = (1..=3)
        .map(|number| {
            let folder = dir.path().join(number.to_string());
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("app.log"), lines(50_000)).unwrap();
            secondary(&folder, &format!("s{number}"), &[])
        })
        .collect();
    let members: Vec<(String, SocketAddr)> =
        hosts.iter().zip(1..).map(|(host, number)| (format!("s{number}"), host.listen)).collect();
    let members: Vec<(&str, SocketAddr)> = members.iter().map(|(name, at)| (name.as_str(), *at)).collect();
    let primary = primary(&members, &["--request-timeout", "10"]);
    let system = System { hosts, primary };
    let all = || system.hosts.iter().chain([&system.primary]);
    let time = seconds(24, 600);
    let began = Instant::now();
    let mut steps = 0;
    while began.elapsed() < time / 3 {
        step(&mut rng, dir.path(), &system);
        steps += 1;
    }
    let early: Vec<(u64, usize)> = all().map(at_rest).collect();
    while began.elapsed() < time {
        step(&mut rng, dir.path(), &system);
        steps += 1;
    }
    let late: Vec<(u64, usize)> = all().map(at_rest).collect();
    eprintln!(
        "soak, seed {seed}: {steps} faults in {time:?}; memory and descriptors after a third {early:?}, at the end {late:?}"
    );
    for ((early, late), number) in early.iter().zip(&late).zip(0..) {
        // In CI the first third is too short to reach what a server holds at most.
        assert!(
            late.0 <= early.0 + if is_long() { GROWTH } else { 4 * GROWTH },
            "server {number}: seed {seed}"
        );
        assert!(late.1 <= early.1 + 16, "server {number}: seed {seed}: {early:?}, {late:?}");
    }
    until("everybody is served", || {
        let got = curl(system.primary.listen, "/logs?filename=app.log&n=3", &["-H", "TE: trailers"]);
        got.fields.contains("log-status: complete")
    });
}
