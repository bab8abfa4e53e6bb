//! The command line of `kubernetes-hosts`.

use crate::fleet::member;
use backscroll_shared::cli::{self, EXIT_USAGE};
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The text about this subcommand in `--help` of the program.
pub const HELP: &str = "  kubernetes-hosts --file PATH  Keep the file of --expected-file up to date from a DaemonSet of Kubernetes; see kubernetes-hosts --help";

const NAME: &str = "kubernetes-hosts";

/// Bytes of a name in Kubernetes, at most (RFC 1123).
const NAME_BYTES: usize = 253;

/// Where Kubernetes puts what belongs to the service account of a pod.
const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Keep the file of --expected-file up to date: the nodes for which the pods of a DaemonSet are meant
#[derive(Debug, Parser)]
#[command(name = NAME)]
#[expect(clippy::doc_markdown, reason = "the texts of --help")]
struct Args {
    /// File to write, for --expected-file of the primary; it is replaced as a whole
    #[arg(long, value_name = "PATH")]
    file: PathBuf,
    /// The DaemonSet of the secondaries
    #[arg(long, value_name = "NAME", default_value = "backscroll-secondary")]
    daemonset: String,
    /// Its namespace [default: that of the service account]
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Seconds between two requests
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    interval: u64,
    /// Write the file once, and end: with status 1 if that fails
    #[arg(long)]
    once: bool,
    /// Seconds for which --once tries again if it fails: a network or an API may be ready a little later
    #[arg(long, value_name = "SECONDS", default_value_t = 0, requires = "once", value_parser = clap::value_parser!(u64).range(0..=3_600))]
    retry_time: u64,
    /// URL of the API [default: https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT]
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// File with the token; read again at each look [default: that of the service account]
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// PEM file of the authorities that sign the certificate of the API [default: that of the service
    /// account]
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,
}

/// The command, for those who check what is written about its flags.
pub fn command() -> clap::Command {
    Args::command()
}

/// What to do. It is valid.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) file: PathBuf,
    pub(super) daemonset: String,
    pub(super) namespace: String,
    pub(super) interval: Duration,
    pub(super) once: bool,
    pub(super) retry_time: Duration,
    /// Without a slash at its end.
    pub(super) api: String,
    pub(super) token_file: PathBuf,
    pub(super) ca_file: PathBuf,
}

/// The settings, if the first argument is `kubernetes-hosts`. The error is the exit status of a
/// program that has nothing more to do.
pub(super) fn asked_for(program: &str) -> Option<Result<Settings, u8>> {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.peek().is_none_or(|first| first != NAME) {
        return None;
    }
    let command = Args::command().bin_name(format!("{program} {NAME}"));
    let parsed = command.try_get_matches_from(args).and_then(|matches| Args::from_arg_matches(&matches));
    Some(cli::taken(program, parsed).and_then(|args| {
        settings(args).map_err(|why| {
            cli::complain(program, &format!("{NAME}: {why}"));
            EXIT_USAGE
        })
    }))
}

fn settings(args: Args) -> Result<Settings, String> {
    let mount = Path::new(MOUNT);
    let namespace = match args.namespace {
        Some(namespace) => namespace,
        None => of_the_account(&mount.join("namespace"))?,
    };
    Ok(Settings {
        file: args.file,
        daemonset: name("--daemonset", args.daemonset)?,
        namespace: name("--namespace", namespace)?,
        interval: Duration::from_secs(args.interval),
        once: args.once,
        retry_time: Duration::from_secs(args.retry_time),
        api: api(&args.api.map_or_else(of_the_pod, Ok)?)?,
        token_file: args.token_file.unwrap_or_else(|| mount.join("token")),
        ca_file: args.ca_file.unwrap_or_else(|| mount.join("ca.crt")),
    })
}

/// A name that Kubernetes takes. It becomes a part of a path.
fn name(flag: &str, text: String) -> Result<String, String> {
    let is_letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [text.as_bytes().first(), text.as_bytes().last()];
    let is_name = text.len() <= NAME_BYTES
        && text.bytes().all(|byte| is_letter(&byte) || matches!(byte, b'-' | b'.'))
        && ends.into_iter().all(|end| end.is_some_and(is_letter));
    if is_name {
        return Ok(text);
    }
    Err(format!("{flag} {text:?}: write a name of Kubernetes: lower-case letters, digits, - and ."))
}

fn of_the_account(path: &Path) -> Result<String, String> {
    #[expect(clippy::disallowed_methods, reason = "a command that serves nobody")]
    let read = std::fs::read_to_string(path);
    read.map(|text| text.trim().to_owned()).map_err(|error| {
        format!(
            "--namespace is not given, and {} cannot be read: {error}: give --namespace, or mount the token of the service account",
            path.display()
        )
    })
}

fn of_the_pod() -> Result<String, String> {
    let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(host), Some(port)) = (of("KUBERNETES_SERVICE_HOST"), of("KUBERNETES_SERVICE_PORT")) else {
        return Err("--api is not given, and KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, as they are in a pod: give --api URL".to_owned());
    };
    let is_ipv6 = host.contains(':') && !host.starts_with('[');
    Ok(if is_ipv6 { format!("https://[{host}]:{port}") } else { format!("https://{host}:{port}") })
}

fn api(url: &str) -> Result<String, String> {
    const FORM: &str = "write https://HOST:PORT, as in https://10.96.0.1:443";
    let base = member::base(url).map_err(|why| format!("--api: the URL {url:?} {why}: {FORM}"))?;
    // Whoever listens in could use the token.
    if member::is_https(&base) {
        Ok(base)
    } else {
        Err(format!("--api: the URL {url:?} does not begin with https://: {FORM}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_urls_of_kubernetes_are_taken() {
        for good in ["a", "logs", "backscroll-secondary", "a.b-c.1"] {
            assert_eq!(name("--namespace", good.to_owned()).as_deref(), Ok(good));
        }
        for bad in ["", "-a", "a-", "A", "a/b", "a b", "../x", "a%2fb", "a\n", &"x".repeat(254)] {
            let why = name("--namespace", bad.to_owned()).expect_err(bad);
            assert!(why.starts_with("--namespace") && !why.contains('\n'), "{why}");
        }
        assert_eq!(api("https://10.96.0.1:443/").as_deref(), Ok("https://10.96.0.1:443"));
        for bad in ["http://10.96.0.1:443", "10.96.0.1:443", "https://x/y", "https://a@b"] {
            assert!(api(bad).unwrap_err().contains("write https://HOST:PORT"), "{bad}");
        }
    }
}
