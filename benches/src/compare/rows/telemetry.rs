//! What it costs to be watched: the log of requests, traces and metrics, against none of them.

use super::requests::newest;
use crate::compare::bench::{Bench, LARGE_LOG, Server};
use crate::compare::cold;
use crate::compare::collector::{Collector, Scraper, scrape};
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Target};
use anyhow::{Context as _, Result, ensure};
use backscroll_e2e::program::Program;
use backscroll_samples::ABSENT;

const CONNECTIONS: &str = "16";

pub(super) fn telemetry(bench: &Bench, results: &mut Results) -> Result<()> {
    let log_dir = bench.log_dir().to_str().context("the folder of the logs has a name that is no text")?;
    let collector = Collector::start()?;
    let endpoint = format!("http://{}", collector.listen);
    let logged = [("BACKSCROLL_REQUEST_LOG", "all")];
    let traced = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint)];
    let sampled = [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.01")];
    let variants = [
        (OFF, vec![("BACKSCROLL_REQUEST_LOG", "off")]),
        (LOGGED, logged.to_vec()),
        (SAMPLED, [&logged[..], &traced, &sampled].concat()),
        (ALL, [&logged[..], &traced].concat()),
    ];
    let mut servers = Vec::new();
    let mut scrapers = Vec::new();
    for (name, variables) in variants {
        let variables =
            [("BACKSCROLL_LOG_DIR", log_dir), ("BACKSCROLL_IO", "uring")].into_iter().chain(variables);
        let variables: Vec<_> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let program = Program::start_with("backscroll-secondary", "127.0.0.1:0", &variables)?;
        ensure!(scrape(program.listen)?.contains("backscroll_build_info"), "{name}: no metrics");
        if name != OFF {
            scrapers.push(Scraper::start(program.listen));
        }
        servers.push((Server::of(name, &program), program));
    }
    cold::warm(&bench.log(LARGE_LOG))?;
    let seconds = bench.load_seconds(1.5, 0.7);
    let options = ["--connections", CONNECTIONS, "--seconds", &seconds.to_string()].map(str::to_owned);
    let deep = format!("logs?filename={LARGE_LOG}&keyword={ABSENT}");
    let (mut rate, mut scan) = (Samples::default(), Samples::default());
    for round in bench.rounds("with and without telemetry", 9, 2).without_warmup() {
        round?;
        for (server, _) in &servers {
            let (report, cpu) = server.load(&newest(LARGE_LOG), &options)?;
            ensure!(report.errors == 0, "{}: {:?}", server.name, report.first_error);
            rate.push(&server.name, "requests/s", report.requests_per_second, Some(cpu));
            let ran = server.curl(&[], &deep)?;
            scan.push(&server.name, "s", ran.seconds, Some(ran.cpu_seconds));
        }
    }
    ensure!(collector.bytes() > 0, "the collector got no traces");
    let mut row = Row::new(
        "With telemetry",
        &format!(
            "`n=20` of 1 GiB over {CONNECTIONS} connections for {seconds} s, and a search for an absent keyword in 1 GiB in the page cache. The same secondary: without a log of requests; with one, in a pipe that the process that measures reads; with traces too, of every hundredth request, and of every request. Traces go to a collector that takes all of them, in the process that measures. The metrics of all but the first are read each second. CPU seconds are the server's."
        ),
    )
    .with(&rate)
    .with(&scan);
    for (name, target) in [(LOGGED, None), (SAMPLED, Some(0.95)), (ALL, Some(0.95))] {
        let target = target.map(Target::AtLeast);
        row.ratio(&format!("requests/s, {name}, to none"), rate.ratio(name, OFF), target);
    }
    for name in [LOGGED, SAMPLED, ALL] {
        let target = Some(Target::AtMost(1.01));
        row.ratio(&format!("time of the search, {name}, to none"), scan.ratio(name, OFF), target);
    }
    results.rows.push(row);
    Ok(())
}

const OFF: &str = "none";
const LOGGED: &str = "log and metrics";
const SAMPLED: &str = "log, metrics, 1 % of traces";
const ALL: &str = "log, metrics, all traces";
