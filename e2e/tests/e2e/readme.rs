//! README.md and `docs/`: every command in them works, every output in them is what comes out,
//! every link leads somewhere, and every flag is there.
//!
//! How the documents are read:
//!
//! - A block ```` ```console ```` has commands after `$ `, and below each its output. A line `…`
//!   means that lines are left out, a `…` at the end of a line that its rest is.
//! - A block ```` ```sh ```` has commands alone. Each is in [`RUN`] or in [`NOT_RUN`].
//! - A block ```` ```bash ```` is a part of a script, which `set_up.rs` runs.
//! - A block ```` ```python ```` is run; the block ```` ```text ```` right below it is its output.
//! - `<!-- fleet: … -->` before a block says which fleet it needs, if not the one of the demo.
//!
//! Outputs are compared by their shape: numbers may differ, but for those that mean something,
//! as an exit status does. `BACKSCROLL_BLESS=1` writes what comes out into the documents, except
//! for blocks of Python, and where lines are left out.

mod fleets;
mod markdown;

use clap::{Command as Flags, CommandFactory as _, Parser as _};
use fleets::Fleets;
use markdown::{Block, anchors, blocks, commands, documents, is_like, prose, read, root};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Commands that are run.
const RUN: &[&str] = &["curl ", "wget ", "cursor=; while page=$(curl "];

/// Commands that are not run: how they begin, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo demo", "the tests of the demo run it, and the lines that it prints"),
    ("cargo test", "it runs this test"),
    ("cargo build", "a build in a test would wait for the build of the test"),
    ("cargo bench", "it takes minutes; CI runs each case once"),
    ("cargo compare", "it takes minutes; CI runs some rows"),
    (".ci/", "CI runs it, and it needs a container engine"),
    ("dpkg ", "it changes the system; .ci/packages does it in a container"),
    ("systemctl ", "it changes the system; .ci/packages does it in a container"),
    ("docker ", "it needs a container engine; .ci/containers runs the compose file"),
    ("deploy/kubernetes/make-tokens", ".ci/check-kubernetes runs it"),
    ("kubectl ", "it needs a cluster; .ci/check-kubernetes checks the objects"),
    ("backscroll-", "the tests of TLS run the commands of docs/tls.md in their order"),
    ("curl --fail-with-body --cacert", "the same"),
    ("target/release/backscroll-", "it serves until it is stopped; its flags are checked below"),
];

/// Flags of other programs that the documents name.
const FOREIGN_FLAGS: &[(&str, &[&str])] = &[
    ("both programs", &["--version"]),
    ("backscroll-primary certs", &["--days", "--dir", "--primary", "--replace"]),
    ("curl", &["--cacert", "--data-urlencode", "--fail-with-body", "--http1.0", "--max-time"]),
    ("dmesg", &["--level"]),
    ("docker", &["--build-arg", "--detach", "--follow", "--profile", "--rm", "--security-opt", "--volumes"]),
    ("journalctl", &["--since"]),
    ("kubectl", &["--previous"]),
    ("sha256sum", &["--check", "--ignore-missing"]),
    ("systemctl", &["--now"]),
    ("cargo", &["--bench", "--lib", "--release", "--test", "--workspace"]),
    ("cargo compare", &["--only", "--quick"]),
    ("wget", &["--content-on-error", "--tries"]),
];

/// Programs that need not be installed: a block that needs a missing one is passed over, and
/// said so.
const OPTIONAL: &[(&str, &[&str])] = &[
    ("jq", &["jq", "--version"]),
    ("wget", &["wget", "--version"]),
    ("python3", &["python3", "-c", "import requests"]),
];

/// Seconds for one command at most. A loop that has no end should fail, and say which it is.
const COMMAND_SECONDS: &str = "120";

/// Lines of README.md at most: it has to be read in a minute.
const README_LINES: usize = 250;

fn missing_tool(block: &Block) -> Option<&'static str> {
    let is_python = block.language == "python";
    let text = block.lines.join("\n");
    OPTIONAL.iter().find_map(|(name, check)| {
        let is_word = text.split(|c: char| !c.is_alphanumeric()).any(|word| word == *name);
        let is_needed = is_word || is_python && *name == "python3";
        let is_there = || Command::new(check[0]).args(&check[1..]).output().is_ok_and(|o| o.status.success());
        (is_needed && !is_there()).then_some(*name)
    })
}

