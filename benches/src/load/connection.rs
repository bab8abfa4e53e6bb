//! A keep-alive connection, and the request that is sent over it again and again.

use super::http::AnswerReader;
use anyhow::{Context as _, Result, bail, ensure};
use std::net::{SocketAddr, ToSocketAddrs as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
}

impl Request {
    /// The request for `http://HOST:PORT/TARGET`.
    pub fn get(url: &str) -> Result<Request> {
        let rest = url.strip_prefix("http://").with_context(|| {
            format!("{url}: only http:// is supported here: give http://HOST:PORT/logs?filename=…")
        })?;
        let (host, target) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        ensure!(
            !target.bytes().any(|b| b <= b' ' || b == 0x7f),
            "{url}: percent-encode what is no plain character"
        );
        let with_port = if host.rsplit(']').next().is_some_and(|end| end.contains(':')) {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let mut addresses =
            with_port.to_socket_addrs().with_context(|| format!("{host} cannot be resolved"))?;
        let address = addresses.next().with_context(|| format!("{host} has no address"))?;
        let head = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes();
        Ok(Request { address, head })
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
    socket: TcpStream,
    piece: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Connection> {
        let socket =
            TcpStream::connect(address).await.with_context(|| format!("{address}: is the server up?"))?;
        socket.set_nodelay(true)?;
        Ok(Connection { socket, piece: vec![0; PIECE] })
    }

    /// Sends the request, reads the whole answer, and returns how many bytes its body had. A status
    /// other than 200 is an error, and so is an answer that is cut. After an error, or if the call
    /// is dropped before its end, the connection cannot be used any more.
    pub async fn get(&mut self, request: &Request) -> Result<u64> {
        self.socket.write_all(&request.head).await?;
        let mut reader = AnswerReader::new();
        while !reader.is_whole() {
            let len = self.socket.read(&mut self.piece).await?;
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
        let request = Request::get("http://127.0.0.1:8001/logs?filename=a&n=20").unwrap();
        assert_eq!(request.address, "127.0.0.1:8001".parse().unwrap());
        assert_eq!(request.head, b"GET /logs?filename=a&n=20 HTTP/1.1\r\nhost: 127.0.0.1:8001\r\n\r\n");
        let json = request.accepting("application/json").unwrap();
        assert!(json.head.ends_with(b"host: 127.0.0.1:8001\r\naccept: application/json\r\n\r\n"));
        assert!(json.accepting("text/plain\r\nx: y").is_err());
        assert_eq!(Request::get("http://127.0.0.1").unwrap().address.port(), 80);
        assert_eq!(Request::get("http://[::1]:81/x").unwrap().address, "[::1]:81".parse().unwrap());
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        for url in ["https://127.0.0.1/", "127.0.0.1", "http://127.0.0.1:1/a b", "http://127.0.0.1:1/\r\n"] {
            assert!(Request::get(url).is_err(), "{url}");
        }
    }
}
