//! A real Prometheus, with the rules that we ship, on a port of loopback.

use crate::shipped::{RULES, file, items};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long it may take until it listens.
const START_TIME: Duration = Duration::from_mins(1);

/// How often it asks the programs and looks at the rules. The shipped configuration says 15 s.
const INTERVAL: &str = "1s";

/// A target, with the job that it belongs to, and what a client there needs.
pub(crate) struct Target {
    pub(crate) job: &'static str,
    pub(crate) address: String,
    /// `authorization`, `scheme` and `tls_config`, as far as they are needed.
    pub(crate) access: Value,
}

/// A Prometheus that runs. Dropping it kills it, by its id.
pub(crate) struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    /// Starts it, with its files in `dir`. The jobs have the names of the shipped configuration.
    pub(crate) fn start(dir: &Path, targets: &[Target]) -> Prometheus {
        std::fs::write(dir.join("rules.yml"), file(RULES)).unwrap();
        let jobs = targets.iter().enumerate().map(|(number, target)| {
            let of_target = json!({ "targets": [target.address], "labels": { "job": target.job } });
            let mut job = json!({ "job_name": number.to_string(), "static_configs": [of_target] });
            job.as_object_mut().unwrap().extend(target.access.as_object().unwrap().clone());
            job
        });
        let config = json!({
            "global": { "scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": INTERVAL },
            "rule_files": ["rules.yml"],
            "scrape_configs": jobs.collect::<Vec<_>>(),
        });
        // JSON is YAML.
        std::fs::write(dir.join("prometheus.yml"), config.to_string()).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("prometheus is installed: .ci/observability does it");
        // From here on it is stopped if something below fails.
        let mut prometheus = Prometheus { child, url: String::new() };
        let log = prometheus.child.stderr.take().unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || read_log(log, &tell));
        let address = told.recv_timeout(START_TIME).expect("prometheus says where it listens: see above");
        prometheus.url = format!("http://{address}");
        prometheus
    }

    /// What its API answers for a path, with these parameters.
    fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "30", "-G"]);
        for (name, value) in parameters {
            command.arg("--data-urlencode").arg(format!("{name}={value}"));
        }
        let output = command.arg(format!("{}/api/v1/{path}", self.url)).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let answer: Value = serde_json::from_str(&text)
            .map_err(|_| format!("{text} {}", String::from_utf8_lossy(&output.stderr)))?;
        if answer["status"] == "success" {
            Ok(answer["data"].clone())
        } else {
            Err(answer["error"].to_string())
        }
    }

    /// The values of a query, now.
    pub(crate) fn values(&self, query: &str) -> Result<Vec<f64>, String> {
        let data = self.api("query", &[("query", query)])?;
        let value = |pair: &Value| pair[1].as_str().and_then(|text| text.parse().ok());
        match data["resultType"].as_str() {
            Some("vector") => Ok(items(&data["result"]).filter_map(|one| value(&one["value"])).collect()),
            Some("scalar") => Ok(value(&data["result"]).into_iter().collect()),
            other => Err(format!("{other:?}")),
        }
    }

    /// The values that a label has in series of this selector.
    pub(crate) fn label_values(&self, label: &str, selector: &str) -> Vec<String> {
        let data = self.api(&format!("label/{label}/values"), &[("match[]", selector)]).unwrap();
        items(&data).filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// All targets, with what went wrong at the last scrape.
    pub(crate) fn targets(&self) -> Vec<Value> {
        let data = self.api("targets", &[]).unwrap_or_default();
        items(&data["activeTargets"]).cloned().collect()
    }

    /// All rules, with how they fare.
    pub(crate) fn rules(&self) -> Vec<Value> {
        let data = self.api("rules", &[]).unwrap();
        items(&data["groups"]).flat_map(|group| items(&group["rules"])).cloned().collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reports where it listens, then reads on, so that it never blocks on its log. Warnings are shown.
fn read_log(log: ChildStderr, tell: &mpsc::Sender<String>) {
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        if let Some((_, address)) = line.split_once("Listening on\" address=") {
            // The receiver may have given up.
            let _ = tell.send(address.trim().to_owned());
        } else if ["level=warn", "level=error", "level=WARN", "level=ERROR"]
            .iter()
            .any(|level| line.contains(level))
        {
            eprintln!("{line}");
        }
    }
}
