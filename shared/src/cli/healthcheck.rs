//! `PROGRAM healthcheck`: asks the running program whether it is ready, and gives the answer as
//! exit status. It is for container engines: the images hold only the program, and no curl.

use super::health_port::HealthPortArgs;
use super::{complain, taken};
use crate::listen::ListenAddr;
use crate::tls::{self, Pinned, given};
use crate::wire::headers;
use bytes::Bytes;
use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// The text about this subcommand in `--help` of both programs.
pub const HELP: &str = "Subcommands, which have to come first:
  healthcheck [--listen ADDR]  Ask the program that listens at ADDR whether it is ready (at --health-listen, if that is given). Exit status 0 if it is; otherwise 1, with the reason on standard error
  token new --id NAME          Make a token for --token-file. See: token new --help";

const NAME: &str = "healthcheck";

/// How long the whole check may take. Container engines allow some seconds, and a program that
/// takes longer than this on its own machine is not healthy.
const TIME: Duration = Duration::from_secs(2);

/// The most bytes of an answer that are read. A reason is one line.
const BODY_BYTES: usize = 64 << 10;

/// Ask the program that listens at ADDR whether it is ready
///
/// It is asked at --health-listen if that is given, and otherwise at --listen.
/// Exit status 0 if it is; otherwise 1, with the reason on standard error.
// A parser of its own, so that a wrong environment variable for another flag of the server does not
// make the check fail.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Args {
    /// Where the program listens; an unspecified address means loopback
    #[arg(long, env = "BACKSCROLL_LISTEN", value_name = "ADDR")]
    listen: ListenAddr,
    #[command(flatten)]
    health: HealthPortArgs,
    /// PEM file of the program's certificate, if it speaks TLS
    #[arg(long, env = "BACKSCROLL_TLS_CERT", value_name = "PATH")]
    tls_cert: Option<OsString>,
}

/// Runs the check if the first argument is `healthcheck`, and returns the exit status.
pub fn asked_for(program: &str, default_listen: &'static str) -> Option<u8> {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.peek().is_none_or(|first| first != NAME) {
        return None;
    }
    let command = Args::command()
        .bin_name(format!("{program} {NAME}"))
        .mut_arg("listen", |listen| listen.default_value(default_listen).required(false));
    let parsed = command.try_get_matches_from(args).and_then(|matches| {
        let is_flag = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        let only_listen = is_flag("listen") && !is_flag("health_listen");
        Ok((Args::from_arg_matches(&matches)?, only_listen))
    });
    let (args, only_listen) = match taken(program, parsed) {
        Ok(parsed) => parsed,
        Err(status) => return Some(status),
    };
    // A flag comes before a variable, also if that is for the other flag.
    let health = args.health.address().filter(|_| !only_listen);
    match check(health.unwrap_or(&args.listen), given(args.tls_cert.as_ref())) {
        Ok(()) => Some(0),
        Err(why) => {
            // The reason may come from the server, and has to be one line.
            complain(program, &why.to_string().replace(char::is_control, " "));
            Some(1)
        }
    }
}

/// The addresses at which a program that listens at `listen` can be reached from here. `[::]`
/// accepts IPv6 and IPv4; in a container often only IPv4 works.
fn reachable(listen: SocketAddr) -> Vec<SocketAddr> {
    let at = |ip: IpAddr| SocketAddr::new(ip, listen.port());
    match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => vec![at(Ipv4Addr::LOCALHOST.into())],
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            vec![at(Ipv6Addr::LOCALHOST.into()), at(Ipv4Addr::LOCALHOST.into())]
        }
        _ => vec![listen],
    }
}

