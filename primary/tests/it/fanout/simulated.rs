//! A simulated secondary: it has the records that it is given, answers in the private frames
//! as a real one does, and fails as it is told. Many of them fit in one process.

pub(crate) use super::fault::Fault;
use super::file::Found;
use backscroll_shared::scan::Record;
use backscroll_shared::time::Stamp;
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::frames::{CONTENT_TYPE, Encoder};
use backscroll_shared::wire::instance::Instance;
use backscroll_shared::wire::verdict::Verdict;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

/// Bytes that wait on this side of a connection.
const SENT_BYTES: usize = 16 << 10;

/// One record of a host's log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) offset: u64,
    pub(crate) stamp: Option<Stamp>,
    /// One line, or several, without the last line feed.
    pub(crate) text: String,
}

impl Entry {
    pub(crate) fn lines(&self) -> u64 {
        self.text.split('\n').count() as u64
    }

    pub(crate) fn record(&self) -> Record<'_> {
        let (bytes, lines) = (self.text.as_bytes(), self.lines());
        Record { offset: self.offset, bytes, lines, truncated_lines: 0, older: &[] }
    }
}

/// What a host has seen of its peer.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Requests for records.
    pub(crate) asked: AtomicUsize,
    pub(crate) accepted: AtomicUsize,
    /// Connections that are open.
    pub(crate) open: AtomicUsize,
    /// Bytes of answers that the system took for the peer.
    pub(crate) bytes: AtomicU64,
    /// What each request said of the time that is left, in milliseconds.
    pub(crate) remaining_ms: Mutex<Vec<u64>>,
}

#[derive(Debug)]
struct Host {
    name: String,
    instance: Instance,
    /// Newest first.
    entries: Vec<Entry>,
    fault: Mutex<Fault>,
    seen: Seen,
}

/// A host. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Simulated {
    pub(crate) address: SocketAddr,
    host: Arc<Host>,
    /// Keeps the port of a host that is down from being given to somebody else.
    down: Mutex<Option<TcpSocket>>,
    task: Mutex<Option<AbortHandle>>,
}

impl Drop for Simulated {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap().take() {
            task.abort();
        }
    }
}

impl Simulated {
    pub(crate) fn new(name: &str, entries: Vec<Entry>, fault: Fault) -> Simulated {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let host = Host {
            name: name.to_owned(),
            instance: Instance::new(fastrand::u128(..)),
            entries,
            fault: Mutex::new(fault),
            seen: Seen::default(),
        };
        let simulated = Simulated {
            address,
            host: Arc::new(host),
            down: Mutex::new(Some(socket)),
            task: Mutex::default(),
        };
        if fault != Fault::Down {
            simulated.rise(fault);
        }
        simulated
    }

    /// Begins to listen.
    pub(crate) fn rise(&self, fault: Fault) {
        *self.host.fault.lock().unwrap() = fault;
        let listener = self.down.lock().unwrap().take().expect("it is down").listen(64).unwrap();
        let host = Arc::clone(&self.host);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                host.seen.accepted.fetch_add(1, SeqCst);
                connections.spawn(serve(stream, Arc::clone(&host)));
                while connections.try_join_next().is_some() {}
            }
        });
        *self.task.lock().unwrap() = Some(task.abort_handle());
    }

    pub(crate) fn name(&self) -> &str {
        &self.host.name
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.host.entries
    }

    pub(crate) fn fault(&self) -> Fault {
        *self.host.fault.lock().unwrap()
    }

    /// From now on it does this.
    pub(crate) fn set(&self, fault: Fault) {
        *self.host.fault.lock().unwrap() = fault;
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.host.seen
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A connection that is open, until it is dropped.
struct Open<'h>(&'h Host);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.seen.open.fetch_sub(1, SeqCst);
    }
}

async fn serve(mut stream: TcpStream, host: Arc<Host>) {
    host.seen.open.fetch_add(1, SeqCst);
    // What is taken is the peer's doing, and not the system's.
    SockRef::from(&stream).set_send_buffer_size(SENT_BYTES).unwrap();
    let _open = Open(&host);
    // It ends where the peer leaves, or where it is its fault.
    while answer(&mut stream, &host).await.is_ok() {}
}

async fn answer(stream: &mut TcpStream, host: &Host) -> io::Result<()> {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(stream.read_u8().await?);
    }
    let asked = String::from_utf8(asked).unwrap();
    let query = asked.split(' ').nth(1).and_then(|target| target.strip_prefix("/logs?")).map(str::to_owned);
    let asked = asked.to_ascii_lowercase();
    let field = |name: &str| asked.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    if asked.starts_with("get /readyz ") {
        let ready = "{\"ready\":true,\"hostname\":\"h\",\"version\":\"0\",\"io_engine\":\"uring\"}";
        return plain(stream, host, "200 OK", "application/json", ready).await;
    }
    let is_head = asked.starts_with("head ");
    assert!(is_head || asked.starts_with("get "), "{asked}");
    assert!(asked.contains(" /logs?filename=app.log"), "{asked}");
    assert_eq!(field("accept"), Some(CONTENT_TYPE), "{asked}");
    // It may have other names, which go on after its own.
    assert!(field("backscroll-relay").is_some_and(|name| name.starts_with(&host.name)), "{asked}");
    host.seen.asked.fetch_add(1, SeqCst);
    let remaining_ms: u64 = field("backscroll-remaining-ms").unwrap().parse().unwrap();
    host.seen.remaining_ms.lock().unwrap().push(remaining_ms);
    let found = Found::new(&host.name, &host.entries, &query.unwrap());
    let fault = *host.fault.lock().unwrap();
    match fault {
        Fault::Hung => left(stream).await,
        Fault::Overloaded => problem(stream, host, "503 Service Unavailable", "overloaded").await,
        Fault::NoFile => problem(stream, host, "404 Not Found", if is_head { "" } else { "not_found" }).await,
        _ if is_head => stream.write_all(head(host, &found).as_bytes()).await,
        _ => records(stream, host, fault, &found, Instant::now() + Duration::from_millis(remaining_ms)).await,
    }
}

