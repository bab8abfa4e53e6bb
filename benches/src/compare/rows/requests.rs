//! Requests a second for the newest 20 lines of 1 GiB, by connections, and their latency.

use crate::compare::bench::{Bench, LARGE_LOG, POOL, Server, THREADS, URING};
use crate::compare::nginx::{self, Nginx};
use crate::compare::plots::{Line, Plot};
use crate::compare::pool::Pool;
use crate::compare::process::run_for_output;
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Target};
use anyhow::{Result, ensure};
use std::process::Command;

const CONNECTIONS: [u32; 5] = [1, 4, 16, 64, 128];
const NGINX: &str = "nginx, static file";

/// The small request of all rows.
pub(super) fn newest(log: &str) -> String {
    format!("logs?filename={log}&n=20")
}

pub(super) fn requests(bench: &Bench, results: &mut Results) -> Result<()> {
    let answer = answer_of(&bench.uring_server(), &newest(LARGE_LOG))?;
    let pool = Pool::start(bench.log_dir())?;
    let mut variants: Vec<(Server, String)> = [bench.uring_server(), bench.threads_server(), pool.server()]
        .map(|server| (server, newest(LARGE_LOG)))
        .into();
    let nginx = if bench.machine.has("nginx") { Some(Nginx::start(answer.as_bytes())?) } else { None };
    if let Some(nginx) = &nginx {
        let server =
            Server { name: NGINX.to_owned(), listen: nginx.listen, pids: nginx.pids()?, certificate: None };
        variants.insert(1, (server, nginx::FILE.to_owned()));
        results.nginx_config = Some(nginx.config.clone());
    }
    for (server, target) in &variants {
        ensure!(answer_of(server, target)? == answer, "{} answers other bytes", server.name);
    }
    let (mut rate, mut p50, mut p99) = (Samples::default(), Samples::default(), Samples::default());
    let mut notes = Vec::new();
    let seconds = bench.load_seconds(1.5, 0.5);
    for round in bench.rounds("newest 20 lines, requests a second", 5, 2).without_warmup() {
        round?;
        for connections in CONNECTIONS {
            for (server, target) in &variants {
                let options = ["--connections", &connections.to_string(), "--seconds", &seconds.to_string()];
                let (report, cpu) = server.load(target, &options.map(str::to_owned))?;
                let name = place(&server.name, connections);
                rate.push(&name, "requests/s", report.requests_per_second, Some(cpu));
                p50.push(&name, "µs", report.p50_us, None);
                p99.push(&name, "µs", report.p99_us, None);
                if report.errors > 0 {
                    notes.push(format!(
                        "{name}: {} errors, the first: {:?}",
                        report.errors, report.first_error
                    ));
                }
            }
        }
    }
    let mut row = Row::new(
        "The newest 20 lines of 1 GiB: requests a second",
        &format!(
            "Each server is loaded for {seconds} s by the same load tool (`cargo load`, one thread) over keep-alive connections, each of which asks again once it is answered. All of them answer the same {} bytes; nginx has them as a static file. CPU seconds are the server's.",
            answer.len()
        ),
    )
    .with(&rate);
    row.notes = notes;
    for connections in [16, 128] {
        let ours = place(URING, connections);
        let to = |other: &str| rate.ratio(&ours, &place(other, connections));
        let what = |other: &str| format!("requests/s over {connections} connections, to {other}");
        row.ratio(&what("nginx"), to(NGINX), Some(Target::AtLeast(1.2)));
        row.ratio(&what("`--io threads`"), to(THREADS), Some(Target::AtLeast(1.3)));
        row.ratio(&what(POOL), to(POOL), None);
    }
    let lines = variants.iter().flat_map(|(server, _)| {
        [("p50", &p50), ("p99", &p99)].map(|(name, samples)| Line {
            name: format!("{}, {name}", server.name.replace('`', "")),
            y: CONNECTIONS
                .map(|connections| samples.spread(&place(&server.name, connections)).map(|s| s.median))
                .into(),
        })
    });
    results.plots.push(Plot {
        name: "latency".to_owned(),
        title: "Newest 20 lines of 1 GiB: latency by connections".to_owned(),
        x_label: "connections".to_owned(),
        x: CONNECTIONS.map(|connections| connections.to_string()).into(),
        y_label: "µs".to_owned(),
        log_y: true,
        lines: lines.collect(),
    });
    results.rows.push(row);
    Ok(())
}

fn place(server: &str, connections: u32) -> String {
    format!("{server}, {connections} connections")
}

/// The body of a server's answer.
fn answer_of(server: &Server, target: &str) -> Result<String> {
    Ok(run_for_output(Command::new("curl").args(["-s", "-S", "-f", &server.url(target)]))?.output)
}
