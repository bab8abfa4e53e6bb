//! Verdicts on one host: its own, checked, or the one on a host that failed.

use crate::text::{TEXT_BYTES, line};
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::notice::{DETAIL_BYTES, NOTICES, Notice};
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::verdict::{Failure, Status, Verdict};

/// Why a verdict is not one that a secondary gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadVerdict {
    /// A secondary knows no other hosts.
    #[error("gave a verdict on other hosts")]
    OtherHosts,
    /// It is not complete, and has no failure.
    #[error("failed, and did not say why")]
    NoReason,
}

/// The verdict that a host gave, as the client gets it. One that is not complete has failed, and
/// says why.
pub fn checked(given: Verdict) -> Result<Verdict, BadVerdict> {
    let is_complete = given.status == Status::Complete;
    match given.error {
        // Whatever it calls it.
        Some(error) => {
            let Verdict { status, error, hosts, hosts_visible, .. } = failed(error);
            // Beside a failure, nothing else is worth saying.
            Ok(Verdict { status, error, hosts, hosts_visible, notices: Vec::new(), ..given })
        }
        None if !given.hosts.is_empty() || given.hosts_visible.is_some() => Err(BadVerdict::OtherHosts),
        None if is_complete => Ok(Verdict { notices: notices(given.notices), ..given }),
        None => Err(BadVerdict::NoReason),
    }
}

/// The notices of a host, fit to be shown.
fn notices(given: Vec<Notice>) -> Vec<Notice> {
    let shown = |notice: Notice| Notice { detail: line(&notice.detail, DETAIL_BYTES), ..notice };
    given.into_iter().take(NOTICES).map(shown).collect()
}

/// The verdict on a host that failed like this.
pub fn failed(Failure { code, detail }: Failure) -> Verdict {
    let status =
        if matches!(code, Code::UpstreamTimeout | Code::Timeout) { Status::Timeout } else { Status::Failed };
    let failure = Failure { code, detail: line(&detail, TEXT_BYTES) };
    Verdict { error: Some(failure), ..Verdict::new(status) }
}

/// The verdict on a host that could not be asked, or that was given up, for this reason.
pub fn of_problem(problem: &Problem) -> Verdict {
    let status = if problem.code() == Code::UpstreamTimeout { Status::Timeout } else { Status::Failed };
    Verdict { status, ..Verdict::failed(problem.code(), problem.detail().to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_that_is_not_complete_has_failed_and_says_why() {
        let error = |code: &str| Some(Failure { code: code.into(), detail: "a\tb\u{202e}".to_owned() });
        for status in [Status::Complete, Status::Partial, Status::Failed, Status::NotFound, Status::Timeout] {
            let given = Verdict { lines: 3, error: error("io_error"), ..Verdict::new(status) };
            let judged = checked(given).unwrap();
            assert_eq!((judged.status, judged.lines), (Status::Failed, 3));
            assert_eq!(judged.error.unwrap().detail, "a b ");
            assert_eq!(checked(Verdict::new(status)).is_ok(), status == Status::Complete);
        }
        let late = Verdict { error: error("upstream_timeout"), ..Verdict::new(Status::Failed) };
        assert_eq!(checked(late).unwrap().status, Status::Timeout);
        let nasty = Verdict { error: error("\r\nLog-Status: complete"), ..Verdict::new(Status::Failed) };
        assert_eq!(checked(nasty).unwrap().error.unwrap().code.as_str(), "unknown");
        let notice = Notice { code: Notice::ALIAS, count: 0, detail: "a\tb".to_owned() };
        let given = Verdict { notices: vec![notice; NOTICES + 1], ..Verdict::new(Status::Complete) };
        let kept = checked(given.clone()).unwrap().notices;
        assert!(kept.len() == NOTICES && kept[0].detail == "a b");
        let spoilt = checked(Verdict { error: error("io_error"), ..given }).unwrap();
        assert!(spoilt.notices.is_empty());
        let mut others = Verdict::new(Status::Complete);
        others.hosts.insert("x".to_owned(), Verdict::new(Status::Complete));
        assert!(checked(others).is_err());
    }
}
