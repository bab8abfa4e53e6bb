//! `GET /metrics` of a primary: hosts, requests to them, and who may read it.

#![allow(clippy::float_cmp, reason = "whole numbers come back as they were")]

use crate::auth::shelf::Shelf;
use crate::auth::{Ring, closed};
use crate::{Curled, PATIENCE, Primary, configured, primary};
use backscroll_shared::metrics::table::SERIES_OF_HOST;
use std::collections::BTreeMap;
use std::time::Instant;

/// The series of a page.
fn series(page: &Curled) -> BTreeMap<String, f64> {
    assert_eq!(page.exit, 0, "{page:?}");
    let lines = page.out.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}")))
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// Waits until a page is as it should be, and returns it.
async fn until(primary: &Primary, wanted: impl Fn(&BTreeMap<String, f64>) -> bool) -> BTreeMap<String, f64> {
    let since = Instant::now();
    loop {
        let page = series(&primary.curl("/metrics", &[]).await);
        if wanted(&page) {
            return page;
        }
        assert!(since.elapsed() < PATIENCE, "{page:?}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn hosts_and_requests_to_them_are_counted() {
    let shelf = Shelf::new(&["app.log"]).await;
    // Nothing listens there.
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = format!("http://{}", dead.local_addr().unwrap());
    let mut config = configured(&[("web1", shelf.url()), ("dead", dead)]);
    config.times.health_interval = std::time::Duration::from_millis(100);
    let primary = primary(config).await;
    let page = until(&primary, |page| {
        page["backscroll_hosts{state=\"ready\"}"] == 1.0 && page["backscroll_hosts{state=\"down\"}"] == 1.0
    })
    .await;
    for (name, value) in [
        ("backscroll_ready", 1.0),
        ("backscroll_host_up{host=\"web1\"}", 1.0),
        ("backscroll_host_up{host=\"dead\"}", 0.0),
        ("backscroll_hosts{state=\"unknown\"}", 0.0),
        ("backscroll_upstream_requests_total{host=\"web1\",outcome=\"answered\"}", 0.0),
        ("backscroll_upstream_retries_total", 0.0),
    ] {
        assert_eq!(page.get(name), Some(&value), "{name}");
    }
    for target in [
        "/logs?hostname=web1&filename=app.log",
        "/logs?filename=app.log",
        "/logs?hostname=web1&filename=none",
        "/logs?hostname=dead&filename=app.log",
        "/files?hostname=web1",
    ] {
        primary.curl(target, &[]).await;
    }
    let page = until(&primary, |page| {
        page.get("backscroll_http_requests_total{route=\"/files\",code=\"200\"}") == Some(&1.0)
    })
    .await;
    for (name, value) in [
        ("backscroll_upstream_requests_total{host=\"web1\",outcome=\"answered\"}", 3.0),
        ("backscroll_upstream_requests_total{host=\"web1\",outcome=\"refused\"}", 1.0),
        // It is down, and is not asked.
        ("backscroll_upstream_requests_total{host=\"dead\",outcome=\"unreachable\"}", 2.0),
        ("backscroll_upstream_first_byte_seconds_count{host=\"web1\"}", 4.0),
        ("backscroll_upstream_requests_in_flight", 0.0),
        ("backscroll_answers_total{route=\"/logs\",verdict=\"complete\"}", 1.0),
        ("backscroll_answers_total{route=\"/logs\",verdict=\"partial\"}", 1.0),
        ("backscroll_answers_total{route=\"/logs\",verdict=\"none\"}", 2.0),
        ("backscroll_lines_total", 6.0),
        ("backscroll_scanned_bytes_total", 18.0),
        ("backscroll_http_requests_in_flight", 1.0),
        ("backscroll_connections_refused_total", 0.0),
    ] {
        assert_eq!(page.get(name), Some(&value), "{name}");
    }
    assert!(page["backscroll_merge_wait_seconds_count"] >= 1.0 && page["backscroll_connections"] >= 1.0);
    assert!(page["backscroll_errors_total{code=\"upstream_unreachable\"}"] >= 1.0);
    assert!(!page.keys().any(|name| name.contains("app.log") || name.contains("fleet_source")), "{page:?}");
}

#[tokio::test]
async fn a_host_that_breaks_off_or_is_silent_is_counted_as_such() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let closing = tokio::spawn(async move {
        // Closes each connection once the request has come.
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.shutdown().await;
        }
    });
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let primary = primary(configured(&[("closing", url), ("silent", silent_url)])).await;
    primary.curl("/logs?hostname=closing&filename=a", &[]).await;
    primary.curl("/logs?hostname=silent&filename=a", &[]).await;
    let page = until(&primary, |page| {
        page["backscroll_upstream_requests_total{host=\"silent\",outcome=\"timeout\"}"] == 1.0
    })
    .await;
    assert_eq!(page["backscroll_upstream_requests_total{host=\"closing\",outcome=\"broken\"}"], 1.0);
    // It was asked once more.
    assert_eq!(page["backscroll_upstream_retries_total"], 1.0);
    assert_eq!(page["backscroll_upstream_first_byte_seconds_count{host=\"silent\"}"], 0.0);
    assert_eq!(page["backscroll_upstream_requests_in_flight"], 0.0);
    closing.abort();
    drop(silent);
}