/// Why a program is not ready.
#[derive(Debug, thiserror::Error)]
enum Unready {
    #[error("no runtime to ask with: {0}")]
    Runtime(#[source] io::Error),
    #[error("no answer from {address} within {} s", TIME.as_secs())]
    Timeout { address: String },
    #[error("nothing answers at {0}: {1}")]
    Unreachable(String, #[source] io::Error),
    #[error(transparent)]
    Certificate(#[from] tls::Error),
    #[error(
        "the TLS handshake with {0} failed ({1}): it speaks no TLS, or it has another certificate than --tls-cert"
    )]
    Handshake(String, #[source] io::Error),
    #[error("{0} gives no proper answer: {1}")]
    Improper(String, #[source] hyper::Error),
    #[error("not ready: {0}")]
    Reason(String),
    #[error("{0} answers {1}, and no reason")]
    NoReason(String, StatusCode),
}

fn check(listen: &ListenAddr, certificate: Option<&Path>) -> Result<(), Unready> {
    let tls = certificate.map(|path| Pinned::open("--tls-cert", path)).transpose()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Unready::Runtime)?;
    runtime.block_on(async {
        match listen {
            ListenAddr::Tcp(address) => {
                let addresses = reachable(*address);
                let shown = addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" or ");
                in_time(&shown, at_addresses(&addresses, &shown, tls.as_ref())).await
            }
            ListenAddr::Unix(path) => {
                in_time(&listen.to_string(), at_socket(path, &listen.to_string())).await
            }
        }
    })
}

async fn in_time(address: &str, asked: impl Future<Output = Result<(), Unready>>) -> Result<(), Unready> {
    let timeout = Unready::Timeout { address: address.to_owned() };
    tokio::time::timeout(TIME, asked).await.unwrap_or(Err(timeout))
}

/// Asks at the first of the addresses that accepts a connection.
async fn at_addresses(addresses: &[SocketAddr], shown: &str, tls: Option<&Pinned>) -> Result<(), Unready> {
    let stream = TcpStream::connect(addresses).await;
    let stream = stream.map_err(|error| Unready::Unreachable(shown.to_owned(), error))?;
    let called = addresses[0].to_string();
    let Some(tls) = tls else { return ask(stream, &called, shown).await };
    let stream = tls.connect(stream).await;
    let stream = stream.map_err(|error| Unready::Handshake(shown.to_owned(), error))?;
    ask(stream, &called, shown).await
}

async fn at_socket(path: &Path, shown: &str) -> Result<(), Unready> {
    let stream = UnixStream::connect(path).await;
    let stream = stream.map_err(|error| Unready::Unreachable(shown.to_owned(), error))?;
    ask(stream, "localhost", shown).await
}

/// Asks over this connection. `called` is what the request calls the program.
async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    called: &str,
    address: &str,
) -> Result<(), Unready> {
    let improper = |error| Unready::Improper(address.to_owned(), error);
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(improper)?;
    // An error of the connection also fails the request, which reports it.
    tokio::spawn(connection);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = http::Uri::from_static("/readyz");
    let fields = request.headers_mut();
    fields.insert(header::HOST, headers::value(called));
    fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let response = client.send_request(request).await.map_err(improper)?;
    let status = response.status();
    // With --public-readyz none it says nothing to those without a token, but it lives.
    if matches!(status, StatusCode::OK | StatusCode::UNAUTHORIZED) {
        return Ok(());
    }
    let body = Limited::new(response.into_body(), BODY_BYTES).collect().await;
    let told = body.ok().and_then(|body| serde_json::from_slice::<Told>(&body.to_bytes()).ok());
    Err(match told.and_then(|told| told.reason.or(told.detail)) {
        Some(reason) => Unready::Reason(reason),
        None => Unready::NoReason(address.to_owned(), status),
    })
}

/// The fields that are read from the answer of `/readyz`, or from a problem in its place.
#[derive(Debug, Deserialize)]
struct Told {
    reason: Option<String>,
    detail: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_address_means_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:8001", &["127.0.0.1:8001"][..]),
            ("[::]:8001", &["[::1]:8001", "127.0.0.1:8001"]),
            ("10.0.0.1:8001", &["10.0.0.1:8001"]),
            ("[fe80::1%3]:8001", &["[fe80::1%3]:8001"]),
        ] {
            let reached: Vec<SocketAddr> = reached.iter().map(|address| address.parse().unwrap()).collect();
            assert_eq!(reachable(listen.parse().unwrap()), reached);
        }
    }
}
