//! Clients in large numbers: slow ones, idle ones, and floods of requests.

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Clients that read one byte each time they are told to. The kernel takes little for them, so the
/// rest waits in the server.
pub(crate) struct Slow {
    clients: Vec<SlowClient>,
}

struct SlowClient {
    socket: TcpStream,
    head: Vec<u8>,
    is_over: bool,
}

impl Slow {
    /// `count` clients that ask for `target`, one after the other.
    pub(crate) fn new(address: SocketAddr, target: &str, fields: &str, count: usize) -> Slow {
        let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n");
        let client = |_| {
            let socket =
                socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
            set_socket_recv_buffer_size(&socket, 4096).unwrap();
            connect(&socket, &address).unwrap();
            let mut socket = TcpStream::from(socket);
            socket.write_all(request.as_bytes()).unwrap();
            socket.set_nonblocking(true).unwrap();
            SlowClient { socket, head: Vec::new(), is_over: false }
        };
        Slow { clients: (0..count).map(client).collect() }
    }

    /// Each reads a byte, if there is one. At the beginning as much as shows the status.
    pub(crate) fn read(&mut self) {
        for client in self.clients.iter_mut().filter(|client| !client.is_over) {
            let mut bytes = [0; 12];
            let wanted = if client.head.len() < 12 { 12 - client.head.len() } else { 1 };
            match client.socket.read(&mut bytes[..wanted]) {
                Ok(0) => client.is_over = true,
                Ok(len) if client.head.len() < 12 => client.head.extend_from_slice(&bytes[..len]),
                Err(error) if error.kind() != ErrorKind::WouldBlock => client.is_over = true,
                _ => {}
            }
        }
    }

    /// How many have the beginning of an answer with this status.
    pub(crate) fn with_status(&self, status: &str) -> usize {
        let begin = format!("HTTP/1.1 {status}");
        self.clients.iter().filter(|client| client.head == begin.as_bytes()).count()
    }

    /// How many have been cut, or have all of their answer.
    pub(crate) fn over(&self) -> usize {
        self.clients.iter().filter(|client| client.is_over).count()
    }
}

/// `count` connections that never ask for anything. Those that the server closes stay here.
pub(crate) fn idle(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).filter_map(|_| TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()).collect()
}

/// How a request of a flood ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// A 200 that is whole.
    Served,
    /// A 503 that says when to come back.
    Refused,
    /// A 200 whose verdict or end says that it was refused in the middle.
    Cut,
    /// Any other answer.
    Other,
    /// The connection failed, or nothing came in time.
    Lost,
}

/// How the requests of a flood ended.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) served: usize,
    pub(crate) refused: usize,
    pub(crate) cut: usize,
    pub(crate) other: usize,
    pub(crate) lost: usize,
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Served => &mut self.served,
            Outcome::Refused => &mut self.refused,
            Outcome::Cut => &mut self.cut,
            Outcome::Other => &mut self.other,
            Outcome::Lost => &mut self.lost,
        } += 1;
    }
}

/// How long a client of a flood waits.
const WAIT: Duration = Duration::from_secs(30);

async fn ask(address: SocketAddr, target: String) -> Outcome {
    let asked = async {
        let mut socket = tokio::net::TcpStream::connect(address).await?;
        let request =
            format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nte: trailers\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let Ok(Ok(answer)) = timeout(WAIT, asked).await else { return Outcome::Lost };
    let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    if text.starts_with("http/1.1 200") {
        let is_whole = text.contains("log-status: complete") || text.contains("content-length: ");
        return if is_whole { Outcome::Served } else { Outcome::Cut };
    }
    let is_refused = text.starts_with("http/1.1 503") && text.contains("\r\nretry-after: ");
    if is_refused { Outcome::Refused } else { Outcome::Other }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// `clients` that ask one request after the other: what a server can take.
pub(crate) fn in_turn(address: SocketAddr, target: &str, clients: usize, time: Duration) -> Tally {
    block_on(async {
        let until = Instant::now() + time;
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let target = target.to_owned();
            tasks.spawn(async move {
                let mut tally = Tally::default();
                while Instant::now() < until {
                    tally.count(ask(address, target.clone()).await);
                }
                tally
            });
        }
        let mut all = Tally::default();
        while let Some(tally) = tasks.join_next().await {
            let tally = tally.unwrap();
            all.served += tally.served;
            all.refused += tally.refused;
            all.cut += tally.cut;
            all.other += tally.other;
            all.lost += tally.lost;
        }
        all
    })
}

/// Requests that come at this rate, whether or not the earlier ones are answered. The second figure
/// is how many were served while they came.
pub(crate) fn flood(address: SocketAddr, target: &str, per_second: f64, time: Duration) -> (Tally, usize) {
    block_on(async {
        let began = Instant::now();
        let mut tick = interval(Duration::from_millis(10));
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (mut tasks, mut tally, mut asked) = (JoinSet::new(), Tally::default(), 0_u32);
        while began.elapsed() < time {
            tick.tick().await;
            while f64::from(asked) < began.elapsed().as_secs_f64() * per_second {
                tasks.spawn(ask(address, target.to_owned()));
                asked += 1;
            }
            while let Some(outcome) = tasks.try_join_next() {
                tally.count(outcome.unwrap());
            }
        }
        let served_meanwhile = tally.served;
        while let Some(outcome) = tasks.join_next().await {
            tally.count(outcome.unwrap());
        }
        (tally, served_meanwhile)
    })
}