async fn plain(
    stream: &mut TcpStream,
    host: &Host,
    status: &str,
    content_type: &str,
    body: &str,
) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nBackscroll-Instance: {}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n",
        host.instance
    );
    stream.write_all((head + body).as_bytes()).await
}

async fn problem(stream: &mut TcpStream, host: &Host, status: &str, code: &str) -> io::Result<()> {
    let body = match code {
        // Of an answer to HEAD.
        "" => String::new(),
        code => format!("{{\"status\":{},\"code\":\"{code}\",\"detail\":\"simulated\"}}\n", &status[..3]),
    };
    plain(stream, host, status, "application/problem+json", &body).await
}

/// Waits until the peer has left.
async fn left(stream: &mut TcpStream) -> io::Result<()> {
    stream.read_u8().await?;
    panic!("nothing is pipelined");
}

fn head(host: &Host, found: &Found<'_>) -> String {
    let (id, file) = (host.instance, found.field());
    format!(
        "HTTP/1.1 200 OK\r\nBackscroll-Instance: {id}\r\nContent-Type: {CONTENT_TYPE}\r\n{file}Transfer-Encoding: chunked\r\n\r\n"
    )
}

async fn records(
    stream: &mut TcpStream,
    host: &Host,
    fault: Fault,
    found: &Found<'_>,
    deadline: Instant,
) -> io::Result<()> {
    let n = found.query.n.map_or(usize::MAX, |n| usize::try_from(n).unwrap());
    let wanted = &found.wanted[..found.wanted.len().min(n)];
    let sent = fault.sent_of(wanted.len());
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    for (index, entry) in wanted[..sent].iter().enumerate() {
        if let (Some(stamp), 0) = (entry.stamp, index % 7) {
            encoder.mark(stamp.nanos, &mut out);
        }
        encoder.record(&entry.record(), entry.stamp, &mut out);
    }
    match fault {
        Fault::None | Fault::Slow(_) => {
            Encoder::end(&found.verdict(sent), &mut out);
        }
        Fault::FailsAfter(_) => {
            Encoder::end(&Verdict::failed(Code::IoError, "bad disk".to_owned()), &mut out);
        }
        Fault::CutInside(_) => {
            let whole = out.len();
            let text = "cut off ".repeat(9);
            let cut = Entry { offset: 0, stamp: wanted.last().and_then(|entry| entry.stamp), text };
            encoder.record(&cut.record(), cut.stamp, &mut out);
            out.truncate(fastrand::usize(whole + 1..out.len()));
        }
        _ => {}
    }
    stream.write_all(head(host, found).as_bytes()).await?;
    // Cut anywhere into a few pieces.
    while !out.is_empty() {
        let rest = out.split_off(out.len().min(fastrand::usize(1..=out.len() / 3 + 16)));
        if let Fault::Slow(pause) = fault {
            sleep(pause).await;
            if Instant::now() >= deadline {
                out.clear();
                Encoder::end(&Verdict::failed(Code::UpstreamTimeout, "late".to_owned()), &mut out);
                chunk(stream, host, &out).await?;
                return stream.write_all(b"0\r\n\r\n").await;
            }
        }
        chunk(stream, host, &std::mem::replace(&mut out, rest)).await?;
    }
    if let Fault::LateAfter(_) = fault {
        sleep(found.query.timeout.unwrap()).await;
        Encoder::end(&found.late(sent), &mut out);
        chunk(stream, host, &out).await?;
    }
    match fault {
        Fault::None | Fault::Slow(_) | Fault::FailsAfter(_) | Fault::LateAfter(_) => {
            stream.write_all(b"0\r\n\r\n").await
        }
        Fault::HungAfter(_) => left(stream).await,
        Fault::Endless => endless(stream, host, encoder).await,
        _ => {
            if matches!(fault, Fault::ResetAfter(_)) {
                SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
            }
            Err(io::ErrorKind::ConnectionAborted.into())
        }
    }
}

async fn endless(stream: &mut TcpStream, host: &Host, mut encoder: Encoder) -> io::Result<()> {
    for age in 0.. {
        let text = "an older line ".repeat(9);
        let entry = Entry { offset: 0, stamp: Some(Stamp::inherited(-age)), text };
        let mut out = Vec::new();
        for _ in 0..100 {
            encoder.record(&entry.record(), entry.stamp, &mut out);
        }
        chunk(stream, host, &out).await?;
    }
    Ok(())
}

async fn chunk(stream: &mut TcpStream, host: &Host, bytes: &[u8]) -> io::Result<()> {
    let mut out = format!("{:x}\r\n", bytes.len()).into_bytes();
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    stream.write_all(&out).await?;
    host.seen.bytes.fetch_add(out.len() as u64, SeqCst);
    Ok(())
}
