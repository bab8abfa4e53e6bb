//! `promtool`, which comes with Prometheus, reads what we ship.

use crate::shipped::root;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// What `promtool ARGS` prints, which must find nothing wrong.
pub(crate) fn promtool(args: &[&str], input: &str) -> String {
    let mut command = Command::new("promtool");
    command.args(args).current_dir(root());
    let output = with_input(command, input);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "promtool {args:?}: {text}");
    text
}

fn with_input(mut command: Command, input: &str) -> Output {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().expect("promtool is installed: .ci/observability does it");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    // It may have seen enough before the end.
    let _ = writer.join().unwrap();
    output
}

#[test]
#[ignore = "needs Prometheus: .ci/observability"]
fn promtool_takes_the_rules_their_tests_and_the_configuration() {
    promtool(&["check", "rules", "deploy/prometheus/rules.yml"], "");
    promtool(&["check", "config", "deploy/prometheus/prometheus.yml"], "");
    promtool(&["test", "rules", "deploy/prometheus/rules.test.yml"], "");
}

/// The commented lines of the shipped configuration are valid where they stand, too: what people
/// take the `#` from.
#[test]
#[ignore = "needs Prometheus: .ci/observability"]
fn promtool_takes_the_configuration_with_its_comments_switched_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for name in ["rules.yml", "token", "ca.pem", "fleet.yml"] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    let is_setting = |line: &str| {
        let line = line.trim_start().trim_start_matches("# ");
        ["authorization: {", "scheme: ", "tls_config: {", "file_sd_configs: "]
            .iter()
            .any(|key| line.starts_with(key))
    };
    let mut count = 0;
    let text = crate::shipped::file("deploy/prometheus/prometheus.yml");
    let lines = text.lines().map(|line| {
        let is_one = line.trim_start().starts_with('#') && is_setting(line);
        count += usize::from(is_one);
        if is_one { line.replacen("# ", "", 1) } else { line.to_owned() }
    });
    let on: Vec<String> = lines.collect();
    assert_eq!(count, 4, "{on:#?}");
    let on = on.join("\n");
    let on = on.replace("/etc/prometheus/backscroll-token", &path("token"));
    let on = on.replace("/etc/prometheus/ca.pem", &path("ca.pem"));
    let on = on.replace("/etc/backscroll/fleet.yml", &path("fleet.yml"));
    std::fs::write(dir.path().join("prometheus.yml"), on).unwrap();
    promtool(&["check", "config", &path("prometheus.yml")], "");
}
