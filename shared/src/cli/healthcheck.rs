//! `PROGRAM healthcheck`: asks the running program whether it is ready, and gives the answer as
//! exit status. It is for container engines: the images hold only the program, and no curl.

use super::{complain, taken};
use crate::wire::headers;
use bytes::Bytes;
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;

/// The text about this subcommand in `--help` of both programs.
pub const HELP: &str = "Subcommand, which has to come first:
  healthcheck [--listen ADDR]  Ask the program that listens at ADDR whether it is ready. Exit status 0 if it is; otherwise 1, with the reason on standard error";

const NAME: &str = "healthcheck";

/// How long the whole check may take. Container engines allow some seconds, and a program that
/// takes longer than this on its own machine is not healthy.
const TIME: Duration = Duration::from_secs(2);

/// The most bytes of an answer that are read. A reason is one line.
const BODY_BYTES: usize = 64 << 10;

/// Ask the program that listens at ADDR whether it is ready
///
/// Exit status 0 if it is; otherwise 1, with the reason on standard error.
// A parser of its own, so that a wrong environment variable for another flag of the server does not
// make the check fail.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Args {
    /// Where the program listens; an unspecified address means loopback
    #[arg(long, env = "BACKSCROLL_LISTEN", value_name = "ADDR", value_parser = super::listen)]
    listen: SocketAddr,
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
    let parsed = command.try_get_matches_from(args).and_then(|matches| Args::from_arg_matches(&matches));
    let args = match taken(program, parsed) {
        Ok(args) => args,
        Err(status) => return Some(status),
    };
    match check(args.listen) {
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
    #[error("{0} gives no proper answer: {1}")]
    Improper(String, #[source] hyper::Error),
    #[error("not ready: {0}")]
    Reason(String),
    #[error("{0} answers {1}, and no reason")]
    NoReason(String, StatusCode),
}

fn check(listen: SocketAddr) -> Result<(), Unready> {
    let addresses = reachable(listen);
    let shown = addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" or ");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Unready::Runtime)?;
    runtime.block_on(async {
        tokio::time::timeout(TIME, ask(&addresses, &shown))
            .await
            .unwrap_or_else(|_| Err(Unready::Timeout { address: shown.clone() }))
    })
}

/// Asks at the first of the addresses that accepts a connection.
async fn ask(addresses: &[SocketAddr], address: &str) -> Result<(), Unready> {
    let stream = TcpStream::connect(addresses)
        .await
        .map_err(|error| Unready::Unreachable(address.to_owned(), error))?;
    let improper = |error| Unready::Improper(address.to_owned(), error);
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(improper)?;
    // An error of the connection also fails the request, which reports it.
    tokio::spawn(connection);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = http::Uri::from_static("/readyz");
    let fields = request.headers_mut();
    fields.insert(header::HOST, headers::value(&addresses[0].to_string()));
    fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let response = client.send_request(request).await.map_err(improper)?;
    let status = response.status();
    if status == StatusCode::OK {
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
