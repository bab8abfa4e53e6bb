//! Whole requests over loopback, `--io threads` against `--io uring`, from the page cache.
//! Client and server share the machine's cores.
//!
//! Both servers run all the time. Each case runs on both, and then on both again in the other
//! order: `a` to `d` in an id is the turn. The difference between two turns of the same engine is
//! noise, and so is a smaller difference between the engines.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

mod client;
mod server;

use backscroll_samples::{ABSENT, write_large};
use backscroll_secondary::read::probe::probe;
use client::Clients;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use server::Server;
use std::path::Path;
use std::time::Duration;

/// The numbers of connections, each with its requests in one pass and the file that it asks for.
/// With 128 connections a smaller file limits a pass to a gibibyte; it is still larger than the
/// ramp.
const CONNECTIONS: [(usize, &str, u64); 3] =
    [(1, "64MiB", 64 << 20), (16, "64MiB", 64 << 20), (128, "8MiB", 8 << 20)];

/// The requests in one pass of tails, over all connections.
const TAILS: u64 = 256;

/// Lines of a tail.
const TAIL_LINES: usize = 20;

/// The engines of a case, in the order of their turns.
const TURNS: [(&str, &str); 4] = [("a", "threads"), ("b", "uring"), ("c", "uring"), ("d", "threads")];

fn serve(criterion: &mut Criterion) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (_, name, bytes) in CONNECTIONS {
        write_large(&dir.path().join(name), bytes).unwrap();
    }
    let mut servers = vec![("threads", Server::start("threads", dir.path()))];
    match probe() {
        Ok(()) => servers.push(("uring", Server::start("uring", dir.path()))),
        Err(refusal) => eprintln!("uring is left out: {refusal}"),
    }
    for (connections, name, _) in CONNECTIONS {
        let each = connections as u64;
        let (bytes, tail_bytes) = sizes(&dir.path().join(name));
        let tail = format!("/logs?filename={name}&n={TAIL_LINES}");
        let search = format!("/logs?filename={name}&keyword={ABSENT}");
        let dump = format!("/logs?filename={name}");
        let tails = (TAILS / each).max(1);
        let cases = [
            ("n20", &tail, tails, Throughput::Elements(each * tails), tail_bytes),
            ("deep_scan", &search, 1, Throughput::Bytes(each * bytes), 0),
            ("dump", &dump, 1, Throughput::Bytes(each * bytes), bytes),
        ];
        for (case, target, times, throughput, answer_bytes) in cases {
            let mut group = criterion.benchmark_group(format!("{case}/{connections}"));
            group.sampling_mode(SamplingMode::Flat).throughput(throughput);
            for (turn, engine) in TURNS {
                let Some((_, server)) = servers.iter().find(|(name, _)| *name == engine) else { continue };
                group.bench_function(format!("{turn}_{engine}"), |bencher| {
                    let mut clients = Clients::connect(server.listen, connections).unwrap();
                    bencher.iter_custom(|passes| {
                        (0..passes)
                            .map(|_| clients.ask(target, times, answer_bytes).unwrap())
                            .sum::<Duration>()
                    });
                });
            }
        }
    }
}

/// The bytes of a file, and of its newest lines.
#[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
fn sizes(path: &Path) -> (u64, u64) {
    let log = std::fs::read(path).unwrap();
    let lines = log.split_inclusive(|b| *b == b'\n').rev();
    (log.len() as u64, lines.take(TAIL_LINES).map(|line| line.len() as u64).sum())
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = serve
}
criterion_main!(benches);
