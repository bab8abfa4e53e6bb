//! The one verdict on an answer of several hosts.

use super::search;
use crate::fleet::missing::Missing;
use crate::fleet::{self, same};
use crate::host::Host;
use backscroll_shared::query::OnError;
use backscroll_shared::wire::notice;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Failure, Status, Stopped, Verdict, hosts_failed};
use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// What the fleet does not have, and so could not be asked.
    pub absent: Absent,
}

/// How much is missing from the fleet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Absent {
    /// Verdicts that say so.
    pub verdicts: usize,
    /// Hosts that are missing. One verdict may stand for several.
    pub hosts: usize,
    /// Sources of the fleet whose hosts are not known.
    pub sources: usize,
}

impl Absent {
    /// How much this is.
    pub fn of(missing: &Missing) -> Absent {
        let (hosts, sources) = (missing.host_count(), missing.source_count());
        Absent { verdicts: missing.iter().count(), hosts, sources }
    }
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
        Some(error) if error.code == Code::Timeout && on_error != OnError::Fail => Status::Partial,
        Some(_) if on_error == OnError::Fail && !hosts.values().any(has_failed) => Status::Partial,
        Some(_) if on_error == OnError::Fail || !(any_complete || lines > 0) => Status::Failed,
        Some(_) => Status::Partial,
    };
    let disorder_ms = hosts.values().map(|host| host.disorder_ms).max().unwrap_or(0);
    let notices = notice::of_hosts(&hosts.iter().map(|(host, verdict)| (host.as_str(), &*verdict.notices)));
    Verdict {
        lines,
        bytes_scanned,
        truncated_lines,
        skipped_bytes,
        disorder_ms,
        untimed: sum(|host| host.untimed),
        stopped: search::stopped(&hosts),
        more: search::more(&hosts),
        range: search::range(&hosts),
        error,
        notices,
        hosts,
        ..Verdict::new(status)
    }
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
    let has_failed = on_error == OnError::Fail && hosts.values().any(has_failed);
    // The client is to get its cursors.
    if failure.code == Code::Timeout && !has_failed {
        return None;
    }
    if on_error != OnError::Fail && hosts.values().any(|host| host.status == Status::Complete) {
        return None;
    }
    let mut failed = hosts.values().filter(|host| host.is_failure());
    let shared = failed.all(|host| host.error.as_ref().is_some_and(|error| error.code == failure.code));
    let shared = failure.code.for_problem().filter(|code| shared && !NOT_PASSED_ON.contains(code));
    let code = shared.unwrap_or(Code::UpstreamUnreachable);
    Some(Problem::new(code, failure.detail).on_host(&hosts_failed(hosts)))
}

/// The problem of a file that is on none of these hosts as far as the client may know: what
/// [`problem`] would say if all of them had been asked. `absent` is what is missing from the fleet.
pub fn no_file(hosts: &[Arc<Host>], absent: &Missing, on_error: OnError, file: &str) -> Option<Problem> {
    let distinct = same::grouped(hosts.iter());
    let asked = Asked { hosts: distinct.len(), absent: Absent::of(absent) };
    let mut verdicts: BTreeMap<String, Verdict> =
        distinct.iter().map(|same| (same.host.name.clone(), Verdict::new(Status::NotFound))).collect();
    verdicts.extend(missing(absent));
    problem(&verdicts, asked, on_error, file)
}

/// Whether this verdict spoils also the records that its host has sent before: a file that was
/// truncated while it was read may have given lines that were never in it.
pub fn spoils(verdict: &Verdict) -> bool {
    verdict.error.as_ref().is_some_and(|error| error.code == Code::FileShrunk)
}

/// Whether this is a failure of the host, and not the end of the time that the client gave.
pub fn has_failed(verdict: &Verdict) -> bool {
    verdict.is_failure() && !is_out_of_time(verdict)
}

/// Whether the time that the client gave was over before the host had ended.
pub fn is_out_of_time(verdict: &Verdict) -> bool {
    verdict.error.as_ref().is_some_and(|error| error.code == Code::Timeout)
}

/// The verdict on a host that has nothing for this request, as an earlier answer has found.
pub fn nothing_left() -> Verdict {
    Verdict { stopped: Some(Stopped::Exhausted), more: Some(false), ..Verdict::new(Status::Complete) }
}

/// The verdicts on what is missing from the fleet.
pub fn missing(missing: &Missing) -> impl Iterator<Item = (String, Verdict)> {
    let verdict =
        |absent: &fleet::missing::Absent| Verdict::failed(Code::UpstreamUnreachable, absent.why.to_string());
    missing.iter().map(move |(name, absent)| (name.to_owned(), verdict(absent)))
}

/// A text about all that failed, and the code of the first failure.
fn failure(hosts: &BTreeMap<String, Verdict>, asked: Asked) -> Option<Failure> {
    let failed: Vec<_> = hosts.iter().filter(|(_, host)| host.is_failure()).collect();
    if failed.iter().any(|(_, host)| is_out_of_time(host)) {
        return Some(out_of_time(&failed, asked));
    }
    let (name, first) = failed.first()?;
    let code = |host: &Verdict| host.error.as_ref().map_or(Code::UNKNOWN, |error| error.code);
    let Asked { hosts: were_asked, absent } = asked;
    let of = were_asked.saturating_add(absent.hosts);
    let failed_hosts = failed.len().saturating_sub(absent.verdicts).saturating_add(absent.hosts);
    let sources = match absent.sources {
        0 => String::new(),
        1 => " and the hosts of a source of the fleet are not known".to_owned(),
        many => format!(" and the hosts of {many} sources of the fleet are not known"),
    };
    let mut detail = format!(
        "{failed_hosts} of {of} hosts failed{sources}: {}: their records are missing; ask again, or see GET /hosts",
        named(&failed.iter().collect::<Vec<_>>())
    );
    // If all that failed have the same code, the advice of the first one holds for all.
    if let (true, Some(error)) = (hosts.len() >= were_asked.saturating_add(absent.verdicts), &first.error)
        && failed.iter().all(|(_, host)| code(host) == error.code)
    {
        detail = format!("{detail}; {name}: {}", error.detail);
    }
    Some(Failure { code: code(first), detail })
}

/// The failure of an answer whose time was over, as the client gave it.
fn out_of_time(failed: &[(&String, &Verdict)], asked: Asked) -> Failure {
    let (late, others): (Vec<_>, Vec<_>) = failed.iter().partition(|(_, host)| is_out_of_time(host));
    let mut detail = format!(
        "the time that the request gave was over before {} of {} hosts had ended ({}): their older records are missing; continue with the cursor `older` if the verdict has one, or ask with a longer timeout",
        late.len(),
        asked.hosts,
        named(&late)
    );
    if !others.is_empty() {
        detail = format!("{detail}; {} hosts failed: {}; see GET /hosts", others.len(), named(&others));
    }
    Failure { code: Code::Timeout, detail }
}

/// The names of hosts with the code of each, as far as there is room.
fn named(hosts: &[&(&String, &Verdict)]) -> String {
    let code = |host: &Verdict| host.error.as_ref().map_or(Code::UNKNOWN, |error| error.code);
    let names: Vec<String> =
        hosts.iter().take(NAMED).map(|(name, host)| format!("{name} ({})", code(host))).collect();
    match hosts.len() {
        len if len > NAMED => format!("{} and {} more", names.join(", "), len - NAMED),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests;
