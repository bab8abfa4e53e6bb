//! Why a host gave no answer, in words for people.

use super::client::NoAuthority;
use backscroll_shared::tls::Fault;
use rustix::io::Errno;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

/// Why a host gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// Its machine refuses the connection.
    #[error("it refuses connections: nothing listens at its port")]
    Refused,
    /// No connection in time.
    #[error("no connection to it was made in time: it may be off, or a firewall may drop the packets")]
    NoConnection,
    /// It accepted the connection, and did not answer.
    #[error("it accepts connections and does not answer")]
    Silent,
    /// The name in its URL has no address.
    #[error("the name in its URL has no address: check the URL and the DNS")]
    NoAddress,
    /// The network says that there is no way to it.
    #[error("there is no route to it")]
    NoRoute,
    /// It closed the connection, or said something that is not HTTP.
    #[error("it closes connections without an answer, or does not speak HTTP")]
    Broken,
    /// The TLS connection to it failed.
    #[error(transparent)]
    Tls(Fault),
    /// It answers that it speaks TLS, and its URL says `http`.
    #[error("it speaks TLS, and its URL says http://: write https:// in its URL")]
    WantsTls,
    /// Its URL says `https`, and this primary knows no authority.
    #[error("its URL says https://, and --secondary-ca is not given")]
    NoAuthority,
    /// Another server answers, with this status.
    #[error("what answers at its URL is no secondary (status {0})")]
    Foreign(u16),
    /// It is a secondary, and does not know this primary.
    #[error(
        "it does not let this primary in: check --secondary-token-file here, and --token-file there (with primary = true)"
    )]
    NotLetIn,
    /// It could not be reached, for an unknown reason.
    #[error("it cannot be reached")]
    Unreached,
    /// This machine could not ask: it is out of descriptors, ports or memory.
    #[error("this machine is out of descriptors or ports")]
    Ours,
}

impl Cause {
    /// The cause of an error of the HTTP client.
    pub fn of(error: &(dyn Error + 'static)) -> Cause {
        if let Some(fault) = Fault::of(error) {
            return Cause::Tls(fault);
        }
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<io::Error>().and_then(of_io) {
                return found;
            }
            if error.is::<NoAuthority>() {
                return Cause::NoAuthority;
            }
            // Errors of the resolver can be told by their text alone.
            if error.to_string().starts_with("dns error") {
                return Cause::NoAddress;
            }
            cause = error.source();
        }
        Cause::Broken
    }

    /// Whether the two do not agree on TLS. That does not pass by itself.
    pub(super) fn is_of_tls(self) -> bool {
        matches!(self, Cause::Tls(_) | Cause::WantsTls | Cause::NoAuthority)
    }

    /// Whether each request has to wait until it learns this.
    pub(super) fn takes_time(self) -> bool {
        matches!(self, Cause::NoConnection | Cause::Silent)
    }
}

/// Shows an error together with what caused it, which the text of the error leaves out.
pub(super) struct Causes<'e>(pub(super) &'e (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut error = Some(self.0);
        let mut sep = "";
        while let Some(this) = error {
            write!(f, "{sep}{this}")?;
            (error, sep) = (this.source(), ": ");
        }
        Ok(())
    }
}

fn of_io(error: &io::Error) -> Option<Cause> {
    const OURS: [Errno; 5] = [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOBUFS, Errno::NOMEM];
    if Errno::from_io_error(error).is_some_and(|errno| OURS.contains(&errno)) {
        return Some(Cause::Ours);
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => Some(Cause::Refused),
        ErrorKind::TimedOut => Some(Cause::NoConnection),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Some(Cause::NoRoute)
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Some(Cause::Broken),
        // It may wrap another error, which says more.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_reason_is_found_through_what_wraps_it() {
        #[derive(Debug, thiserror::Error)]
        #[error("client error (Connect)")]
        struct Outer(#[source] Box<dyn Error + Send + Sync>);
        let wrapped = |error: io::Error| Outer(Box::new(Outer(Box::new(error))));
        for (errno, cause) in [
            (Errno::CONNREFUSED, Cause::Refused),
            (Errno::HOSTUNREACH, Cause::NoRoute),
            (Errno::NETUNREACH, Cause::NoRoute),
            (Errno::TIMEDOUT, Cause::NoConnection),
            (Errno::CONNRESET, Cause::Broken),
            (Errno::MFILE, Cause::Ours),
            (Errno::ADDRNOTAVAIL, Cause::Ours),
        ] {
            assert_eq!(Cause::of(&wrapped(errno.into())), cause, "{errno:?}");
        }
        let dns = Outer("dns error: failed to look up".into());
        assert_eq!(Cause::of(&dns), Cause::NoAddress);
        assert_eq!(Cause::of(&Outer("invalid HTTP version".into())), Cause::Broken);
    }

    #[test]
    fn a_reason_is_one_line_that_says_more_than_that_it_failed() {
        for cause in [
            Cause::Refused,
            Cause::NoConnection,
            Cause::Silent,
            Cause::NoAddress,
            Cause::NoRoute,
            Cause::Broken,
            Cause::Foreign(404),
            Cause::NotLetIn,
            Cause::Ours,
            Cause::WantsTls,
            Cause::NoAuthority,
            Cause::Tls(Fault::WrongName),
        ] {
            let text = cause.to_string();
            assert!(text.len() > 20 && !text.contains('\n') && !text.ends_with('.'), "{text}");
        }
        assert!(Cause::Foreign(404).to_string().contains("404"));
    }
}
