//! A real primary and two real secondaries, with variables of OpenTelemetry.

use super::wait_for;
use backscroll_e2e::program::Program;
use serde_json::Value;
use tempfile::TempDir;

pub(super) struct Programs {
    pub(super) primary: Program,
    pub(super) secondaries: Vec<Program>,
    _dir: TempDir,
}

impl Programs {
    /// Each program gets these variables.
    pub(super) fn start(variables: &[(&str, &str)]) -> Programs {
        let dir = tempfile::tempdir().unwrap();
        let owned = |more: &[(&str, String)]| -> Vec<(String, String)> {
            let given = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            given.chain(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone()))).collect()
        };
        let secondaries: Vec<Program> = ["web1", "web2"]
            .iter()
            .map(|name| {
                let log_dir = dir.path().join(name);
                std::fs::create_dir(&log_dir).unwrap();
                let line = |second| format!("2026-11-01T00:00:{second}Z {name} secret\n");
                let lines = (10..60).map(line).collect::<Vec<_>>().concat();
                std::fs::write(log_dir.join("app.log"), lines).unwrap();
                let variables = owned(&[
                    ("BACKSCROLL_LOG_DIR", log_dir.display().to_string()),
                    ("BACKSCROLL_HOSTNAME", (*name).to_owned()),
                ]);
                Program::start_with("backscroll-secondary", "127.0.0.1:0", &variables).unwrap()
            })
            .collect();
        let hosts: Vec<String> = ["web1", "web2"]
            .iter()
            .zip(&secondaries)
            .map(|(name, secondary)| format!("{name}=http://{}", secondary.listen))
            .collect();
        let variables = owned(&[("BACKSCROLL_SECONDARIES", hosts.join(","))]);
        let primary = Program::start_with("backscroll-primary", "127.0.0.1:0", &variables).unwrap();
        Programs { primary, secondaries, _dir: dir }
    }

    pub(super) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.primary.listen)
    }

    /// All lines of all logs.
    pub(super) fn logs(&self) -> String {
        let all = self.secondaries.iter().chain([&self.primary]).flat_map(Program::log);
        all.collect::<Vec<_>>().join("\n")
    }
}

/// The fields of the message for a request with this id in the log of a program.
pub(super) fn logged(program: &Program, request_id: &str) -> Value {
    wait_for("the message for a request", || {
        let lines = program.log();
        let mut messages = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        messages.find(|message| {
            message["target"] == "backscroll::request" && message["fields"]["request_id"] == request_id
        })
    })
}
