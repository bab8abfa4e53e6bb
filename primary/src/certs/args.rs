//! The command line of `certs`.

use backscroll_shared::cli;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::path::PathBuf;

/// The text about this subcommand in `--help` of the program.
pub const HELP: &str = "  certs init --dir DIR --secondary NAME[=ADDRESS,...]...  Make a private authority, and the certificates of this primary and its secondaries; see certs --help";

const NAME: &str = "certs";

/// Days for which a certificate is valid unless told otherwise: the most that browsers accept of an
/// authority that somebody has installed.
const DAYS: u32 = 825;

/// Make a small private authority, and certificates for the primary and its secondaries
#[derive(Debug, Parser)]
#[command(name = NAME)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an authority, and everything for a first set-up
    Init(Init),
    /// Make certificates with the authority that `init` has made: for later hosts, or new ones in
    /// place of those that expire
    Add(Add),
}

#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// Directory for the files; it is made if it does not exist
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// A secondary, and further names or IP addresses at which the primary reaches it, as in
    /// web1=10.0.0.1,web1.internal; repeatable
    #[arg(long, value_name = "NAME[=ADDRESS,...]", required_unless_present = "primary")]
    pub(super) secondary: Vec<String>,
    /// A name or an IP address by which people reach the primary, besides localhost and the loopback
    /// addresses; repeatable
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub(super) primary: Vec<String>,
    /// Days for which the certificates are valid; the authority is for 10 years
    #[arg(long, value_name = "N", default_value_t = DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(super) days: u32,
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Directory with ca.pem and ca.key, and for the new files
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// Secondaries, as for `init --secondary`
    #[arg(value_name = "NAME[=ADDRESS,...]", required_unless_present = "primary")]
    pub(super) secondary: Vec<String>,
    /// New certificates of the primary too, for this name or IP address besides localhost;
    /// repeatable
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub(super) primary: Vec<String>,
    /// Days for which the certificates are valid, at most until the authority's own end
    #[arg(long, value_name = "N", default_value_t = DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(super) days: u32,
    /// Replace files that exist
    #[arg(long)]
    pub(super) replace: bool,
}

/// The command, if the first argument is `certs`. The error is the exit status of a program that
/// has nothing more to do.
pub(super) fn asked_for(program: &str) -> Option<Result<Command, u8>> {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.peek().is_none_or(|first| first != NAME) {
        return None;
    }
    let command = Args::command().bin_name(format!("{program} {NAME}"));
    let parsed = command.try_get_matches_from(args).and_then(|matches| Args::from_arg_matches(&matches));
    Some(cli::taken(program, parsed).map(|args| args.command))
}
