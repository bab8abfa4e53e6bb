//! The cost of slow clients for a secondary, and for a primary that passes on the answer of one
//! host or merges two.

use crate::compare::bench::{Bench, LARGE_LOG, Server};
use crate::compare::cold;
use crate::compare::process::run;
use crate::compare::report::{Results, Row};
use crate::compare::slow_clients::{CLIENTS, Served, SlowClients};
use crate::compare::stats::{Spread, Target, mebibytes};
use crate::compare::stop;
use crate::load::slow::Report;
use anyhow::{Context as _, Result};
use backscroll_e2e::program::Program;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The longest lines that are not cut.
const LONG_LINE: usize = (1 << 20) - 1;

/// Lines that are longer than what each answer may always hold, but of which the server may hold
/// many.
const MEDIUM_LINE: usize = 60_000;

/// The size of a file with such lines.
const FILE_BYTES: usize = 64 << 20;

const MEDIUM_TEXT: &str = "medium-text.log";
const LONG_TEXT: &str = "long-text.log";
const LONG_CONTROL: &str = "long-control.log";
const NDJSON: &str = "application/x-ndjson";

/// How long after the clients have left the memory is measured again.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// The requested answers: their name, the file, and the type.
const ANSWERS: [(&str, &str, &str); 4] = [
    ("short lines as text", LARGE_LOG, "text/plain"),
    ("lines of 60,000 bytes as text", MEDIUM_TEXT, "text/plain"),
    ("lines of 1 MiB as text", LONG_TEXT, "text/plain"),
    ("lines of 1 MiB of control bytes as NDJSON", LONG_CONTROL, NDJSON),
];

/// The ways to ask: their name, the requested hosts, and the bound in MiB.
const WAYS: [(&str, Option<&str>, f64); 3] = [
    ("a secondary", None, 96.0),
    ("a primary, one host", Some("&hostname=s1"), 160.0),
    ("a primary, two hosts merged", Some("&hostname=*"), 160.0),
];

pub(super) fn slow_readers(bench: &Bench, results: &mut Results) -> Result<()> {
    let dir = bench.log_dir();
    write_long(&dir.join(MEDIUM_TEXT), b"2026-11-25T10:00:00Z ", b'x', MEDIUM_LINE)?;
    write_long(&dir.join(LONG_TEXT), b"2026-11-25T10:00:00Z ", b'x', LONG_LINE)?;
    write_long(&dir.join(LONG_CONTROL), b"", 1, LONG_LINE)?;
    for (_, file, _) in ANSWERS {
        cold::warm(&bench.log(file))?;
    }
    let seconds = bench.load_seconds(20.0, 6.0);
    let mut row = Row::new(
        "Clients that hardly read",
        &format!(
            "{CLIENTS} clients ask a new server for all of a file and read one byte a second each, for {seconds} s; the kernel takes 4 KiB for each of them, so the rest waits in the servers. Beside them `curl` asks for the newest line. The kernel's socket buffers are not in a process's resident memory."
        ),
    );
    for (who, hosts, bound) in WAYS {
        for (what, file, accept) in ANSWERS {
            eprintln!("{CLIENTS} clients that hardly read: {who}, {what}");
            let secondaries = [named(dir, "s1")?, named(dir, "s2")?];
            let primary = hosts.map(|_| primary(&secondaries)).transpose()?;
            let program = primary.as_ref().unwrap_or(&secondaries[0]);
            let server = Server::of(who, program);
            let target = format!("logs?filename={file}{}", hosts.unwrap_or_default());
            let url = server.url(&target);
            let slow = SlowClients { url: &url, accept, certificate: None, seconds };
            let (ran, has_line) = with_another(slow, program, &format!("{url}&n=1"))?;
            let peak = mebibytes(program.peak_memory_bytes()?);
            stop::rest(AFTERWARDS)?;
            let name = format!("{who}, {what}");
            let target = Some(Target::AtMost(bound));
            row.figure(&format!("{name}: peak resident memory"), "MiB", Spread::of(&[peak]), target);
            let after = mebibytes(program.memory_now_bytes()?);
            row.figure(
                &format!("{name}: resident {} s after they have left", AFTERWARDS.as_secs()),
                "MiB",
                Spread::of(&[after]),
                None,
            );
            let Report { reading, cut, refused, .. } = ran.report;
            row.note(format!("{name}: {reading} still read at the end, {cut} had been cut, {refused} were refused; one more client was answered: {has_line}"));
            if hosts.is_some() {
                let peak = mebibytes(secondaries[0].peak_memory_bytes()?);
                row.figure(&format!("{name}: peak of the secondary"), "MiB", Spread::of(&[peak]), None);
            }
        }
    }
    results.rows.push(row);
    Ok(())
}

/// Runs the clients, and meanwhile one more that reads as fast as it can. Also returns whether that
/// one got its line.
fn with_another(slow: SlowClients<'_>, program: &Program, url: &str) -> Result<(Served, bool)> {
    std::thread::scope(|scope| {
        let served = scope.spawn(move || slow.serve(program));
        stop::rest(Duration::from_secs_f64(slow.seconds / 2.0))?;
        let mut curl = Command::new("curl");
        curl.args(["-s", "-S", "-f", "--max-time", "30", "-H", &format!("accept: {}", slow.accept), url]);
        let beside = run(&mut curl).is_ok();
        let served = served.join().map_err(|_| anyhow::anyhow!("the slow clients panicked"))??;
        Ok((served, beside))
    })
}

fn named(dir: &Path, name: &str) -> Result<Program> {
    let dir = dir.to_str().context("the path of the logs' folder is not text")?;
    Program::start("backscroll-secondary", &["--log-dir", dir, "--hostname", name])
}

fn primary(secondaries: &[Program; 2]) -> Result<Program> {
    let url = |at: usize| format!("s{}=http://{}", at + 1, secondaries[at].listen);
    Program::start("backscroll-primary", &["--secondary", &url(0), "--secondary", &url(1)])
}

/// Writes a file of long lines. All have the same beginning, followed by one repeated byte.
fn write_long(path: &Path, beginning: &[u8], byte: u8, bytes: usize) -> Result<()> {
    let mut line = beginning.to_vec();
    line.resize(bytes, byte);
    line.push(b'\n');
    let mut file = BufWriter::new(File::create(path)?);
    for _ in 0..FILE_BYTES / line.len() {
        file.write_all(&line)?;
    }
    Ok(file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?)
}
