//! The one verdict on an answer of several hosts.

use backscroll_shared::query::OnError;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Failure, Status, Verdict, hosts_failed};
use std::collections::BTreeMap;

/// Hosts that a text names. The others are counted.
const NAMED: usize = 5;

/// Codes that are answered with 502 and not with their own status, where all hosts that failed have
/// the same code. `NotFound` is about a file, and is no failure. The others are about requests that
/// no primary sends, so another server answers, or a newer secondary.
const NOT_PASSED_ON: [Code; 8] = [
    Code::NotFound,
    Code::BadRequest,
    Code::UnknownHost,
    Code::NoRoute,
    Code::MethodNotAllowed,
    Code::NotAcceptable,
    Code::HeadersTooLarge,
    Code::UpstreamUnreachable,
];

/// How many hosts an answer is from.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Hosts that were asked, each counted once.
    pub hosts: usize,
    /// Sources of the fleet whose hosts are not known.
    pub sources: usize,
}

/// The verdict on the whole answer, from the verdicts on those `hosts` that have ended.
pub fn overall(hosts: BTreeMap<String, Verdict>, asked: Asked, on_error: OnError) -> Verdict {
    // A host may say any number.
    let sum = |of: fn(&Verdict) -> u64| hosts.values().map(of).fold(0, u64::saturating_add);
    let lines = sum(|host| host.lines);
    let (truncated_lines, bytes_scanned) = (sum(|host| host.truncated_lines), sum(|host| host.bytes_scanned));
    let skipped_bytes = sum(|host| host.skipped_bytes);
    let any_complete = hosts.values().any(|host| host.status == Status::Complete);
    let error = failure(&hosts, asked);
    let status = match &error {
        None => Status::Complete,
        Some(_) if on_error == OnError::Fail || !(any_complete || lines > 0) => Status::Failed,
        Some(_) => Status::Partial,
    };
    let disorder_ms = hosts.values().map(|host| host.disorder_ms).max().unwrap_or(0);
    Verdict { status, lines, bytes_scanned, truncated_lines, skipped_bytes, disorder_ms, error, hosts }
}

/// The problem that is sent in place of an answer from which nothing has left yet: if no host has
/// the file, if all hosts that may have it failed, or if one failure is enough.
pub fn problem(
    hosts: &BTreeMap<String, Verdict>,
    asked: Asked,
    on_error: OnError,
    file: &str,
) -> Option<Problem> {
    if hosts.values().all(|host| host.status == Status::NotFound) {
        let whose = match hosts.keys().next() {
            Some(host) if hosts.len() == 1 => format!("host {host} has no"),
            _ => format!("none of {} hosts has a", asked.hosts),
        };
        let detail = format!("{whose} log file {file}: GET /files lists what there is");
        return Some(Problem::new(Code::NotFound, detail));
    }
    let failure = failure(hosts, asked)?;
    if on_error != OnError::Fail && hosts.values().any(|host| host.status == Status::Complete) {
        return None;
    }
    let mut failed = hosts.values().filter(|host| host.is_failure());
    let shared = failed.all(|host| host.error.as_ref().is_some_and(|error| error.code == failure.code));
    let shared = failure.code.for_problem().filter(|code| shared && !NOT_PASSED_ON.contains(code));
    let code = shared.unwrap_or(Code::UpstreamUnreachable);
    Some(Problem::new(code, failure.detail).on_host(&hosts_failed(hosts)))
}

/// Whether this verdict spoils also the records that its host has sent before: a file that was
/// truncated while it was read may have given lines that were never in it.
pub fn spoils(verdict: &Verdict) -> bool {
    verdict.error.as_ref().is_some_and(|error| error.code == Code::FileShrunk)
}

/// The verdicts on what is missing from the fleet: names, each with the reason.
pub fn missing(missing: &BTreeMap<String, String>) -> impl Iterator<Item = (String, Verdict)> {
    missing.iter().map(|(name, why)| (name.clone(), Verdict::failed(Code::UpstreamUnreachable, why.clone())))
}

