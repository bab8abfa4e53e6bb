//! `GET /metrics`: what it counts, who may read it, and that it is what Prometheus reads.

#![allow(clippy::float_cmp, reason = "whole numbers come back as they were")]

use crate::support::{Response, Server, endless, sleep};
use backscroll_secondary::Io;
use backscroll_shared::auth::{NewToken, reader};
use backscroll_shared::cli::access::AccessConfig;
use backscroll_shared::reload::Reloaded;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// The series of a page.
fn series(page: &Response) -> BTreeMap<String, f64> {
    assert_eq!(page.status, 200, "{page:?}");
    let lines = page.text().lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// Waits until a page is as it should be.
fn until(server: &Server, what: &str, wanted: impl Fn(&BTreeMap<String, f64>) -> bool) {
    let since = Instant::now();
    loop {
        let page = series(&server.get("/metrics"));
        if wanted(&page) {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "{what}: {page:?}");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_read_and_delivered_is_counted_with_both_engines() {
    for (io, engine) in [(Io::Uring, "uring"), (Io::Threads, "threads")] {
        let server = Server::start(io);
        let log = "a line of a log\n".repeat(300_000);
        server.write("app.log", log.as_bytes());
        assert_eq!(server.get("/logs?filename=app.log&keyword=nothing").status, 200);
        assert_eq!(server.get("/logs?filename=app.log&n=7").body.len(), 7 * 16);
        assert_eq!(server.get("/logs?filename=none").status, 404);
        until(&server, "the last request is counted", |page| {
            page.get("backscroll_http_requests_total{route=\"/logs\",code=\"404\"}") == Some(&1.0)
        });
        let page = series(&server.get("/metrics"));
        let of = |name: &str| page[&format!("backscroll_{name}{{engine=\"{engine}\"}}")];
        #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
        let len = log.len() as f64;
        assert!(of("read_bytes_total") >= len && of("blocks_read_total") >= len / 524_288.0);
        assert!(of("read_duration_seconds_count") >= 1.0 && of("read_duration_seconds_sum") > 0.0);
        assert_eq!(of("read_errors_total"), 0.0);
        let info = format!("backscroll_io_engine_info{{engine=\"{engine}\"}}");
        for (name, value) in [
            (info.as_str(), 1.0),
            ("backscroll_io_fallback", 0.0),
            ("backscroll_ready", 1.0),
            ("backscroll_lines_total", 7.0),
            ("backscroll_answers_total{route=\"/logs\",verdict=\"complete\"}", 2.0),
            ("backscroll_answers_total{route=\"/logs\",verdict=\"none\"}", 1.0),
            ("backscroll_errors_total{code=\"not_found\"}", 1.0),
            ("backscroll_http_requests_total{route=\"/logs\",code=\"200\"}", 2.0),
            ("backscroll_http_requests_in_flight", 1.0),
            ("backscroll_pool_blocks", 56.0),
            ("backscroll_pool_blocks_used", 0.0),
            ("backscroll_reads_in_flight", 0.0),
            ("backscroll_deep_scans{state=\"running\"}", 0.0),
        ] {
            assert_eq!(page.get(name), Some(&value), "{name}");
        }
        assert!(page["backscroll_scanned_bytes_total"] >= len);
        assert!(page["backscroll_connections"] >= 1.0);
        // It holds no files any more, so it is not ready.
        std::fs::remove_file(server.dir.path().join("app.log")).unwrap();
        until(&server, "it is not ready", |page| page["backscroll_ready"] == 0.0);
    }
}

#[test]
fn a_deep_scan_is_seen_while_it_runs_and_its_client_when_it_leaves() {
    let server = Server::start(Io::Uring);
    let target = endless(server.dir.path());
    let mut client = server.connect();
    client.write_all(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
    until(&server, "it runs", |page| {
        page["backscroll_deep_scans{state=\"running\"}"] == 1.0
            && page["backscroll_http_requests_in_flight"] == 2.0
            && page["backscroll_pool_blocks_used"] >= 1.0
    });
    drop(client);
    until(&server, "it is gone", |page| {
        page["backscroll_clients_gone_total{reason=\"left\"}"] == 1.0
            && page["backscroll_http_requests_in_flight"] == 1.0
            && page["backscroll_deep_scans{state=\"running\"}"] == 0.0
    });
}

#[test]
fn an_answer_about_a_file_that_shrinks_is_counted() {
    let server = Server::start(Io::Uring);
    server.write("app.log", "some line of a log\n".repeat(4 << 20).as_bytes());
    let mut client = server.connect();
    client
        .write_all(b"GET /logs?filename=app.log HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    client.read_exact(&mut [0; 4096]).unwrap();
    server.write("app.log", b"short\n");
    let _ = client.read_to_end(&mut Vec::new());
    until(&server, "it is counted", |page| page["backscroll_truncated_files_total"] == 1.0);
    until(&server, "with its code and verdict", |page| {
        page["backscroll_errors_total{code=\"file_shrunk\"}"] == 1.0
            && page["backscroll_answers_total{route=\"/logs\",verdict=\"failed\"}"] == 1.0
            // The server cut the answer, and not the client.
            && page["backscroll_clients_gone_total{reason=\"left\"}"] == 0.0
    });
}

#[test]
fn no_word_of_a_request_is_on_the_page() {
    let server = Server::start(Io::Threads);
    server.write("app-quux.log", b"a quux line\n");
    for (method, target) in [
        ("GET", "/logs?filename=app-quux.log&keyword=quux"),
        ("GET", "/quux"),
        ("QUUX", "/logs?filename=quux"),
        ("GET", "/logs/quux?quux=1"),
        ("GET", "/%71uux"),
        ("PUT", "/metrics"),
        ("GET", "/metrics?quux=1"),
    ] {
        server.request(method, target, "x-request-id: quux\r\nuser-agent: quux\r\n");
    }
    let page = server.get("/metrics");
    assert!(!page.text().contains("quux"), "{}", page.text());
    assert_eq!(server.request("PUT", "/metrics", "").status, 405);
    assert_eq!(server.get("/metrics?a=b").code(), "unknown_parameter");
}

#[test]
fn prometheus_takes_the_page_in_both_forms() {
    let server = Server::start(Io::Uring);
    server.write("app.log", b"a line\n");
    server.get("/logs?filename=app.log");
    let text = server.get("/metrics");
    assert_eq!(text.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let head = server.request("HEAD", "/metrics", "");
    assert_eq!((head.status, head.header("content-type")), (200, text.header("content-type")));
    // As Prometheus 2.42 asks.
    let accept = "accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";
    let open = server.request("GET", "/metrics", accept);
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.header("content-type"), Some(content_type));
    assert!(open.text().ends_with("# EOF\n"));
    let Ok(mut promtool) = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        eprintln!("promtool is not installed: the page is not checked with it");
        return;
    };
    promtool.stdin.take().unwrap().write_all(&text.body).unwrap();
    let said = promtool.wait_with_output().unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn clients_that_ask_and_do_not_read_hold_up_nobody() {
    let server = Server::start(Io::Uring);
    let many = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(200);
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let mut client = server.connect_with_window(4096);
            client.set_nonblocking(true).unwrap();
            let _ = client.write(&many);
            client
        })
        .collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let page = server.get("/metrics");
                    assert!(page.complete && series(&page)["backscroll_http_requests_in_flight"] >= 1.0);
                }
            });
        }
    });
    drop(slow);
}

