//! The commands of docs/tls.md, run in their order: what serves goes on while the next ones run.

use super::{logs, text};
use backscroll_e2e::program::Program;
use std::path::Path;
use std::process::Command;

/// The commands in the blocks ```` ```sh ````.
fn commands() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/tls.md")).unwrap();
    let mut commands = Vec::new();
    let mut is_in = false;
    for line in page.lines() {
        match line {
            "```sh" => is_in = true,
            "```" => is_in = false,
            line if is_in => commands.push(line.to_owned()),
            _ => {}
        }
    }
    commands
}

#[test]
fn the_commands_of_the_page_set_up_tls() {
    let work = tempfile::tempdir().unwrap();
    let log_dir = logs();
    std::os::unix::fs::symlink(log_dir.path(), work.path().join("logs")).unwrap();
    let place = |word: &str| {
        let is_file = word.starts_with("certs") || word == "logs";
        if is_file { work.path().join(word).to_str().unwrap().to_owned() } else { word.to_owned() }
    };
    let mut serving: Vec<(&str, Program)> = Vec::new();
    let mut asked = 0;
    for command in commands() {
        let mut line = command.clone();
        for (port, program) in &serving {
            line = line.replace(port, &program.listen.port().to_string());
        }
        let mut words = line.split_whitespace();
        let name = words.next().unwrap();
        // `certs` is a subcommand, and no file.
        let mut args: Vec<String> = words.map(|word| word.trim_matches('\'').to_owned()).collect();
        let from = usize::from(args[0] == "certs");
        for arg in &mut args[from..] {
            *arg = place(arg);
        }
        match name {
            "backscroll-secondary" => serving.push(("8001", Program::start(name, &args).unwrap())),
            "backscroll-primary" if from == 0 => serving.push(("8000", Program::start(name, &args).unwrap())),
            _ => {
                let output = match name {
                    "curl" => Command::new(name).arg("-sS").args(&args).output().unwrap(),
                    _ => Program::output(name, &args).unwrap(),
                };
                let said = text(&output.stdout);
                assert_eq!(output.status.code(), Some(0), "{command}: {said}{}", text(&output.stderr));
                if line.contains("/logs?") {
                    assert_eq!(said, "three\ntwo\none\n", "{command}");
                    asked += 1;
                }
            }
        }
    }
    assert_eq!((serving.len(), asked), (2, 1));
}
