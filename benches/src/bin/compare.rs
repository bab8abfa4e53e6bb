//! `cargo compare`: every figure of the project, compared with what people use instead.

use std::process::ExitCode;

fn main() -> ExitCode {
    match backscroll_benches::compare::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ncompare: {error:#}");
            ExitCode::FAILURE
        }
    }
}
