//! The page, the table, and what is counted of requests.

#![allow(clippy::float_cmp, reason = "whole numbers come back as they were")]

mod requests;

use super::labels::{CODES, ROUTES};
use super::row::{Kept, Kind, Of};
use super::table::{ALL, Metric, TABLE};
use super::*;
use crate::conn::endpoint;
use crate::conn::exchange::{Ending, Recorder, Recorders};
use crate::wire::code::Code;
use http::{Request, Response, StatusCode};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The series of a page, each with its value. Checks that every line is as the format wants it: a
/// help and a type before the series of each metric, no series twice, buckets that only grow.
fn parse(page: &str) -> BTreeMap<String, f64> {
    let mut series = BTreeMap::new();
    let (mut helped, mut typed): (Option<&str>, Option<&str>) = (None, None);
    let mut seen = BTreeSet::new();
    assert!(page.ends_with('\n'));
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(help.len() > 10 && !help.ends_with('.') && seen.insert(name), "{line}");
            helped = Some(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(helped == Some(name) && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
            typed = Some(name);
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let family = name.split('{').next().unwrap();
            let typed = typed.unwrap();
            let of_histogram = ["_bucket", "_sum", "_count"].map(|suffix| format!("{typed}{suffix}"));
            assert!(family == typed || of_histogram.iter().any(|name| name == family), "{line}");
            if let Some(labels) = name.strip_prefix(family).filter(|labels| !labels.is_empty()) {
                check_labels(labels.strip_prefix('{').unwrap().strip_suffix('}').unwrap());
            }
            let value: f64 = if value == "+Inf" { f64::INFINITY } else { value.parse().unwrap() };
            assert!(series.insert(name.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    series
}

fn check_labels(mut labels: &str) {
    while !labels.is_empty() {
        let (name, rest) = labels.split_once("=\"").unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{labels}");
        let mut end = None;
        let mut bytes = rest.bytes().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\\' => assert!(matches!(bytes.next(), Some((_, b'\\' | b'"' | b'n'))), "{labels}"),
                b'"' => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        labels = &rest[end.unwrap() + 1..];
        labels = labels.strip_prefix(',').unwrap_or(labels);
    }
}

async fn page(metrics: &Metrics) -> BTreeMap<String, f64> {
    let page = metrics.page(Exposition::Text).await.unwrap();
    parse(std::str::from_utf8(&page).unwrap())
}

fn started() -> Metrics {
    Metrics::start(Program::Primary, 2).unwrap()
}

#[test]
fn names_types_and_labels_follow_the_practice_of_prometheus() {
    let mut names = BTreeSet::new();
    for row in &TABLE {
        assert!(names.insert(row.name), "{}", row.name);
        assert!(row.name.starts_with("backscroll_") || row.name.starts_with("process_"), "{}", row.name);
        assert_eq!(row.name.ends_with("_total"), row.kind == Kind::Counter, "{}", row.name);
        assert_eq!(row.name.ends_with("_info"), row.kind == Kind::Info, "{}", row.name);
        if matches!(row.kind, Kind::Histogram(_)) {
            assert!(row.name.ends_with("_seconds"), "{}", row.name);
        }
        if let Kind::Histogram(bounds) = row.kind {
            assert!(bounds.is_sorted_by(|one, next| one < next), "{}", row.name);
        }
        // What is counted in cells has labels whose values are all known.
        assert!(row.kept == Kept::Looked || row.series() > 0, "{}", row.name);
        let has_host = row.labels.iter().any(|label| label.name == "host");
        assert!(!has_host || row.of == Of::Primary, "{}", row.name);
    }
    for (number, metric) in ALL.iter().enumerate() {
        assert_eq!(*metric as usize, number);
    }
}

#[test]
fn every_endpoint_is_a_route_and_every_status_of_a_code_has_a_series() {
    for route in &ROUTES[..ROUTES.len() - 1] {
        assert_eq!(endpoint(route), *route);
    }
    assert_eq!(endpoint("/x"), ROUTES[ROUTES.len() - 1]);
    for code in Code::KNOWN {
        assert!(CODES.contains(&code.status().as_str()), "{code}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn the_document_is_that_of_the_table() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    if std::env::var_os("BACKSCROLL_BLESS").is_some() {
        std::fs::write(&path, document::page()).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == document::page(), "docs/metrics.md is old: run this test with BACKSCROLL_BLESS=1");
}

/// One request that ends as `end` says.
fn request(counts: &Arc<Counts>, path: &str, end: impl FnOnce(&Ending)) {
    let recorders: Recorders = [Arc::clone(counts) as Arc<dyn Recorder>].into_iter().collect();
    let request = Request::get("/").body(()).unwrap();
    end(&Ending::begin(&recorders, &request, endpoint(path), None));
}

fn answered(ending: &Ending, status: u16) {
    let mut answer = Response::new(());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    ending.answered(&mut answer);
}

#[tokio::test]
async fn threads_count_each_for_themselves_and_the_page_has_the_sums() {
    const THREADS: usize = 6;
    const TIMES: usize = 1000;
    let metrics = started();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..TIMES {
                    metrics.counts().one(Metric::Lines);
                    metrics.counts().observe(Metric::FirstRecord, 0, Duration::from_millis(1));
                    metrics.counts().up(Metric::RequestsInFlight);
                }
            });
        }
    });
    std::thread::scope(|scope| {
        scope.spawn(|| (1..THREADS * TIMES).for_each(|_| metrics.counts().down(Metric::RequestsInFlight)));
    });
    let page = page(&metrics).await;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let all = (THREADS * TIMES) as f64;
    assert_eq!(page["backscroll_lines_total"], all);
    assert_eq!(page["backscroll_first_record_seconds_count"], all);
    // A bound belongs to its bucket.
    assert_eq!(page["backscroll_first_record_seconds_bucket{le=\"0.001\"}"], all);
    assert!((page["backscroll_first_record_seconds_sum"] - all / 1000.0).abs() < 1e-6);
    assert_eq!(page["backscroll_http_requests_in_flight"], 1.0);
}

