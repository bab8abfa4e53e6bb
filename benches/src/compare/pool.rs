//! A minimal server of the kind that Backscroll replaces: each whole request runs on a thread of a
//! pool, with `pread`. There is no admission control: a request that finds no free thread waits in
//! a queue. Blocks, ramp, matcher, text and chunks are those of Backscroll, so that only the
//! threads differ.

use super::bench::{POOL, Server};
use super::inline::Blocks;
use anyhow::{Context as _, Result, ensure};
use backscroll_shared::query::{Audience, LogQuery};
use backscroll_shared::scan::{Limits, ReadPlan, Search, Step, Window};
use bytes::Bytes;
use futures_util::stream::poll_fn;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// The number of threads that read and match.
pub const THREADS: usize = 40;

/// The most chunks of one answer that wait for the client.
const FRAMES: usize = 2;

/// A server with a pool of threads, each of which handles one whole request: the kind that
/// Backscroll replaces
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The directory to serve
    #[arg(long, value_name = "DIR")]
    log_dir: PathBuf,
}

/// Serves on a free loopback port until it is killed. Its first line of output is the address.
pub fn serve(options: Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism()?.get())
        .max_blocking_threads(THREADS)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no loopback port is free")?;
        println!("{}", listener.local_addr()?);
        let log_dir = Arc::new(options.log_dir);
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(connection(socket, Arc::clone(&log_dir)));
        }
    })
}

async fn connection(socket: TcpStream, log_dir: Arc<PathBuf>) {
    let service = service_fn(|request| {
        let log_dir = Arc::clone(&log_dir);
        async move { Ok::<_, Infallible>(answer(&request, log_dir).await) }
    });
    let _ = socket.set_nodelay(true);
    // The baseline ignores clients that leave.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
}

type Body = BoxBody<Bytes, io::Error>;

async fn answer(request: &Request<Incoming>, log_dir: Arc<PathBuf>) -> Response<Body> {
    if request.uri().path() == "/healthz" {
        return whole(StatusCode::OK, "ok\n".into());
    }
    let query = match LogQuery::parse(request.uri().query().unwrap_or_default(), Audience::Secondary) {
        Ok(query) => query,
        Err(problem) => return whole(StatusCode::BAD_REQUEST, problem.detail().to_owned().into()),
    };
    let (frames, mut body) = mpsc::channel(FRAMES);
    #[expect(clippy::disallowed_methods, reason = "the pool is what is compared with")]
    tokio::task::spawn_blocking(move || {
        if let Err(error) = search(&log_dir, &query, &frames) {
            let _ = frames.blocking_send(Err(error));
        }
    });
    // Like Backscroll, it waits for the first chunk before it sends status 200.
    match body.recv().await {
        Some(Err(error)) => whole(StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into()),
        first => {
            let mut first = first;
            let frames = poll_fn(move |context| match first.take() {
                Some(first) => std::task::Poll::Ready(Some(first)),
                None => body.poll_recv(context),
            });
            Response::new(StreamBody::new(frames).boxed())
        }
    }
}

fn whole(status: StatusCode, text: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(text).map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    response
}

/// Bytes that are collected before they leave.
const CHUNK_BYTES: usize = 64 << 10;

type Frames = mpsc::Sender<io::Result<Frame<Bytes>>>;

/// Handles one whole request, on one thread.
fn search(log_dir: &Path, query: &LogQuery, frames: &Frames) -> io::Result<()> {
    let file = File::open(log_dir.join(OsStr::from_bytes(query.filename.as_bytes())))?;
    let window = Window::whole(file.metadata()?.len());
    let mut plan = ReadPlan::new(window);
    let mut search = Search::new(&query.filter, query.n, window, Limits::default());
    let blocks = Blocks::default();
    let mut frame = Vec::new();
    loop {
        let step = search.step();
        if frame.len() >= CHUNK_BYTES || (matches!(step, Step::Done) && !frame.is_empty()) {
            let full = Bytes::from(std::mem::take(&mut frame));
            if frames.blocking_send(Ok(Frame::data(full))).is_err() {
                return Ok(());
            }
        }
        match step {
            Step::Record(record) => {
                frame.extend_from_slice(record.bytes);
                frame.push(b'\n');
            }
            // The client has left. Not every such server would notice.
            _ if frames.is_closed() => return Ok(()),
            Step::NeedBlock | Step::NeedAgain(_) => {
                let Some(span) = plan.next_span() else { return Ok(()) };
                search.feed(span, blocks.read(&file, span)?);
            }
            Step::Working => {}
            Step::Done => return Ok(()),
        }
    }
}

/// A running baseline server, in a separate process. Dropping it kills it, by its id.
#[derive(Debug)]
pub struct Pool {
    child: std::process::Child,
    listen: SocketAddr,
}

impl Pool {
    /// Starts it for a directory.
    pub fn start(log_dir: &Path) -> Result<Pool> {
        use std::io::{BufRead as _, BufReader};
        use std::process::{Command, Stdio};
        let child = Command::new(std::env::current_exe()?)
            .args(["pool-server", "--log-dir"])
            .arg(log_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        // From here on the process is stopped if something below fails.
        let mut pool = Pool { child, listen: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut line = String::new();
        BufReader::new(pool.child.stdout.take().context("stdout was piped")?).read_line(&mut line)?;
        ensure!(!line.is_empty(), "the baseline server ended before it listened: see its error above");
        pool.listen = line.trim().parse().with_context(|| format!("its first line was {line:?}"))?;
        Ok(pool)
    }

    /// The server, with its name in the tables.
    pub fn server(&self) -> Server {
        Server { name: POOL.to_owned(), listen: self.listen, pids: vec![self.child.id()], certificate: None }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
