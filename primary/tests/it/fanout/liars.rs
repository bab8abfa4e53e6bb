//! A host that is no secondary, or one that lies, between two that are honest: the answer
//! stays well-formed, what the honest ones have is in it, and the liar is found out wherever
//! something may be missing.

use super::client::{Answer, get, request};
use super::lies::{Lie, Told, body, ended, fields, frames_head, lies, no_frames, wild};
use super::oracle::{Question, looks_complete};
use super::simulated::{Entry, Fault, Simulated};
use super::{entries, quick};
use crate::liar::{ID, Liar, Step, chunk, end, say};
use crate::{Primary, primary};
use backscroll_shared::time::Stamp;
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::frames::Encoder;
use backscroll_shared::wire::verdict::{Status, Verdict};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// An honest host, the liar and another honest host; and the primary that asks them.
struct Stage {
    honest: [Simulated; 2],
    liar: Liar,
    primary: Primary,
}

impl Stage {
    async fn new(script: Vec<Step>) -> Stage {
        let honest =
            [0, 2].map(|number| Simulated::new(&format!("h{number}"), entries(number, 5), Fault::None));
        let liar = Liar::new(script).await;
        let mut config = quick(&honest);
        let mut hosts: Vec<_> = honest.iter().map(|host| (host.name(), host.url())).collect();
        hosts.push(("h1", liar.url()));
        config.fleet = crate::configured(&hosts).fleet;
        config.times.request = Duration::from_secs(5);
        Stage { honest, liar, primary: primary(config).await }
    }

    /// The liar's lines of a text answer that has all lines of the others, in their order.
    fn lines_of_liar(&self, answer: &Answer) -> Vec<String> {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(text.is_empty() || text.ends_with('\n'), "whole lines only");
        let of = |name: &str| -> Vec<String> {
            let prefix = format!("{name}\t");
            text.split('\n').filter_map(|line| Some(line.strip_prefix(&prefix)?.to_owned())).collect()
        };
        for host in &self.honest {
            let expected: Vec<_> = host.entries().iter().map(|entry| entry.text.clone()).collect();
            assert_eq!(of(host.name()), expected);
        }
        of("h1")
    }
}

const TARGET: &str = "/logs?filename=app.log";

