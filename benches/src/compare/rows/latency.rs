//! How long the newest 20 lines take over one connection, by the size of the file, compared with an
//! answer that reads nothing.

use super::requests::newest;
use crate::compare::bench::{Bench, LARGE_LOG, ODD_LOG, SMALL_LOG, SPARSE_LOG};
use crate::compare::cold;
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Spread, Target};
use crate::load::http::AnswerReader;
use anyhow::{Result, ensure};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long one answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Requests of each kind in one round.
const REQUESTS: usize = 400;

/// How many bytes of each file are in the page cache: more than a request reads.
const NEWEST: u64 = 1 << 20;

const HEALTH: &str = "`/healthz`";
const SMALL: &str = "`n=20` of 1 MiB";
const LARGE: &str = "`n=20` of 1 GiB";
const SPARSE: &str = "`n=20` of 100 GiB";
const ODD: &str = "`n=20` of 1 MiB and 20 bytes";

pub(super) fn latency(bench: &Bench, results: &mut Results) -> Result<()> {
    let kinds = [
        (HEALTH, "healthz".to_owned()),
        (SMALL, newest(SMALL_LOG)),
        (LARGE, newest(LARGE_LOG)),
        (SPARSE, newest(SPARSE_LOG)),
        (ODD, newest(ODD_LOG)),
    ];
    for log in [SMALL_LOG, LARGE_LOG, SPARSE_LOG, ODD_LOG] {
        cold::warm_newest(&bench.log(log), NEWEST, bench.machine.has("fincore"))?;
    }
    let mut connection = TcpStream::connect(bench.uring.listen)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(ANSWER_TIME))?;
    let mut samples = Samples::default();
    for round in bench.rounds("newest 20 lines, one connection", 9, 5) {
        let round = round?;
        let mut times = kinds.each_ref().map(|_| Vec::with_capacity(REQUESTS));
        for request in 0..REQUESTS {
            // Each takes every place in the order equally often, because a request warms up caches
            // for the next one.
            for place in 0..kinds.len() {
                let kind = (place + request) % kinds.len();
                times[kind].push(exchange(&mut connection, &kinds[kind].1)?);
            }
        }
        for ((name, _), times) in kinds.iter().zip(&times) {
            if let (true, Some(Spread { median, .. })) = (round > 0, Spread::of(times)) {
                samples.push(name, "µs", median, None);
            }
        }
    }
    let mut row = Row::new(
        "The newest 20 lines over one connection",
        &format!(
            "One blocking connection asks the same server for each in turn, request by request, {REQUESTS} times a round; a round's figure is the median of its requests. The file of 100 GiB is a hole, but for its newest MiB; of each file the newest MiB was read from the disk before. The sizes are whole pages, but for the last one's."
        ),
    )
    .with(&samples);
    row.ratio(
        "p50 of `n=20` of 1 GiB, to `/healthz`",
        samples.ratio(LARGE, HEALTH),
        Some(Target::AtMost(1.4)),
    );
    let within = Some(Target::Within(1.2));
    row.ratio("p50 of 1 GiB, to 1 MiB", samples.ratio(LARGE, SMALL), within);
    row.ratio("p50 of 100 GiB, to 1 MiB", samples.ratio(SPARSE, SMALL), within);
    row.ratio("p50 of 100 GiB, to 1 GiB", samples.ratio(SPARSE, LARGE), within);
    row.ratio("p50 of 1 MiB, to a size of no whole pages", samples.ratio(SMALL, ODD), None);
    results.rows.push(row);
    Ok(())
}

/// The microseconds from a request to the end of its answer.
pub(super) fn exchange(connection: &mut TcpStream, target: &str) -> Result<f64> {
    let request = format!("GET /{target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut piece = [0; 16 << 10];
    let mut reader = AnswerReader::new();
    let began = Instant::now();
    connection.write_all(request.as_bytes())?;
    while !reader.is_whole() {
        let len = connection.read(&mut piece)?;
        ensure!(len > 0, "/{target}: the server closed the connection");
        reader.feed(&piece[..len], |_| {})?;
    }
    let time = began.elapsed();
    ensure!(reader.status() == 200, "/{target}: the status was {}", reader.status());
    Ok(time.as_secs_f64() * 1e6)
}