#[tokio::test]
async fn the_process_and_the_program_are_on_the_page() {
    let metrics = started();
    metrics.register(Arc::new(|into: &mut Samples| into.set(Metric::Connections, 3_usize)));
    let page = page(&metrics).await;
    assert_eq!(page["backscroll_connections"], 3.0);
    let info =
        format!("backscroll_build_info{{program=\"backscroll-primary\",version=\"{}\"}}", crate::VERSION);
    assert_eq!(page[&info], 1.0);
    for name in ["process_open_fds", "process_max_fds", "process_threads", "process_resident_memory_bytes"] {
        assert!(page[name] >= 1.0, "{name}");
    }
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let started = page["process_start_time_seconds"];
    assert!(started <= now + 1.0 && now - started < 86_400.0, "{started}");
    for log in ["log", "audit", "traces"] {
        assert!(page.contains_key(&format!("backscroll_log_lines_lost_total{{log=\"{log}\"}}")));
    }
}

#[tokio::test]
async fn an_open_metrics_page_says_the_same() {
    let metrics = started();
    metrics.counts().one(Metric::Lines);
    let page = metrics.page(Exposition::OpenMetrics).await.unwrap();
    let page = std::str::from_utf8(&page).unwrap();
    assert!(
        page.ends_with("# EOF\n")
            && page.contains("# TYPE backscroll_lines counter\nbackscroll_lines_total 1\n")
    );
    assert!(page.contains("# TYPE backscroll_build info\nbackscroll_build_info{"));
}

#[tokio::test]
async fn many_who_ask_at_once_get_a_page_each_and_the_thread_ends_with_the_server() {
    let metrics = started();
    let (held, release) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(release);
    let pages = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let made = Arc::clone(&pages);
    metrics.register(Arc::new(move |_: &mut Samples| {
        made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        // Waits until the test lets it go.
        let _ = gate.lock().unwrap().recv();
    }));
    let ask = || {
        let metrics = metrics.clone();
        tokio::spawn(async move { metrics.page(Exposition::Text).await.map_err(|problem| problem.code()) })
    };
    let first = ask();
    while pages.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        pause().await;
    }
    // While one page is made, so many wait, and more are refused.
    let waiting: Vec<_> = (0..pages::WAITING + 3).map(|_| ask()).collect();
    for _ in 0..100 {
        pause().await;
    }
    drop(held);
    assert!(first.await.unwrap().is_ok());
    let mut refused = 0;
    for asked in waiting {
        match asked.await.unwrap() {
            Ok(page) => assert!(!page.is_empty()),
            Err(code) => {
                assert_eq!(code, Code::Overloaded);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 3);
    assert_eq!(pages.load(std::sync::atomic::Ordering::SeqCst), 2, "those who wait share a page");
    // Pages that slow clients have not read yet.
    let mut unread = Vec::new();
    while let Ok(page) = metrics.page(Exposition::Text).await {
        unread.push(page);
    }
    assert_eq!(unread.len(), pages::ON_THEIR_WAY);
    unread.pop();
    assert!(metrics.page(Exposition::Text).await.is_ok());
    let gone = Arc::downgrade(metrics.counts());
    drop(metrics);
    let since = std::time::Instant::now();
    while gone.strong_count() > 0 {
        assert!(since.elapsed() < Duration::from_secs(20), "the thread has not ended");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Lets the other tasks run.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

proptest! {
    /// A host may have any name that a fleet takes, and more.
    #[test]
    fn any_label_value_makes_a_page_that_can_be_read(name in "\\PC{1,40}|[\\\\\"\n{},= ]{1,8}") {
        let mut samples = Samples::new(Program::Primary);
        samples.add(Metric::HostUp, [name.clone()], true);
        let page = super::text::page(samples, Exposition::Text);
        let series = parse(&page);
        prop_assert_eq!(series.len(), 1);
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        prop_assert_eq!(series.get(&format!("backscroll_host_up{{host=\"{escaped}\"}}")), Some(&1.0));
    }

    /// Whatever a client asks, the page has no other series for it than those of the table.
    #[test]
    fn no_label_has_a_value_that_a_request_chooses(path in "/\\PC{0,20}", status in 100_u16..600) {
        let counts = Arc::new(Counts::new(1));
        request(&counts, &path, |ending| answered(ending, status));
        let mut samples = Samples::new(Program::Secondary);
        counts.collect(&mut samples);
        for metric in ALL {
            let row = metric.row();
            for (values, _) in samples.of(*metric) {
                prop_assert!(row.labels.iter().zip(values).all(|(label, value)| label.values.contains(&&**value)));
            }
        }
    }
}