#[tokio::test]
async fn a_thousand_hosts_have_few_series_each() {
    const HOSTS: usize = 1000;
    let hosts: Vec<(String, String)> = (0..HOSTS)
        .map(|n| (format!("host-{n:04}"), format!("http://127.1.{}.{}:1", n / 250, n % 250 + 1)))
        .collect();
    let named: Vec<(&str, String)> = hosts.iter().map(|(name, url)| (name.as_str(), url.clone())).collect();
    let primary = primary(configured(&named)).await;
    let began = Instant::now();
    let page = primary.curl("/metrics", &[]).await;
    eprintln!("{HOSTS} hosts: {:?} with curl, {} bytes", began.elapsed(), page.out.len());
    let mut of_host: BTreeMap<String, usize> = BTreeMap::new();
    for name in series(&page).keys() {
        if let Some((_, host)) = name.split_once("host=\"") {
            *of_host.entry(host.split('"').next().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(of_host.len(), HOSTS);
    assert!(of_host.values().all(|series| *series <= SERIES_OF_HOST), "{:?}", of_host.first_key_value());
}

#[tokio::test]
async fn only_a_token_that_may_reads_the_metrics_unless_everybody_may() {
    let shelf = Shelf::new(&["app.log"]).await;
    let ring = Ring::default()
        .with("scraper", &[], &[], "metrics = true\n")
        .with("both", &["web*"], &["**"], "metrics = true\n")
        .with("person", &["*"], &["**"], "");
    let shelves = [("web1", &shelf)];
    let server = primary(closed(&shelves, &ring)).await;
    let ask = async |target: &str, id: &str| {
        let field = ring.field(id);
        server.raw(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n{field}Connection: close\r\n\r\n")).await
    };
    for id in ["scraper", "both"] {
        let page = ask("/metrics", id).await;
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("backscroll_ready 1\n"), "{page}");
        assert!(page.contains("backscroll_reload_failed{what=\"tokens\"} 0\n"), "{page}");
    }
    let without_ids = |answer: String| {
        let is_other = |line: &&str| !line.starts_with("x-request-id") && !line.starts_with("date");
        answer.replace("/nothing", "/metrics").lines().filter(is_other).collect::<String>()
    };
    let hidden = ask("/metrics", "person").await;
    assert!(hidden.starts_with("HTTP/1.1 404"), "{hidden}");
    assert_eq!(without_ids(hidden), without_ids(ask("/nothing", "person").await));
    let none = server.raw("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(none.starts_with("HTTP/1.1 401"), "{none}");
    // What is only for metrics sees no host and no file.
    for target in
        ["/hosts", "/files", "/logs?filename=app.log", "/logs?hostname=web1&filename=app.log", "/readyz", "/"]
    {
        let answer = ask(target, "scraper").await;
        assert!(!answer.contains("web1") || target.contains("web1"), "{target}: {answer}");
        assert!(!answer.contains("line 0") && !answer.contains("\"version\""), "{target}: {answer}");
    }
    let mut config = closed(&shelves, &ring);
    config.access.public_metrics = true;
    let open = primary(config).await;
    assert!(open.curl("/metrics", &[]).await.out.contains("backscroll_ready 1\n"));
    assert!(open.curl("/hosts", &[]).await.out.contains("unauthorized"));
}
