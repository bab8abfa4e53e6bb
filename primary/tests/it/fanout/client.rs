//! A client that sees all of an answer: its trailers, and whether it was cut.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far above every deadline of these tests: what takes so long hangs.
const HANG_TIME: Duration = Duration::from_secs(15);

pub(crate) type Fields = BTreeMap<String, String>;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By name in small letters.
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Fields,
    /// Whether it ended properly; else it was cut.
    pub(crate) is_whole: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The objects of an NDJSON answer.
    pub(crate) fn objects(&self) -> Vec<serde_json::Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
            .collect()
    }

    /// The verdict that ends an NDJSON answer.
    pub(crate) fn end(&self) -> serde_json::Value {
        self.objects().last().expect("an answer has an end")["end"].clone()
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        problem["code"].as_str().unwrap().to_owned()
    }
}

/// Sends a request with these fields and reads its answer to the end.
pub(crate) async fn get(address: SocketAddr, target: &str, fields: &str) -> Answer {
    request(address, "GET", target, fields).await
}

pub(crate) async fn request(address: SocketAddr, method: &str, target: &str, fields: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let read = async {
        // A reset is an end as well.
        while matches!(stream.read_buf(&mut got).await, Ok(1..)) {}
    };
    timeout(HANG_TIME, read).await.unwrap_or_else(|_| panic!("{target} hangs"));
    parsed(&got, method == "HEAD")
}

fn parsed(got: &[u8], is_head: bool) -> Answer {
    let at = memchr::memmem::find(got, b"\r\n\r\n").expect("a head");
    let head = std::str::from_utf8(&got[..at]).expect("text");
    let (first, fields) = head.split_once("\r\n").expect("fields");
    let status = first.split(' ').nth(1).expect("a status").parse().expect("a number");
    let fields = read_fields(fields);
    let rest = &got[at + 4..];
    let mut answer = Answer { status, fields, body: Vec::new(), trailers: Fields::new(), is_whole: true };
    if is_head {
        assert!(rest.is_empty(), "an answer to HEAD has a body");
    } else if let Some(length) = answer.fields.get("content-length") {
        answer.is_whole = length.parse() == Ok(rest.len());
        answer.body.extend_from_slice(rest);
    } else {
        assert_eq!(answer.fields["transfer-encoding"], "chunked");
        answer.is_whole = unchunk(rest, &mut answer).is_some();
    }
    answer
}

/// None where it was cut.
fn unchunk(mut rest: &[u8], answer: &mut Answer) -> Option<()> {
    loop {
        let at = memchr::memmem::find(rest, b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        rest = &rest[at + 2..];
        if size == 0 {
            break;
        }
        answer.body.extend_from_slice(&rest[..size.min(rest.len())]);
        rest = rest.get(size + 2..)?;
    }
    let trailers = rest.strip_suffix(b"\r\n")?;
    answer.trailers = read_fields(&String::from_utf8_lossy(trailers));
    Some(())
}

fn read_fields(text: &str) -> Fields {
    let mut fields = Fields::new();
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no field: {line:?}"));
        assert!(!value.contains(['\r', '\n', '\0']), "{line:?}");
        let earlier = fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        assert!(earlier.is_none(), "{name} stands twice");
    }
    fields
}
