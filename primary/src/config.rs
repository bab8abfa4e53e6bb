//! The configuration, from the command line and the environment.

mod expected_hosts;
mod secondaries;

pub use expected_hosts::ExpectedArgs;
pub use secondaries::SecondaryArgs;

use crate::fleet::expected;
use crate::fleet::file::FleetFile;
use crate::fleet::member::Scheme;
use crate::fleet::sources::Sources;
use crate::fleet::{dns, file, fixed, member, merge};
use crate::host::credentials::Credentials;
use crate::host::times::Times;
use crate::{certs, kubernetes};
use backscroll_shared::cli::access::{self, AccessArgs, AccessConfig};
use backscroll_shared::cli::health_port::HealthPortArgs;
use backscroll_shared::cli::healthcheck;
use backscroll_shared::http_host::{AllowedHosts, BadName};
use backscroll_shared::listen::{self, ListenAddr, ListenAddrs};
use backscroll_shared::reload;
use backscroll_shared::secret_files::SecretFiles;
use backscroll_shared::telemetry::logs::LogArgs;
use backscroll_shared::telemetry::recording::Recording;
use backscroll_shared::tls::{self, ClientTls, ServerArgs, ServerTls};
use clap::Parser;
use std::ffi::OsString;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The default of `--listen`.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8000";

/// The most connections of clients. Each takes some tens of KiB and one descriptor, and one more
/// descriptor for each host that answers it. That is within the usual limits of a service.
pub const CONNECTIONS: usize = 4096;

/// The most answers of hosts under way, for each connection of a client. All connections share
/// them: one client asks a single host, another one the whole fleet. Each costs some 25 KiB, and all
/// of them have to fit into 256 MiB.
pub const STREAMS_EACH: usize = 1;

/// How often the fleet's file is read if no change of its folder is reported, as on network file
/// systems.
const FILE_INTERVAL: Duration = Duration::from_secs(30);

/// How often the fleet's name is looked up. The caches of resolvers last longer.
const DNS_INTERVAL: Duration = Duration::from_secs(10);

/// The flags that configure authentication.
const AUTHENTICATION: &str = "--token-file";

/// The raw arguments.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "backscroll-primary",
    version,
    about = "Reads the newest lines first, from the fleet's log files where they lie",
    after_help = format!("{}\n{}\n{}", healthcheck::HELP, certs::HELP, kubernetes::HELP)
)]
pub struct Args {
    /// Where to listen: an address and a port, or unix:PATH
    #[arg(long, env = "BACKSCROLL_LISTEN", default_value = DEFAULT_LISTEN, value_name = "ADDR")]
    pub listen: ListenAddr,
    /// A port for health checks and metrics
    #[command(flatten)]
    pub health: HealthPortArgs,
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
    /// The hosts that the fleet should have
    #[command(flatten)]
    pub expected: ExpectedArgs,
    /// Another name by which clients call this server, as in logs.internal or *.internal;
    /// repeatable. Without authentication it answers only to loopback names, IP addresses and its
    /// host's own name
    #[arg(long, env = "BACKSCROLL_ALLOWED_HOSTS", value_delimiter = ',', value_name = "NAME")]
    pub allowed_host: Vec<String>,
    /// Listen on any address without authentication: whoever reaches it can read all logs
    #[arg(long, env = "BACKSCROLL_INSECURE", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub insecure: bool,
    /// Who may ask, and where that is written down
    #[command(flatten)]
    pub access: AccessArgs,
    /// A file with the token that this primary shows its secondaries; read again when it changes
    #[arg(long, env = "BACKSCROLL_SECONDARY_TOKEN_FILE", value_name = "PATH")]
    pub secondary_token_file: Option<PathBuf>,
    /// The program's own log
    #[command(flatten)]
    pub log: LogArgs,
    /// TLS for clients
    #[command(flatten)]
    pub tls: ServerArgs,
    /// TLS to secondaries
    #[command(flatten)]
    pub secondaries: SecondaryArgs,
}

