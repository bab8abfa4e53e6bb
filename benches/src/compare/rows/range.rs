//! One minute in the middle of 10 GiB, against one minute at the end.

use super::latency::exchange;
use crate::compare::bench::{Bench, Server};
use crate::compare::process::run_for_output;
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Target};
use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

const RANGE_LOG: &str = "range.log";

/// Bytes of the log.
const SIZE: u64 = 10 << 30;

/// The days whose lines it has: five minutes are about 600 KiB.
const DAYS: i64 = 60;

/// Bytes of each line.
const LINE: u64 = 128;

/// Of each MiB of the log, only so many bytes are lines; the rest is a hole.
const PIECE: u64 = 16 << 10;

/// Bytes without holes, on both sides of the middle, and at the end.
const DENSE: u64 = 16 << 20;

const MIDDLE: &str = "one minute in the middle";
const END: &str = "the last minute";

const MIB: u64 = 1 << 20;

/// Requests of each kind in one round.
const REQUESTS: usize = 40;

pub(super) fn range(bench: &Bench, results: &mut Results) -> Result<()> {
    let end = Timestamp::now();
    make(&bench.log(RANGE_LOG), end).context("200 MiB for a log: give a folder that has it with --dir")?;
    let middle = end - SignedDuration::from_hours(DAYS * 12);
    let kinds = [(MIDDLE, middle), (END, end - SignedDuration::from_mins(1))].map(|(name, since)| {
        let until = since + SignedDuration::from_mins(1);
        (name, format!("logs?filename={RANGE_LOG}&since={since}&until={until}"))
    });
    let server = bench.uring_server();
    let mut connection = TcpStream::connect(server.listen)?;
    connection.set_nodelay(true)?;
    let (mut samples, mut scanned) = (Samples::default(), [0_u64; 2]);
    for round in bench.rounds("one minute of 10 GiB", 9, 3) {
        let round = round?;
        let mut times = [0.0; 2];
        for request in 0..REQUESTS {
            for place in 0..kinds.len() {
                let kind = (place + request) % kinds.len();
                #[expect(clippy::cast_precision_loss, reason = "a few requests")]
                let part = exchange(&mut connection, &kinds[kind].1)? / REQUESTS as f64;
                times[kind] += part;
            }
        }
        for (index, (name, target)) in kinds.iter().enumerate() {
            scanned[index] = scanned[index].max(bytes_scanned(&server, target)?);
            if round > 0 {
                samples.push(name, "µs", times[index], None);
            }
        }
    }
    let mut row = Row::new(
        "One minute of 10 GiB",
        "One blocking connection asks for all lines of one minute, of a log of 60 days. The log has lines in each MiB, and no holes around the middle and at the end, so that both minutes and what is looked at beside them are read. All of it is in the page cache after round 0. The bytes are those of the verdict.",
    )
    .with(&samples);
    row.ratio("time, to the last minute", samples.ratio(MIDDLE, END), Some(Target::AtMost(3.0)));
    let mut bytes = Samples::default();
    #[expect(clippy::cast_precision_loss, reason = "a few MiB")]
    let more = (scanned[0] as f64 - scanned[1] as f64) / MIB as f64;
    bytes.push("more", "MiB", more, None);
    row.figure("more bytes than for the last minute", "MiB", bytes.spread("more"), Some(Target::AtMost(2.0)));
    for ((name, _), bytes) in kinds.iter().zip(scanned) {
        row.note(format!("{name}: {} KiB were read", bytes >> 10));
    }
    results.rows.push(row);
    Ok(())
}

/// The bytes that an answer took. It must be whole, and hold the lines of a minute.
fn bytes_scanned(server: &Server, target: &str) -> Result<u64> {
    let mut curl = Command::new("curl");
    let ran = run_for_output(curl.args(["-sSf", "-H", "Accept: application/x-ndjson", &server.url(target)]))?;
    let last = ran.output.lines().last().context("an answer without a verdict")?;
    let verdict = serde_json::from_str::<serde_json::Value>(last)?["end"].take();
    let lines = verdict["lines"].as_u64().unwrap_or_default();
    let expected = SIZE / LINE / (DAYS.unsigned_abs() * 24 * 60);
    ensure!(verdict["status"] == "complete" && lines.abs_diff(expected) <= 2, "{target}: {verdict}");
    verdict["bytes_scanned"].as_u64().with_context(|| format!("{target}: {verdict}"))
}

/// Writes the log. Its last line is of the time `end`.
fn make(path: &Path, end: Timestamp) -> Result<()> {
    let day = SignedDuration::from_hours(24);
    let begin = end - day * i32::try_from(DAYS)?;
    let nanos = i64::try_from(day.as_nanos() * i128::from(DAYS) / i128::from(SIZE / LINE))?;
    let mut log = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut at = 0;
    while at < SIZE {
        let is_dense = at.abs_diff(SIZE / 2) <= DENSE || SIZE - at <= DENSE;
        if !is_dense && at % MIB >= PIECE {
            at = (at / MIB + 1) * MIB;
            continue;
        }
        if log.stream_position()? != at {
            log.seek(SeekFrom::Start(at))?;
        }
        let time = begin + SignedDuration::from_nanos(nanos * i64::try_from(at / LINE + 1)?);
        let width = usize::try_from(LINE)? - 1;
        let line = format!("{time:.6} INFO worker GET /api/v1/items status=200 offset={at}");
        writeln!(log, "{line:width$}")?;
        at += LINE;
    }
    log.into_inner()?.sync_all()?;
    Ok(())
}
