//! What an answer of a fleet must be, worked out naively from what each host has, what is
//! wrong with it, and what was asked.

use super::client::Answer;
use super::simulated::{Entry, Fault, Simulated};
use backscroll_shared::wire::ndjson;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What is asked of the whole fleet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    pub(crate) n: Option<usize>,
    pub(crate) ndjson: bool,
    pub(crate) on_error: Option<&'static str>,
    pub(crate) trailers: bool,
}

impl Question {
    pub(crate) fn target(&self) -> String {
        let mut target = "/logs?filename=app.log".to_owned();
        if let Some(n) = self.n {
            write!(target, "&n={n}").unwrap();
        }
        if let Some(on_error) = self.on_error {
            write!(target, "&on_error={on_error}").unwrap();
        }
        target
    }

    pub(crate) fn fields(&self) -> String {
        let trailers = if self.trailers { "TE: trailers\r\n" } else { "" };
        let accept = if self.ndjson { "Accept: application/x-ndjson\r\n" } else { "" };
        format!("{trailers}{accept}")
    }

    /// Whether the client chose not to be told of what fails after the answer's head.
    fn is_blind(&self) -> bool {
        self.on_error == Some("ignore") && !self.ndjson && !self.trailers
    }

    /// A record as it is delivered.
    fn written(&self, host: &str, entry: &Entry) -> Vec<u8> {
        let mut out = Vec::new();
        if self.ndjson {
            let time = entry.stamp.and_then(|stamp| stamp.own);
            ndjson::Encoder::new(host, b"app.log").encode(&entry.record(), time, &mut out);
        } else {
            for line in entry.text.split('\n') {
                out.extend_from_slice(format!("{host}\t{line}\n").as_bytes());
            }
        }
        out
    }
}

/// A record: its host's number, and its own among those of the host.
pub(crate) type Place = (usize, usize);

/// The newest `n` of the first so many records of each host: one by one the newest of those
/// that stand first, and among equals the first host's. A line without a time stays with the
/// one before it; where there is none, it comes last.
fn greedy(fleet: &[Simulated], limits: &[usize], n: usize) -> Vec<Place> {
    let mut next = vec![0; fleet.len()];
    let mut keys = vec![i64::MIN; fleet.len()];
    let mut merged = Vec::new();
    while merged.len() < n {
        let key = |host: usize| {
            let stamp = fleet[host].entries()[next[host]].stamp;
            stamp.map_or(keys[host], |stamp| stamp.nanos)
        };
        let with_more = (0..fleet.len()).filter(|host| next[*host] < limits[*host]);
        let Some(host) = with_more.rev().max_by_key(|host| key(*host)) else { break };
        keys[host] = key(host);
        merged.push((host, next[host]));
        next[host] += 1;
    }
    merged
}

/// What would be answered if nothing failed.
fn truth(fleet: &[Simulated], question: &Question) -> Vec<Place> {
    let has_file = |host: &Simulated| host.fault() != Fault::NoFile;
    let limits: Vec<usize> =
        fleet.iter().map(|host| if has_file(host) { host.entries().len() } else { 0 }).collect();
    greedy(fleet, &limits, question.n.unwrap_or(usize::MAX))
}

/// The records of an answer. Each must be, byte for byte, the next one of its host.
fn delivered(fleet: &[Simulated], question: &Question, answer: &Answer) -> Vec<Place> {
    let mut next = vec![0; fleet.len()];
    let mut places = Vec::new();
    let mut rest = &answer.body[..];
    while !rest.is_empty() && !rest.starts_with(b"{\"end\":") {
        let shown = String::from_utf8_lossy(&rest[..rest.len().min(120)]);
        let name = match rest.strip_prefix(b"{\"host\":\"") {
            Some(after) => after.split(|b| *b == b'"').next(),
            None => rest.split(|b| *b == b'\t').next(),
        };
        let host = fleet.iter().position(|host| Some(host.name().as_bytes()) == name);
        let host = host.unwrap_or_else(|| panic!("no line of any host: {shown}"));
        let entry = fleet[host].entries().get(next[host]);
        let entry = entry.unwrap_or_else(|| panic!("more than the host has: {shown}"));
        let written = question.written(fleet[host].name(), entry);
        rest = rest.strip_prefix(&written[..]).unwrap_or_else(|| {
            panic!("not the host's next record: {shown}\nbut: {}", String::from_utf8_lossy(&written))
        });
        places.push((host, next[host]));
        next[host] += 1;
    }
    assert!(!question.ndjson || memchr::memchr_iter(b'\n', rest).count() == 1, "the end is one line");
    places
}

