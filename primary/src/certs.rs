//! `backscroll-primary certs`: a small private authority, and the certificates for a first set-up in
//! one command.
//!
//! ```text
//! ca.pem  ca.key         the authority
//! ├─ primary             a client: shows secondaries that it is the primary
//! ├─ primary-server      a server: for the people who ask the primary
//! └─ web1, web2, …       servers: one for each secondary
//! ```
//!
//! The usages are apart, so that the certificate of a secondary opens no other secondary.

mod args;
mod authority;
mod files;
mod report;
mod subject;

pub use args::HELP;
pub use authority::{Authority, Issued, Usage};
pub use subject::{BadSubject, Subject};

use args::{Add, Command, Init};
use backscroll_shared::cli::{self, EXIT_USAGE};
use files::Directory;
use jiff::{SignedDuration, Timestamp};
use std::io::Write as _;

/// The DNS name in the primary's certificate for secondaries, which they accept by default.
pub const PRIMARY_NAME: &str = "backscroll-primary";

/// The names of the files that are not a secondary's.
const AUTHORITY: &str = "ca";
const PRIMARY: &str = "primary";
const PRIMARY_SERVER: &str = "primary-server";

/// Why no certificates were made: one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum Error {
    /// A name or an address that no certificate can carry.
    Subject(#[from] BadSubject),
    /// The directory.
    Files(#[from] files::Error),
    /// The authority.
    Authority(#[from] authority::Error),
}

/// Runs the subcommand if the first argument is `certs`, and returns the exit status.
pub fn asked_for(program: &str) -> Option<u8> {
    let command = match args::asked_for(program)? {
        Ok(command) => command,
        Err(status) => return Some(status),
    };
    let made = match command {
        Command::Init(init) => make(&init),
        Command::Add(add) => more(&add),
    };
    Some(match made {
        Ok(report) => {
            // Whoever closed the pipe does not want to know.
            let _ = std::io::stdout().write_all(report.as_bytes());
            0
        }
        Err(error) => {
            cli::complain(program, &error.to_string());
            EXIT_USAGE
        }
    })
}

fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

fn make(init: &Init) -> Result<String, Error> {
    let secondaries = Subject::list(&init.secondary)?;
    let server = Subject::server(&init.primary)?;
    let directory = Directory::new(&init.dir, false);
    let all = [AUTHORITY, PRIMARY, PRIMARY_SERVER].into_iter();
    directory.check(all.chain(secondaries.iter().map(|subject| subject.name.as_str())))?;
    let authority = Authority::new(Timestamp::now())?;
    let until = Timestamp::now() + days(init.days);
    let mut made = vec![
        (PRIMARY, authority.issue(&Subject::client(), Usage::Client, until)?),
        (PRIMARY_SERVER, authority.issue(&server, Usage::Server, until)?),
    ];
    for subject in &secondaries {
        made.push((&subject.name, authority.issue(subject, Usage::Server, until)?));
    }
    directory.write(AUTHORITY, authority.certificate(), &authority.key())?;
    for (name, Issued { certificate, key }) in &made {
        directory.write(name, certificate, key)?;
    }
    Ok(report::of_all(&directory, &authority, until, &server, &secondaries))
}

fn more(add: &Add) -> Result<String, Error> {
    let secondaries = Subject::list(&add.secondary)?;
    let server = (!add.primary.is_empty()).then(|| Subject::server(&add.primary)).transpose()?;
    let directory = Directory::new(&add.dir, add.replace);
    let authority = Authority::load(&directory)?;
    let until = (Timestamp::now() + days(add.days)).min(authority.ends());
    let mut made = Vec::new();
    if let Some(server) = &server {
        made.push((PRIMARY, authority.issue(&Subject::client(), Usage::Client, until)?));
        made.push((PRIMARY_SERVER, authority.issue(server, Usage::Server, until)?));
    }
    for subject in &secondaries {
        made.push((&subject.name, authority.issue(subject, Usage::Server, until)?));
    }
    directory.check(made.iter().map(|(name, _)| *name))?;
    for (name, Issued { certificate, key }) in &made {
        directory.write(name, certificate, key)?;
    }
    Ok(report::of_more(&directory, until, server.as_ref(), &secondaries))
}

#[cfg(test)]
mod tests;
