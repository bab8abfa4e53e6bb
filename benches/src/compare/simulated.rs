//! Many simulated secondaries in one process, each on its own loopback port. They show the cost of
//! a primary with a large fleet, without the cost of a thousand real secondaries on the same two
//! cores. All have the same records, with the same times, already encoded as frames.

use super::bench::Server;
use anyhow::{Context as _, Result, ensure};
use backscroll_shared::scan::Record;
use backscroll_shared::time::{LineTime, Stamp};
use backscroll_shared::wire::frames;
use backscroll_shared::wire::instance::{INSTANCE, Instance};
use backscroll_shared::wire::verdict::{Status, Verdict};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

/// Many simulated secondaries, each on its own loopback port
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The number of secondaries
    #[arg(long)]
    hosts: usize,
    /// The records of each
    #[arg(long)]
    records: u64,
}

/// Serves until it is killed. Its first line of output has the addresses, separated by spaces.
pub fn serve(options: &Options) -> Result<()> {
    let all = answer_of(options.records);
    let newest = answer_of(20.min(options.records));
    let answers = Arc::new((all, newest));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut addresses = Vec::new();
        for number in 0..options.hosts {
            // Each is a different host for the primary.
            let instance = Instance::new(number as u128);
            let listener = TcpListener::bind("127.0.0.1:0").await.context("no loopback port is free")?;
            addresses.push(listener.local_addr()?.to_string());
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                while let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(connection(socket, instance, Arc::clone(&answers)));
                }
            });
        }
        println!("{}", addresses.join(" "));
        std::future::pending().await
    })
}

/// The frames of so many records. Each has about 100 bytes, and is one millisecond after the last.
fn answer_of(records: u64) -> Bytes {
    let (mut encoder, mut out) = (frames::Encoder::default(), Vec::new());
    let mut lines = 0;
    for number in (0..records).rev() {
        let line = format!(
            "2026-11-25 10:11:12.345 INFO worker-{} GET /api/v1/items status=200 bytes=1234 took=34ms id={number:012}",
            number % 16
        );
        let record =
            Record { offset: number * 100, bytes: line.as_bytes(), lines: 1, truncated_lines: 0, older: &[] };
        let nanos = 1_700_000_000_000_000_000 + number.cast_signed() * 1_000_000;
        encoder.record(&record, Some(Stamp::carried(LineTime { nanos, offset_minutes: 0 })), &mut out);
        lines += 1;
    }
    frames::Encoder::end(&Verdict { lines, ..Verdict::new(Status::Complete) }, &mut out);
    out.into()
}

async fn connection(socket: TcpStream, instance: Instance, answers: Arc<(Bytes, Bytes)>) {
    let service = service_fn(|request: Request<Incoming>| {
        let answers = Arc::clone(&answers);
        async move { Ok::<_, Infallible>(answer(&request, instance, &answers)) }
    });
    let _ = socket.set_nodelay(true);
    // A simulated host ignores clients that leave.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
}

fn answer(
    request: &Request<Incoming>,
    instance: Instance,
    (all, newest): &(Bytes, Bytes),
) -> Response<Full<Bytes>> {
    let (content_type, body) = match request.uri().path() {
        "/readyz" => ("application/json", Bytes::from_static(b"{\"ready\":true,\"version\":\"simulated\"}")),
        _ if request.uri().query().is_some_and(|query| query.contains("n=20")) => {
            (frames::CONTENT_TYPE, newest.clone())
        }
        _ => (frames::CONTENT_TYPE, all.clone()),
    };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response.headers_mut().insert(INSTANCE, instance.value());
    response
}

/// Simulated secondaries in a separate process. Dropping it kills it, by its id.
#[derive(Debug)]
pub struct Simulated {
    child: Child,
    /// The address of each.
    pub addresses: Vec<SocketAddr>,
}

impl Simulated {
    /// Starts `hosts` secondaries, each with `records` records.
    pub fn start(hosts: usize, records: u64) -> Result<Simulated> {
        let child = Command::new(std::env::current_exe()?)
            .args(["simulated-fleet", "--hosts", &hosts.to_string(), "--records", &records.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        // From here on the process is stopped if something below fails.
        let mut simulated = Simulated { child, addresses: Vec::new() };
        let mut line = String::new();
        BufReader::new(simulated.child.stdout.take().context("stdout was piped")?).read_line(&mut line)?;
        ensure!(
            !line.is_empty(),
            "the simulated secondaries ended before they listened: see the error above"
        );
        let addresses = line.split_whitespace().map(|address| Ok(address.parse()?));
        simulated.addresses = addresses.collect::<Result<_>>()?;
        Ok(simulated)
    }

    /// All of them as one server, with its name in the tables.
    pub fn server(&self) -> Server {
        let pids = vec![self.child.id()];
        Server { name: "simulated".to_owned(), listen: self.addresses[0], pids, certificate: None }
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
