//! A fleet of the real programs, like that of the demo, of which one host is missing, and what
//! people ask of it.

mod safe;

use crate::prometheus::Target;
use backscroll_e2e::program::Program;
use safe::Safe;
use serde_json::json;
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) const PRIMARY: &str = "backscroll-primary";
pub(crate) const SECONDARY: &str = "backscroll-secondary";

/// The host where nothing listens.
pub(crate) const MISSING_HOST: &str = "secondary-4";

/// A fleet without authentication, and one with tokens and TLS.
pub(crate) struct Fleet {
    primary: Program,
    secondaries: Vec<Program>,
    safe: Safe,
}

impl Fleet {
    pub(crate) fn start(dir: &Path) -> Fleet {
        let mut args = vec!["--secondary".to_owned(), format!("{MISSING_HOST}=http://127.0.0.1:1")];
        let mut secondaries = Vec::new();
        for number in 1..=3 {
            let name = format!("secondary-{number}");
            let logs = dir.join(&name);
            std::fs::create_dir(&logs).unwrap();
            backscroll_samples::write_logs(&logs, &name, backscroll_samples::recent_start()).unwrap();
            // Both engines, wherever this runs.
            let io = if number == 2 { "threads" } else { "auto" };
            let own = ["--log-dir", logs.to_str().unwrap(), "--hostname", &name, "--io", io];
            let secondary = Program::start(SECONDARY, &own).unwrap();
            args.extend(["--secondary".to_owned(), format!("{name}=http://{}", secondary.listen)]);
            secondaries.push(secondary);
        }
        let primary = Program::start(PRIMARY, &args).unwrap();
        Fleet { primary, secondaries, safe: Safe::start(dir) }
    }

    /// All programs, for Prometheus.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let open =
            |job, program: &Program| Target { job, address: program.listen.to_string(), access: json!({}) };
        let mut targets = vec![open(PRIMARY, &self.primary)];
        targets.extend(self.secondaries.iter().map(|program| open(SECONDARY, program)));
        targets.extend(self.safe.targets());
        targets
    }

    /// The pages of all programs, each with the program's name.
    pub(crate) fn pages(&self) -> Vec<(&'static str, String)> {
        let page = |program: &Program| body(&[&format!("http://{}/metrics", program.listen)]);
        let mut pages = vec![(PRIMARY, page(&self.primary))];
        pages.extend(self.secondaries.iter().map(|program| (SECONDARY, page(program))));
        pages.extend(self.safe.pages());
        pages
    }

    /// Questions that are answered, that fail, and that are refused: one of each kind.
    pub(crate) fn ask(&self) {
        let (primary, secondary) = (self.primary.listen, self.secondaries[0].listen);
        let status = |args: &[&str], expected: &str| {
            let (status, _) = curl(args);
            assert_eq!(status, expected, "{args:?}");
        };
        let at = |target: &str| format!("http://{primary}{target}");
        // The whole fleet lacks a host, so the answer is partial: curl says so, the status does not.
        status(&[&at("/logs?filename=dpkg.log&keyword=openssl&n=20")], "200");
        status(&[&at("/logs?hostname=secondary-1&filename=app.log&n=20")], "200");
        status(&[&at("/logs?hostname=secondary-2&hostname=secondary-3&filename=app.log&n=100")], "200");
        status(&[&at("/logs?hostname=secondary-2&filename=app.log&keyword=nobody-wrote-this")], "200");
        status(&[&at("/files?hostname=secondary-1")], "200");
        status(&[&at("/hosts")], "200");
        status(&[&at("/readyz")], "200");
        status(&[&format!("http://{secondary}/logs?filename=app.log&n=5")], "200");
        // What fails: a host that is not there, a file, a parameter, a path.
        status(&[&at(&format!("/logs?hostname={MISSING_HOST}&filename=app.log"))], "502");
        status(&[&format!("http://{secondary}/logs?filename=none.log")], "404");
        status(&[&at("/logs?filename=app.log&n=many")], "400");
        status(&[&at("/none")], "404");
        // What is refused: a name to which it does not answer, and no token.
        status(&["-H", "Host: elsewhere.example", &at("/logs?filename=app.log")], "403");
        self.safe.ask();
        self.leave_early();
    }

    /// A client that goes away in the middle of an answer.
    fn leave_early(&self) {
        let url = format!("http://{}/logs?hostname=secondary-1&filename=app.log", self.primary.listen);
        let slow = ["-sN", "--limit-rate", "2k", "--max-time", "30", "-o", "/dev/null", &url];
        let mut client: Child =
            Command::new("curl").args(slow).stdin(Stdio::null()).spawn().expect("curl is installed");
        std::thread::sleep(std::time::Duration::from_millis(300));
        client.kill().unwrap();
        client.wait().unwrap();
    }
}

/// The status of an answer, and its body.
pub(crate) fn curl(args: &[&str]) -> (String, String) {
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "30", "-w", "\n%{http_code}"])
        .args(args)
        .output()
        .expect("curl is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    let (body, status) = text.rsplit_once('\n').unwrap_or(("", &text));
    (status.to_owned(), body.to_owned())
}

/// The body of an answer that must be a 200.
pub(crate) fn body(args: &[&str]) -> String {
    let (status, body) = curl(args);
    assert_eq!(status, "200", "{args:?}: {body}");
    body
}
