//! A proxy that keeps all that a primary sends to its secondary.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The bytes of a connection so far.
type Record = Arc<Mutex<Vec<u8>>>;

/// It stops when it is dropped.
pub(super) struct Recorder {
    pub(super) address: SocketAddr,
    /// The bytes of each connection.
    connections: Arc<Mutex<Vec<Record>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// In front of `server`.
    pub(super) fn start(server: SocketAddr) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections: Arc<Mutex<Vec<Record>>> = Arc::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let (all, over) = (Arc::clone(&connections), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if over.load(SeqCst) {
                    return;
                }
                let record = Record::default();
                all.lock().unwrap().push(Arc::clone(&record));
                let upstream = TcpStream::connect(server).unwrap();
                let (back_from, back_to) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    copy(client, upstream, |bytes| record.lock().unwrap().extend(bytes));
                });
                std::thread::spawn(move || copy(back_from, back_to, |_| {}));
            }
        });
        Recorder { address, connections, is_over, thread: Some(thread) }
    }

    /// What was sent so far, a text for each connection.
    pub(super) fn seen(&self) -> Vec<String> {
        let connections = self.connections.lock().unwrap();
        connections.iter().map(|bytes| String::from_utf8(bytes.lock().unwrap().clone()).unwrap()).collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.is_over.store(true, SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, note: impl Fn(&[u8])) {
    let mut buffer = [0; 8192];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        note(&buffer[..len]);
        if to.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