/// A text about all that failed, and the code of the first failure.
fn failure(hosts: &BTreeMap<String, Verdict>, asked: Asked) -> Option<Failure> {
    let failed: Vec<_> = hosts.iter().filter(|(_, host)| host.is_failure()).collect();
    let (name, first) = failed.first()?;
    let code = |host: &Verdict| host.error.as_ref().map_or(Code::UNKNOWN, |error| error.code);
    let named: Vec<String> =
        failed.iter().take(NAMED).map(|(name, host)| format!("{name} ({})", code(host))).collect();
    let more = match failed.len() {
        len if len > NAMED => format!(" and {} more", len - NAMED),
        _ => String::new(),
    };
    let Asked { hosts: of, sources } = asked;
    let what = match sources {
        0 => format!("{} of {of} hosts failed", failed.len()),
        1 => format!(
            "{} of {of} hosts failed and the hosts of a source of the fleet are not known",
            failed.len().saturating_sub(1)
        ),
        _ => format!(
            "{} of {of} hosts failed and the hosts of {sources} sources of the fleet are not known",
            failed.len().saturating_sub(sources)
        ),
    };
    let mut detail = format!(
        "{what}: {}{more}: their records are missing; ask again, or see GET /hosts",
        named.join(", ")
    );
    // If all that failed have the same code, the advice of the first one holds for all.
    if let (true, Some(error)) = (hosts.len() >= of + sources, &first.error)
        && failed.iter().all(|(_, host)| code(host) == error.code)
    {
        detail = format!("{detail}; {name}: {}", error.detail);
    }
    Some(Failure { code: code(first), detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(all: &[(&str, Status)]) -> BTreeMap<String, Verdict> {
        all.iter()
            .map(|(name, status)| {
                let verdict = match status {
                    Status::Timeout => Verdict {
                        status: *status,
                        ..Verdict::failed(Code::UpstreamTimeout, "late".to_owned())
                    },
                    Status::Failed => Verdict::failed(Code::IoError, "disk".to_owned()),
                    other => Verdict::new(*other),
                };
                ((*name).to_owned(), verdict)
            })
            .collect()
    }

    fn of(hosts: usize) -> Asked {
        Asked { hosts, sources: 0 }
    }

    #[test]
    fn a_source_that_is_missing_is_not_counted_as_a_host() {
        let mut all = hosts(&[("a", Status::Complete)]);
        all.extend(missing(&BTreeMap::from([("b.internal:1".to_owned(), "has no address".to_owned())])));
        let told =
            overall(all.clone(), Asked { hosts: 1, sources: 1 }, OnError::Report).error.unwrap().detail;
        assert!(told.starts_with("0 of 1 hosts failed and the hosts of a source"), "{told}");
        assert!(
            told.contains("b.internal:1 (upstream_unreachable)") && told.ends_with("has no address"),
            "{told}"
        );
        all.insert("a".to_owned(), Verdict::failed(Code::IoError, "disk".to_owned()));
        let told = overall(all, Asked { hosts: 1, sources: 1 }, OnError::Report).error.unwrap().detail;
        assert!(told.starts_with("1 of 1 hosts failed and the hosts of a source"), "{told}");
    }

    #[test]
    fn hosts_without_the_file_do_not_make_an_answer_partial() {
        let all = hosts(&[("a", Status::Complete), ("b", Status::NotFound)]);
        assert!(problem(&all, of(2), OnError::Fail, "f").is_none());
        assert_eq!(overall(all, of(2), OnError::Fail).status, Status::Complete);
        let none = hosts(&[("a", Status::NotFound), ("b", Status::NotFound)]);
        let told = problem(&none, of(2), OnError::Ignore, "f").unwrap();
        assert_eq!(told.code(), Code::NotFound);
        assert!(told.detail().starts_with("none of 2 hosts has a log file f: "), "{}", told.detail());
        let one = hosts(&[("a", Status::NotFound)]);
        let told = problem(&one, of(1), OnError::Ignore, "f").unwrap();
        assert!(told.detail().starts_with("host a has no log file f: "), "{}", told.detail());
    }

    #[test]
    fn a_failure_is_one_whatever_becomes_of_it() {
        let some = hosts(&[("a", Status::Complete), ("b", Status::Failed), ("c", Status::Timeout)]);
        for (on_error, status) in [
            (OnError::Report, Status::Partial),
            (OnError::Ignore, Status::Partial),
            (OnError::Fail, Status::Failed),
        ] {
            assert_eq!(overall(some.clone(), of(3), on_error).status, status);
        }
        assert!(problem(&some, of(3), OnError::Report, "f").is_none());
        assert_eq!(problem(&some, of(3), OnError::Fail, "f").unwrap().code(), Code::UpstreamUnreachable);
        assert_eq!(hosts_failed(&some), "b,c");
        let late = hosts(&[("a", Status::NotFound), ("b", Status::Timeout)]);
        assert_eq!(problem(&late, of(2), OnError::Ignore, "f").unwrap().code(), Code::UpstreamTimeout);
    }

    #[test]
    fn what_all_that_failed_say_has_its_own_status() {
        let failed = |code: &str| Verdict::failed(code.into(), format!("what to do about {code}"));
        for (code, status) in [
            ("bad_parameter", 400),
            ("unknown_parameter", 400),
            ("forbidden", 403),
            ("uri_too_long", 414),
            ("unsupported_compression", 415),
            ("io_error", 500),
            ("overloaded", 503),
            ("draining", 503),
            ("upstream_unreachable", 502),
            ("upstream_timeout", 504),
            ("not_found", 502),
            ("unknown_host", 502),
            ("of_a_newer_one", 502),
        ] {
            let mut all = BTreeMap::from(["a", "b"].map(|name| (name.to_owned(), failed(code))));
            let told = problem(&all, of(2), OnError::Report, "f").unwrap();
            assert_eq!(told.code().status(), status, "{code}");
            let advice = format!("; a: what to do about {code}");
            assert!(told.detail().contains(&advice), "{}", told.detail());
            assert!(overall(all.clone(), of(2), OnError::Report).error.unwrap().detail.contains(&advice));
            // One that has not ended may say something else, and so may one that failed.
            assert!(!problem(&all, of(3), OnError::Report, "f").unwrap().detail().contains("what to do"));
            // One that does not have the file says nothing else.
            all.insert("c".to_owned(), Verdict::new(Status::NotFound));
            let told = problem(&all, of(3), OnError::Report, "f").unwrap();
            assert_eq!(told.code().status(), status, "{code}");
            assert!(told.detail().contains(&advice), "{}", told.detail());
            // Nor does what others have delivered.
            all.insert("c".to_owned(), Verdict::new(Status::Complete));
            let error = overall(all.clone(), of(3), OnError::Report).error.unwrap();
            assert!(error.detail.contains(&advice), "{error:?}");
            all.insert("d".to_owned(), failed("another"));
            assert!(
                !overall(all.clone(), of(4), OnError::Report).error.unwrap().detail.contains("what to do")
            );
            all.insert("c".to_owned(), Verdict::new(Status::NotFound));
            assert_eq!(problem(&all, of(4), OnError::Report, "f").unwrap().code().status(), 502, "{code}");
        }
    }
}
