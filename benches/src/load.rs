//! `cargo load`: times small requests over keep-alive connections while deep scans run in a loop.
//! The usual load tools send only one kind of request.
//!
//! - [`http`], [`connection`]: a minimal HTTP/1.1 client, because it shares the machine with the
//!   server.
//! - [`report`]: the results, as text and as JSON.
//! - [`slow`]: clients that hardly read.
//!
//! Without `--rate`, each connection sends its next request when the last answer is complete. Then
//! a server that stalls gets fewer requests, and each stall counts only once. With `--rate`,
//! requests are due at fixed times, and each is timed from when it was due. In both cases a request
//! that is unanswered at the end counts with its age, since an answer that never comes must not
//! look fast.

pub mod connection;
pub mod http;
pub mod report;
pub mod slow;

use anyhow::{Context as _, Result};
use connection::{Connection, Request};
use report::{Deep, Report, Tally};
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// How long the deep scans run before the first small request is timed, so that all of them have
/// started.
const DEEP_START: Duration = Duration::from_millis(500);

/// How long it may take to connect and to send one untimed request.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// How long to wait after a failed connection, so that a server that refuses is not overloaded.
const REST: Duration = Duration::from_millis(20);

/// Times small requests in a histogram while deep scans run in a loop
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The small request
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Keep-alive connections that send it
    #[arg(long, default_value_t = 16, value_name = "C", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// How long the load lasts, in seconds
    #[arg(long, default_value_t = 5.0, value_name = "S", value_parser = seconds)]
    pub seconds: f64,
    /// Small requests a second, over all connections, each timed from when it was due; without it,
    /// each connection sends its next request as soon as it has the answer
    #[arg(long, value_name = "R", value_parser = seconds)]
    pub rate: Option<f64>,
    /// The deep scan; `{}` in it is replaced by the number of the connection, from 0 on, so that
    /// each can read another file
    #[arg(long, value_name = "URL", requires = "deep")]
    pub deep_url: Option<String>,
    /// Connections that send it, in a loop
    #[arg(long, default_value_t = 0, value_name = "N", requires = "deep_url", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub deep: u32,
    /// PEM file of the server's certificate, for URLs with https
    #[arg(long, value_name = "PATH")]
    pub tls_cert: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "it must be a number, as in 2.5".to_owned())?;
    if value > 0.0 && value <= 1e6 { Ok(value) } else { Err("it must be above 0".to_owned()) }
}

/// Runs the load, on one thread.
pub fn run(options: &Options) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(drive(options))
}

async fn drive(options: &Options) -> Result<Report> {
    let certificate = options.tls_cert.as_deref();
    let request = Request::get(&options.url, certificate)?;
    let mut deep_requests = Vec::new();
    for index in 0..options.deep {
        let url = options.deep_url.as_deref().unwrap_or_default();
        deep_requests.push(Request::get(&url.replace("{}", &index.to_string()), certificate)?);
    }
    let mut connections = Vec::new();
    for _ in 0..options.connections {
        // One request that is not timed, which reports a wrong URL.
        let opened = async {
            let mut connection = Connection::open(&request).await?;
            connection.get(&request).await.with_context(|| options.url.clone())?;
            anyhow::Ok(connection)
        };
        let opened = timeout(CONNECT_TIME, opened).await;
        connections.push(opened.with_context(|| format!("no answer within {CONNECT_TIME:?}"))??);
    }
    let mut deep = JoinSet::new();
    let began = Instant::now() + if options.deep > 0 { DEEP_START } else { Duration::ZERO };
    let deadline = began + Duration::from_secs_f64(options.seconds);
    for request in deep_requests {
        deep.spawn(deep_scans(request, deadline));
    }
    sleep_until(began).await;
    let cpu_before = own_cpu_seconds()?;
    let mut small = JoinSet::new();
    for (index, connection) in (0..options.connections).zip(connections) {
        let pace = options.rate.map(|rate| Pace {
            first: Duration::from_secs_f64(f64::from(index) / rate),
            step: Duration::from_secs_f64(f64::from(options.connections) / rate),
        });
        small.spawn(small_requests(connection, request.clone(), began, deadline, pace));
    }
    let mut tally = Tally::new()?;
    while let Some(done) = small.join_next().await {
        tally.add(&done.context("a connection of the load tool failed")??)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu_seconds = own_cpu_seconds()? - cpu_before;
    let mut scans = Deep::default();
    while let Some(done) = deep.join_next().await {
        scans.add(&done.context("a deep scan of the load tool failed")?);
    }
    Ok(Report::new(options, &tally, seconds, cpu_seconds, scans))
}

/// The times at which the requests of one connection are due.
#[derive(Debug, Clone, Copy)]
struct Pace {
    first: Duration,
    step: Duration,
}

async fn small_requests(
    connection: Connection,
    request: Request,
    began: Instant,
    deadline: Instant,
    pace: Option<Pace>,
) -> Result<Tally> {
    let mut tally = Tally::new()?;
    let mut connection = Some(connection);
    let mut due = began + pace.map_or(Duration::ZERO, |pace| pace.first);
    while due < deadline {
        match pace {
            // Requests that were due before the end, but could not be sent, count as unanswered.
            Some(_) if Instant::now() >= deadline => {
                tally.unfinished(deadline - due)?;
                due += pace.map_or(Duration::ZERO, |pace| pace.step);
                continue;
            }
            Some(_) => sleep_until(due).await,
            None => due = Instant::now(),
        }
        match timeout_at(deadline, exchange(&mut connection, &request)).await {
            Ok(Ok(_)) => tally.answered(due.elapsed())?,
            Ok(Err(error)) => {
                tally.failed(&error);
                connection = None;
                sleep(REST).await;
            }
            Err(_) => {
                tally.unfinished(deadline.saturating_duration_since(due))?;
                connection = None;
            }
        }
        due = match pace {
            Some(pace) => due + pace.step,
            None => Instant::now(),
        };
    }
    Ok(tally)
}

async fn deep_scans(request: Request, deadline: Instant) -> Deep {
    let mut deep = Deep::default();
    let mut connection = None;
    while Instant::now() < deadline {
        match timeout_at(deadline, exchange(&mut connection, &request)).await {
            Ok(Ok(_)) => deep.done += 1,
            Ok(Err(error)) => {
                deep.failed(&error);
                connection = None;
                sleep(REST).await;
            }
            Err(_) => deep.unfinished += 1,
        }
    }
    deep
}

/// Sends one request over the existing connection, or over a new one.
async fn exchange(connection: &mut Option<Connection>, request: &Request) -> Result<u64> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(Connection::open(request).await?),
    };
    open.get(request).await
}

fn own_cpu_seconds() -> Result<f64> {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(Duration::from(time).as_secs_f64())
}

#[cfg(test)]
mod tests;
