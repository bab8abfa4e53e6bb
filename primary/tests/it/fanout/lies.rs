//! What hosts say that are no secondaries, or lie.

use super::entries;
use super::simulated::Entry;
use crate::liar::{ID, Step, end, foreign, head, say, whole};
use backscroll_shared::time::{LineTime, Stamp};
use backscroll_shared::wire::frames::{CONTENT_TYPE, Encoder};
use backscroll_shared::wire::verdict::{Status, Verdict};

/// What is to be told of the one who said it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Complete,
    Failed(&'static str),
    Late,
}

pub(crate) struct Lie {
    pub(crate) name: &'static str,
    pub(crate) script: Vec<Step>,
    pub(crate) told: Told,
    /// What is delivered of it.
    pub(crate) lines: Vec<String>,
}

pub(crate) fn frames_head() -> Step {
    head(CONTENT_TYPE)
}

pub(crate) fn fields(content_type: &str) -> String {
    format!("Content-Type: {content_type}\r\n")
}

/// As one chunk.
pub(crate) fn body(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

pub(crate) fn framed(entries: &[Entry]) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    for entry in entries {
        encoder.record(&entry.record(), entry.stamp, &mut out);
    }
    out
}

pub(crate) fn ended(entries: &[Entry], verdict: &Verdict) -> Vec<u8> {
    let mut out = framed(entries);
    Encoder::end(verdict, &mut out);
    out
}

fn complete() -> Verdict {
    Verdict::new(Status::Complete)
}

/// An end of these bytes.
fn raw_end(bytes: &[u8]) -> Vec<u8> {
    let mut len = bytes.len();
    let mut out = vec![0x30];
    while len >= 0x80 {
        out.push(u8::try_from(len & 0x7F).unwrap() | 0x80);
        len >>= 7;
    }
    out.push(u8::try_from(len).unwrap());
    out.extend_from_slice(bytes);
    out
}

const BAD: Told = Told::Failed("upstream_unreachable");

/// Three records, then this, then the proper end of the HTTP answer.
fn after_three(name: &'static str, told: Told, then: &[u8]) -> Lie {
    let three = entries(1, 3);
    let lines = three.iter().map(|entry| entry.text.clone()).collect();
    let bytes = [&framed(&three)[..], then].concat();
    Lie { name, script: vec![frames_head(), Step::Say(body(&bytes)), end("")], told, lines }
}

fn instead(name: &'static str, told: Told, script: Vec<Step>) -> Lie {
    Lie { name, script, told, lines: Vec::new() }
}

fn end_of(verdict: &Verdict) -> Vec<u8> {
    ended(&[], verdict)
}

/// Ends lines, fields and strings wherever it is not escaped.
fn nasty() -> String {
    "\r\nLog-Status: complete\r\n\r\n\0\u{1b}[2J\u{85}\u{2028}ü\"\\".repeat(700)
}

