//! TLS between real programs: `curl` and `openssl` ask, and certificates of every wrong kind are
//! shown.

mod answers;
mod causes;
mod clients;
mod docs;
mod files;
mod handshakes;

use backscroll_e2e::program::Program;
use backscroll_primary::certs::{Authority, Issued, Subject, Usage};
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A directory with an authority's certificates.
pub(crate) struct Certs {
    dir: TempDir,
    authority: Authority,
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Certs {
    /// With `web1` for 127.0.0.1, and `primary`, as `certs init` makes them.
    pub(crate) fn new() -> Certs {
        let certs =
            Certs { dir: tempfile::tempdir().unwrap(), authority: Authority::new(Timestamp::now()).unwrap() };
        std::fs::write(certs.path("ca.pem"), certs.authority.certificate()).unwrap();
        certs.issue("web1", Usage::Server, &["web1", "localhost", "127.0.0.1"]);
        certs.issue("primary", Usage::Client, &["backscroll-primary"]);
        certs
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn issue(&self, name: &str, usage: Usage, valid_for: &[&str]) {
        let now = Timestamp::now();
        self.issue_between(name, usage, valid_for, now - HOUR, now + HOUR);
    }

    fn issue_expired(&self, name: &str, usage: Usage, valid_for: &[&str]) {
        let now = Timestamp::now();
        self.issue_between(name, usage, valid_for, now - HOUR * 2, now - HOUR);
    }

    fn issue_between(&self, name: &str, usage: Usage, valid_for: &[&str], from: Timestamp, until: Timestamp) {
        let valid_for = valid_for.iter().map(|name| (*name).to_owned()).collect();
        let subject = Subject { name: name.to_owned(), valid_for };
        let Issued { certificate, key } = self.authority.issue_between(&subject, usage, from, until).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key).unwrap();
    }

    /// The flags with which a server shows the certificate of this name.
    pub(crate) fn server(&self, name: &str) -> Vec<String> {
        let (pem, key) = (format!("{name}.pem"), format!("{name}.key"));
        vec!["--tls-cert".to_owned(), self.text(&pem), "--tls-key".to_owned(), self.text(&key)]
    }

    /// A secondary that shows the certificate of this name, with more flags.
    fn secondary(&self, logs: &Path, name: &str, more: &[&str]) -> Program {
        let mut args = self.server(name);
        args.extend(
            ["--log-dir", logs.to_str().unwrap(), "--hostname", "web1", "--threads", "1"].map(str::to_owned),
        );
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        Program::start("backscroll-secondary", &args).unwrap()
    }

    /// A primary of one secondary, which it asks over TLS, with more flags.
    fn primary(&self, url: &str, more: &[&str]) -> Program {
        let ca = self.text("ca.pem");
        let mut args = vec!["--secondary", url, "--secondary-ca", &ca];
        args.extend(more);
        Program::start("backscroll-primary", &args).unwrap()
    }

    /// What `curl` says that believes the authority.
    fn curl(&self, args: &[&str]) -> Output {
        Command::new("curl")
            .args(["-sS", "--max-time", "60", "--cacert", &self.text("ca.pem")])
            .args(args)
            .output()
            .expect("curl is installed")
    }

    /// The status of such a request, or `exit N`.
    fn status(&self, args: &[&str]) -> String {
        let output = self.curl(&[&["-o", "/dev/null", "-w", "%{http_code}"], args].concat());
        match output.status.code() {
            Some(0) => text(&output.stdout),
            code => format!("exit {}", code.unwrap_or(-1)),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A log directory with `app.log` of three lines.
fn logs() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.log"), "one\ntwo\nthree\n").unwrap();
    dir
}
