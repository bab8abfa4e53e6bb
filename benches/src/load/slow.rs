//! Slow clients: each reads one byte a second of a long answer.

use super::connection::Request;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

/// How long one client may take to connect.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Clients that read one byte a second each
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The URL that they ask for
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// The number of clients
    #[arg(long, default_value_t = 1000, value_name = "C")]
    pub clients: u32,
    /// The format that they ask for
    #[arg(long, default_value = "text/plain", value_name = "TYPE")]
    pub accept: String,
    /// Size of the kernel's receive buffer for each client, in bytes; the system's default if
    /// absent
    #[arg(long, value_name = "BYTES")]
    pub receive_buffer: Option<u32>,
    /// PEM file of the server's certificate, for a URL with https
    #[arg(long, value_name = "PATH")]
    pub tls_cert: Option<PathBuf>,
    /// How long they read, in seconds
    #[arg(long, default_value_t = 10.0, value_name = "S")]
    pub seconds: f64,
}

/// The results of the clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Clients that were connected and still read at the end.
    pub reading: u32,
    /// Clients that were cut before the end.
    pub cut: u32,
    /// Clients that could not connect or got no answer.
    pub refused: u32,
    /// Bytes that all of them have read.
    pub bytes: u64,
}

/// Runs the clients, on one thread.
pub fn run(options: &Options) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let request = Request::get(&options.url, options.tls_cert.as_deref())?.accepting(&options.accept)?;
        let deadline = Instant::now() + Duration::from_secs_f64(options.seconds);
        let mut clients = JoinSet::new();
        for _ in 0..options.clients {
            clients.spawn(client(request.clone(), options.receive_buffer, deadline));
        }
        let mut report = Report::default();
        while let Some(done) = clients.join_next().await {
            match done.context("a slow client of the load tool failed")? {
                End { bytes: 0, .. } => report.refused += 1,
                End { bytes, cut } => {
                    report.bytes += bytes;
                    *if cut { &mut report.cut } else { &mut report.reading } += 1;
                }
            }
        }
        Ok(report)
    })
}

#[derive(Debug, Clone, Copy, Default)]
struct End {
    bytes: u64,
    cut: bool,
}

/// The beginning of a successful answer.
const OK: &[u8] = b"HTTP/1.1 200";

async fn client(request: Request, receive_buffer: Option<u32>, deadline: Instant) -> End {
    let mut end = End::default();
    let connect = async {
        let address = request.address;
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        let mut stream = request.stream(socket.connect(address).await?).await?;
        stream.write_all(&request.head).await?;
        stream.flush().await?;
        // Not counted: a refusal is no answer.
        let mut status = [0; OK.len()];
        stream.read_exact(&mut status).await?;
        std::io::Result::Ok((status == OK).then_some(stream))
    };
    let Ok(Ok(Some(mut stream))) = timeout(CONNECT_TIME, connect).await else { return end };
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while timeout_at(deadline, tick.tick()).await.is_ok() {
        match timeout_at(deadline, stream.read_u8()).await {
            Ok(Ok(_)) => end.bytes += 1,
            Ok(Err(_)) => {
                end.cut = true;
                return end;
            }
            Err(_) => return end,
        }
    }
    end
}
