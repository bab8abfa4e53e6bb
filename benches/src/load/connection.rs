//! A keep-alive connection, and the request that is sent over it again and again.

use super::http::AnswerReader;
use anyhow::{Context as _, Result, bail, ensure};
use backscroll_shared::tls::Pinned;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How many bytes are read at once.
const PIECE: usize = 64 << 10;

/// A `GET` request, encoded.
#[derive(Debug, Clone)]
pub struct Request {
    /// The host and port that it is sent to.
    pub address: SocketAddr,
    /// Its bytes.
    pub head: Vec<u8>,
    /// How it is sent over TLS, for a URL with `https`.
    tls: Option<Arc<Pinned>>,
}

/// What requests are sent over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Stream for S {}

impl Request {
    /// The request for `http://HOST:PORT/TARGET`, or for one with `https` to a server with this
    /// certificate.
    pub fn get(url: &str, certificate: Option<&Path>) -> Result<Request> {
        let (rest, tls) = if let Some(rest) = url.strip_prefix("https://") {
            let path = certificate.with_context(|| format!("{url}: give the server's --tls-cert"))?;
            (rest, Some(Arc::new(Pinned::open("--tls-cert", path)?)))
        } else {
            let rest = url.strip_prefix("http://").with_context(|| {
                format!("{url}: give http://HOST:PORT/logs?filename=… or the same with https")
            })?;
            (rest, None)
        };
        let (host, target) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        ensure!(
            !target.bytes().any(|b| b <= b' ' || b == 0x7f),
            "{url}: percent-encode what is no plain character"
        );
        let with_port = if host.rsplit(']').next().is_some_and(|end| end.contains(':')) {
            host.to_owned()
        } else {
            format!("{host}:{}", if tls.is_some() { 443 } else { 80 })
        };
        let mut addresses =
            with_port.to_socket_addrs().with_context(|| format!("{host} cannot be resolved"))?;
        let address = addresses.next().with_context(|| format!("{host} has no address"))?;
        let head = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes();
        Ok(Request { address, head, tls })
    }

    /// What the request is sent over, at the end of this connection.
    pub async fn stream(&self, socket: TcpStream) -> io::Result<Box<dyn Stream>> {
        Ok(match &self.tls {
            None => Box::new(socket),
            Some(tls) => Box::new(tls.connect(socket).await?),
        })
    }

    /// The same request for an answer of this type.
    pub fn accepting(mut self, media_type: &str) -> Result<Request> {
        ensure!(!media_type.contains(['\r', '\n']), "{media_type:?} is no media type");
        // Inserted before the empty line that ends the head.
        self.head.truncate(self.head.len() - 2);
        self.head.extend_from_slice(format!("accept: {media_type}\r\n\r\n").as_bytes());
        Ok(self)
    }
}

/// A connection whose last answer has been read completely.
#[derive(Debug)]
pub struct Connection {
    stream: Box<dyn Stream>,
    piece: Vec<u8>,
}

impl Connection {
    /// Connects, for requests like this one.
    pub async fn open(request: &Request) -> Result<Connection> {
        let address = request.address;
        let socket =
            TcpStream::connect(address).await.with_context(|| format!("{address}: is the server up?"))?;
        socket.set_nodelay(true)?;
        let stream = request.stream(socket).await.with_context(|| format!("{address}: no TLS"))?;
        Ok(Connection { stream, piece: vec![0; PIECE] })
    }

    /// Sends the request, reads the whole answer, and returns how many bytes its body had. A status
    /// other than 200 is an error, and so is an answer that is cut. After an error, or if the call
    /// is dropped before its end, the connection cannot be used any more.
    pub async fn get(&mut self, request: &Request) -> Result<u64> {
        self.stream.write_all(&request.head).await?;
        self.stream.flush().await?;
        let mut reader = AnswerReader::new();
        while !reader.is_whole() {
            let len = self.stream.read(&mut self.piece).await?;
            if len == 0 {
                bail!("the answer was cut after {} bytes of its body", reader.body_bytes());
            }
            let taken = reader.feed(&self.piece[..len], |_| {})?;
            ensure!(taken == len, "bytes arrived that were not requested");
        }
        ensure!(reader.status() == 200, "the status was {}", reader.status());
        Ok(reader.body_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_an_address_and_a_head() {
        let request = Request::get("http://127.0.0.1:8001/logs?filename=a&n=20", None).unwrap();
        assert_eq!(request.address, "127.0.0.1:8001".parse().unwrap());
        assert_eq!(request.head, b"GET /logs?filename=a&n=20 HTTP/1.1\r\nhost: 127.0.0.1:8001\r\n\r\n");
        let json = request.accepting("application/json").unwrap();
        assert!(json.head.ends_with(b"host: 127.0.0.1:8001\r\naccept: application/json\r\n\r\n"));
        assert!(json.accepting("text/plain\r\nx: y").is_err());
        assert_eq!(Request::get("http://127.0.0.1", None).unwrap().address.port(), 80);
        assert_eq!(Request::get("http://[::1]:81/x", None).unwrap().address, "[::1]:81".parse().unwrap());
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        for url in ["https://127.0.0.1/", "127.0.0.1", "http://127.0.0.1:1/a b", "http://127.0.0.1:1/\r\n"] {
            assert!(Request::get(url, None).is_err(), "{url}");
        }
    }
}
