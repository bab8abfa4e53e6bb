//! A fleet with sample logs, `curl`, and the tools that it is compared with.

use backscroll_e2e::fleet::{Fleet, Member};
use jiff::civil::datetime;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A primary, and three secondaries with sample logs.
pub(crate) struct Sample {
    pub(crate) fleet: Fleet,
    pub(crate) dir: TempDir,
}

impl Sample {
    pub(crate) fn start() -> Sample {
        let dir = tempfile::tempdir().unwrap();
        let members: Vec<Member> = (1..=3)
            .map(|number| {
                let name = format!("secondary-{number}");
                let log_dir = dir.path().join(&name);
                std::fs::create_dir(&log_dir).unwrap();
                backscroll_samples::write_logs(&log_dir, &name, datetime(2026, 11, 1, 0, 0, 0, 0)).unwrap();
                Member { name, log_dir, port: 0 }
            })
            .collect();
        Sample { fleet: Fleet::start("127.0.0.1:0".parse().unwrap(), &members).unwrap(), dir }
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.fleet.primary)
    }

    pub(crate) fn log(&self, host: &str, file: &str) -> PathBuf {
        self.dir.path().join(host).join(file)
    }
}

/// Runs `curl -s` with more arguments.
pub(crate) fn curl(args: &[&str]) -> Output {
    Command::new("curl").args(["-s", "--max-time", "120"]).args(args).output().expect("curl is installed")
}

/// The body of a request that must succeed.
pub(crate) fn body(url: &str) -> Vec<u8> {
    let output = curl(&["--fail-with-body", url]);
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stdout));
    output.stdout
}

/// The output of `tac FILE | grep -aF KEYWORD | head -n N`, with the real tools.
pub(crate) fn tac_grep_head(file: &Path, keyword: &str, n: usize) -> Vec<u8> {
    let script = r#"tac -- "$1" | LC_ALL=C grep -aF -e "$2" | head -n "$3""#;
    let output =
        Command::new("sh").args(["-c", script, "sh"]).arg(file).args([keyword, &n.to_string()]).output();
    output.unwrap().stdout
}
