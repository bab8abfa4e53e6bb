//! `cargo scan-guard`: checks that the scan does not need more instructions than before. Unlike
//! time, their number does not depend on how fast or how busy a machine is.
//!
//! The program runs itself under valgrind's callgrind, once for each case, and once without a
//! search, whose count is subtracted. The counts are compared with
//! `benches/records/scan-instructions.json`. Each level of SIMD has its own record there, because
//! `memchr` chooses its code at run time.

use anyhow::{Context as _, Result, bail};
use backscroll_benches::engines::lines::{ABSENT, ACROSS_ABSENT, EVERY, Lines};
use backscroll_benches::engines::search::{Keywords, from_memory};
use clap::Parser;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// By how many per cent the count of a case may differ from the recorded one.
const TOLERANCE_PERCENT: u64 = 15;

const LINE_LEN: usize = 100;
const CORPUS_BYTES: u64 = 8 << 20;

const CASES: [(&str, Keywords<'_>); 4] = [
    ("absent", &[ABSENT]),
    ("across_lines_absent", &[ACROSS_ABSENT]),
    ("in_every_line", &[EVERY]),
    ("no_keyword", &[]),
];

/// The run without a search: its count is that of the start and of making the corpus.
const NOTHING: &str = "nothing";

/// Compares the instructions of the scan with the recorded numbers
#[derive(Debug, Parser)]
struct Args {
    /// Write the new counts to the record
    #[arg(long)]
    record: bool,
    /// Run only the search of one case, which is counted from outside
    #[arg(long, hide = true, value_name = "CASE", conflicts_with = "record")]
    search: Option<String>,
}

/// The counts at one level of SIMD.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The compiler: a new one may cause a difference.
    rustc: String,
    /// The bytes that each case searches.
    bytes: u64,
    /// The instructions of each case.
    instructions: BTreeMap<String, u64>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if let Some(case) = args.search {
        search(&case)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (level, counted) = count_all()?;
    let mut records = read_records()?;
    if args.record {
        records.insert(level.clone(), counted);
        write_records(&records)?;
        println!("recorded for {level}: {}", records_path().display());
        return Ok(ExitCode::SUCCESS);
    }
    let Some(recorded) = records.get(&level) else {
        println!(
            "SKIPPED: nothing is recorded for {level}, only for {:?}: cargo scan-guard --record",
            records.keys()
        );
        return Ok(ExitCode::SUCCESS);
    };
    Ok(if report(&level, recorded, &counted)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints how each case compares, and returns whether all are within their bounds.
fn report(level: &str, recorded: &Record, counted: &Record) -> Result<bool> {
    if recorded.bytes != counted.bytes || !recorded.instructions.keys().eq(counted.instructions.keys()) {
        bail!("the record has other cases than these: run cargo scan-guard --record");
    }
    println!("instructions of the scan, {} bytes, {level}", counted.bytes);
    let mut sound = true;
    for (case, now) in &counted.instructions {
        let then = recorded.instructions[case];
        let change = Change::of(then, *now);
        println!(
            "{case:20} {now:>12}  recorded {then:>12}  {:+.1} %  {}",
            percent(then, *now),
            change.says()
        );
        sound &= change != Change::Worse;
    }
    if !sound {
        println!(
            "the scan takes over {TOLERANCE_PERCENT} % more instructions than recorded. Is that worth it? \
             Then: cargo scan-guard --record, and say why in the commit"
        );
        if recorded.rustc != counted.rustc {
            println!("the compiler is another, too: {} then, {} now", recorded.rustc, counted.rustc);
        }
    }
    Ok(sound)
}

/// The difference of a count to the recorded one.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Worse,
    Same,
    Better,
}

impl Change {
    fn of(then: u64, now: u64) -> Change {
        // Computed in whole numbers, so that a count exactly at the bound is within it.
        if now * 100 > then * (100 + TOLERANCE_PERCENT) {
            Change::Worse
        } else if now * 100 < then * (100 - TOLERANCE_PERCENT) {
            Change::Better
        } else {
            Change::Same
        }
    }

    fn says(&self) -> &'static str {
        match self {
            Change::Worse => "TOO MANY",
            Change::Same => "",
            Change::Better => "much better: hold on to it with cargo scan-guard --record",
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn percent(then: u64, now: u64) -> f64 {
    (now as f64 / then.max(1) as f64 - 1.0) * 100.0
}

/// The part that is counted from outside: makes the corpus, and searches it once.
fn search(case: &str) -> Result<()> {
    let lines = Lines::new(LINE_LEN, CORPUS_BYTES);
    if case != NOTHING {
        let known = CASES.iter().find(|(name, _)| *name == case);
        let (_, keywords) = known.with_context(|| format!("{case} is not a case"))?;
        black_box(from_memory(black_box(&lines), black_box(keywords)));
    }
    println!("{}", level());
    Ok(())
}

/// The level of SIMD that `memchr` finds. Under valgrind it may be less than the machine has.
fn level() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    return if std::arch::is_x86_feature_detected!("avx2") { "x86_64-avx2" } else { "x86_64-sse2" };
    #[cfg(not(target_arch = "x86_64"))]
    return std::env::consts::ARCH;
}

fn count_all() -> Result<(String, Record)> {
    let (level, base) = count(NOTHING)?;
    let mut instructions = BTreeMap::new();
    for (case, _) in CASES {
        let (_, total) = count(case)?;
        let own = total.checked_sub(base).context("a search takes some instructions")?;
        instructions.insert(case.to_owned(), own);
    }
    let bytes = Lines::new(LINE_LEN, CORPUS_BYTES).size();
    Ok((level, Record { rustc: rustc_version()?, bytes, instructions }))
}

/// Runs one case under callgrind. Returns its level of SIMD, and all instructions of the process.
fn count(case: &str) -> Result<(String, u64)> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--search", case])
        .stdin(Stdio::null())
        .output()
        .context("valgrind cannot be started: apt-get install valgrind")?;
    let notes = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{case} under valgrind: {}\n{notes}", output.status);
    }
    let total = collected(&notes).with_context(|| format!("callgrind did not report its count:\n{notes}"))?;
    Ok((String::from_utf8(output.stdout)?.trim().to_owned(), total))
}

/// The number in callgrind's line `==1234== Collected : 56789`.
fn collected(notes: &str) -> Option<u64> {
    notes.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

fn rustc_version() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().context("rustc cannot be started")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn records_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("records/scan-instructions.json")
}

#[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
fn read_records() -> Result<BTreeMap<String, Record>> {
    match std::fs::read_to_string(records_path()) {
        Ok(text) => serde_json::from_str(&text).context("the record cannot be parsed"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).context("the record cannot be read"),
    }
}

#[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
fn write_records(records: &BTreeMap<String, Record>) -> Result<()> {
    let mut text = serde_json::to_string_pretty(records)?;
    text.push('\n');
    std::fs::write(records_path(), text).context("the record cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(absent: u64) -> Record {
        let instructions = BTreeMap::from([("absent".to_owned(), absent)]);
        Record { rustc: "rustc".to_owned(), bytes: 1, instructions }
    }

    #[test]
    fn fifteen_per_cent_more_pass_and_more_than_that_do_not() {
        assert!(report("here", &record(1000), &record(1150)).unwrap());
        assert!(!report("here", &record(1000), &record(1151)).unwrap());
        assert_eq!(Change::of(1000, 849), Change::Better);
        assert_eq!(Change::of(1000, 850), Change::Same);
    }

    #[test]
    fn a_record_of_other_cases_is_not_compared_with() {
        let other = Record { bytes: 2, ..record(1000) };
        assert!(report("here", &other, &record(1000)).is_err());
        let none = Record { instructions: BTreeMap::new(), ..record(0) };
        assert!(report("here", &none, &record(1000)).is_err());
    }

    #[test]
    fn callgrinds_count_is_found_among_its_notes() {
        let notes = "==7== Events    : Ir\n==7== Collected : 56789\n==7== \n==7== I   refs:      56,789\n";
        assert_eq!(collected(notes), Some(56_789));
        assert_eq!(collected("valgrind: no"), None);
    }

    #[test]
    fn what_is_recorded_is_of_the_cases_that_are_counted() {
        for (level, record) in read_records().unwrap() {
            assert!(record.instructions.keys().eq(CASES.map(|(case, _)| case)), "{level}");
        }
    }
}
