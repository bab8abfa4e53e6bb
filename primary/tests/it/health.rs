//! Hosts that fail, and come back.

use crate::liar::{COMPLETE, Liar, Step, TEXT, chunk, end, foreign, head, ready, whole};
use crate::{PATIENCE, configured, primary};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

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
    let got = primary.until(ASK, |got| got.out.contains("it is not asked until a secondary answers")).await;
    assert!(got.log.contains("< http/1.1 502 ") && got.out.contains("web1"), "{got:?}");
    assert!(got.out.contains("no secondary") && got.out.contains("GET /hosts"), "{got:?}");
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
    assert!(primary.curl("/hosts", &[]).await.out.ends_with("\tnot_ready\n"));
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
    assert_eq!(rows[1]["state"], "unreachable");
    assert!(rows[1]["last_contact"].is_null() && rows[1].get("last_contact").is_some(), "{got:?}");
    assert!(rows[1]["version"].is_null() && rows[1]["io_engine"].is_null(), "{got:?}");
}

#[tokio::test]
async fn the_list_does_not_wait_for_ever() {
    let names: Vec<String> = (0..70).map(|n| format!("h{n:02}")).collect();
    let mut liars = Vec::new();
    for _ in &names {
        liars.push(Liar::new(vec![Step::Hang]).await);
    }
    let hosts: Vec<(&str, String)> =
        names.iter().zip(&liars).map(|(name, liar)| (name.as_str(), liar.url())).collect();
    let mut config = configured(&hosts);
    config.times.probe = Duration::from_hours(1);
    let primary = primary(config).await;
    // curl gives up after 20 s.
    let got = primary.curl("/hosts", &[]).await;
    assert_eq!((got.exit, got.out.matches("\tunknown\n").count()), (0, 70), "{got:?}");
    assert_eq!(liars.iter().map(Liar::asked).sum::<usize>(), 64);
}
