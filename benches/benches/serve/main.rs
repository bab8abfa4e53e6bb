//! Whole requests over loopback, `--io threads` against `--io uring`, from the page cache.
//! Client and server share the machine's cores.
//!
//! Both servers run all the time, each case goes through both, and then through both again
//! in the other order: `a` to `d` in an id is the turn. What two turns of the same engine
//! differ by is noise, and so is a smaller difference between the engines.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

mod client;
mod server;

use backscroll_samples::{ABSENT, write_large};
use backscroll_secondary::read::probe::probe;
use client::Clients;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use server::Server;
use std::time::Duration;

/// Connections, each with the requests that it makes a pass and the file that it asks for
/// whole. A pass over 128 connections is held to a gibibyte by a smaller file, which is
/// still past the ramp.
const CONNECTIONS: [(usize, &str, u64); 3] =
    [(1, "64MiB", 64 << 20), (16, "64MiB", 64 << 20), (128, "8MiB", 8 << 20)];

/// Requests of a pass of tails, over all connections.
const TAILS: u64 = 256;

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
    for (connections, name, bytes) in CONNECTIONS {
        let each = connections as u64;
        let tail = format!("/logs?filename={name}&n=20");
        let search = format!("/logs?filename={name}&keyword={ABSENT}");
        let dump = format!("/logs?filename={name}");
        let tails = (TAILS / each).max(1);
        let cases = [
            ("n20", &tail, tails, Throughput::Elements(each * tails), 20),
            ("deep_scan", &search, 1, Throughput::Bytes(each * bytes), 0),
            ("dump", &dump, 1, Throughput::Bytes(each * bytes), bytes),
        ];
        for (case, target, times, throughput, least_bytes) in cases {
            let mut group = criterion.benchmark_group(format!("{case}/{connections}"));
            group.sampling_mode(SamplingMode::Flat).throughput(throughput);
            for (turn, engine) in TURNS {
                let Some((_, server)) = servers.iter().find(|(name, _)| *name == engine) else { continue };
                group.bench_function(format!("{turn}_{engine}"), |bencher| {
                    let mut clients = Clients::connect(server.listen, connections);
                    bencher.iter_custom(|passes| {
                        let mut spent = Duration::ZERO;
                        for _ in 0..passes {
                            let (time, answered) = clients.ask(target, times);
                            assert!(answered >= each * times * least_bytes, "answers are incomplete");
                            spent += time;
                        }
                        spent
                    });
                });
            }
        }
    }
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
