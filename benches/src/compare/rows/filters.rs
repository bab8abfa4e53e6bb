//! Regular expressions, case and exclusion through 1 GiB in the page cache, against ripgrep.

use super::mixed::{CONNECTIONS, Outcome, RATE};
use super::requests::newest;
use crate::compare::bench::{Bench, LARGE_LOG, URING};
use crate::compare::cold;
use crate::compare::process::{run, run_pipe};
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Target};
use anyhow::{Context as _, Result, bail};
use backscroll_shared::query::as_parameter;
use std::process::Command;

const RG: &str = "`rg`";

/// One search: its parameters, the arguments of `rg` for the same, and those of a second `rg` that
/// reads the first one's lines.
struct Case {
    about: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    rg: &'static [&'static str],
    then: Option<&'static [&'static str]>,
    target: f64,
}

const CASES: [Case; 5] = [
    Case {
        about: "`timeout.*user=\\d+`: literals in a pattern",
        parameters: &[("regex", r"timeout.*user=\d+")],
        rg: &["-c", r"timeout.*user=\d+"],
        then: None,
        target: 1.1,
    },
    Case {
        about: "`\\d{3}ms$`: no literal that is worth searching for, in three lines of four",
        parameters: &[("regex", r"\d{3}ms$")],
        rg: &["-c", r"\d{3}ms$"],
        then: None,
        target: 1.2,
    },
    Case {
        about: "`\\d{4}ms$`: the same, found nowhere",
        parameters: &[("regex", r"\d{4}ms$")],
        rg: &["-c", r"\d{4}ms$"],
        then: None,
        target: 1.2,
    },
    Case {
        about: "a keyword in any case, found nowhere",
        parameters: &[("keyword", "Connection Refused"), ("ignore_case", "true")],
        rg: &["-i", "-F", "-c", "Connection Refused"],
        then: None,
        target: 1.2,
    },
    Case {
        about: "a keyword in about one line of 1,000, and an `exclude`",
        parameters: &[("keyword", "ERROR large worker-7 "), ("exclude", "/login")],
        rg: &["-F", "ERROR large worker-7 "],
        then: Some(&["-v", "-F", "/login"]),
        target: 1.0,
    },
];

pub(super) fn filters(bench: &Bench, results: &mut Results) -> Result<()> {
    let path = bench.log(LARGE_LOG);
    let text = path.to_str().context("a temporary folder's path is text")?;
    if !bench.machine.has("rg") {
        bail!("the rows of filters need rg");
    }
    cold::warm(&path)?;
    let server = bench.uring_server();
    let mut row = Row::new(
        "Filters through 1 GiB, warm",
        "Whole processes, from start to end: `curl` for Backscroll, whose server runs already, and `rg -c` or a pipe of two, which start, open the file and search it. Where a case finds records, Backscroll sends them, while `rg -c` only counts them.",
    );
    for case in &CASES {
        let mut samples = Samples::default();
        let (ours, theirs) = (format!("{URING}, {}", case.about), format!("{RG}, {}", case.about));
        let mut target = format!("logs?filename={LARGE_LOG}");
        for (name, value) in case.parameters {
            target.extend(["&", *name, "=", &as_parameter(value.as_bytes()).to_string()]);
        }
        for round in bench.rounds("filters through 1 GiB, warm", 7, 2) {
            let round = round?;
            let ran = server.curl(&["-o", "/dev/null"], &target)?;
            let mut first = Command::new("rg");
            first.args(case.rg).arg(text);
            let rg = match case.then {
                Some(then) => run_pipe(&mut first, Command::new("rg").args(then))?,
                None => run(&mut first)?,
            };
            if round > 0 {
                samples.push(&ours, "s", ran.seconds, Some(ran.cpu_seconds));
                samples.push(&theirs, "s", rg.seconds, Some(rg.cpu_seconds));
            }
        }
        row.ratio(
            &format!("time, to `rg`: {}", case.about),
            samples.ratio(&ours, &theirs),
            Some(Target::AtMost(case.target)),
        );
        row = row.with(&samples);
    }
    results.rows.push(row);
    Ok(())
}

/// The slowest pattern that is taken, about: nearly every byte needs a new state, and each state looks
/// at thousands of parts.
const SLOWEST: &str = r"(?:[a-z0-9 =/.:-]*[aeiou0-5]){3}[a-z0-9 =/.:-]{300}[aeiou][^x]{400}x";

/// How many searches run beside the small requests.
const DEEP: u32 = 16;

pub(super) fn beside(bench: &Bench, results: &mut Results) -> Result<()> {
    cold::warm(&bench.log(LARGE_LOG))?;
    let server = bench.uring_server();
    let seconds = bench.load_seconds(3.0, 1.0);
    let (alone, beside) = ("alone".to_owned(), format!("beside {DEEP} searches"));
    let mut p99 = Samples::default();
    let mut outcome = Outcome::default();
    for round in bench.rounds("small requests beside slow patterns", 3, 1).without_warmup() {
        round?;
        for deep in [0, DEEP] {
            let mut options: Vec<String> = [
                ("--seconds", seconds.to_string()),
                ("--rate", RATE.to_string()),
                ("--connections", CONNECTIONS.to_string()),
            ]
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect();
            if deep > 0 {
                let url = format!("logs?filename={LARGE_LOG}&regex={}", as_parameter(SLOWEST.as_bytes()));
                options.extend(
                    ["--deep", &deep.to_string(), "--deep-url", &server.url(&url)].map(str::to_owned),
                );
            }
            let (report, cpu) = server.load(&newest(LARGE_LOG), &options)?;
            p99.push(if deep > 0 { &beside } else { &alone }, "ms", report.p99_us / 1e3, Some(cpu));
            if deep > 0 {
                outcome.add(&report);
            }
        }
    }
    let mut row = Row::new(
        "p99 of small requests beside searches with the slowest pattern",
        &format!(
            "{RATE} requests a second for the newest 20 lines are due over {CONNECTIONS} connections for {seconds} s. Beside them {DEEP} searches of 1 GiB with a pattern that needs a new state at nearly every byte."
        ),
    )
    .with(&p99);
    row.ratio("p99 beside searches, to alone", p99.ratio(&beside, &alone), Some(Target::AtMost(5.0)));
    row.note(outcome.note(&beside));
    results.rows.push(row);
    Ok(())
}
