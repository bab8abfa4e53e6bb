//! How long a host is waited for, and how long an answer may take.

use crate::fanout::Simulated;
use crate::liar::{COMPLETE, Liar, Step, TEXT, chunk, end, head};
use crate::{PATIENCE, configured, primary};
use backscroll_primary::host::times::Times;
use backscroll_primary::{Args, Config};
use clap::Parser as _;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ASK: &str = "/logs?hostname=web1&filename=app.log";

#[test]
fn a_host_has_3_s_to_begin_and_5_s_of_silence_unless_told_otherwise() {
    let seconds = Duration::from_secs;
    let times = |args: &[&str]| -> Times {
        let args = [&["backscroll-primary"], args].concat();
        Config::try_from(Args::try_parse_from(args).unwrap()).unwrap().times
    };
    let usual = times(&[]);
    assert_eq!((usual.head, usual.idle, usual.framed_idle), (seconds(3), seconds(5), seconds(5)));
    assert!(usual.connect <= usual.head && usual.request == seconds(300));
    let set = times(&["--answer-timeout", "7", "--silence-timeout=9"]);
    assert_eq!((set.head, set.idle, set.framed_idle), (seconds(7), seconds(9), seconds(9)));
    for bad in ["0", "-1", "x", "3601"] {
        assert!(Args::try_parse_from(["backscroll-primary", &format!("--answer-timeout={bad}")]).is_err());
        assert!(Args::try_parse_from(["backscroll-primary", &format!("--silence-timeout={bad}")]).is_err());
    }
}

#[tokio::test]
async fn a_host_alone_that_is_silent_and_alive_is_waited_for() {
    let script =
        vec![head(TEXT), chunk("b\n"), Step::Wait(Duration::from_secs(2)), chunk("a\n"), end(COMPLETE)];
    // It answers /healthz meanwhile.
    let liar = Liar::named("web1", script).await;
    let mut config = configured(&[("web1", liar.url())]);
    config.times.idle = Duration::from_millis(200);
    config.times.probe = Duration::from_secs(5);
    let primary = primary(config).await;
    let got = primary.curl(ASK, &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (0, "b\na\n"), "{got:?}");
    assert!(liar.heads.lock().unwrap().iter().any(|head| head.starts_with("GET /healthz ")));
}

#[tokio::test]
async fn a_host_alone_that_is_silent_and_does_not_answer_is_given_up() {
    for target in [ASK, "/files?hostname=web1", "/files"] {
        let liar = Liar::new(vec![head(TEXT), chunk("1\t2\tb\n1\t2"), Step::Hang]).await;
        let mut config = configured(&[("web1", liar.url())]);
        config.times.idle = Duration::from_millis(200);
        let primary = primary(config).await;
        let got = primary.curl(target, &[]).await;
        assert!(got.exit == 18 && got.out.ends_with("1\t2\tb\n"), "{target}: {got:?}");
    }
}

#[tokio::test]
async fn a_host_that_hung_is_not_waited_for_as_long_by_the_next_request() {
    let liar = Liar::new(vec![Step::Hang]).await;
    let mut config = configured(&[("web1", liar.url())]);
    config.times.head = Duration::from_secs(2);
    let primary = primary(config).await;
    let got = primary.curl(ASK, &[]).await;
    assert!(got.out.contains("did not answer within 2s"), "{got:?}");
    for _ in 0..3 {
        let got = primary.curl(ASK, &[]).await;
        // It waits a little, or not at all.
        let is_short = got.out.contains("did not answer within 500ms") || got.out.contains("\"status\":502");
        assert!(is_short, "{got:?}");
    }
}

#[tokio::test]
async fn a_host_that_answers_probes_and_hangs_for_files_costs_each_request_little() {
    for (target, first) in [(ASK, "within 1s"), ("/files?hostname=web1", "within 3s")] {
        let liar = Liar::named("web1", vec![Step::Hang]).await;
        let mut config = configured(&[("web1", liar.url())]);
        config.times.head = Duration::from_secs(1);
        config.times.health_interval = Duration::from_millis(50);
        let primary = primary(config).await;
        let got = primary.curl(target, &[]).await;
        assert!(got.out.contains(first), "{got:?}");
        for _ in 0..3 {
            let probed = liar.asked() + 5;
            let since = Instant::now();
            while liar.asked() < probed {
                assert!(since.elapsed() < PATIENCE);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let got = primary.curl(target, &[]).await;
            assert!(got.out.contains("within 500ms"), "{got:?}");
        }
    }
}

/// Asks, takes a little of the answer, and waits until the host is left.
async fn read_slowly(primary: &crate::Primary, target: &str, hosts: &[&Liar]) -> Vec<u8> {
    let mut client = TcpStream::connect(primary.address).await.unwrap();
    client.write_all(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    client.read_exact(&mut [0; 20]).await.unwrap();
    let since = Instant::now();
    while hosts.iter().any(|host| host.left.load(SeqCst) == 0) {
        assert!(since.elapsed() < PATIENCE, "{target}: it is still read");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = tokio::time::timeout(PATIENCE, client.read_to_end(&mut rest)).await.expect("it ends");
    rest
}

#[tokio::test]
async fn an_answer_ends_in_its_time_also_where_its_client_does_not_read() {
    let text = |line: &str| {
        let lines = line.repeat(1000);
        vec![head(TEXT), Step::Flood(format!("{:x}\r\n{lines}\r\n", lines.len()).into_bytes())]
    };
    for (target, line) in [(ASK, "x\n"), ("/files?hostname=web1", "1\t2\tb\n"), ("/files", "1\t2\tb\n")] {
        let liar = Liar::new(text(line)).await;
        let mut config = configured(&[("web1", liar.url())]);
        config.times.request = Duration::from_secs(1);
        let primary = primary(config).await;
        let rest = read_slowly(&primary, target, &[&liar]).await;
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{target}: it looks complete");
    }
}

#[tokio::test]
async fn a_merged_answer_ends_in_its_time_also_where_its_client_does_not_read() {
    let fleet = [crate::fanout::endless("h0"), crate::fanout::endless("h1")];
    let hosts: Vec<_> = fleet.iter().map(|host| (host.name(), host.url())).collect();
    let mut config = configured(&hosts);
    config.times.request = Duration::from_secs(1);
    let primary = primary(config).await;
    let mut client = TcpStream::connect(primary.address).await.unwrap();
    client.write_all(b"GET /logs?filename=app.log HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    client.read_exact(&mut [0; 20]).await.unwrap();
    let since = Instant::now();
    let is_read = |host: &Simulated| host.seen().open.load(SeqCst) > 0;
    while fleet.iter().any(is_read) {
        assert!(since.elapsed() < PATIENCE, "it is still read");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, client.read_to_end(&mut rest)).await.expect("it ends");
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it looks complete");
}
