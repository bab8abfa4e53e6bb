//! O1: ten times as many requests as a server can take.

use crate::clients::{flood, in_turn};
use crate::support::{curl, is_long, lines, primary, secondary, seconds, until};
use backscroll_e2e::program::raise_file_limit;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The log: 64 MiB.
const LINES: u64 = 1 << 20;
/// Clients that ask in turn, to see what the server can take.
const CLIENTS: usize = 16;
/// How many times as much.
const TIMES: f64 = 10.0;

/// A number of answers, to be divided.
#[expect(clippy::cast_precision_loss, reason = "they are far below 2^52")]
fn count(answers: usize) -> f64 {
    answers as f64
}

/// Floods the server with deep searches, and beside them asks for the newest line.
fn overloaded(what: &str, address: SocketAddr, hosts: &str) {
    let deep = format!("/logs?filename=app.log&keyword=absent{hosts}");
    let small = format!("/logs?filename=app.log&n=1{hosts}");
    let peak_time = seconds(2, 10);
    let before = in_turn(address, &deep, CLIENTS, peak_time);
    assert!(before.served > 0 && before.lost + before.other == 0, "{what}: {before:?}");
    let peak = count(before.served) / peak_time.as_secs_f64();
    let time = seconds(8, 60);
    let (is_over, smalls, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let (tally, served) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                let got = curl(address, &small, &[]);
                if (got.exit, got.status) == (0, 200) { &smalls } else { &refused }.fetch_add(1, Relaxed);
            }
        });
        let ran = flood(address, &deep, TIMES * peak, time);
        is_over.store(true, Relaxed);
        ran
    });
    let ended = Instant::now();
    until("a deep search is answered again", || {
        let got = curl(address, &deep, &["-H", "TE: trailers"]);
        (got.exit, got.status) == (0, 200) && !got.fields.contains("log-status: failed")
    });
    let back = ended.elapsed();
    let share = count(served) / time.as_secs_f64() / peak;
    eprintln!(
        "O1, {what}: {peak:.0} searches a second in turn; at {TIMES} times that for {time:?}: {:.0} % of it served, {tally:?}; beside them {} requests for a line served, {} not; back within {back:?}",
        share * 100.0,
        smalls.load(Relaxed),
        refused.load(Relaxed),
    );
    assert!(tally.served > 0 && smalls.load(Relaxed) > 0, "{what}: others are served");
    assert!(tally.refused > 0, "{what}: what is too much is refused, with the time to come back");
    assert_eq!(tally.other, 0, "{what}: no other answer");
    if is_long() {
        assert!(share >= 0.8, "{what}");
        assert!(back <= Duration::from_secs(5), "{what}");
    }
}

/// O1. Ten times what it can take, for 8 s (60 s where the tests may take long): the rest gets a 503
/// with `Retry-After`, the server goes on, and small requests are served meanwhile.
#[test]
#[ignore = "loads the machine for a minute: run by .ci/faults"]
fn o1_under_ten_times_its_load_a_server_goes_on_and_says_when_to_come_back() {
    raise_file_limit();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.log"), lines(LINES)).unwrap();
    let hosts = [secondary(dir.path(), "s1", &[]), secondary(dir.path(), "s2", &[])];
    overloaded("a secondary", hosts[0].listen, "");
    let primary = primary(&[("s1", hosts[0].listen), ("s2", hosts[1].listen)], &[]);
    overloaded("a primary, one host", primary.listen, "&hostname=s1");
}