/// Streams of frames that are none, or end in what is no verdict.
pub(crate) fn lies() -> Vec<Lie> {
    let nasty = nasty();
    let with = |status, code: &str, detail: &str| {
        let mut verdict = serde_json::to_value(Verdict::new(status)).unwrap();
        // Written by hand: no secondary of ours can say such a code.
        verdict["error"] = serde_json::json!({ "code": code, "detail": detail });
        raw_end(&serde_json::to_vec(&verdict).unwrap())
    };
    let long = &nasty[..nasty.floor_char_boundary(9000)];
    vec![
        after_three("no end", BAD, b""),
        after_three("a wrong tag", BAD, &[0x40]),
        after_three("a tag that version 1 does not have", BAD, &[0x18, 1, 0, b'x']),
        after_three(
            "a frame longer than memory",
            BAD,
            &[0x10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        ),
        after_three("a frame of 2 MiB and a byte", BAD, &[0x10, 0x81, 0x80, 0x80, 0x01, 0]),
        after_three("a number without end", BAD, &[&[0x20][..], &[0xFF; 4096]].concat()),
        after_three(
            "a line that never ends",
            BAD,
            &[&[0x10, 0xFF, 0xFF, 0x7F, 0][..], &[b'x'; 1 << 20]].concat(),
        ),
        after_three("an end without a verdict", BAD, &raw_end(b"{}")),
        after_three("an end that is no JSON", BAD, &raw_end(b"\xff\0")),
        after_three("an end of brackets", BAD, &raw_end(&[b'['; 60_000])),
        after_three("an end longer than any", BAD, &raw_end(&[b' '; (64 << 10) + 1])),
        after_three("half an end", BAD, &end_of(&complete())[..9]),
        after_three("failed, and no reason", BAD, &end_of(&Verdict::new(Status::Failed))),
        after_three("partial, and no reason", BAD, &end_of(&Verdict::new(Status::Partial))),
        after_three("no such file, after all", BAD, &end_of(&Verdict::new(Status::NotFound))),
        after_three("late, and no reason", BAD, &end_of(&Verdict::new(Status::Timeout))),
        after_three(
            "complete with an error",
            Told::Failed("io_error"),
            &with(Status::Complete, "io_error", "x"),
        ),
        after_three(
            "no such file, in an error",
            Told::Failed("not_found"),
            &with(Status::Failed, "not_found", "x"),
        ),
        after_three("late", Told::Late, &with(Status::Failed, "upstream_timeout", "x")),
        after_three("a nasty code", Told::Failed("unknown"), &with(Status::Failed, long, "x")),
        after_three("a nasty detail", Told::Failed("io_error"), &with(Status::Failed, "io_error", long)),
        after_three("an empty code", Told::Failed("unknown"), &with(Status::Failed, "", "")),
    ]
}

/// What is no stream of frames, and what of HTTP is odd.
pub(crate) fn no_frames() -> Vec<Lie> {
    let problem =
        format!("{{\"status\":503,\"code\":\"overloaded\",\"detail\":{}}}", serde_json::json!(nasty()));
    let status_503 = |body: &str| whole("503 Service Unavailable", &fields("application/problem+json"), body);
    let five = ended(&entries(1, 5), &complete());
    let frames = fields(CONTENT_TYPE);
    let length = |bytes: &[u8], length: usize| {
        let head = format!("HTTP/1.1 200 OK\r\n{ID}{frames}Content-Length: {length}\r\n\r\n");
        vec![Step::Say([head.as_bytes(), bytes].concat())]
    };
    let three = framed(&entries(1, 3));
    let three_lines = || entries(1, 3).iter().map(|entry| entry.text.clone()).collect::<Vec<_>>();
    let twice = [&ended(&entries(1, 3), &complete())[..], &five].concat();
    let mut lies = vec![
        instead("a nasty problem", Told::Failed("overloaded"), status_503(&problem)),
        instead("an endless problem", BAD, status_503(&"x".repeat(100_000))),
        instead("a problem that is none", BAD, status_503("{\"code\":7}")),
        instead("another type", BAD, vec![head("text/plain"), Step::Say(body(&five)), end("")]),
        instead(
            "another version",
            BAD,
            vec![head("application/vnd.backscroll.frames.v1"), Step::Say(body(&five)), end("")],
        ),
        instead("no type", BAD, vec![say(format!("HTTP/1.1 200 OK\r\n{ID}Content-Length: 1\r\n\r\nx"))]),
        instead("another server's page", BAD, foreign("200 OK", &fields("text/html"), "<p>")),
        instead(
            "another server's 404",
            BAD,
            foreign(
                "404 Not Found",
                &fields("application/problem+json"),
                "{\"status\":404,\"code\":\"not_found\",\"detail\":\"\"}",
            ),
        ),
        instead("frames of another server", BAD, foreign("200 OK", &frames, "")),
        instead("another protocol", BAD, vec![say("SSH-2.0-x\r\n")]),
        instead("no HTTP at all", BAD, vec![Step::Say(vec![0; 1000])]),
        instead(
            "a head without end",
            BAD,
            vec![say("HTTP/1.1 200 OK\r\n"), Step::Flood(b"X: y\r\n".repeat(1000))],
        ),
        instead(
            "not yet, and not yet",
            Told::Late,
            vec![Step::Flood(b"HTTP/1.1 102 Processing\r\n\r\n".repeat(9))],
        ),
        instead("a chunk without a size", BAD, vec![frames_head(), Step::Flood(b"1;".repeat(1000))]),
        instead(
            "a switch",
            BAD,
            vec![say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")],
        ),
        instead("part of it", BAD, whole("206 Partial Content", &frames, "")),
        instead("nothing", BAD, vec![]),
        instead("a length and no body", BAD, length(&[], 100)),
    ];
    for (name, script) in [
        ("a length that cuts a frame", length(&five, three.len() + 3)),
        ("a length without an end", length(&three, three.len() + 3)),
    ] {
        lies.push(Lie { name, script, told: BAD, lines: three_lines() });
    }
    // What has come up to the host's own end is all that there is.
    for (name, script) in [
        ("another stream after the end", vec![frames_head(), Step::Say(body(&twice)), end("")]),
        ("a length past the end", length(&ended(&entries(1, 3), &complete()), 1 << 20)),
        ("a length that ends with the end", length(&twice, three.len() + end_of(&complete()).len())),
        ("silence after the end", vec![frames_head(), Step::Say(body(&twice)), Step::Hang]),
        ("a flood after the end", vec![frames_head(), Step::Say(body(&twice)), Step::Flood(body(&five))]),
    ] {
        lies.push(Lie { name, script, told: Told::Complete, lines: three_lines() });
    }
    lies
}

/// Records in order whose times and marks are false.
pub(crate) fn wild() -> Vec<Lie> {
    let lie = |name, stamps: [Option<(i64, Option<i16>)>; 5]| {
        let mut five = entries(1, 5);
        for (entry, stamp) in five.iter_mut().zip(stamps) {
            entry.stamp = stamp.map(|(nanos, own)| Stamp {
                nanos,
                own: own.map(|offset_minutes| LineTime { nanos, offset_minutes }),
            });
        }
        let lines = five.iter().map(|entry| entry.text.clone()).collect();
        let script = vec![frames_head(), Step::Say(body(&ended(&five, &complete()))), end("")];
        Lie { name, script, told: Told::Complete, lines }
    };
    let of = |age: i64| super::NEWEST - age * super::SECOND;
    let marked = |name, marks: [i64; 5]| {
        let (mut encoder, mut out) = (Encoder::default(), Vec::new());
        let five = entries(1, 5);
        for (entry, mark) in five.iter().zip(marks) {
            encoder.mark(mark, &mut out);
            encoder.record(&entry.record(), entry.stamp, &mut out);
        }
        Encoder::end(&complete(), &mut out);
        let lines = five.iter().map(|entry| entry.text.clone()).collect();
        Lie { name, script: vec![frames_head(), Step::Say(body(&out)), end("")], told: Told::Complete, lines }
    };
    vec![
        lie("times that go up", [9, 8, 3, 1, -50].map(|age| Some((of(age), Some(0))))),
        lie(
            "times out of all bounds",
            [i64::MIN, i64::MAX, 0, i64::MIN, i64::MAX].map(|n| Some((n, Some(0)))),
        ),
        lie("zones out of all bounds", [i16::MIN, i16::MAX, 0, 1441, -1].map(|z| Some((i64::MAX, Some(z))))),
        lie("times only now and then", [None, Some((of(1), None)), None, Some((of(0), Some(60))), None]),
        marked("marks older than what follows", [1, 90, 2, 7, 0].map(of)),
        marked("marks of the beginning and the end of time", [i64::MAX, i64::MIN, 0, i64::MAX, i64::MIN]),
    ]
}
