//! The same lines as `grep` and `rg` find: in random bytes, and in the sample logs.

#![expect(clippy::disallowed_methods, reason = "a test's own thread may block")]

use super::filters::{compiled, found};
use super::*;
use crate::filter::Conditions;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

/// Lines of random bytes, with words in them. `grep` knows no NUL and no carriage return in a line
/// as these patterns do.
fn random_lines(seed: u64) -> Vec<u8> {
    let mut numbers = fastrand::Rng::with_seed(seed);
    let mut out = Vec::new();
    for _ in 0..3000 {
        for _ in 0..numbers.usize(0..12) {
            match numbers.u8(0..8) {
                0 => out.extend_from_slice(b"timeout"),
                1 => out.extend_from_slice(b"user="),
                2 => write_number(&mut numbers, &mut out),
                3 => out.push(b' '),
                4 => out.extend_from_slice("é".as_bytes()),
                5 => out.push(numbers.u8(0x80..)),
                _ => out.push(numbers.u8(b' '..0x7f)),
            }
        }
        out.push(b'\n');
    }
    out
}

fn write_number(numbers: &mut fastrand::Rng, out: &mut Vec<u8>) {
    let mut text = String::new();
    write!(text, "{}", numbers.u16(..)).unwrap();
    out.extend_from_slice(text.as_bytes());
}

/// Lines as a server writes them.
fn access_log() -> Vec<u8> {
    let mut numbers = fastrand::Rng::with_seed(7);
    let mut out = String::new();
    for second in 0..4000 {
        let (status, took) = (numbers.choice([200, 302, 404, 500]).unwrap(), numbers.u32(0..2000));
        let path = numbers.choice(["/", "/login", "/API/v1/items", "/health"]).unwrap();
        let level = if status == 500 { "ERROR upstream timeout" } else { "info" };
        writeln!(
            out,
            "2026-11-01T{:02}:{:02}:{:02}Z {level} GET {path} status={status} user={took} took={took}ms",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
        .unwrap();
        if status == 404 {
            out.push('\n');
        }
    }
    out.into_bytes()
}

/// The lines that a program prints, by how often.
fn printed(program: &str, args: &[&str], path: &std::path::Path) -> BTreeMap<Vec<u8>, usize> {
    let mut command = Command::new(program);
    let output = command.args(args).arg(path).env("LC_ALL", "C").env_remove("RIPGREP_CONFIG_PATH").output();
    let output = output.unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    assert!(
        output.status.code() < Some(2),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    counted(output.stdout.split_inclusive(|byte| *byte == b'\n').map(|line| line[..line.len() - 1].to_vec()))
}

fn counted(lines: impl Iterator<Item = Vec<u8>>) -> BTreeMap<Vec<u8>, usize> {
    lines.fold(BTreeMap::new(), |mut all, line| {
        *all.entry(line).or_default() += 1;
        all
    })
}

fn ours(file: &[u8], conditions: &Conditions) -> BTreeMap<Vec<u8>, usize> {
    let plan = ReadPlan::new(Window::whole(file.len() as u64));
    let filter = compiled(conditions);
    let records = found(file, &filter, None, Limits::default(), plan, &Releases::default(), false);
    counted(records.into_iter().map(|(_, line, _)| line))
}

#[test]
fn the_lines_are_those_of_grep_and_rg() {
    let patterns = [
        r"timeout.*user=[0-9]+",
        "^$",
        "^[^t]*$",
        "[0-9]{3}ms$",
        "[0-9]{4}$",
        "(timeout|login).*5",
        "e{1,3}r",
        "x*",
        "[^ -~]",
        "user=[0-9]*7 ",
        "t.m",
        "(a|b|c)(d|e|f)",
        "^....$",
        "ERROR|status=404",
    ];
    let literals = ["timeout", "user=", "é", "t", "/login", "Login", "ms"];
    let dir = tempfile::tempdir().unwrap();
    for (index, file) in [random_lines(1), random_lines(2), access_log()].into_iter().enumerate() {
        let path = dir.path().join(index.to_string());
        std::fs::write(&path, &file).unwrap();
        let rg = |args: &[&str]| {
            let mut all = vec!["--no-config", "--no-heading", "-IN", "-a", "-E", "none", "--no-unicode"];
            all.extend(args);
            printed("rg", &all, &path)
        };
        for pattern in patterns {
            for ignore_case in [false, true] {
                let one = vec![pattern.as_bytes().to_vec()];
                let wanted = Conditions { regexes: one.clone(), ignore_case, ..Conditions::default() };
                let unwanted = Conditions { exclude_regexes: one, ignore_case, ..Conditions::default() };
                let case: &[&str] = if ignore_case { &["-i"] } else { &[] };
                let grep = |args: &[&str]| printed("grep", &[case, args, &["-aE", pattern]].concat(), &path);
                assert_eq!(ours(&file, &wanted), grep(&[]), "grep {pattern} {ignore_case}");
                assert_eq!(ours(&file, &unwanted), grep(&["-v"]), "grep -v {pattern} {ignore_case}");
                assert_eq!(
                    ours(&file, &wanted),
                    rg(&[case, &["-e", pattern]].concat()),
                    "rg {pattern} {ignore_case}"
                );
            }
        }
        for literal in literals {
            let one = vec![literal.as_bytes().to_vec()];
            let unwanted = Conditions { excludes: one.clone(), ..Conditions::default() };
            assert_eq!(
                ours(&file, &unwanted),
                printed("grep", &["-aFv", literal], &path),
                "grep -v {literal}"
            );
            if literal.is_ascii() {
                let folded = Conditions { keywords: one, ignore_case: true, ..Conditions::default() };
                assert_eq!(
                    ours(&file, &folded),
                    printed("grep", &["-aiF", literal], &path),
                    "grep -i {literal}"
                );
            }
        }
        let both = Conditions {
            keywords: vec![b"user=".to_vec()],
            regexes: vec![b"[0-9]{2}".to_vec()],
            excludes: vec![b"login".to_vec(), b"7".to_vec()],
            ..Conditions::default()
        };
        let expected = counted(file.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).filter(|line| {
            let holds = |text: &[u8]| line.windows(text.len()).any(|window| window == text);
            let digits = line.windows(2).any(|two| two.iter().all(u8::is_ascii_digit));
            holds(b"user=") && digits && !holds(b"login") && !holds(b"7")
        }));
        assert_eq!(ours(&file, &both), expected);
    }
}
