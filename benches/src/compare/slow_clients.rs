//! Runs slow clients in a separate process, and measures a server's memory meanwhile.

use super::process::run_for_output;
use super::stats::mebibytes;
use crate::load::slow::Report;
use anyhow::{Context as _, Result};
use backscroll_e2e::program::Program;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// The number of clients. Each reads one byte a second.
pub const CLIENTS: u32 = 1000;

/// How often the memory is measured.
const LOOK: Duration = Duration::from_millis(200);

/// The request of the clients, and how long they read.
#[derive(Debug, Clone, Copy)]
pub struct SlowClients<'a> {
    /// The URL that all of them ask for.
    pub url: &'a str,
    /// The type that they accept.
    pub accept: &'a str,
    /// The server's certificate, if it speaks TLS.
    pub certificate: Option<&'a Path>,
    /// How long they read, in seconds.
    pub seconds: f64,
}

/// The results of the clients, and of the server.
#[derive(Debug)]
pub struct Served {
    /// The results of the clients.
    pub report: Report,
    /// The server's resident memory at each measurement, in MiB.
    pub resident: Vec<f64>,
}

impl SlowClients<'_> {
    /// Runs the clients to their end.
    pub fn serve(self, program: &Program) -> Result<Served> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["slow-clients", "--url", self.url, "--accept", self.accept]);
        command.args(["--clients", &CLIENTS.to_string(), "--seconds", &self.seconds.to_string()]);
        if let Some(certificate) = self.certificate {
            command.arg("--tls-cert").arg(certificate);
        }
        // Data in the kernel's buffers does not wait in the server, so they are small.
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
            let resident = looks
                .join()
                .map_err(|_| anyhow::anyhow!("the thread that measures the memory panicked"))??;
            let report = serde_json::from_str(&ran?.output);
            Ok(Served { report: report.context("the output of the slow clients is not a report")?, resident })
        })
    }
}
