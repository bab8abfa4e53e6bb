//! A secondary in this process, and a client that sees what curl does not show.

use backscroll_secondary::run::RunError;
use backscroll_secondary::{Config, Io, run};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A running secondary. Stopped when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) dir: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), RunError>>>,
}

impl Server {
    pub(crate) fn start(io: Io) -> Server {
        Server::with(|config| config.io = io)
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path().to_owned(), "here".to_owned());
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            run(config, listener, async move {
                let _ = stopped.await;
            })
        });
        Server { addr, dir, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        write(&self.dir.path().join(name), bytes);
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.request("GET", target, "")
    }

    pub(crate) fn request(&self, method: &str, target: &str, headers: &str) -> Response {
        self.raw(
            format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")
                .as_bytes(),
        )
    }

    pub(crate) fn raw(&self, request: &[u8]) -> Response {
        raw(self.addr, request)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.addr)
    }

    /// A client with a small receive buffer.
    pub(crate) fn connect_with_window(&self, bytes: usize) -> TcpStream {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        socket.connect(&self.addr.into()).unwrap();
        socket.into()
    }

    /// Stops the server, and returns how it ended.
    pub(crate) fn stop(mut self) -> Result<(), RunError> {
        self.stop.take();
        self.thread.take().unwrap().join().unwrap()
    }

    pub(crate) fn begin_to_stop(&mut self) {
        self.stop.take();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join().unwrap();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

fn connect(addr: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    socket
}

pub(crate) fn raw(addr: SocketAddr, request: &[u8]) -> Response {
    let mut socket = connect(addr);
    // The server may refuse the request and close the connection before it has read everything.
    let _ = socket.write_all(request);
    let mut bytes = Vec::new();
    let ended = socket.read_to_end(&mut bytes).is_ok();
    Response::parse(&bytes, ended)
}

/// Asks a server that runs as a process of its own.
pub(crate) fn ask(addr: SocketAddr, target: &str) -> Response {
    raw(addr, format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
}

#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Makes a log file `endless.log` in `dir`, and returns a request whose search takes much longer
/// than a test. The file is not a hole, because a hole is skipped at once. Each line holds all of
/// the many keywords except one that no line holds, so each line is searched for all of them.
pub(crate) fn endless(dir: &Path) -> String {
    const BYTES: usize = 256 << 20;
    let line = "abcdefghijklmn\n";
    write(&dir.join("endless.log"), line.repeat(BYTES / line.len()).as_bytes());
    let parts = (1..=13).rev().flat_map(|len| (0..=14 - len).map(move |at| &line[at..at + len]));
    let keywords: Vec<&str> = parts.take(62).collect();
    format!("/logs?filename=endless.log&keyword={}&keyword=0", keywords.join("&keyword="))
}

/// Open descriptors of this process.
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Descriptors of this process that are open on a file.
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
pub(crate) fn descriptors_of(file: &Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    open.filter(|fd| std::fs::read_link(fd.as_ref().unwrap().path()).is_ok_and(|to| to == file)).count()
}

#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Whether the body ended as HTTP requires.
    pub(crate) complete: bool,
}

impl Response {
    pub(crate) fn parse(bytes: &[u8], ended: bool) -> Response {
        let at = find(bytes, b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head: {:?}", bytes.escape_ascii().to_string()));
        let head = std::str::from_utf8(&bytes[..at]).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let headers = fields(head.split("\r\n").skip(1));
        let mut response =
            Response { status, headers, body: Vec::new(), trailers: Vec::new(), complete: false };
        let rest = &bytes[at + 4..];
        if response.header("transfer-encoding") == Some("chunked") {
            response.read_chunks(rest);
        } else {
            let len = response.header("content-length").and_then(|len| len.parse().ok());
            response.complete = ended && len.is_none_or(|len: usize| rest.len() == len);
            response.body = rest.to_vec();
        }
        response
    }

    fn read_chunks(&mut self, mut rest: &[u8]) {
        while let Some(at) = find(rest, b"\r\n") {
            let len = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
            rest = &rest[at + 2..];
            if len == 0 {
                let text = std::str::from_utf8(rest).unwrap();
                self.trailers = fields(text.split("\r\n").filter(|line| !line.is_empty()));
                self.complete = text.ends_with("\r\n");
                return;
            }
            self.body.extend_from_slice(&rest[..len.min(rest.len())]);
            rest = rest.get(len + 2..).unwrap_or_default();
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The code of a problem, which must be well-formed.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        assert!(problem["detail"].as_str().unwrap().len() > 10);
        problem["code"].as_str().unwrap().to_owned()
    }
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    lines
        .filter_map(|line| line.split_once(": "))
        .map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()))
        .collect()
}

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The lines of a file that hold a keyword, newest first. Follows the definition, and uses none of
/// our code.
pub(crate) fn naive(file: &[u8], keyword: &[u8], n: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let lines: Vec<&[u8]> = file.split_inclusive(|b| *b == b'\n').collect();
    let hits = lines.into_iter().rev().map(|line| line.strip_suffix(b"\n").unwrap_or(line));
    for line in hits.filter(|line| keyword.is_empty() || find(line, keyword).is_some()).take(n) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out
}
