//! Connections that send the same request again and again, on one thread. hyper reads the answers,
//! since the server may send a length or chunks.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long an answer may take, so that a server that hangs does not hang the benchmark.
const ANSWER_TIME: Duration = Duration::from_mins(1);

/// Open connections to one server.
pub(crate) struct Clients {
    runtime: Runtime,
    connections: Vec<SendRequest<Empty<Bytes>>>,
}

impl Clients {
    pub(crate) fn connect(server: SocketAddr, connections: usize) -> Result<Clients> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connections = runtime.block_on(async {
            let mut open = Vec::new();
            for _ in 0..connections {
                let socket = TcpStream::connect(server).await?;
                socket.set_nodelay(true)?;
                let (asking, connection) = handshake(TokioIo::new(socket)).await?;
                // An error of the connection also fails the request, which reports it.
                tokio::spawn(connection);
                open.push(asking);
            }
            anyhow::Ok(open)
        })?;
        Ok(Clients { runtime, connections })
    }

    /// Each connection asks for `target` this many times, and each answer has a body of `bytes`
    /// bytes. Returns how long it takes until all have their answers.
    pub(crate) fn ask(&mut self, target: &str, times: u64, bytes: u64) -> Result<Duration> {
        let connections = std::mem::take(&mut self.connections);
        self.runtime.block_on(async {
            let mut asking = JoinSet::new();
            let began = Instant::now();
            for mut connection in connections {
                let target = target.to_owned();
                asking.spawn(async move {
                    for _ in 0..times {
                        let answer = timeout(ANSWER_TIME, body_bytes(&mut connection, &target)).await;
                        let came = answer.with_context(|| format!("{target}: no answer in time"))??;
                        ensure!(came == bytes, "{target}: {came} bytes came instead of {bytes}");
                    }
                    Ok(connection)
                });
            }
            while let Some(done) = asking.join_next().await {
                self.connections.push(done??);
            }
            Ok(began.elapsed())
        })
    }
}

/// Sends one request and reads its whole answer. Returns how many bytes the body had.
async fn body_bytes(connection: &mut SendRequest<Empty<Bytes>>, target: &str) -> Result<u64> {
    connection.ready().await?;
    let request = Request::get(target).header(header::HOST, "bench").body(Empty::new())?;
    let answer = connection.send_request(request).await?;
    ensure!(answer.status() == StatusCode::OK, "{target}: the status is {}", answer.status());
    let (mut body, mut bytes) = (answer.into_body(), 0);
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(bytes)
}