/// A configuration that is valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: ListenAddr,
    /// Where to listen for health checks and metrics alone, if anywhere.
    pub health_listen: Option<ListenAddr>,
    /// By which names it answers; none where it need not be asked by its own.
    pub allowed_hosts: Option<AllowedHosts>,
    /// Who may ask, and where that is written down.
    pub access: AccessConfig,
    /// What the secondaries are shown.
    pub credentials: Credentials,
    /// Where the fleet is described.
    pub fleet: Sources,
    /// The program's own log.
    pub log: LogArgs,
    /// What is recorded of each request.
    pub recording: Recording,
    /// How long a host may take.
    pub times: Times,
    /// Connections at once.
    pub connections: usize,
    /// Threads that serve them: one for each core that the process may use.
    pub threads: NonZero<usize>,
    /// TLS for clients; `None` where the server does not speak it.
    pub tls: Option<ServerTls>,
    /// TLS to secondaries whose URL says `https`.
    pub upstream_tls: Option<ClientTls>,
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
    /// `--expected-host`, `--expected-count` or `--expected-file`.
    Expected(#[from] expected::Error),
    /// `--listen` or `--health-listen`.
    Listen(#[from] listen::Error),
    /// `--allowed-host`.
    AllowedHost(#[from] BadName),
    /// `--token-file` or `--audit-file`.
    Access(#[from] access::Error),
    /// `--secondary-token-file`.
    SecondaryToken(#[from] reload::Error),
    /// Two of them contradict each other.
    TwoUrls(#[from] merge::TwoUrls),
    /// Certificates and keys.
    Tls(#[from] tls::Error),
    /// An `https` URL, and no authority.
    #[error(
        "--secondary {0}: its URL says https://, and --secondary-ca is not given: name the file of the authority that made its certificate"
    )]
    NoAuthority(String),
}

impl Args {
    /// The files that nobody but this program should read.
    pub fn secret_files(&self) -> SecretFiles {
        SecretFiles::default()
            .and("--token-file", self.access.token_file.as_ref())
            .and("--tls-key", self.tls.tls_key.as_ref().map(Path::new))
            .and("--secondary-key", self.secondaries.secondary_key.as_ref().map(Path::new))
            .and("--secondary-token-file", self.secondary_token_file.as_ref())
    }
}

impl TryFrom<Args> for Config {
    type Error = Error;

    fn try_from(args: Args) -> Result<Config, Error> {
        // Compose files leave a variable empty that is not set.
        let file = args.fleet_file.filter(|path| !path.is_empty());
        let dns = args.fleet_dns.filter(|text| !text.trim().is_empty());
        let token = args.secondary_token_file.filter(|path| !path.as_os_str().is_empty());
        let fixed = fixed::members(&args.secondary)?;
        let files = args.tls.files(None)?;
        let listen = ListenAddrs { main: &args.listen, health: args.health.address() };
        if files.is_some() && !listen.has_tcp() {
            return Err(tls::Error::Unix.into());
        }
        let tls = files.map(ServerTls::open).transpose()?;
        let upstream_tls = args.secondaries.files()?.map(ClientTls::open).transpose()?;
        let scheme = if upstream_tls.is_some() { Scheme::Https } else { Scheme::Http };
        let fleet = Sources {
            file: file.map(|path| FleetFile::read_beside(path.into(), &fixed, scheme)).transpose()?,
            fixed,
            dns: dns.map(|text| dns::name(text.trim())).transpose()?,
            expected: args.expected.flags()?,
            expected_file: args.expected.file()?,
            file_interval: FILE_INTERVAL,
            scheme,
            dns_interval: DNS_INTERVAL,
        };
        fleet.check()?;
        let access = AccessConfig::try_from(&args.access)?;
        let is_closed = access.tokens.is_some();
        listen.check(is_closed, args.insecure, AUTHENTICATION)?;
        let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
        // A web page knows no token, and reaches no Unix socket.
        let is_called_by_name = !is_closed && listen.has_tcp();
        let own = [hostname.as_str()];
        let allowed_hosts =
            is_called_by_name.then(|| AllowedHosts::new(own, &args.allowed_host)).transpose()?;
        if upstream_tls.is_none()
            && let Some(host) = fleet.fixed.iter().find(|member| member::is_https(&member.url))
        {
            return Err(Error::NoAuthority(host.name.clone().unwrap_or_default()));
        }
        Ok(Config {
            health_listen: args.health.address().cloned(),
            listen: args.listen,
            allowed_hosts,
            access,
            credentials: token.map(|path| Credentials::read(&path)).transpose()?.unwrap_or_default(),
            fleet,
            log: args.log,
            recording: Recording::default(),
            tls,
            upstream_tls,
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
