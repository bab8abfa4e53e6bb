//! Clients that hardly read, in a process of their own, and what a server's memory is
//! meanwhile.

use super::process::run_for_output;
use super::stats::mebibytes;
use crate::load::slow::Report;
use anyhow::{Context as _, Result};
use backscroll_e2e::program::Program;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How many there are. Each reads one byte a second.
pub const CLIENTS: u32 = 1000;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What they ask for, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct SlowClients<'a> {
    /// The URL that all of them ask for.
    pub url: &'a str,
    /// The type that they accept.
    pub accept: &'a str,
    /// How long they read.
    pub seconds: f64,
}

/// What became of them, and of the server.
#[derive(Debug)]
pub struct Served {
    /// What became of the clients.
    pub report: Report,
    /// What the server had resident, again and again, in MiB.
    pub resident: Vec<f64>,
}

impl SlowClients<'_> {
    /// Runs them to their end.
    pub fn serve(self, program: &Program) -> Result<Served> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["slow-clients", "--url", self.url, "--accept", self.accept]);
        command.args(["--clients", &CLIENTS.to_string(), "--seconds", &self.seconds.to_string()]);
        // What the kernel takes for a client would not have to wait in the server.
        command.args(["--receive-buffer", "4096"]);
        std::thread::scope(|scope| {
            let (done, wait) = channel::<()>();
            let looks = scope.spawn(move || {
                let mut figures = Vec::new();
                while wait.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    figures.push(mebibytes(program.memory_now_bytes()?));
                }
                anyhow::Ok(figures)
            });
            let ran = run_for_output(&mut command);
            drop(done);
            let resident = looks.join().map_err(|_| anyhow::anyhow!("looking at the memory panicked"))??;
            let report = serde_json::from_str(&ran?.output);
            Ok(Served { report: report.context("what the slow clients say is no report")?, resident })
        })
    }
}
