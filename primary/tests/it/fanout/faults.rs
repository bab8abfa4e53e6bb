//! What a fleet's answer does to its hosts, and what becomes of it in the cases that a random
//! fleet seldom has.

use super::client::{get, request};
use super::oracle::{Question, assert_honest, assert_right, looks_complete, named};
use super::simulated::{Fault, Simulated};
use super::{asked, entries, quick, until};
use crate::primary;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const LONG: Duration = Duration::from_mins(1);
const ALL: Question = Question { n: None, ndjson: true, on_error: None, trailers: true };

/// What the system holds of an answer on its way, and the primary in its buffers. The system's
/// buffers grow to some megabytes where their reader is late; a host that is read without end
/// sends hundreds in the same time.
const ON_THE_WAY_BYTES: u64 = 8 << 20;

fn fleet(faults: &[Fault]) -> Vec<Simulated> {
    let host =
        |(number, fault): (usize, &Fault)| Simulated::new(&format!("h{number}"), entries(number, 30), *fault);
    faults.iter().enumerate().map(host).collect()
}

async fn are_left(fleet: &[Simulated]) {
    until("the hosts are left", || fleet.iter().all(|host| host.seen().open.load(SeqCst) == 0)).await;
}

fn assert_little_taken(fleet: &[Simulated]) {
    for host in fleet {
        let bytes = host.seen().bytes.load(SeqCst);
        assert!(bytes < ON_THE_WAY_BYTES, "{bytes} bytes of {} are taken", host.name());
    }
}

#[tokio::test]
async fn once_n_records_are_out_every_host_is_left_that_is_still_sending() {
    let fleet = fleet(&[Fault::Endless, Fault::HungAfter(30), Fault::Endless, Fault::HungAfter(15)]);
    let mut config = quick(&fleet);
    (config.times.framed_idle, config.times.request) = (LONG, LONG);
    let primary = primary(config).await;
    for n in [1, 20] {
        let question = Question { n: Some(n), ..ALL };
        let answer = get(primary.address, &question.target(), &question.fields()).await;
        assert_honest(&fleet, &question, &answer);
        assert!(looks_complete(&question, &answer), "{answer:?}");
        are_left(&fleet).await;
        assert_little_taken(&fleet);
    }
}

