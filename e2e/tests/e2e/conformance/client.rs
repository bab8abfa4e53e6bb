//! A client that sends any bytes, and reads answers as HTTP defines them and no other way.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a problem, which has to be well-formed.
    pub(super) fn code(&self) -> String {
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.field("x-content-type-options"), Some("nosniff"));
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        problem["code"].as_str().unwrap().to_owned()
    }
}

pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// All that comes back for these bytes, whose sender ends its sending after them.
pub(super) fn bytes_for(address: SocketAddr, pieces: &[&[u8]]) -> Vec<u8> {
    let mut stream = connect(address);
    for piece in pieces {
        // The server may have refused the request already.
        let _ = stream.write_all(piece);
    }
    let _ = stream.shutdown(Shutdown::Write);
    read_to_end(stream)
}

pub(super) fn read_to_end(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        // A reset after the answer is an end as well.
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "after {:?}", String::from_utf8_lossy(&bytes));
    }
    bytes
}

/// The answers for these bytes, in their order and without interim ones. `methods`: those of the
/// requests, because only they tell whether an answer has a body; after the last one it is GET.
pub(super) fn exchange(address: SocketAddr, bytes: &[u8], methods: &[&str]) -> Vec<Answer> {
    answers(&bytes_for(address, &[bytes]), methods)
}

/// The one answer to a GET of `target`.
pub(super) fn get(address: SocketAddr, target: &str, fields: &str) -> Answer {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n");
    let mut answers = exchange(address, request.as_bytes(), &[]);
    assert_eq!(answers.len(), 1, "{target}: {answers:?}");
    answers.remove(0)
}

/// Splits what came over a connection into answers. Panics if it is anything else.
pub(super) fn answers(mut bytes: &[u8], methods: &[&str]) -> Vec<Answer> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (mut answer, rest) = head(bytes);
        bytes = rest;
        if answer.status == 100 {
            continue;
        }
        let is_head = methods.get(all.len()) == Some(&"HEAD");
        let len = answer.field("content-length").map(|len| len.parse::<usize>().unwrap());
        match (len, answer.field("transfer-encoding")) {
            _ if is_head => {}
            (Some(len), None) => {
                assert!(bytes.len() >= len, "a body is cut: {answer:?}");
                (answer.body, bytes) = (bytes[..len].to_vec(), &bytes[len..]);
            }
            (None, Some("chunked")) => (answer.body, bytes) = chunks(bytes),
            (None, None) => (answer.body, bytes) = (bytes.to_vec(), &[]),
            other => panic!("two lengths: {other:?}"),
        }
        all.push(answer);
    }
    all
}

fn head(bytes: &[u8]) -> (Answer, &[u8]) {
    let end = find(bytes, b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {}", bytes.escape_ascii()));
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    assert!(!head.replace("\r\n", "").contains(char::is_control), "{head:?}");
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap();
    let status = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "));
    let status = status.and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or_else(|| panic!("{line:?}"));
    let fields = lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line:?}")));
    let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    (Answer { status, fields, body: Vec::new() }, &bytes[end + 4..])
}

/// The body in chunks, and what follows its trailers.
fn chunks(mut bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut body = Vec::new();
    loop {
        let end = find(bytes, b"\r\n").expect("a chunk has a size");
        let len = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        bytes = &bytes[end + 2..];
        if len == 0 {
            let end = if bytes.starts_with(b"\r\n") { 0 } else { find(bytes, b"\r\n\r\n").unwrap() + 2 };
            return (body, &bytes[end + 2..]);
        }
        body.extend_from_slice(&bytes[..len]);
        bytes = bytes[len..].strip_prefix(b"\r\n").expect("a chunk ends");
    }
}

pub(super) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