fn is_in<'l>(mut list: impl Iterator<Item = &'l str>, command: &str) -> bool {
    list.any(|start| command.starts_with(start))
}

/// What is wrong with an output, if something is.
fn difference(block: &Block, command: &str, shown: &[String], text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    (shown.is_empty() || !is_like(shown, &lines)).then(|| {
        let shown = shown.join("\n");
        format!("{}: {command}\n-- shown:\n{shown}\n-- printed:\n{text}", block.place)
    })
}

/// Runs a block. Returns what is wrong, and the block as it should be, where that can be said.
fn check(fleets: &Fleets, block: &Block, below: Option<&Block>) -> (Vec<String>, Vec<String>) {
    let (mut wrong, mut right) = (Vec::new(), Vec::new());
    let place = &block.place;
    match block.language.as_str() {
        "console" | "sh" => {
            for (command, shown) in commands(block) {
                let is_run = is_in(RUN.iter().copied(), &command);
                let is_shell = block.language == "sh";
                if is_shell && is_in(NOT_RUN.iter().map(|(start, _)| *start), &command) {
                    continue;
                }
                if !is_run {
                    wrong.push(format!("{place}: {command}: neither in RUN nor in NOT_RUN"));
                    continue;
                }
                let script = format!("exec 2>&1\n{command}");
                let (text, ok) = fleets.run(&["timeout", COMMAND_SECONDS, "sh", "-c", &script], &block.fleet);
                if is_shell {
                    let fails = !ok || text.is_empty();
                    wrong.extend(fails.then(|| format!("{place}: {command} fails: {text}")));
                    continue;
                }
                wrong.extend(difference(block, &command, &shown, &text));
                right.extend(format!("$ {command}").lines().map(str::to_owned));
                let has_gap = shown.iter().any(|line| line.ends_with('…'));
                right.extend(if has_gap { shown } else { text.lines().map(str::to_owned).collect() });
            }
        }
        "python" => {
            let shown = below.filter(|below| below.language == "text");
            let shown = shown.map_or(&[][..], |below| &below.lines);
            let (text, _) = fleets.run(&["python3", "-c", &block.lines.join("\n")], &block.fleet);
            wrong.extend(difference(block, "python3", shown, &text));
        }
        "bash" if block.place.starts_with("docs/operate.md") => {}
        "text" | "json" | "yaml" => {
            let has_command = block.lines.iter().any(|line| line.starts_with("$ "));
            wrong.extend(has_command.then(|| format!("{place}: its commands are not run")));
        }
        other => wrong.push(format!("{place}: what is {other:?}? See the top of this test")),
    }
    (wrong, right)
}

#[test]
fn every_command_works_and_every_output_is_what_comes_out() {
    let fleets = Fleets::start();
    let bless = std::env::var_os("BACKSCROLL_BLESS").is_some();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents() {
        let blocks = blocks(&document);
        let mut lines: Vec<String> = read(&document).lines().map(str::to_owned).collect();
        // From the last one on, so that places of the others stay as they are.
        for (index, block) in blocks.iter().enumerate().rev() {
            if let Some(tool) = missing_tool(block) {
                eprintln!("{}: passed over, because {tool} is not installed", block.place);
                continue;
            }
            let (of_block, right) = check(&fleets, block, blocks.get(index + 1));
            count += usize::from(block.language == "console");
            if bless && !of_block.is_empty() && !right.is_empty() {
                lines.splice(block.start..block.start + block.lines.len(), right);
            }
            wrong.extend(of_block);
        }
        if bless {
            std::fs::write(root().join(&document), lines.join("\n") + "\n").unwrap();
        }
    }
    assert!(count >= 10, "{count} blocks");
    assert!(wrong.is_empty(), "{}\n{} in all", wrong.join("\n\n"), wrong.len());
}

