//! How both programs take their flags, and how they leave.

pub mod healthcheck;

use clap::Parser;
use clap::error::ErrorKind;

/// Exit status for bad configuration (`EX_USAGE` of `sysexits.h`).
pub const EXIT_USAGE: u8 = 64;

/// Parses the command line and the environment. Bad configuration is one clear line.
///
/// Returns the exit status where the program has nothing more to do.
pub fn parse<A: Parser>(program: &str) -> Result<A, u8> {
    taken(program, A::try_parse())
}

fn taken<A>(program: &str, parsed: Result<A, clap::Error>) -> Result<A, u8> {
    parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            0
        }
        _ => {
            let text = error.render().to_string();
            let first: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            let line = first.join(" ");
            complain(program, &format!("{}; try --help", line.strip_prefix("error: ").unwrap_or(&line)));
            EXIT_USAGE
        }
    })
}

/// Says why the program leaves, in one line on standard error.
pub fn complain(program: &str, why: &str) {
    eprintln!("{program}: {why}");
}
