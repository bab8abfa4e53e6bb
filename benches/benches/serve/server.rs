//! A secondary in this process, on loopback, with one of the read engines.

use backscroll_secondary::run::RunError;
use backscroll_secondary::{Args, Config, run};
use clap::Parser as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A running secondary, set up in the same way as the program. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), RunError>>>,
}

impl Server {
    /// Serves the files of `log_dir`, with `--io io`.
    pub(crate) fn start(io: &str, log_dir: &Path) -> Server {
        let log_dir = log_dir.to_str().unwrap();
        let args = ["backscroll-secondary", "--hostname", "bench", "--io", io, "--log-dir", log_dir];
        let config = Config::try_from(&Args::try_parse_from(args).unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            run(config, listener, async move {
                let _ = stopped.await;
            })
        });
        Server { listen, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => eprintln!("the server did not end well: {error}"),
            Some(Err(_)) => eprintln!("the server panicked"),
            Some(Ok(Ok(()))) | None => {}
        }
    }
}
