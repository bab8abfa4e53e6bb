//! H1, H3: a thousand readers of one byte a second, and ten thousand idle connections at once.

use crate::cgroup::Cgroup;
use crate::clients::{Slow, idle};
use crate::support::{PATIENCE, curl, fleet_args, is_long, lines, secondary, seconds, skipped, until};
use backscroll_e2e::program::raise_file_limit;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const READERS: usize = 1000;
const IDLE: usize = 10_000;

/// The latencies of so many small requests, one after the other.
fn latencies(address: SocketAddr, target: &str, count: usize) -> Vec<Duration> {
    let mut all: Vec<Duration> = (0..count)
        .map(|_| {
            let began = Instant::now();
            let got = curl(address, target, &["-f", "--retry", "5", "--retry-connrefused"]);
            assert_eq!(got.exit, 0, "others are served: {got:?}");
            began.elapsed()
        })
        .collect();
    all.sort();
    all
}

fn p99(sorted: &[Duration]) -> Duration {
    sorted[(sorted.len() * 99).div_ceil(100) - 1]
}

/// Runs both kinds of clients against a server in a cgroup.
fn held(what: &str, group: &Cgroup, address: SocketAddr, hosts: &str) {
    let small = format!("/logs?filename=app.log&n=20{hosts}");
    let count = if is_long() { 1000 } else { 100 };
    let alone = latencies(address, &small, count);
    let mut slow = Slow::new(address, &format!("/logs?filename=app.log{hosts}"), "", READERS);
    let began = Instant::now();
    while slow.with_status("200") < READERS && began.elapsed() < PATIENCE {
        slow.read();
        std::thread::sleep(Duration::from_millis(20));
    }
    let all_after = began.elapsed();
    assert_eq!(slow.with_status("200"), READERS, "{what}: each slow reader gets an answer");
    let idle = idle(address, IDLE);
    // A new connection has a second before it counts as idle. Until then it makes no room.
    until("others are served again", || curl(address, &small, &["-f"]).exit == 0);
    let end = Instant::now() + seconds(5, 60);
    let mut beside = Vec::new();
    let mut most = 0;
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while Instant::now() < end {
                slow.read();
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        while !reader.is_finished() || beside.len() < count {
            beside.extend(latencies(address, &small, count / 10));
            most = most.max(group.unreclaimable());
        }
    });
    beside.sort();
    let (before, after) = (p99(&alone), p99(&beside));
    eprintln!(
        "H1, {what}: {READERS} slow readers had a 200 within {all_after:?}, {} were cut; {} idle connections; p99 of others {after:?}, alone {before:?}: {:.2} times; {} MiB at most, of which sockets {} MiB",
        slow.over(),
        idle.len(),
        after.as_secs_f64() / before.as_secs_f64(),
        most >> 20,
        group.sockets() >> 20,
    );
    assert_eq!(slow.over(), 0, "{what}: nobody who reads is cut");
    assert_eq!(group.oom_kills(), 0, "{what}");
}

/// H1 and H3 at once, against a secondary in 128 MiB and a primary in 256 MiB.
#[test]
#[ignore = "needs root and a cgroup: run by .ci/faults"]
fn h1_a_thousand_slow_readers_and_ten_thousand_idle_connections_hold_up_nobody() {
    raise_file_limit();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.log"), lines(1 << 18)).unwrap();
    let (small, large) = match (Cgroup::new(128 << 20), Cgroup::new(256 << 20)) {
        (Ok(small), Ok(large)) => (small, large),
        (Err(why), _) | (_, Err(why)) => return skipped(&why),
    };
    {
        let args = ["--log-dir", dir.path().to_str().unwrap(), "--hostname", "s1"];
        let host = small.start("backscroll-secondary", &args);
        held("a secondary", &small, host.listen, "");
    }
    let hosts = [secondary(dir.path(), "s1", &[]), secondary(dir.path(), "s2", &[])];
    let members = [("s1", hosts[0].listen), ("s2", hosts[1].listen)];
    let primary = large.start("backscroll-primary", &fleet_args(&members, &[]));
    held("a primary, one host", &large, primary.listen, "&hostname=s1");
}