#[test]
fn what_is_not_run_is_still_in_the_documents() {
    let commands: Vec<String> = documents()
        .iter()
        .flat_map(|document| blocks(document))
        .filter(|block| block.language == "sh")
        .flat_map(|block| commands(&block))
        .map(|(command, _)| command)
        .collect();
    for (start, _) in NOT_RUN {
        assert!(commands.iter().any(|command| command.starts_with(start)), "{start} is in no document");
    }
}

#[test]
fn the_files_of_a_fleet_that_are_shown_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let shown = blocks(Path::new("docs/fleet.md"));
    let mut count = 0;
    for block in shown.iter().filter(|block| block.language == "json" || block.language == "yaml") {
        let path = dir.path().join(format!("fleet.{}", block.language));
        std::fs::write(&path, block.lines.join("\n") + "\n").unwrap();
        let args = ["backscroll-primary", "--fleet-file", path.to_str().unwrap()];
        let args = backscroll_primary::Args::try_parse_from(args).unwrap();
        let config = backscroll_primary::Config::try_from(args);
        assert!(config.is_ok(), "{}: {:?}", block.place, config.err());
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let more = [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "deploy/kubernetes/README.md",
        "deploy/kubernetes/settings.md",
    ];
    let mut count = 0;
    for document in documents().into_iter().chain(more.map(PathBuf::from)) {
        let prose = prose(&document).join("\n");
        for target in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let there = if file.is_empty() { document.clone() } else { document.with_file_name(file) };
            assert!(root().join(&there).exists(), "{}: {target}", document.display());
            let is_there = anchor.is_empty() || anchors(&there).contains(anchor);
            assert!(is_there, "{}: {target}: no such heading", document.display());
            count += 1;
        }
    }
    assert!(count >= 30, "{count} links");
}

#[test]
fn every_flag_that_is_named_is_there_and_every_flag_that_is_there_is_named() {
    let programs =
        [backscroll_secondary::Args::command(), backscroll_primary::Args::command()].map(|mut flags| {
            flags.build();
            flags
        });
    let long = |flags: &Flags| -> Vec<String> {
        flags.get_arguments().filter_map(|arg| Some(format!("--{}", arg.get_long()?))).collect()
    };
    let token = backscroll_shared::cli::token::command();
    let new = token.get_subcommands().flat_map(long);
    let of_cluster = long(&backscroll_primary::kubernetes::command());
    let known: BTreeSet<String> = programs.iter().flat_map(long).chain(new).chain(of_cluster).collect();
    let foreign: BTreeSet<&str> = FOREIGN_FLAGS.iter().flat_map(|(_, flags)| *flags).copied().collect();
    let mut named = BTreeSet::new();
    for document in documents() {
        for word in read(&document).split(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c))) {
            let is_flag = word
                .strip_prefix("--")
                .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
            if is_flag {
                let flag = word.trim_end_matches('.');
                let is_known = known.contains(flag) || foreign.contains(flag);
                assert!(is_known, "{}: no program here has {flag}", document.display());
                named.insert(flag.to_owned());
            }
        }
    }
    let stale: Vec<_> = foreign.iter().filter(|flag| !named.contains(**flag)).collect();
    assert!(stale.is_empty(), "in no document: {stale:?}");
    // Each has a row in the tables, with its variable and its default.
    let tables = read(Path::new("docs/flags.md"));
    for flags in &programs {
        for arg in flags.get_arguments().filter(|arg| arg.get_long().is_some()) {
            let flag = format!("`--{}", arg.get_long().unwrap());
            let env = arg.get_env().map_or(String::new(), |name| format!("`{}`", name.display()));
            let default = arg.get_default_values().first().map(|value| format!("`{}`", value.display()));
            let is_row = |line: &&str| {
                let has = |what: &str| line.contains(what);
                has(&flag) && has(&env) && default.as_deref().is_none_or(has) && line.starts_with('|')
            };
            assert!(
                tables.lines().any(|line| is_row(&line)),
                "docs/flags.md: no row has {flag}, {env}, {default:?}"
            );
        }
    }
}

#[test]
fn the_readme_is_short() {
    let lines = read(Path::new("README.md")).lines().count();
    assert!(lines <= README_LINES, "{lines} lines, of {README_LINES}: move something to docs/");
}
