//! What watches a server that is measured: a collector that takes traces and forgets them, and a
//! Prometheus that reads the metrics again and again.

use anyhow::Result;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the metrics are read. Prometheus' own default is a minute.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);

/// How long one page of metrics may take.
const SCRAPE_TIME: Duration = Duration::from_secs(5);

/// A collector of traces.
#[derive(Debug)]
pub(super) struct Collector {
    /// Its address.
    pub(super) listen: SocketAddr,
    bytes: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    /// Starts it on loopback.
    pub(super) fn start() -> Result<Collector> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let listen = listener.local_addr()?;
        let (bytes, is_over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (count, over) = (Arc::clone(&bytes), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if over.load(Relaxed) {
                    return;
                }
                let count = Arc::clone(&count);
                // It ends with its connection, which the exporter closes.
                std::thread::spawn(move || drop(take(stream, &count)));
            }
        });
        Ok(Collector { listen, bytes, is_over, thread: Some(thread) })
    }

    /// The bytes that it has taken.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        // Wakes the thread.
        drop(TcpStream::connect(self.listen));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes requests until the connection ends, and answers each.
fn take(stream: TcpStream, count: &AtomicU64) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let field = line.trim_end().to_ascii_lowercase();
            if field.is_empty() {
                break;
            }
            if let Some(value) = field.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let taken = std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        count.fetch_add(taken, Relaxed);
        writer.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
        )?;
    }
}

/// Reads the metrics of a server until it is dropped.
#[derive(Debug)]
pub(super) struct Scraper {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scraper {
    /// Reads those of the server at this address.
    pub(super) fn start(server: SocketAddr) -> Scraper {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(SCRAPE_INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                // A page that fails is missing in no figure; the rows check that there is one.
                let _ = scrape(server);
            }
        });
        Scraper { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The page of metrics.
pub(super) fn scrape(server: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(SCRAPE_TIME))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    let _ = stream.shutdown(Shutdown::Both);
    Ok(page)
}
