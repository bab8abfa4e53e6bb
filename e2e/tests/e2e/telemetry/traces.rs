//! Traces across the real programs.

use super::collector::{Collector, Manner, Received, text};
use super::fleet::{Programs, logged};
use super::wait_for;
use crate::support::curl;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use rustix::process::Signal;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn traced(collector: &str, more: &[(&str, &str)]) -> Programs {
    let mut variables = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", collector), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
    variables.extend(more);
    Programs::start(&variables)
}

fn ask(programs: &Programs, target: &str, fields: &[&str]) {
    let url = programs.url(target);
    let mut arguments = vec!["--fail-with-body", url.as_str()];
    for field in fields {
        arguments.extend(["-H", *field]);
    }
    let output = curl(&arguments);
    assert!(output.status.success(), "{target}: {}", String::from_utf8_lossy(&output.stdout));
}

/// The spans of this trace, once there are so many.
fn spans(collector: &Collector, trace: &str, count: usize) -> Vec<Received> {
    wait_for("the spans of a trace", || {
        let mut spans = collector.spans();
        spans.retain(|received| hex(&received.span.trace_id) == trace);
        (spans.len() >= count).then_some(spans)
    })
}

fn named<'s>(spans: &'s [Received], service: &str, kind: SpanKind) -> Vec<&'s Received> {
    spans.iter().filter(|s| s.service == service && s.span.kind == kind as i32).collect()
}

#[test]
fn header_fields_for_the_collector_may_stand_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fields");
    std::fs::write(&file, "x-of-us=a%20b\nx-too=yes\n").unwrap();
    let collector = Collector::start(Manner::Takes);
    let programs = traced(&collector.url(), &[("OTEL_EXPORTER_OTLP_HEADERS_FILE", file.to_str().unwrap())]);
    ask(&programs, "/logs?filename=app.log&n=1", &[]);
    let heads = wait_for("spans", || Some(collector.heads()).filter(|heads| !heads.is_empty()));
    for head in heads {
        assert!(head.contains("x-of-us: a b\r\n") && head.contains("x-too: yes\r\n"), "{head}");
    }
}

