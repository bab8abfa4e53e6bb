//! `cargo compare`: measures every figure of the project, and compares it with what people use
//! instead.
//!
//! ```text
//! rows/*  ──►  stats    ──►  report  ──►  Markdown, JSON
//! one each     medians,       tables  ──►  plots: SVG
//!   │          ratios
//!   └► bench: logs and servers · process: CPU time · cold, throttle: the disk
//!      nginx, pool, inline, engines: what is compared with
//! ```
//!
//! Everything that loads a server, or is timed from its start, runs in a separate process, as a
//! subcommand of the same program.

#![expect(clippy::disallowed_methods, reason = "no ring thread comes here")]

pub mod bench;
pub mod cold;
mod collector;
pub mod inline;
pub mod machine;
pub mod nginx;
pub mod plots;
pub mod pool;
pub mod process;
pub mod report;
pub mod rows;
pub mod simulated;
pub mod slow_clients;
pub mod stats;
pub mod stop;
pub mod throttle;

use crate::load;
use anyhow::{Context as _, Result, bail};
use backscroll_e2e::program;
use bench::Bench;
use clap::{Parser, Subcommand, ValueEnum as _};
use machine::Machine;
use report::{Results, Row};
use rows::RowName;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Compares Backscroll with what people use instead
#[derive(Debug, Parser)]
#[command(name = "cargo compare --")]
pub struct Args {
    /// Fewer and shorter runs: three minutes at most
    #[arg(long)]
    quick: bool,
    /// Measure only this row (repeatable); nothing is written unless --out is given
    #[arg(long, value_name = "ROW")]
    only: Vec<RowName>,
    /// Folder for the results [default: benches/results]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder for the logs, 1.1 GiB that are removed at the end [default: the system's temporary
    /// folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// The subcommands, which run in separate processes.
#[derive(Debug, Subcommand)]
enum Part {
    #[command(hide = true)]
    Load(load::Options),
    #[command(hide = true)]
    SlowClients(load::slow::Options),
    #[command(hide = true)]
    PoolServer(pool::Options),
    #[command(hide = true)]
    SimulatedFleet(simulated::Options),
    /// Counts a keyword in a file, read from its end to its beginning
    #[command(hide = true)]
    CountBackwards { file: PathBuf, keyword: String },
}

/// The entry point of the program.
pub fn main() -> Result<()> {
    let args = Args::parse_from(program::arguments());
    match args.part {
        Some(Part::Load(options)) => println!("{}", serde_json::to_string(&load::run(&options)?)?),
        Some(Part::SlowClients(options)) => {
            println!("{}", serde_json::to_string(&load::slow::run(&options)?)?);
        }
        Some(Part::PoolServer(options)) => pool::serve(options)?,
        Some(Part::SimulatedFleet(options)) => simulated::serve(&options)?,
        Some(Part::CountBackwards { file, keyword }) => {
            println!("{}", inline::count_backwards(&file, keyword.as_bytes())?);
        }
        None => return compare(&args),
    }
    Ok(())
}

fn compare(args: &Args) -> Result<()> {
    let began = Instant::now();
    stop::watch()?;
    program::raise_file_limit();
    let bench = Bench::start(args.quick, args.dir.as_deref())?;
    for tool in bench.machine.tools.iter().filter(|tool| tool.version.is_none()) {
        eprintln!("{} is not installed: its rows are left out", tool.name);
    }
    let mut results = Results {
        date: jiff::Zoned::now().date().to_string(),
        quick: args.quick,
        machine: Machine::clone(&bench.machine),
        rows: Vec::new(),
        plots: Vec::new(),
        nginx_config: None,
    };
    let mut failed = 0;
    for row in RowName::value_variants() {
        if args.only.is_empty() || args.only.contains(row) {
            failed += usize::from(!measure(*row, &bench, &mut results)?);
        }
    }
    drop(bench);
    let quick = if args.quick { "-quick" } else { "" };
    let prefix = format!("{}-{}{quick}", results.date, results.machine.slug());
    print!("{}", results.markdown(&prefix));
    if args.only.is_empty() || args.out.is_some() {
        let out = args.out.clone().unwrap_or_else(results_dir);
        write(&results, &out, &prefix)?;
        eprintln!("{prefix}.md, its JSON and its plots were written to {}", out.display());
    }
    eprintln!("{:.0} s in all", began.elapsed().as_secs_f64());
    if failed > 0 {
        bail!("{failed} rows failed: the table says why");
    }
    Ok(())
}

/// Measures one row. If it fails, the error is reported in its place, and the other rows are kept.
fn measure(row: RowName, bench: &Bench, results: &mut Results) -> Result<bool> {
    let before = results.rows.len();
    let began = Instant::now();
    let outcome = row.measure(bench, results);
    stop::go_on()?;
    if let Err(error) = &outcome {
        eprintln!("\n{}: {error:#}", row.name());
        let mut failed = Row::new("A row that failed", "");
        failed.note(format!("**failed**: {error:#}"));
        results.rows.push(failed);
    }
    for added in &mut results.rows[before..] {
        added.name = row.name();
    }
    eprintln!("{}: {:.0} s", row.name(), began.elapsed().as_secs_f64());
    Ok(outcome.is_ok())
}

/// `benches/results`, in whatever folder cargo was started.
fn results_dir() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| "benches".into(), PathBuf::from);
    package.join("results")
}

fn write(results: &Results, out: &Path, prefix: &str) -> Result<()> {
    let written = || {
        std::fs::create_dir_all(out)?;
        std::fs::write(out.join(format!("{prefix}.md")), results.markdown(prefix))?;
        let json = serde_json::to_string_pretty(results)?;
        std::fs::write(out.join(format!("{prefix}.json")), json + "\n")?;
        for plot in &results.plots {
            plot.draw(&out.join(format!("{prefix}-{}.svg", plot.name)))?;
        }
        anyhow::Ok(())
    };
    written().with_context(|| format!("{}: give another folder with --out", out.display()))
}