async fn check(lie: Lie) {
    let Lie { name, script, told, lines } = lie;
    println!("{name}");
    let stage = Stage::new(script).await;
    let is_failure = told != Told::Complete;

    let ask = async |question: Question| {
        let answer = get(stage.primary.address, &question.target(), &question.fields()).await;
        assert_eq!(looks_complete(&question, &answer), !is_failure, "{name}: {question:?} {answer:?}");
        answer
    };
    let question = Question { n: None, ndjson: false, on_error: None, trailers: false };

    let answer = ask(question).await;
    assert_eq!(stage.lines_of_liar(&answer), lines, "{name}");

    let answer = ask(Question { trailers: true, ..question }).await;
    assert!(answer.is_whole && answer.status == 200, "{name}: {answer:?}");
    assert_eq!(stage.lines_of_liar(&answer), lines, "{name}");
    let status = if is_failure { "partial" } else { "complete" };
    assert_eq!(answer.trailers["log-status"], status, "{name}: {:?}", answer.trailers);
    assert_eq!(answer.trailers.get("log-hosts-failed").map(String::as_str), is_failure.then_some("h1"));
    assert!(answer.trailers.get("log-error").is_none_or(|error| error.len() < 1000));

    let answer = ask(Question { ndjson: true, ..question }).await;
    let objects = answer.objects();
    let of = |name: &str| objects.iter().filter(|object| object["host"] == name).count();
    assert_eq!((of("h0"), of("h1"), of("h2")), (5, lines.len(), 5), "{name}");
    let verdict = &answer.end()["hosts"]["h1"];
    let code = verdict["error"]["code"].as_str();
    let expected = match told {
        Told::Complete => ("complete", None),
        Told::Failed(code) => ("failed", Some(code)),
        Told::Late => ("timeout", Some("upstream_timeout")),
    };
    assert_eq!((verdict["status"].as_str().unwrap(), code), expected, "{name}: {verdict}");
    assert!(verdict["error"]["detail"].as_str().is_none_or(|detail| detail.len() <= 600), "{name}");

    let answer = ask(Question { on_error: Some("fail"), trailers: true, ..question }).await;
    let is_told = match answer.status {
        200 => answer.trailers["log-status"] == if is_failure { "failed" } else { "complete" },
        500..=504 => is_failure && answer.fields["log-hosts-failed"] == "h1",
        _ => false,
    };
    assert!(is_told, "{name}: {answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_lies_is_found_out_and_spoils_nobody_elses_lines() {
    for lie in lies() {
        check(lie).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_no_secondary_is_found_out_too() {
    for lie in no_frames() {
        check(lie).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_and_marks_that_lie_change_the_order_between_hosts_alone() {
    for lie in wild() {
        check(lie).await;
    }
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let canary = Liar::new(vec![]).await;
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("Location: http://{}/logs?filename=app.log\r\n", canary.address);
        let script = crate::liar::whole(status, &location, "");
        let told = Told::Failed("upstream_unreachable");
        check(Lie { name: "a redirect", script, told, lines: vec![] }).await;
    }
    assert_eq!(canary.asked(), 0);
}

#[tokio::test]
async fn a_flood_where_20_records_are_asked_for_is_taken_no_further() {
    let mut out = Vec::new();
    let mut encoder = Encoder::default();
    for entry in entries(1, 1000) {
        encoder.record(&entry.record(), entry.stamp, &mut out);
    }
    let stage = Stage::new(vec![frames_head(), Step::Flood(body(&out))]).await;
    for _ in 0..3 {
        let answer = get(stage.primary.address, &format!("{TARGET}&n=20"), "TE: trailers\r\n").await;
        assert_eq!(answer.trailers["log-lines"], "20");
        assert_eq!(answer.trailers["log-status"], "complete", "{answer:?}");
    }
    super::until("the flood has ended", || stage.liar.left.load(SeqCst) == 3).await;
}

#[tokio::test]
async fn records_that_were_not_asked_for_are_not_passed_on() {
    let script = vec![frames_head(), body_of_five(), end("")];
    let stage = Stage::new(script).await;
    let answer = get(stage.primary.address, &format!("{TARGET}&n=0"), "TE: trailers\r\n").await;
    assert_eq!(stage.primary.curl(&format!("{TARGET}&n=0"), &[]).await.out, "");
    assert_eq!(answer.trailers["log-lines"], "0");
    assert!(answer.body.is_empty(), "{answer:?}");
    let answer = get(stage.primary.address, &format!("{TARGET}&n=3"), "TE: trailers\r\n").await;
    assert_eq!((answer.trailers["log-lines"].as_str(), answer.text().lines().count()), ("3", 3));
}

fn body_of_five() -> Step {
    Step::Say(body(&ended(&entries(1, 5), &Verdict::new(Status::Complete))))
}

#[tokio::test]
async fn counts_of_hosts_may_be_anything() {
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    for entry in entries(1, 3) {
        let mut record = entry.record();
        (record.lines, record.truncated_lines) = (u64::MAX, u64::MAX);
        encoder.record(&record, entry.stamp, &mut out);
    }
    let verdict = Verdict {
        lines: u64::MAX,
        bytes_scanned: u64::MAX,
        truncated_lines: u64::MAX,
        ..Verdict::new(Status::Complete)
    };
    Encoder::end(&verdict, &mut out);
    let stage = Stage::new(vec![frames_head(), Step::Say(body(&out)), end("")]).await;
    let answer = get(stage.primary.address, TARGET, "Accept: application/x-ndjson\r\n").await;
    assert!(answer.is_whole, "{answer:?}");
    assert_eq!(answer.objects().len(), 5 + 3 + 5 + 1);
    assert_eq!(answer.end()["lines"], u64::MAX);
}

#[tokio::test]
async fn bytes_of_every_kind_come_through_as_they_are() {
    let all: Vec<u8> = (0..=u8::MAX).filter(|byte| *byte != b'\n').collect();
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    let entry = &entries(1, 1)[0];
    let mut record = entry.record();
    record.bytes = &all;
    encoder.record(&record, entry.stamp.map(|stamp| Stamp { own: None, ..stamp }), &mut out);
    Encoder::end(&Verdict::new(Status::Complete), &mut out);
    let stage = Stage::new(vec![frames_head(), Step::Say(body(&out)), end("")]).await;
    let answer = get(stage.primary.address, TARGET, "").await;
    let line = [b"h1\t", &all[..], b"\n"].concat();
    assert!(answer.is_whole && memchr::memmem::find(&answer.body, &line).is_some());
    let answer = get(stage.primary.address, TARGET, "Accept: application/x-ndjson\r\n").await;
    assert!(answer.objects().iter().any(|object| object["line_base64"].is_string()), "{answer:?}");
}

#[tokio::test]
async fn a_body_after_a_head_is_not_taken_for_the_next_answer() {
    let script = vec![frames_head(), body_of_five(), end(""), chunk("more")];
    let stage = Stage::new(script).await;
    for _ in 0..3 {
        let answer = request(stage.primary.address, "HEAD", TARGET, "").await;
        assert_eq!(answer.status, 200);
        let answer = get(stage.primary.address, TARGET, "TE: trailers\r\n").await;
        assert_eq!(
            (answer.trailers["log-status"].as_str(), stage.lines_of_liar(&answer).len()),
            ("complete", 5)
        );
    }
}

#[tokio::test]
async fn a_404_that_no_secondary_gives_is_no_word_on_the_file() {
    for (status, content_type, body) in [
        ("404 Not Found", "text/html", "<h1>Not Found</h1>"),
        (
            "404 Not Found",
            "application/problem+json",
            "{\"status\":404,\"code\":\"no_route\",\"detail\":\"\"}",
        ),
        (
            "500 Internal Server Error",
            "application/problem+json",
            "{\"status\":500,\"code\":\"not_found\",\"detail\":\"\"}",
        ),
        (
            "503 Service Unavailable",
            "application/problem+json",
            "{\"status\":503,\"code\":\"not_found\",\"detail\":\"\"}",
        ),
    ] {
        let stage = Stage::new(crate::liar::whole(status, &fields(content_type), body)).await;
        let answer = get(stage.primary.address, TARGET, "TE: trailers\r\n").await;
        assert_eq!(answer.fields.get("log-hosts-failed").map(String::as_str), Some("h1"), "{status} {body}");
        assert_eq!(answer.trailers["log-status"], "partial");
        if !body.contains("no_route") {
            let answer = request(stage.primary.address, "HEAD", TARGET, "").await;
            assert_eq!(
                answer.fields.get("log-hosts-failed").map(String::as_str),
                Some("h1"),
                "{status} {body}"
            );
        }
    }
}

#[tokio::test]
async fn a_problem_that_never_ends_is_one_at_the_deadline() {
    let head = format!("HTTP/1.1 404 Not Found\r\n{ID}{}", fields("application/problem+json"));
    let script = vec![say(head + "Content-Length: 100\r\n\r\n{"), Step::Hang];
    let (liar, other) = (Liar::new(script.clone()).await, Liar::new(script).await);
    let mut config = crate::configured(&[("h1", liar.url()), ("h2", other.url())]);
    config.times.head = Duration::from_mins(1);
    config.times.idle = Duration::from_mins(1);
    config.times.request = Duration::from_millis(500);
    let primary = primary(config).await;
    let answer = get(primary.address, TARGET, "").await;
    assert_eq!((answer.status, answer.code().as_str()), (504, "upstream_timeout"));
    assert_eq!(answer.fields["log-hosts-failed"], "h1,h2");
}

#[tokio::test]
async fn a_failure_behind_what_was_wanted_costs_nothing() {
    let say = |entries: &[Entry], verdict: &Verdict| {
        vec![frames_head(), Step::Say(body(&ended(entries, verdict))), end("")]
    };
    // Its older records, and that it failed, come in one piece.
    let older = entries(1, 9).split_off(6);
    let failed = say(&older, &Verdict::failed(Code::IoError, "bad disk".to_owned()));
    let whole = say(&entries(0, 5), &Verdict::new(Status::Complete));
    let (whole, failed) = (Liar::new(whole).await, Liar::new(failed).await);
    let primary = primary(crate::configured(&[("h1", whole.url()), ("h2", failed.url())])).await;
    for on_error in ["report", "fail"] {
        let target = format!("{TARGET}&n=2&on_error={on_error}");
        let answer = get(primary.address, &target, "TE: trailers\r\n").await;
        assert_eq!((answer.status, answer.trailers["log-status"].as_str()), (200, "complete"));
        assert_eq!(answer.trailers["log-lines"], "2");
    }
}

#[tokio::test]
async fn a_file_that_shrank_taints_what_came_of_it_also_behind_what_was_wanted() {
    let say = |entries: &[Entry], verdict: &Verdict| {
        vec![frames_head(), Step::Say(body(&ended(entries, verdict))), end("")]
    };
    let shrunk = Verdict::failed(Code::FileShrunk, "it was cut".to_owned());
    let whole = Liar::new(say(&entries(0, 5), &Verdict::new(Status::Complete))).await;
    // Its first two are among the three that are delivered, or none of them is.
    for (theirs, is_tainted) in [(entries(1, 5), true), (entries(1, 9).split_off(6), false)] {
        let liar = Liar::new(say(&theirs, &shrunk)).await;
        let primary = primary(crate::configured(&[("h1", whole.url()), ("h2", liar.url())])).await;
        for on_error in ["report", "ignore", "fail"] {
            let target = format!("{TARGET}&n=3&on_error={on_error}");
            let answer = get(primary.address, &target, "TE: trailers\r\n").await;
            if is_tainted && on_error == "fail" {
                assert_eq!((answer.status, answer.fields["log-hosts-failed"].as_str()), (502, "h2"));
                continue;
            }
            let status = if is_tainted { "partial" } else { "complete" };
            assert_eq!(answer.trailers["log-status"], status, "{on_error} {answer:?}");
            assert_eq!(answer.trailers["log-lines"], "3");
            let failed = answer.trailers.get("log-hosts-failed").map(String::as_str);
            assert_eq!(failed, is_tainted.then_some("h2"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_nothing_but_marks_does_not_cost_the_others_their_records() {
    let mut encoder = Encoder::default();
    let [first, again] = [(); 2].map(|()| {
        let mut mark = Vec::new();
        encoder.mark(super::NEWEST + super::SECOND, &mut mark);
        mark
    });
    let now_and_then = vec![[Step::Wait(Duration::from_millis(5)), Step::Say(body(&again))]; 1000].concat();
    for marks in [now_and_then, vec![Step::Flood(body(&again.repeat(1000)))]] {
        let marks = [vec![Step::Say(body(&first))], marks].concat();
        let honest = Simulated::new("h0", entries(0, 5), Fault::None);
        let liar = Liar::new([vec![frames_head()], marks].concat()).await;
        let mut config = super::quick_of(&[("h0", honest.url()), ("h1", liar.url())]);
        config.times.request = Duration::from_secs(4);
        let primary = primary(config).await;
        let answer = get(primary.address, TARGET, "TE: trailers\r\n").await;
        assert_eq!(answer.text().lines().count(), 5, "{answer:?}");
        assert_eq!(answer.trailers["log-status"], "partial");
        assert_eq!(answer.trailers["log-hosts-failed"], "h1");
        assert!(answer.trailers["log-error"].starts_with("upstream_timeout: "), "{answer:?}");
    }
}
