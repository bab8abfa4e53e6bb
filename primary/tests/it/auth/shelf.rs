//! A secondary with files of a few lines. It knows nothing of what callers may see, so whatever a
//! client does not get, the primary has kept back.

#![expect(clippy::format_collect, reason = "texts of a test")]

use backscroll_shared::query::FileName;
use backscroll_shared::scan::Record;
use backscroll_shared::time::{LineTime, Stamp};
use backscroll_shared::wire::frames;
use backscroll_shared::wire::instance::Instance;
use backscroll_shared::wire::ndjson;
use backscroll_shared::wire::verdict::{Status, Verdict};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use percent_encoding::percent_decode_str;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// Lines of each file.
const LINES: u64 = 3;

pub(crate) struct Shelf {
    pub(crate) address: SocketAddr,
    pub(crate) files: Arc<Mutex<BTreeSet<String>>>,
    /// The heads of the requests that came.
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shelf {
    pub(crate) async fn new(files: &[&str]) -> Shelf {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let files: Arc<Mutex<BTreeSet<String>>> =
            Arc::new(Mutex::new(files.iter().map(ToString::to_string).collect()));
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (own_files, own_heads) = (Arc::clone(&files), Arc::clone(&heads));
        let instance = Instance::new(fastrand::u128(..));
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                tokio::spawn(serve(stream, Arc::clone(&own_files), Arc::clone(&own_heads), instance));
            }
        });
        Shelf { address, files, heads, task: task.abort_handle() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of the requests to this endpoint.
    pub(crate) fn heads_of(&self, path: &str) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        heads.iter().filter(|head| head.contains(&format!(" {path}"))).cloned().collect()
    }
}

async fn serve(
    mut stream: TcpStream,
    files: Arc<Mutex<BTreeSet<String>>>,
    heads: Arc<Mutex<Vec<String>>>,
    instance: Instance,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    heads.lock().unwrap().push(head.clone());
    let files = files.lock().unwrap().clone();
    let answer = answer(&head, &files, instance).await;
    let _ = stream.write_all(&answer).await;
}

/// An answer, after which the connection ends.
fn whole(status: &str, content_type: &str, body: &[u8], is_head: bool, instance: Instance) -> Vec<u8> {
    let mut out = format!(
        "HTTP/1.1 {status}\r\nBackscroll-Instance: {instance}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    out.extend_from_slice(if is_head { b"" } else { body });
    out
}

async fn answer(head: &str, files: &BTreeSet<String>, instance: Instance) -> Vec<u8> {
    let mut words = head.split(' ');
    let is_head = words.next() == Some("HEAD");
    let (path, query) =
        words.next().unwrap().split_once('?').unwrap_or((head.split(' ').nth(1).unwrap(), ""));
    let field = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    };
    let accept = field("accept").unwrap_or_default().to_owned();
    match path {
        "/readyz" => {
            let ready = b"{\"ready\":true,\"hostname\":\"h\",\"version\":\"0\",\"io_engine\":\"uring\"}";
            whole("200 OK", "application/json", ready, is_head, instance)
        }
        "/files" => {
            let body = if accept == "application/json" {
                let rows: Vec<String> = files
                    .iter()
                    .map(|name| format!("{{\"modified\":\"m\",\"name\":\"{name}\",\"size\":1}}"))
                    .collect();
                if rows.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", rows.join(",\n")) }
            } else {
                files.iter().map(|name| format!("1\tm\t{name}\n")).collect()
            };
            whole("200 OK", &accept, body.as_bytes(), is_head, instance)
        }
        "/logs" => {
            let name = query.split('&').find_map(|pair| pair.strip_prefix("filename=")).unwrap();
            let name: Vec<u8> = percent_decode_str(name).collect();
            let host = field("backscroll-relay").unwrap();
            if files.contains(&*String::from_utf8_lossy(&name)) {
                logs(&accept, host, &name, is_head, instance)
            } else {
                let problem = FileName::parse(name).unwrap().not_found().into_response::<Full<Bytes>>();
                let body = problem.into_body().collect().await.unwrap().to_bytes();
                whole("404 Not Found", "application/problem+json", &body, is_head, instance)
            }
        }
        _ => panic!("{head}"),
    }
}

fn logs(accept: &str, host: &str, name: &[u8], is_head: bool, instance: Instance) -> Vec<u8> {
    let (mut body, mut framed) = (Vec::new(), frames::Encoder::default());
    let objects = ndjson::Encoder::new(host, name);
    for age in 0..LINES {
        let line = format!("line {age}");
        let record =
            Record { offset: LINES - age, bytes: line.as_bytes(), lines: 1, truncated_lines: 0, older: &[] };
        match accept {
            frames::CONTENT_TYPE => {
                let nanos = -i64::try_from(age).unwrap();
                let stamp = Stamp::carried(LineTime { nanos, offset_minutes: 0 });
                framed.record(&record, Some(stamp), &mut body);
            }
            "application/x-ndjson" => objects.encode(&record, None, &mut body),
            _ => body.extend_from_slice(format!("{line}\n").as_bytes()),
        }
    }
    let verdict = Verdict { lines: LINES, bytes_scanned: 9, ..Verdict::new(Status::Complete) };
    if accept == frames::CONTENT_TYPE {
        frames::Encoder::end(&verdict, &mut body);
    }
    let mut out = format!(
        "HTTP/1.1 200 OK\r\nBackscroll-Instance: {instance}\r\nContent-Type: {accept}\r\nTransfer-Encoding: chunked\r\nTrailer: log-status\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    if !is_head {
        out.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
        out.extend_from_slice(&body);
        out.extend_from_slice(b"\r\n0\r\n");
        for (name, value) in &verdict.to_trailers() {
            out.extend_from_slice(format!("{name}: {}\r\n", value.to_str().unwrap()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
    out
}
