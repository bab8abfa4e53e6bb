//! What was asked for on the command line and in the environment.

use crate::fleet::{Fleet, Host};
use crate::upstream::Times;
use backscroll_shared::telemetry::logs::LogArgs;
use clap::Parser;
use std::net::SocketAddr;
use std::num::NonZero;
use std::time::Duration;

/// Connections at once. Each costs some tens of KiB and one descriptor, and one more to
/// its host: within the usual limits of a service.
pub const CONNECTIONS: usize = 4096;

/// Threads at most, of which there is one a core: each has connections of its own to every
/// host.
const THREADS: NonZero<usize> = NonZero::new(8).expect("8 is not 0");

/// The raw arguments.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "backscroll-primary",
    version,
    about = "Reads the newest lines first, from the fleet's log files where they lie"
)]
pub struct Args {
    /// Where to listen
    #[arg(long, env = "BACKSCROLL_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// A host of the fleet and where its secondary listens, as in web1=http://10.0.0.1:8001;
    /// repeatable
    #[arg(long, env = "BACKSCROLL_SECONDARIES", value_delimiter = ',', value_name = "NAME=URL")]
    pub secondary: Vec<String>,
    /// Seconds that a request may take, all that the hosts do for it included
    #[arg(long, env = "BACKSCROLL_REQUEST_TIMEOUT", default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub request_timeout: u64,
    /// The program's own log
    #[command(flatten)]
    pub log: LogArgs,
}

/// A configuration that is valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Who is out there.
    pub fleet: Fleet,
    /// The program's own log.
    pub log: LogArgs,
    /// How long a host may take.
    pub times: Times,
    /// Connections at once.
    pub connections: usize,
    /// Threads that serve them.
    pub threads: NonZero<usize>,
}

impl TryFrom<Args> for Config {
    /// One line that says what is wrong and what to do.
    type Error = String;

    fn try_from(args: Args) -> Result<Config, String> {
        // An empty variable, as compose files leave it, is no host.
        let hosts = args.secondary.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
        Ok(Config {
            listen: args.listen,
            fleet: Fleet::new(hosts.map(host).collect::<Result<Vec<_>, _>>()?)?,
            log: args.log,
            times: Times { request: Duration::from_secs(args.request_timeout), ..Times::default() },
            connections: CONNECTIONS,
            threads: std::thread::available_parallelism().map_or(NonZero::<usize>::MIN, |n| n.min(THREADS)),
        })
    }
}

fn host(text: &str) -> Result<Host, String> {
    let (name, url) = text
        .split_once('=')
        .ok_or_else(|| format!("--secondary {text:?}: write NAME=URL, as in web1=http://10.0.0.1:8001"))?;
    if name.is_empty() {
        return Err(format!("--secondary {text:?}: the name is empty: write NAME=URL"));
    }
    if name.chars().any(|c| matches!(c, '*' | '?' | ',') || c.is_control() || c.is_whitespace()) {
        return Err(format!(
            "--secondary {text:?}: a name holds no *, no ?, no comma, no white space and no control character"
        ));
    }
    let url = base(url).map_err(|why| {
        format!(
            "--secondary {name}: the URL {url:?} {why}: write http://HOST:PORT, as in http://10.0.0.1:8001"
        )
    })?;
    Ok(Host { name: name.to_owned(), url })
}

/// The URL without its last slash. Nothing but scheme, host and port: the path is the
/// contract's, and credentials would be shown by `/hosts`.
fn base(url: &str) -> Result<String, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("has no scheme")?;
    if scheme.eq_ignore_ascii_case("https") {
        return Err("asks for TLS, which is not built yet");
    }
    if !scheme.eq_ignore_ascii_case("http") {
        return Err("is not an http one");
    }
    if rest.contains('?') {
        return Err("has a query");
    }
    if rest.contains('#') {
        return Err("has a fragment");
    }
    if rest.contains('@') {
        return Err("has a user in it");
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '\\']) {
        return Err("has a path");
    }
    let authority: http::uri::Authority = rest.parse().map_err(|_| "has no valid host")?;
    if authority.host().is_empty() {
        return Err("has no host");
    }
    let port = &authority.as_str()[authority.host().len()..];
    if !port.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
        return Err("has no valid port");
    }
    let url = format!("http://{authority}");
    match reqwest::Url::parse(&url) {
        Ok(_) => Ok(url),
        Err(_) => Err("has no valid host"),
    }
}
