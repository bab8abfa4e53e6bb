//! What is counted of a request.

use super::*;
use crate::query::range::ScanMode;
use crate::wire::verdict::{Failure, RangeFound, Status, Stopped, Verdict};

#[tokio::test]
async fn a_request_is_counted_at_its_end() {
    let metrics = started();
    let counts = Arc::clone(metrics.counts());
    request(&counts, "/logs", |ending| {
        answered(ending, 200);
        let error = Some(Failure { code: Code::UpstreamTimeout, detail: String::new() });
        let verdict = Verdict {
            lines: 20,
            truncated_lines: 2,
            bytes_scanned: 4096,
            error,
            stopped: Some(Stopped::Since),
            range: Some(RangeFound::Scan),
            ..Verdict::new(Status::Partial)
        };
        ending.exchange().note_verdict(&verdict);
        ending.exchange().note(|noted| {
            noted.first_record = Some(Duration::from_millis(7));
            noted.range_asked = Some(ScanMode::Auto);
        });
    });
    request(&counts, "/files", |ending| {
        answered(ending, 503);
        ending.exchange().note(|noted| (noted.code, noted.is_refused) = (Some(Code::Overloaded), true));
    });
    // Another server's refusal, which is passed on, is not one of this server.
    request(&counts, "/hosts", |ending| {
        answered(ending, 404);
        ending.exchange().note(|noted| noted.code = Some(Code::Draining));
    });
    request(&counts, "/nothing", |_| ());
    let page = page(&metrics).await;
    for (series, value) in [
        ("backscroll_http_requests_total{route=\"/logs\",code=\"200\"}", 1.0),
        ("backscroll_http_requests_total{route=\"/files\",code=\"503\"}", 1.0),
        ("backscroll_http_requests_total{route=\"other\",code=\"0\"}", 1.0),
        ("backscroll_http_request_duration_seconds_count{route=\"/logs\",code_class=\"2xx\"}", 1.0),
        ("backscroll_http_request_duration_seconds_count{route=\"other\",code_class=\"none\"}", 1.0),
        ("backscroll_http_requests_in_flight", 0.0),
        ("backscroll_answers_total{route=\"/logs\",verdict=\"partial\"}", 1.0),
        ("backscroll_answers_total{route=\"/files\",verdict=\"none\"}", 1.0),
        ("backscroll_answers_total{route=\"/logs\",verdict=\"failed\"}", 0.0),
        ("backscroll_searches_total{stopped=\"since\"}", 1.0),
        ("backscroll_searches_total{stopped=\"unknown\"}", 0.0),
        ("backscroll_range_fallback_scans_total", 1.0),
        ("backscroll_errors_total{code=\"upstream_timeout\"}", 1.0),
        ("backscroll_errors_total{code=\"overloaded\"}", 1.0),
        ("backscroll_requests_refused_total{reason=\"overloaded\"}", 1.0),
        ("backscroll_requests_refused_total{reason=\"draining\"}", 0.0),
        ("backscroll_errors_total{code=\"draining\"}", 1.0),
        ("backscroll_first_record_seconds_count", 1.0),
        ("backscroll_first_record_seconds_bucket{le=\"0.005\"}", 0.0),
        ("backscroll_first_record_seconds_bucket{le=\"0.01\"}", 1.0),
        ("backscroll_first_record_seconds_bucket{le=\"+Inf\"}", 1.0),
        ("backscroll_scanned_bytes_total", 4096.0),
        ("backscroll_lines_total", 20.0),
        ("backscroll_truncated_lines_total", 2.0),
        // None of the four answers was sent.
        ("backscroll_clients_gone_total{reason=\"left\"}", 4.0),
        ("backscroll_clients_gone_total{reason=\"late\"}", 0.0),
    ] {
        assert_eq!(page.get(series), Some(&value), "{series}");
    }
    // Series that never come up are not there.
    assert!(!page.contains_key("backscroll_http_requests_total{route=\"/hosts\",code=\"200\"}"));
}

#[tokio::test]
async fn a_range_for_which_a_whole_file_was_asked_is_no_fallback() {
    let metrics = started();
    for (range, mode) in [
        (None, ScanMode::Auto),
        (Some(RangeFound::Order), ScanMode::Auto),
        (Some(RangeFound::Scan), ScanMode::All),
    ] {
        request(metrics.counts(), "/logs", |ending| {
            ending.exchange().note(|noted| noted.range_asked = Some(mode));
            ending.exchange().note_verdict(&Verdict { range, ..Verdict::new(Status::Complete) });
        });
    }
    // Nobody knows why an answer without a verdict stopped, and it is not counted.
    request(metrics.counts(), "/logs", |_| ());
    let page = page(&metrics).await;
    for (series, value) in [
        ("backscroll_range_fallback_scans_total", 0.0),
        ("backscroll_searches_total{stopped=\"unknown\"}", 3.0),
        ("backscroll_searches_total{stopped=\"exhausted\"}", 0.0),
    ] {
        assert_eq!(page.get(series), Some(&value), "{series}");
    }
}