#[test]
fn only_a_token_that_may_reads_the_metrics_unless_everybody_may() {
    let (mut file, mut fields) = (String::new(), BTreeMap::new());
    for (id, hosts, files, is_primary, reads_metrics) in [
        ("scraper", vec![], vec![], false, true),
        ("both", vec!["here".to_owned()], vec!["**".to_owned()], false, true),
        ("person", vec!["*".to_owned()], vec!["**".to_owned()], false, false),
        ("primary", vec!["*".to_owned()], vec!["**".to_owned()], true, false),
        ("elsewhere", vec!["there".to_owned()], vec!["**".to_owned()], false, true),
    ] {
        let new = NewToken { id: id.to_owned(), hosts, files, expires: None, is_primary, reads_metrics };
        new.check().unwrap();
        let (text, entry) = new.make().unwrap();
        file.push_str(&entry);
        fields.insert(id, format!("authorization: Bearer {text}\r\n"));
    }
    file.push_str("expires = 2099-01-01\n");
    let closed = |public_metrics| {
        let tokens = Some(Reloaded::fixed(reader()(&[file.clone().into_bytes()]).unwrap()));
        let access = AccessConfig { tokens, public_metrics, ..AccessConfig::default() };
        let server = Server::with(|config| config.access = access);
        server.write("app.log", b"a line\n");
        server
    };
    let server = closed(false);
    let ask = |id: &str, target: &str| server.request("GET", target, &fields[id]);
    for id in ["scraper", "both"] {
        let page = series(&ask(id, "/metrics"));
        assert_eq!(page["backscroll_token_expiry_timestamp_seconds"], 4_070_908_800.0);
        assert_eq!(page["backscroll_reload_failed{what=\"tokens\"}"], 0.0);
    }
    for id in ["person", "primary"] {
        let (hidden, unknown) = (ask(id, "/metrics"), ask(id, "/nothing"));
        assert_eq!((hidden.status, &hidden.body), (404, &unknown.body), "{id}");
        assert_eq!(server.request("PUT", "/metrics", &fields[id]).status, 404);
    }
    assert_eq!(ask("elsewhere", "/metrics").status, 401);
    assert_eq!(server.get("/metrics").code(), "unauthorized");
    // What is only for metrics sees no file.
    assert_eq!(ask("scraper", "/logs?filename=app.log").code(), "not_found");
    assert_eq!((ask("scraper", "/files").status, ask("scraper", "/files").body.len()), (200, 0));
    assert_eq!(ask("scraper", "/readyz").text(), "{\"ready\":true}\n");
    assert_eq!(ask("both", "/logs?filename=app.log").text(), "a line\n");
    let open = closed(true);
    assert!(series(&open.get("/metrics"))["backscroll_ready"] == 1.0);
    assert_eq!(open.get("/files").status, 401);
}
