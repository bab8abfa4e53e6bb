//! What the operator chose: raw arguments become a [`Config`] that is valid, once.

mod error;
mod exclude;
mod extra_log_dir;

pub use error::Error;
pub use exclude::Excludes;
pub use extra_log_dir::ExtraLogDir;

use crate::read::block;
use backscroll_shared::cli::access::{AccessArgs, AccessConfig};
use backscroll_shared::cli::health_port::HealthPortArgs;
use backscroll_shared::cli::healthcheck;
use backscroll_shared::http_host::AllowedHosts;
use backscroll_shared::limits;
use backscroll_shared::listen::{ListenAddr, ListenAddrs};
use backscroll_shared::secret_files::SecretFiles;
use backscroll_shared::telemetry::logs::LogArgs;
use backscroll_shared::telemetry::recording::Recording;
use backscroll_shared::tls::{self, ServerArgs, ServerTls};
use clap::{Parser, ValueEnum};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where it listens unless told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8001";

/// The flags that configure authentication.
const AUTHENTICATION: &str = "--token-file or --tls-client-ca";

/// The name in the certificate that `backscroll-primary certs` makes for primaries.
const PRIMARY_NAME: &str = "backscroll-primary";

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
    /// Where to listen: an address and a port, or unix:PATH
    #[arg(long, env = "BACKSCROLL_LISTEN", default_value = DEFAULT_LISTEN, value_name = "ADDR")]
    pub listen: ListenAddr,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own type says what they are")]
    pub health: HealthPortArgs,
    /// Directory whose files are served
    #[arg(long, env = "BACKSCROLL_LOG_DIR", default_value = "/var/log", value_name = "DIR")]
    pub log_dir: PathBuf,
    /// Directory that is served beside it, its files as NAME/path, as in
    /// pods=/var/log/pods; repeatable
    #[arg(long, env = "BACKSCROLL_EXTRA_LOG_DIRS", value_delimiter = ',', value_name = "NAME=DIR")]
    pub extra_log_dir: Vec<OsString>,
    /// Glob of files that nobody is served, as in 'secret/**' or '{secret/**,**/*.key}'; repeatable.
    /// What it matches, and what is below a directory that it matches, is served to nobody
    #[arg(long, env = "BACKSCROLL_EXCLUDE", value_name = "GLOB")]
    pub exclude: Vec<OsString>,
    /// Name of this host in answers [default: the system's host name]
    #[arg(long, env = "BACKSCROLL_HOSTNAME", value_name = "NAME")]
    pub hostname: Option<String>,
    /// How files are read
    #[arg(long, env = "BACKSCROLL_IO", default_value = "auto", value_name = "ENGINE")]
    pub io: Io,
    /// Ring threads [default: one a core, at most 4]
    #[arg(long, env = "BACKSCROLL_THREADS", value_name = "N")]
    pub threads: Option<usize>,
    /// Another name by which clients call this server, as in logs.internal or *.internal;
    /// repeatable. Without authentication it answers only to loopback names, IP addresses and its
    /// host's own name
    #[arg(long, env = "BACKSCROLL_ALLOWED_HOSTS", value_delimiter = ',', value_name = "NAME")]
    pub allowed_host: Vec<String>,
    /// Listen on any address without authentication: whoever reaches it can read all logs
    #[arg(long, env = "BACKSCROLL_INSECURE", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub insecure: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own type says what they are")]
    pub access: AccessArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own type says what they are")]
    pub log: LogArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own type says what they are")]
    pub tls: ServerArgs,
    /// PEM file of the authorities that make the certificates of primaries. With it, only a primary
    /// is told more than /healthz and /readyz; read again when it changes
    #[arg(long, env = "BACKSCROLL_TLS_CLIENT_CA", value_name = "PATH")]
    pub tls_client_ca: Option<OsString>,
    /// DNS name in the certificates of primaries; repeatable
    #[arg(long, env = "BACKSCROLL_TLS_CLIENT_NAMES", value_delimiter = ',', value_name = "NAME", default_value = PRIMARY_NAME)]
    pub tls_client_name: Vec<String>,
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
    /// Files that do not exist for anybody.
    pub excludes: Excludes,
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
    /// Who may ask, and where that is written down.
    pub access: AccessConfig,
    /// What is recorded of each request.
    pub recording: Recording,
    /// By which names it answers; none where it need not be asked by its own.
    pub allowed_hosts: Option<AllowedHosts>,
    /// How long answers in flight may take to end after the signal to stop.
    pub drain_time: Duration,
    /// TLS, if the server speaks it.
    pub tls: Option<ServerTls>,
    /// The names in client certificates that are those of primaries. None where certificates are
    /// not asked for.
    pub client_names: Option<Vec<String>>,
}

/// Connections at once: past it a client gets 503 and is asked to come back.
const CONNECTIONS: usize = 1024;

impl Args {
    /// Where to listen.
    pub fn listen_addrs(&self) -> ListenAddrs<'_> {
        ListenAddrs { main: &self.listen, health: self.health.address() }
    }

    /// The files that nobody but this program should read.
    pub fn secret_files(&self) -> SecretFiles {
        SecretFiles::default()
            .and("--token-file", self.access.token_file.as_ref())
            .and("--tls-key", self.tls.tls_key.as_ref().map(Path::new))
    }
}

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
        let excludes = Excludes::parse(&args.exclude)?;
        let access = AccessConfig::try_from(&args.access)?;
        let client_ca = args.tls_client_ca.as_ref().filter(|path| !path.is_empty());
        let files = args.tls.files(client_ca)?;
        let listen = args.listen_addrs();
        if files.is_some() && !listen.has_tcp() {
            return Err(tls::Error::Unix.into());
        }
        let tls = files.map(ServerTls::open).transpose()?;
        let client_names = client_ca.map(|_| args.tls_client_name.clone());
        let is_closed = access.tokens.is_some() || client_names.is_some();
        listen.check(is_closed, args.insecure, AUTHENTICATION)?;
        let system = rustix::system::uname().nodename().to_string_lossy().into_owned();
        // A web page has no token and no certificate, and reaches no Unix socket.
        let is_called_by_name = !is_closed && listen.has_tcp();
        let own = [hostname.as_str(), system.as_str()];
        let allowed_hosts =
            is_called_by_name.then(|| AllowedHosts::new(own, &args.allowed_host)).transpose()?;
        let config = Config::new(args.log_dir.clone(), hostname);
        Ok(Config {
            extra_log_dirs,
            excludes,
            threads,
            io: args.io,
            access,
            allowed_hosts,
            tls,
            client_names,
            ..config
        })
    }
}

impl Config {
    /// The defaults, for one directory and one name.
    pub fn new(log_dir: PathBuf, hostname: String) -> Config {
        Config {
            log_dir,
            extra_log_dirs: Vec::new(),
            excludes: Excludes::default(),
            hostname,
            io: Io::Auto,
            threads: 1,
            connections: CONNECTIONS,
            access: AccessConfig::default(),
            recording: Recording::default(),
            allowed_hosts: None,
            blocks: block::BLOCKS,
            drain_time: limits::DRAIN_TIME,
            tls: None,
            client_names: None,
        }
    }
}
