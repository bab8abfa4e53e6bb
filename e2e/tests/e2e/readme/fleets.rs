//! The fleets that the documents speak of, and commands that ask them.

use backscroll_e2e::fleet::{Fleet, Member};
use backscroll_e2e::program::Program;
use jiff::civil::datetime;
use std::net::SocketAddr;
use std::process::Command;
use tempfile::TempDir;

/// The fleets that the documents speak of.
pub(super) struct Fleets {
    demo: Fleet,
    /// Each with what the documents call it, its primary and where its hosts are.
    others: Vec<(&'static str, Program, [SocketAddr; 3])>,
    /// A second secondary, whose log directory is empty.
    _empty: Fleet,
    dir: TempDir,
}

impl Fleets {
    pub(super) fn start() -> Fleets {
        let dir = tempfile::tempdir().unwrap();
        let member = |number: u16, has_logs: bool| {
            let name = format!("secondary-{number}");
            let log_dir = dir.path().join(format!("{name}-{has_logs}"));
            std::fs::create_dir(&log_dir).unwrap();
            if has_logs {
                backscroll_samples::write_logs(&log_dir, &name, datetime(2026, 11, 11, 9, 0, 0, 0)).unwrap();
            }
            Member { name, log_dir, port: 0 }
        };
        let any = "127.0.0.1:0".parse().unwrap();
        let demo = Fleet::start(any, &[member(1, true), member(2, true), member(3, true)]).unwrap();
        let empty = Fleet::start(any, &[member(2, false)]).unwrap();
        // Nothing listens there.
        let down: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let (one, two) = (demo.secondaries[0].1, demo.secondaries[1].1);
        let others = [
            ("secondary-3 is down", [one, two, down]),
            (
                "secondary-2 has an empty log directory, secondary-3 is down",
                [one, empty.secondaries[0].1, down],
            ),
        ]
        .map(|(name, hosts)| {
            let list =
                (1..).zip(hosts).map(|(number, address)| format!("secondary-{number}=http://{address}"));
            let list = list.collect::<Vec<_>>().join(",");
            (name, Program::start("backscroll-primary", &["--secondary", &list]).unwrap(), hosts)
        });
        std::fs::write(dir.path().join(".curlrc"), "no-buffer\nno-progress-meter\n").unwrap();
        Fleets { demo, others: others.into(), _empty: empty, dir }
    }

    /// Which addresses stand for those of the documents, 8000 to 8003, in this fleet.
    fn ports(&self, fleet: &str) -> Vec<(u16, u16)> {
        let (primary, hosts) = if fleet.is_empty() {
            (self.demo.primary, self.demo.secondaries.iter().map(|(_, address)| *address).collect())
        } else {
            let other = self.others.iter().find(|(name, ..)| *name == fleet);
            let (_, primary, hosts) = other.unwrap_or_else(|| panic!("no such fleet here: {fleet}"));
            (primary.listen, hosts.to_vec())
        };
        (8000..).zip(std::iter::once(primary).chain(hosts)).map(|(port, is)| (port, is.port())).collect()
    }

    /// What a command prints, its errors included, and whether it succeeded.
    pub(super) fn run(&self, command: &[&str], fleet: &str) -> (String, bool) {
        let ports = self.ports(fleet);
        let there = |text: &str| with_ports(&text.replace("localhost:", "127.0.0.1:"), &ports);
        let mut run = Command::new(command[0]);
        run.args(command[1..].iter().map(|argument| there(argument)));
        run.current_dir(self.dir.path()).env("CURL_HOME", self.dir.path()).env("LC_ALL", "C");
        let output = run.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let back: Vec<_> = ports.into_iter().map(|(port, is)| (is, port)).collect();
        (with_ports(&text, &back), output.status.success())
    }
}

/// A text with these ports of loopback exchanged.
fn with_ports(text: &str, ports: &[(u16, u16)]) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (port, rest) = part.split_at(end);
        let found = ports.iter().find(|(from, _)| *port == from.to_string());
        let port = found.map_or(port.to_owned(), |(_, to)| to.to_string());
        out.extend(["127.0.0.1:", &port, rest]);
    }
    out
}