/// The hosts that the answer says have failed.
pub(crate) fn named(question: &Question, answer: &Answer) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for value in [answer.fields.get("log-hosts-failed"), answer.trailers.get("log-hosts-failed")] {
        named.extend(value.iter().flat_map(|value| value.split(',')).map(str::to_owned));
    }
    if question.ndjson && answer.status == 200 {
        for (name, host) in answer.end()["hosts"].as_object().unwrap() {
            let is_named = !matches!(host["status"].as_str().unwrap(), "complete" | "not_found");
            assert_eq!(is_named, host["error"].is_object(), "{host}");
            if is_named {
                named.insert(name.clone());
            } else {
                assert!(!named.contains(name), "{name} failed, says one place, and another: {host}");
            }
        }
    }
    named
}

/// Whether a client has nothing by which to tell the answer from a complete one.
pub(crate) fn looks_complete(question: &Question, answer: &Answer) -> bool {
    answer.is_whole
        && answer.status == 200
        && named(question, answer).is_empty()
        && (!question.trailers || answer.trailers["log-status"] == "complete")
        && (!question.ndjson || answer.end()["status"] == "complete")
}

/// The point of it all: an answer that looks complete is what it would be if nothing had
/// failed; and that no host has the file is said only where it is so.
pub(crate) fn assert_honest(fleet: &[Simulated], question: &Question, answer: &Answer) {
    if looks_complete(question, answer) && !question.is_blind() {
        let delivered = delivered(fleet, question, answer);
        assert!(delivered == truth(fleet, question), "it looks complete, and records are missing");
    }
    if answer.status == 404 {
        assert!(fleet.iter().all(|host| host.fault() == Fault::NoFile), "somebody may have the file");
    }
}

