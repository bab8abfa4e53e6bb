//! What the operator chose: raw arguments become a [`Config`] that is valid, once.

mod error;
mod extra_log_dir;

pub use error::Error;
pub use extra_log_dir::ExtraLogDir;

use crate::read::block;
use backscroll_shared::cli::{self, healthcheck};
use backscroll_shared::limits;
use backscroll_shared::telemetry::logs::LogArgs;
use clap::{Parser, ValueEnum};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where it listens unless told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8001";

/// How files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Io {
    /// io_uring where there is one, else threads, with a warning.
    Auto,
    /// io_uring, or not at all.
    Uring,
    /// `pread` on a pool of threads.
    Threads,
}

/// Reads one host's log files, the newest lines first, and serves them over HTTP
#[derive(Debug, Clone, Parser)]
#[command(name = crate::PROGRAM, version, after_help = healthcheck::HELP)]
pub struct Args {
    /// Address and port to listen on
    #[arg(long, env = "BACKSCROLL_LISTEN", default_value = DEFAULT_LISTEN, value_name = "ADDR", value_parser = cli::listen)]
    pub listen: SocketAddr,
    /// Directory whose files are served
    #[arg(long, env = "BACKSCROLL_LOG_DIR", default_value = "/var/log", value_name = "DIR")]
    pub log_dir: PathBuf,
    /// Directory that is served beside it, its files as NAME/path, as in
    /// pods=/var/log/pods; repeatable
    #[arg(long, env = "BACKSCROLL_EXTRA_LOG_DIRS", value_delimiter = ',', value_name = "NAME=DIR")]
    pub extra_log_dir: Vec<OsString>,
    /// Name of this host in answers [default: the system's host name]
    #[arg(long, env = "BACKSCROLL_HOSTNAME", value_name = "NAME")]
    pub hostname: Option<String>,
    /// How files are read
    #[arg(long, env = "BACKSCROLL_IO", default_value = "auto", value_name = "ENGINE")]
    pub io: Io,
    /// Ring threads [default: one a core, at most 4]
    #[arg(long, env = "BACKSCROLL_THREADS", value_name = "N")]
    pub threads: Option<usize>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own type says what they are")]
    pub log: LogArgs,
}

/// Most ring threads that can be asked for. More than cores bring nothing.
const MAX_THREADS: usize = 64;
/// Ring threads unless told otherwise, at most: the disk and the network are the limit.
const DEFAULT_THREADS: usize = 4;

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory whose files are served.
    pub log_dir: PathBuf,
    /// Directories that are served beside it.
    pub extra_log_dirs: Vec<ExtraLogDir>,
    /// Name of this host in answers.
    pub hostname: String,
    /// How files are read.
    pub io: Io,
    /// Ring threads, at least one.
    pub threads: usize,
    /// Connections at once, over all threads.
    pub connections: usize,
    /// Blocks of each thread.
    pub blocks: usize,
    /// How long answers in flight may take to end after the signal to stop.
    pub drain_time: Duration,
}

/// Connections at once: past it a client gets 503 and is asked to come back.
const CONNECTIONS: usize = 1024;

impl TryFrom<&Args> for Config {
    type Error = Error;

    fn try_from(args: &Args) -> Result<Config, Error> {
        let hostname = match &args.hostname {
            Some(name) => name.clone(),
            None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        };
        if hostname.is_empty()
            || hostname.chars().any(|c| c.is_control() || c.is_whitespace() || "*?,=".contains(c))
        {
            return Err(Error::Hostname(hostname));
        }
        let threads = args.threads.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(DEFAULT_THREADS)
        });
        if !(1..=MAX_THREADS).contains(&threads) {
            return Err(Error::Threads(threads));
        }
        let extra_log_dirs = ExtraLogDir::list(&args.extra_log_dir)?;
        let config = Config::new(args.log_dir.clone(), hostname);
        Ok(Config { extra_log_dirs, threads, io: args.io, ..config })
    }
}

impl Config {
    /// The defaults, for one directory and one name.
    pub fn new(log_dir: PathBuf, hostname: String) -> Config {
        Config {
            log_dir,
            extra_log_dirs: Vec::new(),
            hostname,
            io: Io::Auto,
            threads: 1,
            connections: CONNECTIONS,
            blocks: block::BLOCKS,
            drain_time: limits::DRAIN_TIME,
        }
    }
}
