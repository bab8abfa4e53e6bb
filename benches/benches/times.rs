//! Finding the time of a line, with one case for each form: nanoseconds for a line, over two
//! thousand lines of that form.
//!
//! `cargo bench -p backscroll-benches --bench times -- syslog` runs the case of that name.

use backscroll_shared::time::LineTimes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::tz::TimeZone;
use std::hint::black_box;
use std::time::Duration;

const LINES: u64 = 2000;

/// 2026-11-25T20:00:00Z, when the file was last written.
const MODIFIED: i64 = 1_795_636_800;

/// A form, with `SS` for the second.
const CASES: [(&str, &str); 15] = [
    ("syslog", "Nov 25 14:00:SS host sshd[123]: Accepted publickey for root"),
    ("rfc3339", "2026-11-25T14:00:SS.123456Z host app[1]: something happened"),
    ("rfc5424", "<13>1 2026-11-25T14:00:SS.123Z host app 1 - - something happened"),
    ("java", "2026-11-25 14:00:SS,123 [main] INFO  c.e.App - something happened"),
    ("level_first", "INFO  [main] 2026-11-25 14:00:SS,123 something happened"),
    ("access", "10.1.2.3 - - [25/Nov/2026:14:00:SS +0000] \"GET /index.html HTTP/1.1\" 200 12"),
    ("error", "[Wed Nov 25 14:00:SS.123456 2026] [core:error] [pid 1] something happened"),
    ("klog", "I1125 14:00:SS.123456    1 main.go:10] something happened"),
    ("json_first", "{\"time\":\"2026-11-25T14:00:SS.123Z\",\"level\":\"info\",\"msg\":\"up\"}"),
    (
        "json_last",
        "{\"level\":\"info\",\"msg\":\"something happened\",\"time\":\"2026-11-25T14:00:SS.123Z\"}",
    ),
    ("pairs", "level=info ts=2026-11-25T14:00:SS.123Z msg=up"),
    ("epoch", "17956152SS.123    456 10.1.2.3 TCP_MISS/200 1234 GET http://x/"),
    ("compose", "web-1  | 2026-11-25T14:00:SS.123Z something happened"),
    ("none_indented", "\tat com.example.service.Handler.handle(Handler.java:1SS) ~[app.jar:1.0]"),
    ("none_prose", "this is a line of prose number SS without any time in it: yes"),
];

fn times(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("times");
    group.throughput(Throughput::Elements(LINES));
    for (case, form) in CASES {
        // Newest first.
        let lines: Vec<_> =
            (0..LINES).map(|line| form.replace("SS", &format!("{:02}", 59 - line % 60))).collect();
        let zone = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap_or(TimeZone::UTC);
        group.bench_function(case, |bencher| {
            bencher.iter(|| {
                let mut times = LineTimes::with_zone(MODIFIED, zone.clone());
                black_box(&lines).iter().filter_map(|line| times.of(line.as_bytes())).count()
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = times
}
criterion_main!(benches);
