//! A secondary, or another server, that follows a script, byte for byte.

use backscroll_shared::wire::instance::Instance;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const NDJSON: &str = "application/x-ndjson";
pub(crate) const COMPLETE: &str =
    "Log-Status: complete\r\nLog-Lines: 2\r\nLog-Bytes-Scanned: 99\r\nLog-Truncated-Lines: 0\r\n";

/// The field by which an answer is a secondary's. Its value is put in where it is said: each
/// liar has one of its own.
pub(crate) const ID: &str = "Backscroll-Instance: {the liar's own}\r\n";

pub(crate) struct Liar {
    pub(crate) address: SocketAddr,
    /// Which secondary it says it is.
    pub(crate) instance: Instance,
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
    /// Connections that were made to it.
    pub(crate) connections: Arc<AtomicUsize>,
    /// Connections that its peer closed before the script's end.
    pub(crate) left: Arc<AtomicUsize>,
    listening: tokio::task::AbortHandle,
}

#[derive(Clone)]
pub(crate) enum Step {
    Say(Vec<u8>),
    Wait(Duration),
    /// Says this until the peer leaves.
    Flood(Vec<u8>),
    /// Says nothing until the peer leaves.
    Hang,
}

pub(crate) fn say(text: impl Into<String>) -> Step {
    Step::Say(text.into().into_bytes())
}

/// The head of a chunked 200.
pub(crate) fn head(content_type: &str) -> Step {
    say(format!(
        "HTTP/1.1 200 OK\r\n{ID}Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\nTrailer: log-status\r\n\r\n"
    ))
}

pub(crate) fn chunk(text: &str) -> Step {
    say(format!("{:x}\r\n{text}\r\n", text.len()))
}

/// The terminating chunk, with these trailer lines.
pub(crate) fn end(trailers: &str) -> Step {
    say(format!("0\r\n{trailers}\r\n"))
}

/// A whole answer.
pub(crate) fn whole(status: &str, fields: &str, body: &str) -> Vec<Step> {
    foreign(status, &format!("{ID}{fields}"), body)
}

/// A whole answer of another server.
pub(crate) fn foreign(status: &str, fields: &str, body: &str) -> Vec<Step> {
    vec![say(format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len()))]
}

impl Liar {
    /// Plays the script once for each connection.
    pub(crate) async fn new(script: Vec<Step>) -> Liar {
        Liar::at("127.0.0.1:0", None, script).await
    }

    /// One that says it is this secondary, and is called `name`.
    pub(crate) async fn posing(instance: Instance, name: &str, script: Vec<Step>) -> Liar {
        Liar::start("127.0.0.1:0", instance, Some(&ready(name)), script).await
    }

    /// One that calls itself `name` where it is asked for `/readyz`, and answers `/healthz`.
    pub(crate) async fn named(name: &str, script: Vec<Step>) -> Liar {
        Liar::at("127.0.0.1:0", Some(&ready(name)), script).await
    }

    /// One that listens here, and has a script of its own for `/readyz`.
    pub(crate) async fn at(address: &str, readyz: Option<&[Step]>, script: Vec<Step>) -> Liar {
        Liar::start(address, Instance::new(fastrand::u128(..)), readyz, script).await
    }

    async fn start(address: &str, instance: Instance, readyz: Option<&[Step]>, script: Vec<Step>) -> Liar {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, left, connections) =
            <(Arc<Mutex<Vec<_>>>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (all_heads, all_left, all_connections) = (heads.clone(), left.clone(), connections.clone());
        let script = with_id(script, instance);
        let readyz = readyz.map(|steps| with_id(steps.to_vec(), instance));
        let listening = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, SeqCst);
                let (script, heads, left) = (script.clone(), heads.clone(), left.clone());
                let readyz = readyz.clone();
                tokio::spawn(async move {
                    if play(stream, readyz, script, &heads).await.is_err() {
                        left.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        Liar {
            address,
            instance,
            heads: all_heads,
            connections: all_connections,
            left: all_left,
            listening: listening.abort_handle(),
        }
    }

    /// Listens no more.
    pub(crate) async fn stop(self) {
        self.listening.abort();
        while !self.listening.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

/// The script of the secondary that is this one.
pub(crate) fn with_id(script: Vec<Step>, instance: Instance) -> Vec<Step> {
    let value = format!("Backscroll-Instance: {instance}\r\n");
    let in_place = |step| match step {
        Step::Say(bytes) => match memchr::memmem::find(&bytes, ID.as_bytes()) {
            Some(at) => Step::Say([&bytes[..at], value.as_bytes(), &bytes[at + ID.len()..]].concat()),
            None => Step::Say(bytes),
        },
        other => other,
    };
    script.into_iter().map(in_place).collect()
}

/// What a secondary of this name says to `/readyz`.
pub(crate) fn ready(name: &str) -> Vec<Step> {
    let body = serde_json::json!({ "hostname": name, "version": "9", "io_engine": "uring" });
    whole("200 OK", "Content-Type: application/json\r\n", &body.to_string())
}

async fn play(
    mut stream: TcpStream,
    readyz: Option<Vec<Step>>,
    script: Vec<Step>,
    heads: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(stream.read_u8().await?);
    }
    let script = readyz
        .filter(|_| asked.starts_with(b"GET /readyz ") || asked.starts_with(b"GET /healthz "))
        .unwrap_or(script);
    heads.lock().unwrap().push(String::from_utf8(asked).unwrap());
    for step in script {
        match step {
            Step::Say(bytes) => stream.write_all(&bytes).await?,
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Flood(bytes) => loop {
                stream.write_all(&bytes).await?;
            },
            Step::Hang => {
                stream.read_u8().await?;
            }
        }
    }
    Ok(())
}
