//! Matching alone, from memory: what the processor can do without a disk and a client. The
//! throughput counts all bytes of the file, whatever is found in them.
//!
//! `cargo bench -p backscroll-benches --bench scan -- absent` runs the cases of that name.

use backscroll_benches::engines::lines::{
    ABSENT, ACROSS_ABSENT, ACROSS_EVERY, ACROSS_RARE, EVERY, Lines, NEARLY, RARE,
};
use backscroll_benches::engines::search::{Keywords, from_memory};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;

/// The bytes of a line, with its line feed. The long lines are three bytes shorter than 4 KiB, so
/// that the edges of blocks cut lines, as they do in a log.
const LINES: [(&str, usize); 3] = [("40B", 40), ("100B", 100), ("4KiB", 4093)];

const LEAST_BYTES: u64 = 8 << 20;

const CASES: [(&str, Keywords<'_>); 9] = [
    ("absent", &[ABSENT]),
    ("nearly", &[NEARLY]),
    ("rare", &[RARE]),
    ("in_every_line", &[EVERY]),
    ("no_keyword", &[]),
    // The longer keyword is in every line, so each line has to be searched for the other one.
    ("two_keywords", &[EVERY, RARE]),
    ("across_lines_absent", &[ACROSS_ABSENT]),
    ("across_lines_rare", &[ACROSS_RARE]),
    ("across_lines_in_every", &[ACROSS_EVERY]),
];

fn scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    // The slowest case takes a hundred times as long as the fastest.
    group.sampling_mode(SamplingMode::Flat);
    for (length, line_len) in LINES {
        let lines = Lines::new(line_len, LEAST_BYTES);
        group.throughput(Throughput::Bytes(lines.size()));
        for (case, keywords) in CASES {
            group.bench_function(BenchmarkId::new(case, length), |bencher| {
                bencher.iter(|| from_memory(black_box(&lines), black_box(keywords)));
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = scan
}
criterion_main!(benches);