/// H4.
#[tokio::test]
async fn a_client_that_leaves_takes_every_host_with_it() {
    for (faults, bytes) in [
        // While records flow, while they are waited for, and before the first one.
        (&[Fault::Endless, Fault::Endless, Fault::Slow(Duration::from_millis(5))][..], 100_000),
        (&[Fault::HungAfter(9), Fault::Endless, Fault::None, Fault::HungAfter(30)], 200),
        (&[Fault::Hung, Fault::Endless, Fault::Hung], 0),
    ] {
        let fleet = fleet(faults);
        let mut config = quick(&fleet);
        (config.times.head, config.times.framed_idle, config.times.request) = (LONG, LONG, LONG);
        let primary = primary(config).await;
        let mut stream = TcpStream::connect(primary.address).await.unwrap();
        stream.write_all(b"GET /logs?filename=app.log HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        stream.read_exact(&mut vec![0; bytes]).await.unwrap();
        until("every host is asked", || fleet.iter().all(|host| host.seen().asked.load(SeqCst) > 0)).await;
        drop(stream);
        let sending: Vec<Simulated> =
            fleet.into_iter().filter(|host| !matches!(host.fault(), Fault::None | Fault::Slow(_))).collect();
        are_left(&sending).await;
    }
}

#[tokio::test]
async fn of_hosts_that_flood_little_is_taken_while_nobody_reads() {
    let fleet = fleet(&[Fault::Endless, Fault::Endless]);
    let mut config = quick(&fleet);
    config.times.request = LONG;
    let primary = primary(config).await;
    let mut stream = TcpStream::connect(primary.address).await.unwrap();
    stream.write_all(b"GET /logs?filename=app.log HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0; 1000]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_little_taken(&fleet);
}

#[tokio::test]
async fn a_host_that_hangs_after_some_records_is_left_in_time_for_what_the_others_have() {
    let fleet = fleet(&[Fault::None, Fault::HungAfter(7), Fault::None, Fault::HungAfter(3), Fault::NoFile]);
    let mut config = quick(&fleet);
    config.times.framed_idle = LONG;
    let primary = primary(config).await;
    for ndjson in [true, false] {
        for on_error in [None, Some("ignore"), Some("fail")] {
            let question = Question { ndjson, on_error, ..ALL };
            let answer = get(primary.address, &question.target(), &question.fields()).await;
            assert_right(&fleet, &question, &answer);
            if on_error.is_none() {
                assert_eq!(answer.trailers["log-status"], "partial");
                assert_eq!(answer.trailers["log-hosts-failed"], "h1,h3");
                assert!(answer.trailers["log-error"].starts_with("upstream_timeout: "), "{answer:?}");
                assert_eq!(answer.text().lines().count(), 30 + 7 + 30 + 3 + usize::from(ndjson));
                // At least from the end of each host's newest record to its oldest one.
                let scanned: u64 = answer.trailers["log-bytes-scanned"].parse().unwrap();
                assert!(scanned >= (6 + 2) * 100 + 7, "{answer:?}");
            }
        }
    }
    for host in &fleet {
        let told = host.seen().remaining_ms.lock().unwrap().clone();
        assert!(!told.is_empty() && told.iter().all(|ms| (1000..=1500).contains(ms)), "{told:?}");
    }
}

#[tokio::test]
async fn a_host_that_floods_does_not_outlast_the_deadline() {
    let fleet = fleet(&[Fault::Endless, Fault::None, Fault::HungAfter(30)]);
    let mut config = quick(&fleet);
    config.times.request = Duration::from_millis(800);
    let primary = primary(config).await;
    let answer = get(primary.address, &ALL.target(), &ALL.fields()).await;
    assert!(!looks_complete(&ALL, &answer));
    assert_eq!(named(&ALL, &answer), ["h0", "h2"].map(str::to_owned).into());
    are_left(&fleet[..1]).await;
}

#[tokio::test]
async fn a_slow_host_that_is_told_how_much_time_is_left_says_itself_that_it_is_late() {
    let fleet = fleet(&[Fault::Slow(Duration::from_millis(250)), Fault::None]);
    let mut config = quick(&fleet);
    config.times.request = Duration::from_millis(200);
    let primary = primary(config).await;
    let answer = get(primary.address, &ALL.target(), &ALL.fields()).await;
    assert!(!looks_complete(&ALL, &answer), "{answer:?}");
    assert!(named(&ALL, &answer).contains("h0"), "{answer:?}");
}

#[tokio::test]
async fn where_no_host_answers_the_status_says_why() {
    for (faults, status, code) in [
        (&[Fault::Down, Fault::Down][..], 502, "upstream_unreachable"),
        (&[Fault::Hung, Fault::Hung, Fault::NoFile], 504, "upstream_timeout"),
        (&[Fault::Hung, Fault::Down], 502, "upstream_unreachable"),
        (&[Fault::Overloaded, Fault::CutAfter(0)], 502, "upstream_unreachable"),
        (&[Fault::Overloaded, Fault::Overloaded, Fault::NoFile], 503, "overloaded"),
        (&[Fault::NoFile, Fault::FailsAfter(0)], 500, "io_error"),
        (&[Fault::HungAfter(0), Fault::NoFile], 504, "upstream_timeout"),
        (&[Fault::NoFile, Fault::NoFile], 404, "not_found"),
    ] {
        let fleet = fleet(faults);
        let primary = asked(&fleet).await;
        for on_error in ["report", "ignore", "fail"] {
            // There the first of them that fails is the one that counts.
            if on_error == "fail" && faults[0] == Fault::Overloaded && faults[1] != faults[0] {
                continue;
            }
            for n in [None, Some(0), Some(5)] {
                let question = Question { n, on_error: Some(on_error), ..ALL };
                let answer = get(primary.address, &question.target(), &question.fields()).await;
                assert_eq!((answer.status, answer.code().as_str()), (status, code), "{faults:?} {answer:?}");
                assert_honest(&fleet, &question, &answer);
                let failed = faults.iter().filter(|fault| fault.is_failure()).count();
                let named = named(&question, &answer).len();
                assert!(named == failed || on_error == "fail" && named > 0, "{faults:?} {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn n_of_0_and_head_tell_which_hosts_fail_too() {
    let fleet = fleet(&[Fault::None, Fault::Down, Fault::NoFile, Fault::Overloaded, Fault::Hung]);
    let primary = asked(&fleet).await;
    let question = Question { n: Some(0), ..ALL };
    let answer = get(primary.address, &question.target(), &question.fields()).await;
    assert_right(&fleet, &question, &answer);
    assert_eq!(answer.trailers["log-status"], "partial");
    let answer = request(primary.address, "HEAD", &ALL.target(), "").await;
    assert_eq!((answer.status, answer.fields["log-hosts-failed"].as_str()), (200, "h1,h3,h4"));
    let answer = request(primary.address, "HEAD", &format!("{}&on_error=fail", ALL.target()), "").await;
    assert!(answer.status >= 502, "{answer:?}");
    let none = [Simulated::new("h0", Vec::new(), Fault::NoFile)];
    let primary = asked(&none).await;
    assert_eq!(request(primary.address, "HEAD", &ALL.target(), "").await.status, 404);
}

#[tokio::test]
async fn a_host_that_is_back_is_asked_again() {
    let fleet = fleet(&[Fault::None, Fault::Down]);
    let mut config = quick(&fleet);
    config.times.health_interval = Duration::from_millis(200);
    let primary = primary(config).await;
    for _ in 0..4 {
        let answer = get(primary.address, &ALL.target(), &ALL.fields()).await;
        assert_right(&fleet, &ALL, &answer);
        assert_eq!(answer.trailers["log-hosts-failed"], "h1");
    }
    fleet[1].rise(Fault::None);
    for attempt in 0.. {
        let answer = get(primary.address, &ALL.target(), &ALL.fields()).await;
        assert_honest(&fleet, &ALL, &answer);
        if looks_complete(&ALL, &answer) {
            break;
        }
        assert!(attempt < 50, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_connection_to_a_host_serves_one_question_after_another() {
    let fleet = fleet(&[Fault::None; 9]);
    let primary = asked(&fleet).await;
    for _ in 0..5 {
        let answer = get(primary.address, &ALL.target(), &ALL.fields()).await;
        assert_right(&fleet, &ALL, &answer);
    }
    let seen = |host: &Simulated| (host.seen().asked.load(SeqCst), host.seen().accepted.load(SeqCst));
    let seen: Vec<_> = fleet.iter().map(seen).collect();
    assert!(seen.iter().all(|(asked, accepted)| *asked == 5 && *accepted <= 2), "{seen:?}");
}

#[tokio::test]
async fn curl_tells_an_answer_with_a_host_missing_by_its_exit() {
    for fault in
        [Fault::Down, Fault::CutAfter(9), Fault::CutInside(9), Fault::HungAfter(9), Fault::FailsAfter(9)]
    {
        let fleet = fleet(&[Fault::None, fault]);
        let primary = asked(&fleet).await;
        let target = ALL.target();
        let lines = 30 + fault.sent_of(30);
        for (target, flags, exit) in [
            (target.clone(), &[][..], 18),
            (target.clone(), &["--http1.0"], 56),
            (target.clone(), &["-H", "TE: trailers"], 0),
            (format!("{target}&on_error=ignore"), &[], 0),
        ] {
            let got = primary.curl(&target, flags).await;
            assert_eq!((got.exit, got.out.lines().count()), (exit, lines), "{fault:?} {flags:?}: {got:?}");
            let is_named = got.log.contains("log-hosts-failed: h1");
            assert!(is_named || !fault.is_early(), "{fault:?}: {got:?}");
        }
        let got = primary.curl(&format!("{target}&on_error=fail&n=60"), &["--fail"]).await;
        assert_ne!(got.exit, 0, "{fault:?}: {got:?}");
    }
}

#[tokio::test]
async fn hosts_that_hang_one_after_the_other_are_all_late_at_the_deadline() {
    let faults: Vec<Fault> = (1..=20).map(Fault::HungAfter).chain([Fault::None]).collect();
    let fleet = fleet(&faults);
    let mut config = quick(&fleet);
    (config.times.framed_idle, config.times.request) = (LONG, Duration::from_secs(1));
    let primary = primary(config).await;
    let question = Question { n: None, ndjson: true, on_error: None, trailers: false };
    let answer = get(primary.address, &question.target(), &question.fields()).await;
    assert_honest(&fleet, &question, &answer);
    // There may have been no time for all that the last one has.
    assert!(named(&question, &answer).len() >= 20, "{}", answer.end());
    assert!(!answer.is_whole && answer.end()["status"] == "partial", "{}", answer.end());
}

#[tokio::test]
async fn where_the_first_failure_fails_the_request_nothing_more_is_read() {
    let fleet = fleet(&[Fault::HungAfter(30), Fault::Endless]);
    let mut config = quick(&fleet);
    config.times.request = LONG;
    let primary = primary(config).await;
    let question = Question { on_error: Some("fail"), ..ALL };
    let answer = get(primary.address, &question.target(), &question.fields()).await;
    assert_eq!((answer.status, answer.trailers["log-status"].as_str()), (200, "failed"));
    assert_eq!(answer.trailers["log-hosts-failed"], "h0");
    are_left(&fleet).await;
    assert_little_taken(&fleet);
}

#[tokio::test]
async fn a_source_of_the_fleet_that_has_not_answered_makes_the_whole_fleets_answer_partial() {
    let fleet = fleet(&[Fault::None; 2]);
    let mut config = quick(&fleet);
    config.fleet.dns = Some("nowhere.invalid:8001".to_owned());
    let primary = primary(config).await;
    let answer = get(primary.address, &ALL.target(), &ALL.fields()).await;
    assert_eq!(answer.trailers["log-status"], "partial");
    assert_eq!(answer.trailers["log-hosts-failed"], "nowhere.invalid:8001");
    assert_eq!(answer.fields["log-hosts-failed"], "nowhere.invalid:8001");
    // Who asks by name misses nobody.
    let target = format!("{}&hostname=h0&hostname=h1", ALL.target());
    let answer = get(primary.address, &target, &ALL.fields()).await;
    assert_eq!(answer.trailers["log-status"], "complete");
    let ready = get(primary.address, "/readyz", "").await;
    assert!(ready.status == 200 && String::from_utf8_lossy(&ready.body).contains("has had no address yet"));
}
