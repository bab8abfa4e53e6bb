//! The primary over real sockets, against a secondary that lies.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
#![expect(clippy::disallowed_methods, reason = "a test's own thread may block")]

mod answers;
mod auth;
mod browser;
mod clients;
mod config;
mod discovery;
mod expected;
mod fanout;
mod faults;
mod files_hosts;
mod fleet_file;
mod health;
mod healthcheck;
mod kubernetes;
mod liar;
mod logs;
mod long_lines;
mod metrics;
mod other_servers;
mod pages;
mod same;
mod service_manager;
mod verdicts;
mod waiting;

use backscroll_primary::{Args, Config, run};
use clap::Parser as _;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A primary in this process.
struct Primary {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

fn configured(hosts: &[(&str, String)]) -> Config {
    let mut args = vec!["backscroll-primary".to_owned()];
    for (name, url) in hosts {
        args.extend(["--secondary".to_owned(), format!("{name}={url}")]);
    }
    let mut config = Config::try_from(Args::try_parse_from(args).unwrap()).unwrap();
    config.times.head = Duration::from_millis(500);
    config.times.idle = Duration::from_millis(500);
    config.times.probe = Duration::from_millis(500);
    // Tests call it by any name.
    config.allowed_hosts = None;
    // A secondary that lies is asked what the test asks it.
    config.times.health_interval = Duration::from_hours(1);
    config
}

async fn primary(config: Config) -> Primary {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let told = async {
        // Dropped with the test, it stops too.
        let _ = stopped.await;
    };
    let task = tokio::spawn(async { run(listener.into_std().unwrap(), config, told).await.unwrap() });
    Primary { address, stop: Some(stop), task }
}

/// What curl says.
#[derive(Debug)]
struct Curled {
    exit: i32,
    out: String,
    /// Head, trailers and more, with `-v`.
    log: String,
}

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(20);

impl Primary {
    /// Waits until an answer to `target` is as it should be, and returns it.
    async fn until(&self, target: &str, wanted: impl Fn(&Curled) -> bool) -> Curled {
        let since = std::time::Instant::now();
        loop {
            let got = self.curl(target, &[]).await;
            if wanted(&got) {
                return got;
            }
            assert!(since.elapsed() < PATIENCE, "{got:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn curl(&self, target: &str, flags: &[&str]) -> Curled {
        let output = tokio::process::Command::new("curl")
            .args(["-sS", "-v", "--max-time", "20", "--path-as-is"])
            .args(flags)
            .arg(format!("http://{}{target}", self.address))
            .output()
            .await
            .unwrap();
        Curled {
            exit: output.status.code().unwrap(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            log: String::from_utf8_lossy(&output.stderr).to_lowercase(),
        }
    }

    /// What each endpoint that takes a `hostname` says to this one, byte for byte.
    async fn by_hostname(&self, name: &str) -> Vec<String> {
        let mut answers = Vec::new();
        for endpoint in ["logs?filename=a&", "files?"] {
            let request =
                format!("GET /{endpoint}hostname={name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            answers.push(self.raw(&request).await);
        }
        answers
    }

    /// Sends bytes and reads until the other side closes.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut out = Vec::new();
        // A reset after the data is an end as well.
        let _ = stream.read_to_end(&mut out).await;
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// The list of `/hosts`, as text or JSON, without how fast the hosts have answered.
fn without_latency(list: &str) -> String {
    let rows = list.lines().map(|row| row.split('\t').take(4).collect::<Vec<_>>().join("\t"));
    let text: String = rows.map(|row| row.trim_end_matches('\t').to_owned() + "\n").collect();
    let mut parts = text.split("_ms\":");
    let first = parts.next().unwrap_or_default().to_owned();
    let is_of_a_number = |c: char| c.is_ascii_digit() || c == '.';
    parts.fold(first, |text, part| {
        text + "_ms\":N" + part.trim_start_matches("null").trim_start_matches(is_of_a_number)
    })
}
