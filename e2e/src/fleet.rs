//! A primary and its secondaries in this process, on loopback.

use anyhow::{Context as _, Result};
use backscroll_primary::Args;
use clap::Parser as _;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A secondary to start.
#[derive(Debug, Clone)]
pub struct Member {
    /// The host's name in the fleet.
    pub name: String,
    /// The log directory that it serves.
    pub log_dir: PathBuf,
    /// The port to listen on. If it is taken, or 0, any free port is used.
    pub port: u16,
}

/// A running fleet. Dropping it stops it; [`Fleet::stop`] also reports how it ended.
#[derive(Debug)]
pub struct Fleet {
    /// The address of the primary.
    pub primary: SocketAddr,
    /// The name and the address of each secondary, in the given order.
    pub secondaries: Vec<(String, SocketAddr)>,
    servers: Vec<Server>,
}

#[derive(Debug)]
struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Fleet {
    /// Starts the secondaries, then the primary at `listen`. When this returns, every port is
    /// listened on, so a client can connect at once.
    pub fn start(listen: SocketAddr, members: &[Member]) -> Result<Fleet> {
        // Bound before the secondaries take ports, so that none of them gets this one.
        let front = Front::bind(listen)?;
        let mut servers = Vec::new();
        let mut secondaries = Vec::new();
        for member in members {
            let listener = TcpListener::bind(("127.0.0.1", member.port))
                .or_else(|_| TcpListener::bind("127.0.0.1:0"))
                .context("no loopback port is free")?;
            secondaries.push((member.name.clone(), listener.local_addr()?));
            let config = backscroll_secondary::Config::new(member.log_dir.clone(), member.name.clone());
            servers.push(Server::start(&member.name, move |stopped| {
                let shutdown = async move {
                    let _ = stopped.await;
                };
                Ok(backscroll_secondary::run(config, listener, shutdown)?)
            })?);
        }
        let (primary, server) = front.serve(&secondaries)?;
        servers.push(server);
        Ok(Fleet { primary, secondaries, servers })
    }

    /// Starts only a primary at `listen`, in front of secondaries that run already.
    pub fn in_front(listen: SocketAddr, secondaries: &[(String, SocketAddr)]) -> Result<Fleet> {
        let (primary, server) = Front::bind(listen)?.serve(secondaries)?;
        Ok(Fleet { primary, secondaries: secondaries.to_vec(), servers: vec![server] })
    }

    /// Stops all servers, and waits until each has ended.
    pub fn stop(mut self) -> Result<()> {
        self.halt()
    }

    fn halt(&mut self) -> Result<()> {
        // The primary stops first, so that no client sees its secondaries leave.
        let mut outcome = Ok(());
        while let Some(mut server) = self.servers.pop() {
            outcome = outcome.and(server.stop());
        }
        outcome
    }
}

/// The socket of a primary that does not serve yet.
struct Front(TcpListener);

impl Front {
    fn bind(listen: SocketAddr) -> Result<Front> {
        let bound = TcpListener::bind(listen).with_context(|| format!("{listen} cannot be listened on"));
        bound.map(Front)
    }

    fn serve(self, secondaries: &[(String, SocketAddr)]) -> Result<(SocketAddr, Server)> {
        let Front(front) = self;
        let primary = front.local_addr()?;
        let mut args = vec!["backscroll-primary".to_owned()];
        for (name, addr) in secondaries {
            args.extend(["--secondary".to_owned(), format!("{name}=http://{addr}")]);
        }
        let args = Args::try_parse_from(args)?;
        let config = backscroll_primary::Config::try_from(args).map_err(anyhow::Error::msg)?;
        let server = Server::start("primary", move |stopped| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let shutdown = async move {
                    let _ = stopped.await;
                };
                Ok(backscroll_primary::run(front, config, shutdown).await?)
            })
        })?;
        Ok((primary, server))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if let Err(error) = self.halt() {
            eprintln!("the fleet ended with an error: {error:#}");
        }
    }
}

impl Server {
    fn start(
        name: &str,
        serve: impl FnOnce(oneshot::Receiver<()>) -> Result<()> + Send + 'static,
    ) -> Result<Server> {
        let (stop, stopped) = oneshot::channel();
        // The kernel keeps 15 bytes of a thread's name.
        let thread = std::thread::Builder::new()
            .name(name.chars().take(15).collect())
            .spawn(move || serve(stopped))?;
        Ok(Server { stop: Some(stop), thread: Some(thread) })
    }

    fn stop(&mut self) -> Result<()> {
        self.stop.take();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(anyhow::anyhow!("a server panicked")),
            None => Ok(()),
        }
    }
}
