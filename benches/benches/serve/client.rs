//! Connections that ask the same question again and again, on one thread, with as little
//! work of their own as can be: they share the processor with the server.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// How long an answer may take: a server that hangs must not hang the benchmark.
const ANSWER_TIME: Duration = Duration::from_mins(1);

/// How a body in chunks ends, with the end of what stands before it.
const END: &[u8] = b"\r\n0\r\n\r\n";

/// Bytes read at once.
const PIECE: usize = 256 << 10;

/// Open connections to one server.
pub(crate) struct Clients {
    runtime: Runtime,
    connections: Vec<Connection>,
}

impl Clients {
    pub(crate) fn connect(server: SocketAddr, connections: usize) -> Clients {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connections = runtime.block_on(async {
            let mut open = Vec::new();
            for _ in 0..connections {
                open.push(Connection::open(server).await.unwrap());
            }
            open
        });
        Clients { runtime, connections }
    }

    /// Every connection asks for `target` so many times; how long until all have their
    /// answers, and how many bytes those had.
    pub(crate) fn ask(&mut self, target: &str, times: u64) -> (Duration, u64) {
        let request = format!("GET {target} HTTP/1.1\r\nhost: bench\r\n\r\n");
        let connections = std::mem::take(&mut self.connections);
        self.runtime.block_on(async {
            let mut asking = JoinSet::new();
            let began = Instant::now();
            for mut connection in connections {
                let request = request.clone();
                asking.spawn(async move {
                    let mut bytes = 0;
                    for _ in 0..times {
                        let answer = tokio::time::timeout(ANSWER_TIME, connection.ask(&request)).await;
                        bytes += answer.expect("no answer in time").expect("no whole answer");
                    }
                    (connection, bytes)
                });
            }
            let mut bytes = 0;
            while let Some(done) = asking.join_next().await {
                let (connection, more) = done.unwrap();
                self.connections.push(connection);
                bytes += more;
            }
            (began.elapsed(), bytes)
        })
    }
}

struct Connection {
    socket: TcpStream,
    /// The last bytes before the piece, then the piece.
    window: Vec<u8>,
}

impl Connection {
    async fn open(server: SocketAddr) -> io::Result<Connection> {
        let socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        Ok(Connection { socket, window: vec![0; END.len() + PIECE] })
    }

    /// One request, and all of its answer: how many bytes came. A sample log holds nothing
    /// that looks like [`END`], so the end is looked for there and the chunks are not taken
    /// apart.
    async fn ask(&mut self, request: &str) -> io::Result<u64> {
        self.socket.write_all(request.as_bytes()).await?;
        self.window[..END.len()].fill(0);
        let mut bytes = 0;
        loop {
            let len = self.socket.read(&mut self.window[END.len()..]).await?;
            let piece = &self.window[END.len()..END.len() + len];
            if len == 0 || (bytes == 0 && !piece.starts_with(b"HTTP/1.1 200 ")) {
                let head = String::from_utf8_lossy(&piece[..len.min(200)]);
                return Err(io::Error::other(format!("after {bytes} bytes: {head:?}")));
            }
            bytes += len as u64;
            if self.window[..END.len() + len].ends_with(END) {
                return Ok(bytes);
            }
            self.window.copy_within(len..len + END.len(), 0);
        }
    }
}