/// Everything else that is true of an answer: whole records in order, the right hosts named
/// in the right places, the right status and end.
pub(crate) fn assert_right(fleet: &[Simulated], question: &Question, answer: &Answer) {
    assert_honest(fleet, question, answer);
    let faulty = |host: &&Simulated| host.fault().is_failure();
    let all_of = |hosts: &mut dyn Iterator<Item = &Simulated>| -> BTreeSet<String> {
        hosts.map(|host| host.name().to_owned()).collect()
    };
    let all_faulty = all_of(&mut fleet.iter().filter(faulty));
    let early = all_of(&mut fleet.iter().filter(|host| host.fault().is_early()));
    let named = named(question, answer);
    assert!(named.is_subset(&all_faulty), "{named:?} are named, and {all_faulty:?} failed");
    if answer.status != 200 {
        assert_eq!(question.on_error, Some("fail"), "some hosts have the file, and answer");
        let code = answer.code();
        // Their own where all that are named say the same.
        let all_are = |is: fn(Fault) -> bool| {
            let mut hosts = fleet.iter().filter(|host| named.contains(host.name()));
            hosts.all(|host| is(host.fault()))
        };
        let is_right = match (answer.status, code.as_str()) {
            (502, "upstream_unreachable") | (504, "upstream_timeout") => true,
            (503, "overloaded") => all_are(|fault| fault == Fault::Overloaded),
            (500, "io_error") => all_are(|fault| matches!(fault, Fault::FailsAfter(_))),
            _ => false,
        };
        assert!(is_right && !named.is_empty(), "{} {code}: {named:?}", answer.status);
        return;
    }
    let delivered = delivered(fleet, question, answer);
    let mut counts = vec![0; fleet.len()];
    for (host, _) in &delivered {
        counts[*host] += 1;
    }
    // Of hosts that fail what came of them counts, of the others all.
    let limits: Vec<usize> = fleet
        .iter()
        .zip(&counts)
        .map(|(host, count)| {
            let sent = host.fault().sent_of(host.entries().len());
            assert!(*count <= sent);
            if host.fault().is_failure() { *count } else { sent }
        })
        .collect();
    assert!(delivered == greedy(fleet, &limits, delivered.len()), "records are left out, or out of order");
    let is_fail = question.on_error == Some("fail") && !all_faulty.is_empty();
    let has_all = question.n == Some(delivered.len());
    if !is_fail && !has_all {
        assert_eq!(delivered.len(), limits.iter().sum::<usize>(), "records of hosts that answer are missing");
        for (host, count) in fleet.iter().zip(&counts) {
            // A reset may take with it what was on its way.
            if !matches!(host.fault(), Fault::ResetAfter(_)) {
                let sent = host.fault().sent_of(host.entries().len());
                assert_eq!(*count, sent, "what {} sent before it failed is missing", host.name());
            }
        }
    }
    if !is_fail && !early.is_empty() {
        // Nothing can be merged before they have failed.
        assert!(answer.fields.contains_key("log-hosts-failed"), "{:?}", answer.fields);
    }
    assert!(early.is_subset(&named) || is_fail, "{early:?} failed early; named are {named:?}");
    if !is_fail && !has_all && !question.is_blind() && (question.ndjson || question.trailers) {
        assert_eq!(named, all_faulty);
    }
    let lines: u64 = delivered.iter().map(|(host, entry)| fleet[*host].entries()[*entry].lines()).sum();
    let status = match (named.is_empty(), is_fail) {
        (true, _) => "complete",
        (_, true) => "failed",
        _ => "partial",
    };
    if question.trailers {
        assert!(answer.is_whole, "a client that reads trailers gets them");
        assert_eq!(
            (answer.trailers["log-status"].as_str(), answer.trailers["log-lines"].as_str()),
            (status, lines.to_string().as_str())
        );
        assert_eq!(answer.trailers.contains_key("log-error"), status != "complete");
    } else if question.ndjson {
        assert_eq!(answer.is_whole, status == "complete" || question.on_error == Some("ignore"));
    }
    if question.ndjson {
        let end = answer.end();
        assert_eq!((end["status"].as_str(), end["lines"].as_u64()), (Some(status), Some(lines)), "{end}");
        assert_hosts(fleet, question, &end, &counts);
    }
    if all_faulty.is_empty() {
        assert!(looks_complete(question, answer), "nothing failed");
    }
}

/// A verdict on each host, and the right one. Where the first failure fails the request
/// there is none on those that were left.
fn assert_hosts(fleet: &[Simulated], question: &Question, end: &serde_json::Value, counts: &[usize]) {
    let hosts = end["hosts"].as_object().unwrap();
    assert!(hosts.len() == fleet.len() || end["status"] == "failed", "a verdict on each host");
    if end["error"].is_object() {
        let of = format!(" of {} hosts failed", fleet.len());
        assert!(end["error"]["detail"].as_str().unwrap().contains(&of), "{end}");
    }
    for (host, count) in fleet.iter().zip(counts) {
        let Some(verdict) = hosts.get(host.name()) else { continue };
        let lines: u64 = host.entries()[..*count].iter().map(Entry::lines).sum();
        assert_eq!(verdict["lines"].as_u64(), Some(lines), "{} {verdict}", host.name());
        let seen = (verdict["status"].as_str().unwrap(), verdict["error"]["code"].as_str());
        let expected = match host.fault() {
            Fault::None | Fault::Slow(_) | Fault::Endless => ("complete", None),
            Fault::NoFile => ("not_found", None),
            Fault::Hung | Fault::HungAfter(_) | Fault::LateAfter(_) => ("timeout", Some("upstream_timeout")),
            Fault::Overloaded => ("failed", Some("overloaded")),
            Fault::FailsAfter(_) => ("failed", Some("io_error")),
            Fault::Down | Fault::CutAfter(_) | Fault::CutInside(_) | Fault::ResetAfter(_) => {
                ("failed", Some("upstream_unreachable"))
            }
        };
        // One that had not failed yet when the rest was no longer wanted.
        let is_spared = !host.fault().is_early()
            && (question.n.is_some() || question.on_error == Some("fail"))
            && seen == ("complete", None);
        assert!(seen == expected || is_spared, "{}: {seen:?}, and not {expected:?}", host.name());
    }
}
