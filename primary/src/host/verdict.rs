//! Verdicts on one host: its own, checked, or the one on a host that failed.

use crate::text::{TEXT_BYTES, line};
use backscroll_shared::wire::code::Code;
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
            let Verdict { status, error, hosts, .. } = failed(error);
            Ok(Verdict { status, error, hosts, ..given })
        }
        None if !given.hosts.is_empty() => Err(BadVerdict::OtherHosts),
        None if is_complete => Ok(given),
        None => Err(BadVerdict::NoReason),
    }
}

/// The verdict on a host that failed like this.
pub fn failed(Failure { code, detail }: Failure) -> Verdict {
    let status = if code == Code::UpstreamTimeout { Status::Timeout } else { Status::Failed };
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
        let mut others = Verdict::new(Status::Complete);
        others.hosts.insert("x".to_owned(), Verdict::new(Status::Complete));
        assert!(checked(others).is_err());
    }
}
