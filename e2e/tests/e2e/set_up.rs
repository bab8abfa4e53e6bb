//! The way to 40 hosts in docs/operate.md: its commands are run as they stand, with 40 secondaries
//! and a primary on addresses of loopback.

use backscroll_e2e::program::Program;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const HOSTS: usize = 40;

/// The addresses of the document, and those that stand for them.
const ADDRESSES: (&str, &str) = ("10.0.0.", "127.40.0.");

/// Where the document puts files of a machine.
const PLACE: &str = "/etc/backscroll";

fn document() -> String {
    let mut dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    assert!(dir.pop());
    std::fs::read_to_string(dir.join("docs/operate.md")).unwrap()
}

/// The blocks of the script, in their order.
fn script() -> Vec<String> {
    let text = document();
    let blocks = text.split("```bash\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| block.replace(ADDRESSES.0, ADDRESSES.1)).collect()
}

fn bash(script: &str, dir: &Path) -> Output {
    let programs = Program::folder("backscroll-primary").unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    Command::new("bash").args(["-euc", script]).current_dir(dir).env("PATH", path).output().unwrap()
}

/// The variables of a machine's file, with its files where they are here.
fn variables(machine: &Path, file: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(machine.join(file)).unwrap();
    let text = text.replace(PLACE, machine.to_str().unwrap());
    text.lines()
        .map(|line| line.split_once('=').unwrap())
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}

/// Starts a program of this machine.
fn start(name: &str, mut variables: Vec<(String, String)>, more: &[(&str, &Path)]) -> Program {
    let more = more.iter().map(|(name, path)| ((*name).to_owned(), path.to_str().unwrap().to_owned()));
    variables.extend(more);
    let listen = variables.iter().find(|(name, _)| name == "BACKSCROLL_LISTEN").unwrap().1.clone();
    Program::start_with(name, &listen, &variables).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn forty_hosts_are_set_up_with_the_commands_of_the_document() {
    let dir = tempfile::tempdir().unwrap();
    let blocks = script();
    let (ask, make) = blocks.split_last().unwrap();
    let made = bash(&make.join("\n"), dir.path());
    assert!(made.status.success(), "{}", text(&made.stderr));

    let mut programs = Vec::new();
    for number in 1..=HOSTS {
        let logs = dir.path().join(format!("logs{number}"));
        std::fs::create_dir_all(logs.join("nginx")).unwrap();
        for name in ["app.log", "secret.log", "nginx/error.log"] {
            std::fs::write(logs.join(name), format!("2026-11-26T12:00:{:02}Z {name}\n", number % 60))
                .unwrap();
        }
        let machine = dir.path().join(format!("hosts/web{number}"));
        let variables = variables(&machine, "secondary.env");
        programs.push(start("backscroll-secondary", variables, &[("BACKSCROLL_LOG_DIR", &logs)]));
    }
    let machine = dir.path().join("hosts/primary");
    programs.push(start("backscroll-primary", variables(&machine, "primary.env"), &[]));

    // The commands as they stand. What they print, one after the other.
    let asked = bash(ask, dir.path());
    assert!(asked.status.success(), "{} {}", text(&asked.stdout), text(&asked.stderr));
    let printed = text(&asked.stdout);
    let ready =
        printed.lines().filter(|line| line.contains("\thttps://127.40.0.") && line.contains("\tready\t"));
    assert_eq!(ready.count(), HOSTS, "{printed}");
    let newest: Vec<&str> = printed.lines().filter(|line| line.ends_with("Z app.log")).collect();
    assert_eq!(newest.len(), 20, "{printed}");
    assert!(newest[0].starts_with("web40\t"), "{newest:?}");
    // The team sees two files of ten hosts, and not the third one.
    let files: Vec<&str> = printed.lines().skip(HOSTS + 20).collect();
    assert_eq!(files.len(), 20, "{printed}");
    let is_theirs = |line: &&&str| line.starts_with("web3") && !line.contains("secret");
    assert_eq!(files.iter().filter(is_theirs).count(), 20, "{files:?}");

    // Nobody else: without a token, with a wrong one, over plain HTTP, and past the primary.
    let url = "https://127.40.0.100:8000";
    let status = |args: &str| {
        let line = format!("curl -sS --max-time 20 -o answer -w '%{{http_code}}' {args}; true");
        let output = bash(&line, dir.path());
        (text(&output.stdout), text(&output.stderr))
    };
    let ca = "--cacert certs/ca.pem";
    assert_eq!(status(&format!("{ca} {url}/hosts")).0, "401");
    assert_eq!(
        status(&format!("{ca} -H 'Authorization: Bearer bks_x' '{url}/logs?filename=app.log'")).0,
        "401"
    );
    assert_eq!(status(&format!("{ca} -H @team.header '{url}/logs?hostname=web1&filename=app.log'")).0, "404");
    assert_eq!(status(&format!("{ca} -H @team.header '{url}/logs?filename=secret.log'")).0, "404");
    assert_eq!(status("-H @operator.header http://127.40.0.100:8000/hosts").0, "400");
    assert_eq!(status(&format!("-H @operator.header {url}/hosts")).0, "000", "who made its certificate?");
    let secondary = "'https://127.40.0.1:8001/logs?filename=app.log'";
    assert_eq!(status(&format!("{ca} {secondary}")).0, "401");
    assert_eq!(status(&format!("{ca} -H @operator.header {secondary}")).0, "401");
    // The certificate of a secondary opens no other one.
    let other = format!("{ca} --cert certs/web2.pem --key certs/web2.key {secondary}");
    assert_eq!(status(&other).0, "000");
    let primary = format!("{ca} --cert certs/primary.pem --key certs/primary.key {secondary}");
    assert_eq!(status(&primary).0, "200");
}
