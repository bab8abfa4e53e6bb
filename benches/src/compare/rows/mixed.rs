//! Small requests while deep scans run, all of it in the page cache.

use super::requests::newest;
use crate::compare::bench::{Bench, LARGE_LOG, POOL, Server, THREADS, URING};
use crate::compare::cold;
use crate::compare::plots::{Line, Plot};
use crate::compare::pool::Pool;
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Target};
use crate::load::report::Report;
use anyhow::Result;
use backscroll_samples::ABSENT;

const DEEP: [u32; 5] = [0, 1, 4, 16, 64];

/// The small requests a second, and their connections: few enough that they alone do not keep a
/// server busy, many enough for a p99.
pub(super) const RATE: u32 = 200;
pub(super) const CONNECTIONS: u32 = 8;

/// The options of the load tool for so many deep scans of `log`.
pub(super) fn options(server: &Server, seconds: f64, deep: u32, log: &str) -> Vec<String> {
    let mut options = vec![
        "--seconds".to_owned(),
        seconds.to_string(),
        "--rate".to_owned(),
        RATE.to_string(),
        "--connections".to_owned(),
        CONNECTIONS.to_string(),
    ];
    if deep > 0 {
        let url = server.url(&format!("logs?filename={log}&keyword={ABSENT}"));
        options.extend(["--deep".to_owned(), deep.to_string(), "--deep-url".to_owned(), url]);
    }
    options
}

/// The results of the requests of one variant, in all its runs.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    answered: u64,
    unfinished: u64,
    errors: u64,
    scans: u64,
    scan_errors: u64,
    first_error: Option<String>,
}

impl Outcome {
    pub(super) fn add(&mut self, report: &Report) {
        self.answered += report.answered;
        self.unfinished += report.unfinished;
        self.errors += report.errors;
        self.scans += report.deep_scans.done;
        self.scan_errors += report.deep_scans.errors;
        let error = report.first_error.clone().or_else(|| report.deep_scans.first_error.clone());
        self.first_error = self.first_error.take().or(error);
    }

    pub(super) fn note(&self, name: &str) -> String {
        let Outcome { answered, unfinished, errors, scans, scan_errors, first_error } = self;
        let error = first_error.as_ref().map_or_else(String::new, |error| format!(" (the first: {error})"));
        // If more than one in a hundred is unanswered, the p99 is the age of one of these.
        let bound = if unfinished * 100 > *answered { ": its p99 is a lower bound" } else { "" };
        format!(
            "{name}: {answered} small requests answered, {unfinished} unanswered at the end of a run, {errors} failed{bound}; {scans} deep scans done, {scan_errors} failed{error}"
        )
    }
}

pub(super) fn mixed(bench: &Bench, results: &mut Results) -> Result<()> {
    cold::warm(&bench.log(LARGE_LOG))?;
    let mut p99 = Samples::default();
    let names = [URING, THREADS, POOL];
    let mut outcomes = names.map(|_| Outcome::default());
    let seconds = bench.load_seconds(3.0, 1.0);
    for round in bench.rounds("small requests beside deep scans, warm", 3, 1).without_warmup() {
        round?;
        for deep in DEEP {
            // A new server each time: its threads go on with a scan whose client has gone until
            // they notice.
            let pool = Pool::start(bench.log_dir())?;
            let servers = [bench.uring_server(), bench.threads_server(), pool.server()];
            for (server, outcome) in servers.iter().zip(&mut outcomes) {
                let (report, cpu) =
                    server.load(&newest(LARGE_LOG), &options(server, seconds, deep, LARGE_LOG))?;
                p99.push(&place(&server.name, deep), "ms", report.p99_us / 1e3, Some(cpu));
                if deep == DEEP[DEEP.len() - 1] {
                    outcome.add(&report);
                }
            }
        }
    }
    let mut row = Row::new(
        "p99 of small requests beside deep scans, warm",
        &format!(
            "{RATE} requests a second for the newest 20 lines are due over {CONNECTIONS} connections for {seconds} s, each timed from when it was due; those unanswered at the end count with their age. Beside them each deep scan looks for an absent keyword through the same 1 GiB, again and again. {POOL}: blocks, ramp, matcher and frames are Backscroll's own; each whole request has one thread, and what finds none waits. CPU seconds are the server's."
        ),
    )
    .with(&p99);
    let all = DEEP[DEEP.len() - 1];
    let ours = place(URING, all);
    row.ratio(
        &format!("p99 beside {all} scans, to alone"),
        p99.ratio(&ours, &place(URING, 0)),
        Some(Target::AtMost(5.0)),
    );
    row.ratio(
        &format!("times better than {POOL}, beside {all} scans"),
        p99.ratio(&place(POOL, all), &ours),
        Some(Target::AtLeast(10.0)),
    );
    row.ratio(
        &format!("times better than `--io threads`, beside {all} scans"),
        p99.ratio(&place(THREADS, all), &ours),
        None,
    );
    row.ratio(
        &format!("`--io threads`: p99 beside {all} scans, to alone"),
        p99.ratio(&place(THREADS, all), &place(THREADS, 0)),
        None,
    );
    for (name, outcome) in names.iter().zip(&outcomes) {
        row.note(format!("beside {all} scans, {}", outcome.note(name)));
    }
    results.plots.push(plot(&names, &p99));
    results.rows.push(row);
    Ok(())
}

fn place(server: &str, deep: u32) -> String {
    format!("{server}, {deep} deep scans")
}

fn plot(names: &[&str], p99: &Samples) -> Plot {
    Plot {
        name: "deep-scans".to_owned(),
        title: "p99 of small requests by number of deep scans, warm".to_owned(),
        x_label: "deep scans at once".to_owned(),
        x: DEEP.map(|deep| deep.to_string()).into(),
        y_label: "p99, ms".to_owned(),
        log_y: true,
        lines: names
            .iter()
            .map(|name| Line {
                name: name.replace('`', ""),
                y: DEEP.map(|deep| p99.spread(&place(name, deep)).map(|spread| spread.median)).into(),
            })
            .collect(),
    }
}
