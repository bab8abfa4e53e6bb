//! The program `backscroll-secondary`: reads arguments and configuration, starts the log, and calls
//! [`run`].

use backscroll_secondary::config::DEFAULT_LISTEN;
use backscroll_secondary::run::RunError;
use backscroll_secondary::{Args, Config, PROGRAM, run};
use backscroll_shared::audit::Audit;
use backscroll_shared::cli::{self, EXIT_USAGE, healthcheck, token};
use backscroll_shared::descriptors;
use backscroll_shared::telemetry::logs;
use backscroll_shared::telemetry::recording::Recording;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    if let Some(status) =
        healthcheck::asked_for(PROGRAM, DEFAULT_LISTEN).or_else(|| token::asked_for(PROGRAM))
    {
        return status.into();
    }
    let args: Args = match cli::parse(PROGRAM) {
        Ok(args) => args,
        Err(status) => return status.into(),
    };
    let mut config = match Config::try_from(&args) {
        Ok(config) => config,
        Err(error) => return leave(EXIT_USAGE, &error.to_string()),
    };
    let log_guard = match logs::init(&args.log, PROGRAM) {
        Ok(guard) => guard,
        Err(why) => return leave(EXIT_USAGE, &why.to_string()),
    };
    config.recording = match Recording::start(&args.log, PROGRAM) {
        Ok(recording) => recording,
        Err(error) => return leave(error.status(), &error.to_string()),
    };
    Recording::secret_files(args.secret_files()).warn();
    if let Some(tls) = &config.tls {
        tls.warn();
    }
    // A connection needs two descriptors: its socket and its file.
    config.connections = descriptors::connections(config.connections, 2);
    let listeners = match args.listen_addrs().bind() {
        Ok(listeners) => listeners,
        Err(error) => return leave(1, &error.to_string()),
    };
    let (audit, recording) = (config.access.audit.clone(), config.recording.clone());
    let status = match run(config, listeners, stop_signal(audit.clone(), recording.clone())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ RunError::Config(_)) => leave(EXIT_USAGE, &error.to_string()),
        Err(error) => leave(1, &error.to_string()),
    };
    if let Some(audit) = audit {
        audit.finish();
    }
    recording.finish();
    drop(log_guard);
    status
}

/// Completes at the first SIGTERM or SIGINT. A second one ends the process at once.
async fn stop_signal(audit: Option<Audit>, recording: Recording) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return tracing::error!("this program cannot wait for signals");
    };
    let mut next = async move || tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} };
    next().await;
    tokio::task::spawn_local(async move {
        next().await;
        tracing::warn!("told to stop a second time: leaving at once");
        if let Some(audit) = audit {
            audit.finish();
        }
        recording.finish();
        logs::finish();
        std::process::exit(1);
    });
}

fn leave(status: u8, why: &str) -> ExitCode {
    cli::complain(PROGRAM, why);
    status.into()
}
