//! `PROGRAM healthcheck`: whether the program that runs beside this one can serve, as its
//! exit status. For container engines: an image that holds one program has no curl.

use super::{complain, taken};
use crate::wire::headers;
use bytes::Bytes;
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;

/// What `--help` of both programs says of it.
pub const HELP: &str = "Subcommand, to be written first:
  healthcheck [--listen ADDR]  Ask the program that listens at ADDR whether it is ready: exit status 0; else 1, and why";

const NAME: &str = "healthcheck";

/// For everything together. Container engines give a check some seconds, and what takes
/// longer than this on its own machine is not well.
const TIME: Duration = Duration::from_secs(2);

/// Bytes of an answer that are read. A reason is a line.
const BODY_BYTES: usize = 64 << 10;

/// Ask the program that listens at ADDR whether it is ready
///
/// Exit status 0 where it is, else 1, with the reason on standard error.
// A parser of its own: a variable for another flag of the server is none of its business.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Args {
    /// Where the program listens; an unspecified address means loopback
    #[arg(long, env = "BACKSCROLL_LISTEN", value_name = "ADDR", value_parser = super::listen)]
    listen: SocketAddr,
}

/// Does the check where the command line begins with `healthcheck`, and returns the exit
/// status.
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
            // It is somebody else's text, and is to be one line.
            complain(program, &why.replace(char::is_control, " "));
            Some(1)
        }
    }
}

/// Where what listens at `listen` can be reached from here. What listens at `[::]` is reached
/// by both families, and in a container often by the older one alone.
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

fn check(listen: SocketAddr) -> Result<(), String> {
    let addresses = reachable(listen);
    let shown = addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" or ");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime to ask with: {error}"))?;
    runtime.block_on(async {
        tokio::time::timeout(TIME, ask(&addresses, &shown))
            .await
            .unwrap_or_else(|_| Err(format!("no answer from {shown} within {} s", TIME.as_secs())))
    })
}

/// Asks the first of the addresses that is there.
async fn ask(addresses: &[SocketAddr], address: &str) -> Result<(), String> {
    let stream = TcpStream::connect(addresses)
        .await
        .map_err(|error| format!("nothing answers at {address}: {error}"))?;
    let improper = |error: hyper::Error| format!("{address} gives no proper answer: {error}");
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(improper)?;
    // Its errors are those of the request.
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
        Some(reason) => format!("not ready: {reason}"),
        None => format!("{address} answers {status}, and no reason"),
    })
}

/// What is read of `/readyz`, or of a problem in its place.
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
