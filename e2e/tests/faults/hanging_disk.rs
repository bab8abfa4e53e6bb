//! F6: a disk whose reads get no answer.

use crate::fuse::{Disk, Entry, Fault};
use crate::support::{PATIENCE, curl, line, lines, primary, secondary, skipped, until};
use rustix::process::Signal;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const LINES: u64 = 32_768;
/// Requests whose reads hang, at once.
const HANGING: usize = 100;

/// F6. While reads hang, others are served, also deep scans; the deadline of a request through the
/// primary strikes; a program that is told to stop stops serving, and ends.
#[test]
#[ignore = "needs root and FUSE: run by .ci/faults"]
fn f6_a_read_that_hangs_holds_up_nobody_else_and_not_the_end() {
    for io in ["uring", "threads"] {
        let hangs =
            Entry { name: "hangs.log".to_owned(), lines: LINES, fault: Fault::Hangs(0..LINES * 64 - 65_536) };
        let disk = match Disk::mount(vec![hangs]) {
            Ok(disk) => disk,
            Err(why) => return skipped(&why),
        };
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("app.log"), lines(300_000)).unwrap();
        let extra = format!("bad={}", disk.path().display());
        let mut host = secondary(dir.path(), "s1", &["--io", io, "--extra-log-dir", &extra]);
        let primary = primary(&[("s1", host.listen)], &["--request-timeout", "3"]);
        let held: Vec<TcpStream> = (0..HANGING)
            .map(|number| {
                let mut socket = TcpStream::connect(host.listen).unwrap();
                let keyword = if number % 2 == 0 { "" } else { "&keyword=absent" };
                let request =
                    format!("GET /logs?filename=bad/hangs.log{keyword} HTTP/1.1\r\nhost: localhost\r\n\r\n");
                socket.write_all(request.as_bytes()).unwrap();
                socket
            })
            .collect();
        until("reads hang", || disk.hanging() > 0);
        for _ in 0..if io == "threads" { 2 } else { 20 } {
            for (query, wanted) in [("n=1", line(299_999)), ("keyword=000000000007%20a", line(7))] {
                let got = curl(host.listen, &format!("/logs?filename=app.log&{query}"), &[]);
                // The pool of threads reads nothing more once all of its threads hang, and says so.
                let is_refused = io == "threads" && got.status == 503;
                assert!(is_refused || (got.exit == 0 && got.text() == wanted), "{io} {query}: {got:?}");
            }
            assert_eq!(curl(host.listen, "/readyz", &["-f"]).exit, 0);
        }
        // The newest lines of the file itself do not touch what hangs, but a read that may wait for a
        // disk needs a permit, and reads that hang keep theirs.
        let same = curl(host.listen, "/logs?filename=bad/hangs.log&n=1", &[]);
        assert!(same.text() == line(LINES - 1) || same.status == 503, "{io}: {same:?}");
        for hosts in ["&hostname=s1", "&hostname=s*"] {
            let began = Instant::now();
            let target = format!("/logs?filename=bad/hangs.log{hosts}");
            let got = curl(primary.listen, &target, &["-H", "TE: trailers"]);
            assert!(began.elapsed() < PATIENCE, "the deadline has not struck");
            let is_told = got.status >= 500
                || got.fields.contains("log-status: partial")
                || got.fields.contains("log-status: failed");
            assert!(is_told, "{io}: {got:?}");
            let other = curl(primary.listen, &format!("/logs?filename=app.log&n=1{hosts}"), &[]);
            assert!(other.status == 200 || io == "threads", "{io}: {other:?}");
        }
        host.signal(Signal::TERM).unwrap();
        until("it stops serving", || TcpStream::connect(host.listen).is_err());
        // FUSE lets no process end whose read it has taken, whatever the process does. So the end
        // is seen once that is over; a disk whose driver lets go is left without that.
        let (began, mut is_held) = (Instant::now(), true);
        while began.elapsed() < Duration::from_secs(15) && is_held {
            is_held = host.ended().unwrap().is_none();
            std::thread::sleep(Duration::from_millis(20));
        }
        disk.release();
        until("it ends", || host.ended().unwrap().is_some());
        eprintln!(
            "F6: {io}: held by the kernel until the disk answered: {is_held}; {:?}",
            host.ended().unwrap()
        );
        drop(held);
    }
}
