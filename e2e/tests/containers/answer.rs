//! An answer that `curl` received, and its verdict.

use serde_json::Value;
use std::process::Command;

/// An answer to `GET /logs` as NDJSON.
pub(crate) struct Answer {
    /// curl's exit status.
    pub(crate) code: Option<i32>,
    /// The records: host and line.
    pub(crate) records: Vec<(String, String)>,
    /// The verdict; null if there is none.
    pub(crate) end: Value,
    text: String,
}

impl Answer {
    pub(crate) fn of(url: &str) -> Answer {
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "60", "-H", "Accept: application/x-ndjson", url])
            .output()
            .unwrap();
        Answer::read(output.status.code(), output.stdout)
    }

    pub(crate) fn read(code: Option<i32>, body: Vec<u8>) -> Answer {
        let text = String::from_utf8(body).unwrap();
        let (mut records, mut end) = (Vec::new(), Value::Null);
        for object in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let part = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
            match object.get("end") {
                Some(verdict) => end = verdict.clone(),
                None => records.push((part("host"), part("line"))),
            }
        }
        Answer { code, records, end, text }
    }

    /// `complete`, `partial` or `failed`; or the code of the problem that came instead.
    pub(crate) fn status(&self) -> &str {
        self.end["status"].as_str().unwrap_or_default()
    }

    /// The lines of one host, newest first.
    pub(crate) fn lines_of(&self, host: &str) -> Vec<&str> {
        self.records.iter().filter(|(of, _)| of == host).map(|(_, line)| line.as_str()).collect()
    }

    /// The text to show if a test fails.
    pub(crate) fn shown(&self) -> String {
        let from = self.text.len().saturating_sub(1500);
        format!("exit status {:?}: …{}", self.code, self.text.get(from..).unwrap_or(&self.text))
    }
}

/// The body and the exit status of `curl -sS ARGS`.
pub(crate) fn curl(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new("curl").args(["-sS", "--max-time", "60"]).args(args).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}
