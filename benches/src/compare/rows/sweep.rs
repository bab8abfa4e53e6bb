//! Read engines and block sizes, without HTTP: the same readahead, the same search, the same
//! pool of blocks; only the engine and the size of a read differ.

use crate::compare::bench::{Bench, LARGE_LOG};
use crate::compare::cold;
use crate::compare::plots::{Line, Plot};
use crate::compare::process::cpu_seconds;
use crate::compare::report::{Results, Row};
use crate::compare::stats::Samples;
use crate::engines::inline::Inline;
use crate::engines::reading::{Cache, Reading, Use};
use anyhow::Result;
use backscroll_samples::ABSENT;
use backscroll_secondary::read::threads::Threads;
use backscroll_secondary::read::uring::{RingAlone, Uring};
use std::path::Path;
use std::time::Instant;

/// The number of reads at the same time, for all engines and sizes.
const DEPTH: usize = 4;

/// The block sizes.
const BLOCKS: [usize; 7] = [16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20];

/// The block size of a deep scan.
const USUAL: usize = 4;

/// How much of the file is read: its oldest part, since all parts are alike.
const WARM_BYTES: u32 = 512 << 20;
const COLD_BYTES: u32 = 128 << 20;

const ENGINES: [&str; 4] = ["inline `pread`", "threads", "uring", "ring alone"];

pub(super) fn sweep(bench: &Bench, results: &mut Results) -> Result<()> {
    let path = bench.log(LARGE_LOG);
    let mut samples = Samples::default();
    cold::warm(&path)?;
    for round in bench.rounds("read engines by block size, warm", 7, 3) {
        one_round(&path, round? > 0, WARM_BYTES, WARM, &mut samples, || Ok(()))?;
    }
    for round in bench.rounds("read engines by block size, cold", 3, 1).without_warmup() {
        round?;
        let evict = || cold::evict(&path, bench.machine.has("fincore"));
        one_round(&path, true, COLD_BYTES, COLD, &mut samples, evict)?;
    }
    let mut row = Row::new(
        "Read engines by block size, without HTTP",
        &format!(
            "In this process: the product's own readahead, search and pool over each engine, {DEPTH} reads under way at once (inline `pread` does each at once, and nothing is ever under way), an absent keyword through the first {} MiB of the file warm and {} MiB cold. `uring` reads what is in the page cache on the spot, as the product does; `ring alone` sends every read through the ring. CPU seconds are this process's.",
            WARM_BYTES >> 20,
            COLD_BYTES >> 20
        ),
    )
    .with(&samples);
    for temperature in [WARM, COLD] {
        let at = |engine: &str| place(engine, USUAL, temperature);
        for other in [ENGINES[0], ENGINES[1]] {
            let ratio = samples.ratio(&at(ENGINES[2]), &at(other));
            row.ratio(&format!("speed of uring at 256 KiB, {temperature}, to {other}"), ratio, None);
        }
    }
    let lines = [WARM, COLD].into_iter().flat_map(|temperature| ENGINES.map(|engine| (engine, temperature)));
    let figure = |engine: &str, index: usize, temperature: &str| {
        samples.spread(&place(engine, index, temperature)).map(|spread| spread.median)
    };
    results.plots.push(Plot {
        name: "block-sizes".to_owned(),
        title: "Searching backwards: throughput by block size and engine".to_owned(),
        x_label: "bytes a read".to_owned(),
        x: BLOCKS.iter().map(|bytes| format!("{} KiB", bytes >> 10)).collect(),
        y_label: "GB/s".to_owned(),
        log_y: true,
        lines: lines
            .map(|(engine, temperature)| Line {
                name: format!("{}, {temperature}", engine.replace('`', "")),
                y: (0..BLOCKS.len()).map(|index| figure(engine, index, temperature)).collect(),
            })
            .collect(),
    });
    results.rows.push(row);
    Ok(())
}

const WARM: &str = "warm";
const COLD: &str = "cold";

fn place(engine: &str, block: usize, temperature: &str) -> String {
    format!("{engine}, {} KiB, {temperature}", BLOCKS[block] >> 10)
}

/// Measures each size with each engine once. `before` makes the file cold, or leaves it warm.
fn one_round(
    path: &Path,
    counts: bool,
    bytes: u32,
    temperature: &str,
    samples: &mut Samples,
    before: impl Fn() -> Result<()>,
) -> Result<()> {
    let own = [std::process::id()];
    for (index, block_bytes) in BLOCKS.into_iter().enumerate() {
        for engine in ENGINES {
            before()?;
            let (began, cpu_before) = (Instant::now(), cpu_seconds(&own)?);
            let reading = Reading::new(block_bytes, DEPTH).first(bytes.into());
            let using = Use::Search(&[ABSENT.as_bytes()]);
            match engine {
                "uring" => reading.time(Uring, path, Cache::Warm, using, 1)?,
                "ring alone" => reading.time(RingAlone, path, Cache::Warm, using, 1)?,
                "threads" => reading.time(Threads, path, Cache::Warm, using, 1)?,
                _ => reading.time(Inline, path, Cache::Warm, using, 1)?,
            };
            let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds(&own)? - cpu_before);
            if counts {
                let speed = f64::from(bytes) / 1e9 / seconds;
                samples.push(&place(engine, index, temperature), "GB/s", speed, Some(cpu));
            }
        }
    }
    Ok(())
}
