//! Hosts that fail, and come back.

use crate::fleet_file::Program;
use crate::liar::{COMPLETE, Liar, Step, TEXT, chunk, end, foreign, head, ready, whole};
use crate::same::frames;
use crate::{PATIENCE, configured, primary, without_latency};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const ASK: &str = "/logs?hostname=web1&filename=a";
const SKIPPED: &str = "until it answers a probe";

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_skipped_at_once_and_comes_back_by_itself() {
    let address = free_address();
    let mut config = configured(&[("web1", format!("http://{address}"))]);
    config.times.health_interval = Duration::from_millis(20);
    let primary = primary(config).await;
    let got = primary.until(ASK, |got| got.out.contains(SKIPPED)).await;
    assert!(got.log.contains("< http/1.1 502 ") && got.out.contains("upstream_unreachable"), "{got:?}");
    assert!(got.log.contains("< log-hosts-failed: web1") && got.out.contains("GET /hosts"), "{got:?}");
    let _liar = Liar::at(&address, Some(&ready("web1")), vec![head(TEXT), chunk("a\n"), end(COMPLETE)]).await;
    let got = primary.until(ASK, |got| !got.out.contains(SKIPPED)).await;
    assert_eq!((got.exit, got.out.as_str()), (0, "a\n"), "{got:?}");
}

