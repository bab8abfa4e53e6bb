//! The configuration, from the command line and the environment.

use crate::fleet::discovery::Sources;
use crate::fleet::file::FleetFile;
use crate::fleet::{dns, file, fixed, merge};
use crate::host::times::Times;
use backscroll_shared::cli::{self, healthcheck};
use backscroll_shared::telemetry::logs::LogArgs;
use clap::Parser;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZero;
use std::time::Duration;

/// The default of `--listen`.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8000";

/// The most connections of clients. Each takes some tens of KiB and one descriptor, and one more
/// descriptor for each host that answers it. That is within the usual limits of a service.
pub const CONNECTIONS: usize = 4096;

/// The most answers of hosts under way, for each connection of a client. All connections share
/// them: one client asks a single host, another one the whole fleet.
pub const STREAMS_EACH: usize = 3;

/// How often the fleet's file is read if no change of its folder is reported, as on network file
/// systems.
const FILE_INTERVAL: Duration = Duration::from_secs(30);

/// How often the fleet's name is looked up. The caches of resolvers last longer.
const DNS_INTERVAL: Duration = Duration::from_secs(10);

/// The raw arguments.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "backscroll-primary",
    version,
    about = "Reads the newest lines first, from the fleet's log files where they lie",
    after_help = healthcheck::HELP
)]
pub struct Args {
    /// Address and port to listen on
    #[arg(long, env = "BACKSCROLL_LISTEN", default_value = DEFAULT_LISTEN, value_name = "ADDR", value_parser = cli::listen)]
    pub listen: SocketAddr,
    /// A host of the fleet and where its secondary listens, as in web1=http://10.0.0.1:8001;
    /// repeatable
    #[arg(long, env = "BACKSCROLL_SECONDARIES", value_delimiter = ',', value_name = "NAME=URL")]
    pub secondary: Vec<String>,
    /// Seconds that a request may take, including all that the hosts do for it
    #[arg(long, env = "BACKSCROLL_REQUEST_TIMEOUT", default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub request_timeout: u64,
    /// Seconds that a host may take to accept a connection and begin its answer
    #[arg(long, env = "BACKSCROLL_ANSWER_TIMEOUT", default_value_t = 3, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub answer_timeout: u64,
    /// Seconds that a host may be silent in the middle of its answer; a host that is asked alone
    /// may be silent for longer while it answers /healthz
    #[arg(long, env = "BACKSCROLL_SILENCE_TIMEOUT", default_value_t = 5, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub silence_timeout: u64,
    /// A file that lists hosts, as Prometheus' `file_sd` does:
    /// `[{"targets": ["10.0.0.1:8001"], "labels": {"hostname": "web1"}}]`; JSON, or YAML where
    /// its name ends in .yml or .yaml; read again when it changes
    #[arg(long, env = "BACKSCROLL_FLEET_FILE", value_name = "PATH")]
    pub fleet_file: Option<OsString>,
    /// A name whose addresses (A and AAAA) are hosts, and the port of their secondaries, as in
    /// `secondaries.internal:8001`; looked up again every 10 s
    #[arg(long, env = "BACKSCROLL_FLEET_DNS", value_name = "NAME:PORT")]
    pub fleet_dns: Option<String>,
    /// The program's own log
    #[command(flatten)]
    pub log: LogArgs,
}

/// A configuration that is valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the fleet is described.
    pub fleet: Sources,
    /// The program's own log.
    pub log: LogArgs,
    /// How long a host may take.
    pub times: Times,
    /// Connections at once.
    pub connections: usize,
    /// Threads that serve them: one for each core that the process may use.
    pub threads: NonZero<usize>,
}

/// Why the arguments are no valid configuration: one line that says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum Error {
    /// `--secondary`.
    Fixed(#[from] fixed::Error),
    /// `--fleet-file`.
    File(#[from] file::Error),
    /// `--fleet-dns`.
    Dns(#[from] dns::Error),
    /// Two of them contradict each other.
    TwoUrls(#[from] merge::TwoUrls),
}

impl TryFrom<Args> for Config {
    type Error = Error;

    fn try_from(args: Args) -> Result<Config, Error> {
        // Compose files leave a variable empty that is not set.
        let file = args.fleet_file.filter(|path| !path.is_empty());
        let dns = args.fleet_dns.filter(|text| !text.trim().is_empty());
        let fixed = fixed::members(&args.secondary)?;
        let fleet = Sources {
            file: file.map(|path| FleetFile::read_beside(path.into(), &fixed)).transpose()?,
            fixed,
            dns: dns.map(|text| dns::name(text.trim())).transpose()?,
            file_interval: FILE_INTERVAL,
            dns_interval: DNS_INTERVAL,
        };
        fleet.check()?;
        Ok(Config {
            listen: args.listen,
            fleet,
            log: args.log,
            times: Times {
                head: Duration::from_secs(args.answer_timeout),
                idle: Duration::from_secs(args.silence_timeout),
                framed_idle: Duration::from_secs(args.silence_timeout),
                request: Duration::from_secs(args.request_timeout),
                ..Times::default()
            },
            connections: CONNECTIONS,
            threads: std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN),
        })
    }
}