#[test]
fn a_request_is_one_trace_across_the_primary_and_its_secondaries() {
    let collector = Collector::start(Manner::Takes);
    let programs = traced(
        &collector.url(),
        &[
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-of-us=yes"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ],
    );
    let parent = format!("traceparent: 00-{TRACE}-{PARENT}-01");
    let fields = [parent.as_str(), "tracestate: a=1, b=2", "X-Request-Id: r-1"];
    ask(&programs, "/logs?filename=app.log&keyword=secret&n=20", &fields);
    // A server's, two parts, and in each secondary a server's with four steps.
    let all = spans(&collector, TRACE, 13);
    assert_eq!(all.len(), 13, "{all:#?}");
    let servers = named(&all, "backscroll-primary", SpanKind::Server);
    let [server] = servers[..] else { panic!("{servers:?}") };
    assert_eq!((server.span.name.as_str(), hex(&server.span.parent_span_id).as_str()), ("GET /logs", PARENT));
    assert_eq!(server.span.trace_state, "a=1,b=2");
    for (name, expected) in [
        ("http.request.method", "GET"),
        ("http.route", "/logs"),
        ("url.path", "/logs"),
        ("http.response.status_code", "200"),
        ("network.peer.address", "127.0.0.1"),
        ("backscroll.request_id", "r-1"),
        ("backscroll.file", "app.log"),
        ("backscroll.keywords", "1"),
        ("backscroll.n", "20"),
        ("backscroll.lines", "20"),
        ("backscroll.hosts_asked", "2"),
        ("backscroll.verdict", "complete"),
        ("backscroll.whole", "true"),
        ("error.type", ""),
    ] {
        assert_eq!(server.attribute(name), expected, "{name}");
    }
    for (name, is_there) in [("service.version", true), ("host.name", true), ("service.instance.id", true)] {
        assert_eq!(!text(&server.resource, name).is_empty(), is_there, "{name}");
    }
    assert_eq!(text(&server.resource, "deployment.environment.name"), "test");
    let parts = named(&all, "backscroll-primary", SpanKind::Client);
    let mut hosts: Vec<String> = parts.iter().map(|part| part.attribute("backscroll.host")).collect();
    hosts.sort();
    assert_eq!(hosts, ["web1", "web2"]);
    assert!(parts.iter().all(|part| part.span.parent_span_id == server.span.span_id));
    assert_eq!(
        parts.iter().map(|part| part.attribute("backscroll.lines").parse::<u64>().unwrap()).sum::<u64>(),
        20
    );
    for part in &parts {
        assert_eq!(part.attribute("server.address"), "127.0.0.1");
        assert!(part.attribute("http.response.body.size").parse::<u64>().unwrap() > 0);
        assert!(["left", "complete"].contains(&part.attribute("backscroll.outcome").as_str()));
    }
    let of_secondaries = named(&all, "backscroll-secondary", SpanKind::Server);
    assert_eq!(of_secondaries.len(), 2);
    for of_secondary in &of_secondaries {
        let below: Vec<_> =
            parts.iter().filter(|part| part.span.span_id == of_secondary.span.parent_span_id).collect();
        assert_eq!(below.len(), 1, "its parent is the part of its host");
        assert_eq!(of_secondary.attribute("backscroll.request_id"), "r-1");
        let steps: Vec<&Received> =
            all.iter().filter(|step| step.span.parent_span_id == of_secondary.span.span_id).collect();
        let names: Vec<&str> = steps.iter().map(|step| step.span.name.as_str()).collect();
        assert_eq!(names, ["open", "first_block", "scan", "write"]);
        assert_eq!(steps[2].attribute("backscroll.blocks"), "1");
        assert!(steps[2].attribute("backscroll.bytes_scanned").parse::<u64>().unwrap() > 0);
        for step in steps {
            let span = &step.span;
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
            assert!(span.end_time_unix_nano <= of_secondary.span.end_time_unix_nano + 1_000_000, "{span:?}");
        }
    }
    let heads = collector.heads();
    assert!(
        heads.iter().all(|head| head.starts_with("POST /v1/traces ") && head.contains("x-of-us: yes")),
        "{heads:?}"
    );
    assert!(!collector.bytes().windows(6).any(|bytes| bytes == b"secret"), "a keyword was sent");
    for program in programs.secondaries.iter().chain([&programs.primary]) {
        assert_eq!(logged(program, "r-1")["fields"]["trace_id"], TRACE);
    }
}

#[test]
fn a_trace_is_recorded_as_its_caller_and_the_sampler_say() {
    let collector = Collector::start(Manner::Takes);
    let programs = traced(&collector.url(), &[]);
    // Not sampled by its caller.
    let parent = format!("traceparent: 00-{TRACE}-{PARENT}-00");
    ask(&programs, "/logs?filename=app.log&hostname=web1&n=1", &[&parent, "X-Request-Id: not-sampled"]);
    // Invalid: a new trace begins, which is sampled.
    let bad = format!("traceparent: 00-{}-{PARENT}-01", "f".repeat(31));
    ask(&programs, "/logs?filename=app.log&hostname=web2&n=1", &[&bad, "X-Request-Id: begun"]);
    let message = logged(&programs.primary, "begun");
    let trace = message["fields"]["trace_id"].as_str().unwrap().to_owned();
    assert_ne!(trace, TRACE);
    let all = spans(&collector, &trace, 7);
    let servers = named(&all, "backscroll-primary", SpanKind::Server);
    assert!(servers[0].span.parent_span_id.is_empty(), "{servers:?}");
    let part = named(&all, "backscroll-primary", SpanKind::Client);
    let values = (part[0].attribute("backscroll.outcome"), part[0].attribute("backscroll.lines"));
    assert_eq!(values, ("complete".to_owned(), "1".to_owned()));
    assert!(collector.spans().iter().all(|received| hex(&received.span.trace_id) != TRACE));
    // A host that does not have the file, and one that is not there.
    let asked = curl(&[&programs.url("/logs?filename=none.log&hostname=web1"), "-H", "X-Request-Id: none"]);
    assert!(asked.status.success());
    let trace = logged(&programs.primary, "none")["fields"]["trace_id"].as_str().unwrap().to_owned();
    let all = spans(&collector, &trace, 3);
    let part = named(&all, "backscroll-primary", SpanKind::Client);
    assert_eq!(
        (part[0].attribute("backscroll.outcome"), part[0].attribute("error.type")),
        ("not_found".to_owned(), String::new())
    );
}

#[test]
fn what_waits_is_sent_when_a_program_ends() {
    let collector = Collector::start(Manner::Takes);
    let mut programs = traced(&collector.url(), &[("OTEL_BSP_SCHEDULE_DELAY", "600000")]);
    ask(&programs, "/hosts", &[&format!("traceparent: 00-{TRACE}-{PARENT}-01")]);
    assert_eq!(collector.spans().len(), 0);
    programs.primary.signal(Signal::TERM).unwrap();
    assert!(programs.primary.wait().unwrap().success());
    assert_eq!(spans(&collector, TRACE, 1)[0].span.name, "GET /hosts");
}

#[test]
fn a_collector_that_is_gone_or_refuses_costs_no_request_anything_and_losses_are_told() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let refuses = Collector::start(Manner::Refuses);
    for collector in [gone, refuses.url()] {
        let programs = traced(&collector, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "50")]);
        for _ in 0..3 {
            ask(&programs, "/logs?filename=app.log&n=20", &[]);
        }
        wait_for("a warning", || programs.logs().contains("spans of traces were lost").then_some(()));
        ask(&programs, "/logs?filename=app.log&n=20", &[]);
    }
}

#[test]
fn answers_come_while_a_collector_hangs() {
    let collector = Collector::start(Manner::Hangs);
    let mut programs = traced(&collector.url(), &[("OTEL_EXPORTER_OTLP_TIMEOUT", "600000")]);
    ask(&programs, "/logs?filename=app.log&n=20", &[]);
    wait_for("a connection of each program", || (collector.connections() >= 3).then_some(()));
    for _ in 0..20 {
        ask(&programs, "/logs?filename=app.log&n=20", &[]);
    }
    // It does not wait for the collector at its end either.
    programs.primary.signal(Signal::TERM).unwrap();
    assert!(programs.primary.wait().unwrap().success());
}
