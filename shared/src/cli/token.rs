//! `PROGRAM token new`: makes a token, and prints it once, with the entry for the token file.

use super::{EXIT_USAGE, complain, taken};
use crate::auth::NewToken;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::io::Write as _;

const NAME: &str = "token";

/// Make tokens for --token-file
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a token
    ///
    /// The first line of the output is the token, which is kept nowhere. The lines after it are the
    /// entry to add to the token file.
    New(New),
}

#[derive(Debug, clap::Args)]
struct New {
    /// Who gets the token, as the audit names them
    #[arg(long, value_name = "NAME")]
    id: String,
    /// Hosts that it may ask: names, * and ? as wildcards; repeatable [default: *]
    #[arg(long, value_name = "PATTERN")]
    hosts: Vec<String>,
    /// Files that it may read there: globs as those of /files; repeatable [default: **]
    #[arg(long, value_name = "GLOB")]
    files: Vec<String>,
    /// When it ends to be valid, as 2027-01-31 or 2027-01-31T18:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// It is for a primary that asks secondaries; only for the token file of a secondary
    #[arg(long)]
    primary: bool,
    /// It may read /metrics; without --hosts and --files it may read nothing else
    #[arg(long)]
    metrics: bool,
}

/// The command, for those who check what is written about its flags.
pub fn command() -> clap::Command {
    Args::command()
}

/// Makes a token if the first argument is `token`, and returns the exit status.
pub fn asked_for(program: &str) -> Option<u8> {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.peek().is_none_or(|first| first != NAME) {
        return None;
    }
    let command = Args::command().bin_name(format!("{program} {NAME}"));
    let parsed = command.try_get_matches_from(args).and_then(|matches| Args::from_arg_matches(&matches));
    let What::New(New { id, mut hosts, mut files, expires, primary, metrics }) = match taken(program, parsed)
    {
        Ok(args) => args.what,
        Err(status) => return Some(status),
    };
    if !(metrics && hosts.is_empty() && files.is_empty()) {
        for (patterns, all) in [(&mut hosts, "*"), (&mut files, "**")] {
            if patterns.is_empty() {
                patterns.push(all.to_owned());
            }
        }
    }
    let new = NewToken { id, hosts, files, expires, is_primary: primary, reads_metrics: metrics };
    if let Err(why) = new.check() {
        complain(program, &format!("token new: {why}"));
        return Some(EXIT_USAGE);
    }
    let written = new.make().map_err(|error| error.to_string()).and_then(|(token, entry)| {
        let mut out = std::io::stdout().lock();
        // Written in one piece, so that a pipe that closes early has all of it or fails.
        let text = format!("{token}\n\n{entry}");
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string())
    });
    match written {
        Ok(()) => Some(0),
        Err(why) => {
            complain(program, &format!("token new: {why}"));
            Some(1)
        }
    }
}
