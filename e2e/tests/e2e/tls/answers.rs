//! The end of an answer over TLS: a whole one looks whole, and one that was cut does not.

use super::{Certs, text};
use backscroll_e2e::program::Program;
use rustix::process::Signal;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A log much larger than all buffers between a disk and a client.
const LARGE: u64 = 64 << 20;

struct Pair {
    certs: Certs,
    logs: TempDir,
    secondary: Program,
    primary: Program,
}

impl Pair {
    fn start() -> Pair {
        let (certs, logs) = (Certs::new(), tempfile::tempdir().unwrap());
        backscroll_samples::write_large(&logs.path().join("large.log"), LARGE).unwrap();
        let secondary = certs.secondary(logs.path(), "web1", &[]);
        let server = certs.server("web1");
        let flags: Vec<&str> = server.iter().map(String::as_str).collect();
        let primary = certs.primary(&format!("web1=https://{}", secondary.listen), &flags);
        Pair { certs, logs, secondary, primary }
    }

    fn urls(&self) -> [String; 2] {
        [
            format!("https://{}/logs?filename=large.log", self.secondary.listen),
            format!("https://{}/logs?hostname=web1&filename=large.log", self.primary.listen),
        ]
    }

    /// A curl that is in the middle of the answer.
    fn in_the_middle(&self, args: &[&str]) -> Child {
        let mut child = Command::new("curl")
            .args(["-sS", "--cacert", &self.certs.text("ca.pem")])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut seen = vec![0; 1 << 20];
        child.stdout.as_mut().unwrap().read_exact(&mut seen).unwrap();
        child
    }
}

fn exit_of(mut child: Child) -> (Option<i32>, usize) {
    let mut rest = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
    (child.wait().unwrap().code(), rest.len() + (1 << 20))
}

#[test]
fn a_whole_answer_is_whole_also_where_it_ends_by_closing() {
    let pair = Pair::start();
    for url in pair.urls() {
        for version in ["--http1.1", "--http1.0"] {
            let output = pair.certs.curl(&[version, &url]);
            assert_eq!(output.status.code(), Some(0), "{version} {url}: {}", text(&output.stderr));
            let size = pair.logs.path().join("large.log").metadata().unwrap().len();
            assert_eq!(output.stdout.len() as u64, size, "{version} {url}");
        }
    }
}

#[test]
fn an_answer_that_is_cut_looks_cut() {
    for (version, code) in [("--http1.1", 18), ("--http1.0", 56)] {
        // The secondary is killed: a primary notices, and cuts its own answer.
        let pair = Pair::start();
        let [own, through] = pair.urls();
        let curls = [&own, &through].map(|url| pair.in_the_middle(&[version, url]));
        pair.secondary.signal(Signal::KILL).unwrap();
        for (child, url) in curls.into_iter().zip([&own, &through]) {
            let (exit, len) = exit_of(child);
            // A connection that is reset in the middle of a record is told as a failed read.
            let is_cut = exit == Some(code) || exit == Some(56);
            assert!(is_cut && (len as u64) < LARGE, "{version} {url}: {exit:?} after {len}");
        }
    }
}

/// Shortens the file that is being read, so that the secondary cannot go on.
fn shorten(pair: &Pair) {
    let file = std::fs::OpenOptions::new().write(true).open(pair.logs.path().join("large.log")).unwrap();
    file.set_len(1 << 16).unwrap();
}

#[test]
fn an_answer_that_cannot_go_on_looks_cut() {
    for (version, code) in [("--http1.1", 18), ("--http1.0", 56)] {
        let pair = Pair::start();
        let [own, through] = pair.urls();
        let curls = [&own, &through].map(|url| pair.in_the_middle(&[version, url]));
        shorten(&pair);
        for (child, url) in curls.into_iter().zip([&own, &through]) {
            let (exit, len) = exit_of(child);
            assert!(exit == Some(code) && (len as u64) < LARGE, "{version} {url}: {exit:?} after {len}");
        }
    }
}

/// What `openssl s_client` says of the messages that came from the server, for an answer of which
/// it has the first MiB when `meanwhile` is called.
fn messages(pair: &Pair, server: &Program, target: &str, meanwhile: impl FnOnce()) -> String {
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-ign_eof", "-msg", "-CAfile", &pair.certs.text("ca.pem")])
        .args(["-connect", &server.listen.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let mut said = vec![0; 1 << 20];
    let mut stdout = client.stdout.take().unwrap();
    stdout.read_exact(&mut said).unwrap();
    meanwhile();
    stdout.read_to_end(&mut said).unwrap();
    drop(stdin);
    client.wait().unwrap();
    let said = text(&said);
    said.lines().filter(|line| line.starts_with("<<<")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_whole_answer_has_a_close_notify_and_a_cut_one_has_none() {
    for is_cut in [false, true] {
        let pair = Pair::start();
        for (server, target) in [
            (&pair.secondary, "/logs?filename=large.log"),
            (&pair.primary, "/logs?hostname=web1&filename=large.log"),
        ] {
            if is_cut {
                backscroll_samples::write_large(&pair.logs.path().join("large.log"), LARGE).unwrap();
            }
            let said = messages(&pair, server, target, || {
                if is_cut {
                    shorten(&pair);
                }
            });
            assert_eq!(said.contains("close_notify"), !is_cut, "{target}: {said}");
        }
    }
}
