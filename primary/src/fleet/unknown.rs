//! The problem of a name or a pattern that no host of the fleet has.

use super::Fleet;
use crate::turn::Turn;
use backscroll_shared::nearest;
use backscroll_shared::text::quoted;
use backscroll_shared::wire::problem::{Code, Problem};

/// Names that are suggested.
const SUGGESTED: usize = 3;

/// Characters of patterns that other programs know, and this one does not.
const OTHER_PATTERNS: [char; 5] = ['{', '[', '(', '|', '\\'];
const NO_OTHER_PATTERNS: &str = "a pattern has * and ? alone: repeat hostname for each name or pattern";

/// The problem of the name of a host that is expected, and is missing for this reason.
pub(super) fn missing(name: &str, why: &str) -> Problem {
    Problem::new(Code::UpstreamUnreachable, format!("host {name} is missing: {why}")).on_host(name)
}

/// The problem of a name.
pub(super) async fn name(fleet: &Fleet, name: &str, turn: &mut Turn) -> Problem {
    let mut like = Vec::new();
    let here = fleet.hosts().map(|host| &*host.name);
    for known in here.chain(fleet.missing().hosts().map(|(name, _)| name)) {
        if let Some(likeness) = nearest::likeness(name, known) {
            like.push((likeness, known));
        }
        turn.step().await;
    }
    // The most similar one first, then by name.
    like.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let like: Vec<&str> = like.into_iter().take(SUGGESTED).map(|(_, name)| name).collect();
    let advice = if name.contains(OTHER_PATTERNS) {
        NO_OTHER_PATTERNS.to_owned()
    } else if name.contains(',') {
        "one hostname names one host: repeat it for each, as in hostname=web1&hostname=web2".to_owned()
    } else if like.is_empty() {
        "GET /hosts lists the names".to_owned()
    } else {
        format!("did you mean {}? GET /hosts lists the names", like.join(" or "))
    };
    problem(fleet, &format!("no host {} in the fleet: {advice}", quoted(name.as_bytes())))
}

/// The problem of a pattern.
pub(super) fn pattern(fleet: &Fleet, pattern: &str) -> Problem {
    let advice = if pattern.contains(OTHER_PATTERNS) || pattern.contains(',') {
        NO_OTHER_PATTERNS
    } else {
        "* is any characters and ? is one, and capital letters count: GET /hosts lists the names"
    };
    let quoted = quoted(pattern.as_bytes());
    problem(fleet, &format!("no host in the fleet has a name like {quoted}: {advice}"))
}

/// Says also what is missing from the fleet without a name: the host may be among it.
fn problem(fleet: &Fleet, what: &str) -> Problem {
    let mut detail = what.to_owned();
    for (_, absent) in fleet.missing().unnamed() {
        detail.push_str("; ");
        detail.push_str(&absent.why);
    }
    Problem::new(Code::UnknownHost, detail)
}
