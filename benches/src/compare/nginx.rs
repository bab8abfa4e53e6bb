//! Runs nginx in the foreground with its own configuration. It serves one static file.

use super::process::children;
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long nginx may take to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is checked meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// How many ports are tried. Another process may take a free port before nginx does.
const TRIES: usize = 3;

/// The name of the file that it serves, below `/`.
pub const FILE: &str = "answer.txt";

/// A running nginx. Dropping it stops it, by its id.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    /// Its address.
    pub listen: SocketAddr,
    /// Its configuration, with `DIR` in place of its folder.
    pub config: String,
    _dir: TempDir,
}

impl Nginx {
    /// Starts it, serving `answer` as a static file.
    pub fn start(answer: &[u8]) -> Result<Nginx> {
        let mut last = None;
        for _ in 0..TRIES {
            match Nginx::try_start(answer) {
                Ok(nginx) => return Ok(nginx),
                Err(error) => last = Some(error),
            }
        }
        last.map_or_else(|| bail!("nginx was not tried"), Err)
    }

    fn try_start(answer: &[u8]) -> Result<Nginx> {
        let dir = tempfile::Builder::new().prefix("backscroll-nginx-").tempdir()?;
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        std::fs::write(dir.path().join(FILE), answer)?;
        let path = dir.path().to_str().context("a temporary folder's path is text")?;
        let config = config(path, listen);
        std::fs::write(dir.path().join("nginx.conf"), &config)?;
        let child = Command::new("nginx")
            .args(["-p", path, "-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("nginx cannot be started")?;
        let shown = config.replace(path, "DIR").replace(&listen.to_string(), "127.0.0.1:PORT");
        // From here on it is stopped if something below fails.
        let mut nginx = Nginx { child, listen, config: shown, _dir: dir };
        let began = Instant::now();
        while TcpStream::connect(listen).is_err() {
            if nginx.child.try_wait()?.is_some() {
                bail!("nginx ended before it listened: see its error above");
            }
            if began.elapsed() > PATIENCE {
                bail!("nginx did not listen within {PATIENCE:?}");
            }
            std::thread::sleep(LOOK);
        }
        Ok(nginx)
    }

    /// Its processes: the master and its workers.
    pub fn pids(&self) -> Result<Vec<u32>> {
        let mut pids = children(self.child.id())?;
        pids.push(self.child.id());
        Ok(pids)
    }
}

/// `access_log off` and no `open_file_cache`, because Backscroll does not log requests either, and
/// opens the file for each of them.
fn config(dir: &str, listen: SocketAddr) -> String {
    // If root starts it, its workers would change to another user, who cannot enter the folder.
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    format!(
        "{user}daemon off;
pid {dir}/nginx.pid;
error_log stderr error;
worker_processes auto;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    default_type text/plain;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen {listen};
        root {dir};
    }}
}}
"
    )
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A master that is told to end also ends its workers. A killed one would leave them behind.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        for worker in children(self.child.id()).unwrap_or_default() {
            if let Some(pid) = i32::try_from(worker).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