#[tokio::test]
async fn three_requests_that_cannot_connect_are_enough() {
    let primary = primary(configured(&[("web1", format!("http://{}", free_address()))])).await;
    for _ in 0..3 {
        assert!(primary.curl(ASK, &[]).await.out.contains("could not be reached"));
        // Those that come closer to each other than this are one.
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    assert!(primary.curl(ASK, &[]).await.out.contains(SKIPPED));
    assert!(primary.curl("/files?hostname=web1", &[]).await.out.contains(SKIPPED));
}

#[tokio::test]
async fn a_host_that_hangs_is_found_by_probes_and_not_asked() {
    let liar = Liar::new(vec![Step::Hang]).await;
    let mut config = configured(&[("web1", liar.url())]);
    config.times.probe = Duration::from_millis(20);
    config.times.health_interval = Duration::from_millis(20);
    let primary = primary(config).await;
    // Not by requests: these would hang.
    let since = Instant::now();
    while liar.left.load(SeqCst) < 3 {
        assert!(since.elapsed() < PATIENCE, "it is not probed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    primary.until(ASK, |got| got.out.contains(SKIPPED)).await;
    let asked = || liar.heads.lock().unwrap().iter().filter(|head| head.contains("/logs")).count();
    let before = asked();
    for _ in 0..5 {
        assert!(primary.curl(ASK, &[]).await.out.contains(SKIPPED));
    }
    assert_eq!(asked(), before);
}

#[tokio::test]
async fn a_host_that_is_down_because_another_server_is_there_is_told_as_such() {
    let page = foreign("200 OK", "Content-Type: text/html\r\n", "<p>");
    let liar = Liar::at("127.0.0.1:0", Some(&page), page.clone()).await;
    let mut config = configured(&[("web1", liar.url())]);
    config.times.health_interval = Duration::from_millis(200);
    let primary = primary(config).await;
    let got = primary.until(ASK, |got| got.out.contains(SKIPPED)).await;
    assert!(got.log.contains("< http/1.1 502 ") && got.out.contains("web1"), "{got:?}");
    assert!(got.out.contains("no secondary (status 200)") && got.out.contains("GET /hosts"), "{got:?}");
}

#[tokio::test]
async fn a_host_that_is_not_ready_is_asked_all_the_same() {
    let draining = whole("503 Service Unavailable", "", "{\"ready\":false}");
    let liar = Liar::at("127.0.0.1:0", Some(&draining), vec![head(TEXT), chunk("a\n"), end(COMPLETE)]).await;
    let mut config = configured(&[("web1", liar.url())]);
    config.times.health_interval = Duration::from_millis(5);
    let primary = primary(config).await;
    let since = Instant::now();
    while liar.asked() < 6 {
        assert!(since.elapsed() < PATIENCE, "it is not probed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let got = primary.curl(ASK, &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (0, "a\n"), "{got:?}");
    primary.until("/hosts", |got| without_latency(&got.out).ends_with("\tnot_ready\n")).await;
}

#[tokio::test]
async fn what_a_host_answers_is_not_its_failure() {
    let liar = Liar::at(
        "127.0.0.1:0",
        Some(&ready("x")),
        whole(
            "500 Internal Server Error",
            "Content-Type: application/problem+json\r\n",
            "{\"status\":500,\"code\":\"io_error\",\"detail\":\"\"}",
        ),
    )
    .await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    for _ in 0..5 {
        assert!(primary.curl(ASK, &[]).await.log.contains("< http/1.1 500 "));
    }
}

#[tokio::test]
async fn the_list_says_when_each_host_last_answered() {
    let liar = Liar::named("x", vec![]).await;
    let hosts = [("a", liar.url()), ("b", format!("http://{}", free_address()))];
    let primary = primary(configured(&hosts)).await;
    let got = primary.curl("/hosts", &["-H", "Accept: application/json"]).await;
    let rows: serde_json::Value = serde_json::from_str(&got.out).unwrap();
    assert_eq!((&rows[0]["state"], &rows[0]["version"]), (&"ready".into(), &"9".into()), "{got:?}");
    let time: jiff::Timestamp = rows[0]["last_contact"].as_str().unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(time).as_secs() < 60);
    assert_eq!((&rows[0]["failing_since"], &rows[0]["is_down"]), (&serde_json::Value::Null, &false.into()));
    let probed = |row: usize| rows[row]["last_probe"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(probed(0) >= time && probed(1).duration_since(time).as_secs() < 60, "{got:?}");
    assert_eq!(rows[1]["state"], "unreachable");
    assert!(rows[1]["reason"].as_str().unwrap().contains("refuses connections"), "{got:?}");
    let since: jiff::Timestamp = rows[1]["failing_since"].as_str().unwrap().parse().unwrap();
    assert!(since <= probed(1), "{got:?}");
    assert!(rows[1]["last_contact"].is_null() && rows[1].get("last_contact").is_some(), "{got:?}");
    assert!(rows[1]["version"].is_null() && rows[1]["io_engine"].is_null(), "{got:?}");
}

/// Hosts at which nothing ever answers, by name. One listener stands for all of them.
async fn hanging(count: u16) -> (Liar, Vec<(String, String)>) {
    let liar = Liar::at("0.0.0.0:0", None, vec![Step::Hang]).await;
    let port = liar.address.port();
    let url = |n: u16| format!("http://127.0.{}.{}:{port}", 1 + n / 250, 1 + n % 250);
    (liar, (0..count).map(|n| (format!("h{n:03}"), url(n))).collect())
}

fn as_hosts(hosts: &[(String, String)]) -> Vec<(&str, String)> {
    hosts.iter().map(|(name, url)| (name.as_str(), url.clone())).collect()
}

#[tokio::test]
async fn the_list_does_not_wait_for_ever() {
    let (liar, hosts) = hanging(300).await;
    let mut config = configured(&as_hosts(&hosts));
    config.times.probe = Duration::from_hours(1);
    let primary = primary(config).await;
    // curl gives up after 20 s.
    let got = primary.curl("/hosts", &[]).await;
    let unknown =
        got.out.lines().filter(|line| line.contains("\tunknown\tit has not been probed yet")).count();
    assert_eq!((got.exit, unknown), (0, 300), "{got:?}");
    assert_eq!(liar.asked(), 256, "no more than this at once");
}

#[tokio::test]
async fn one_that_is_ready_is_seen_beside_two_hundred_that_hang() {
    let (_liar, mut hosts) = hanging(200).await;
    let ready = Liar::named("x", vec![]).await;
    // After all the others by name.
    hosts.push(("ready".to_owned(), ready.url()));
    let mut config = configured(&as_hosts(&hosts));
    config.times.probe = Duration::from_secs(2);
    let primary = primary(config).await;
    let got = primary.curl("/hosts", &[]).await;
    assert!(got.out.contains(&format!("ready\t{}\tready\t\tprobes take ", ready.url())), "{got:?}");
    assert!(!got.out.contains("\tunknown"), "{got:?}");
    assert_eq!(got.out.matches("it accepts connections and does not answer (since ").count(), 200, "{got:?}");
}

#[tokio::test]
async fn many_who_ask_for_the_list_share_one_round_of_probes() {
    let liar = Liar::named("x", vec![]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let since = Instant::now();
    for _ in 0..5 {
        let ask = || primary.raw("GET /hosts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let got = futures_util::future::join_all((0..20).map(|_| ask())).await;
        assert!(got.iter().all(|got| got.contains("\tready\t\tprobes take ")), "{got:?}");
    }
    let rounds = usize::try_from(since.elapsed().as_secs()).unwrap() + 1;
    assert!((1..=rounds + 1).contains(&liar.asked()), "{} in {rounds} s", liar.asked());
}

#[tokio::test]
async fn who_asks_for_the_list_again_and_again_puts_no_host_down() {
    // It takes requests, and begins to answer after a stall that is shorter than three probes.
    let stall = Duration::from_millis(900);
    let slow = [vec![Step::Wait(stall)], vec![head(TEXT), chunk("a\n"), end(COMPLETE)]].concat();
    let liar = Liar::at("127.0.0.1:0", Some(&[vec![Step::Wait(stall)], ready("x")].concat()), slow).await;
    let mut config = configured(&[("web1", liar.url())]);
    config.times.probe = Duration::from_millis(500);
    config.times.head = Duration::from_secs(10);
    let primary = primary(config).await;
    let asking = primary.curl(ASK, &[]);
    let listing = async {
        let mut open = Vec::new();
        for _ in 0..40 {
            let mut stream = TcpStream::connect(primary.address).await.unwrap();
            stream.write_all(b"GET /hosts HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            open.push(stream);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (got, ()) = tokio::join!(asking, listing);
    assert_eq!((got.exit, got.out.as_str()), (0, "a\n"), "{got:?}");
    let got = primary.curl(ASK, &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (0, "a\n"), "{got:?}");
}

#[tokio::test]
async fn a_host_that_hung_is_not_waited_for_as_long_again() {
    // It answers no request and no probe.
    let liar = Liar::new(vec![Step::Hang]).await;
    let well = Liar::named("x", frames(&["a"])).await;
    let mut config = configured(&[("web1", liar.url()), ("web2", well.url())]);
    config.times.head = Duration::from_secs(4);
    config.times.probe = Duration::from_secs(30);
    let primary = primary(config).await;
    let timed = async || {
        let since = Instant::now();
        let got = primary.curl("/logs?filename=a&n=5", &[]).await;
        assert_eq!((got.exit, got.out.as_str()), (18, "web2\ta\n"), "{got:?}");
        assert!(got.log.contains("< log-hosts-failed: web1"), "{got:?}");
        since.elapsed()
    };
    assert!(timed().await >= Duration::from_secs(4));
    let second = timed().await;
    assert!(second < Duration::from_secs(3), "{second:?}");
    let got = primary.curl(ASK, &[]).await;
    assert!(got.log.contains("< http/1.1 504 "), "it is asked all the same: {got:?}");
}

#[tokio::test]
async fn the_log_tells_of_a_fleet_that_does_not_start_in_one_line() {
    // All held at once, so that no two of them are the same.
    let held: Vec<_> = (0..13).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let mut free: Vec<String> = held.iter().map(|held| held.local_addr().unwrap().to_string()).collect();
    drop(held);
    let address = free.pop().unwrap();
    let mut args = Vec::new();
    for (n, free) in free.iter().enumerate() {
        args.extend(["--secondary".to_owned(), format!("h{n:02}=http://{free}")]);
    }
    args.extend(["--secondary".to_owned(), format!("web1=http://{address}")]);
    let _liar = Liar::at(&address, Some(&ready("web1")), vec![]).await;
    let mut program = Program::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let line = program.line("are down").await;
    assert!(line.contains("count=12 of=13") && line.contains(" and 7 more"), "{line}");
    assert!(line.contains("h00 (it refuses connections") && line.contains(", since 20"), "{line}");
    assert!(!line.contains("web1"), "{line}");
    assert!(!program.seen.iter().any(|line| line.contains("is down")), "{:?}", program.seen);
    program.child.kill().await.unwrap();
}

#[tokio::test]
async fn the_log_tells_which_host_went_down_and_why_and_that_it_is_back() {
    let address = free_address();
    let mut liar = Some(Liar::at(&address, Some(&ready("web1")), vec![]).await);
    let mut program = Program::start(&["--secondary", &format!("web1=http://{address}")]);
    program.line("serving").await;
    // Once it is known to be there.
    let since = Instant::now();
    while liar.as_ref().unwrap().asked() == 0 {
        assert!(since.elapsed() < PATIENCE, "it is not probed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    liar.take().unwrap().stop().await;
    let line = program.line("is down").await;
    assert!(line.contains("it refuses connections: nothing listens at its port"), "{line}");
    assert!(line.contains("host=\"web1\"") && line.contains(&address) && line.contains("since="), "{line}");
    let _liar = Liar::at(&address, Some(&ready("web1")), vec![]).await;
    let line = program.line("host answers again").await;
    assert!(line.contains("host=\"web1\"") && line.contains("down_for="), "{line}");
    program.child.kill().await.unwrap();
}
