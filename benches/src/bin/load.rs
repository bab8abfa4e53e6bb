//! `cargo load`: times small requests in a histogram while deep scans run in a loop.

use anyhow::Result;
use backscroll_benches::load::{self, Options};
use backscroll_e2e::program;
use clap::Parser;
use std::process::ExitCode;

/// Times small requests over keep-alive connections in a histogram while deep scans run in a loop
#[derive(Debug, Parser)]
#[command(name = "cargo load --")]
struct Args {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    match load() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn load() -> Result<()> {
    let Args { options } = Args::parse_from(program::arguments());
    program::raise_file_limit();
    let report = load::run(&options)?;
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(())
}
