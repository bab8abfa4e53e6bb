//! Arguments, configuration, telemetry, run, drain.

use backscroll_primary::config::{DEFAULT_LISTEN, STREAMS_EACH};
use backscroll_primary::{Args, Config, certs, kubernetes, run};
use backscroll_shared::audit::Audit;
use backscroll_shared::cli::{self, healthcheck, token};
use backscroll_shared::descriptors;
use backscroll_shared::listen::{BindError, ListenAddrs};
use backscroll_shared::telemetry::{logs, recording::Recording};
use std::io;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

const PROGRAM: &str = "backscroll-primary";

fn main() -> ExitCode {
    if let Some(status) =
        healthcheck::asked_for(PROGRAM, DEFAULT_LISTEN).or_else(|| token::asked_for(PROGRAM))
    {
        return status.into();
    }
    if let Some(status) = certs::asked_for(PROGRAM).or_else(|| kubernetes::asked_for(PROGRAM)) {
        return status.into();
    }
    let args = match cli::parse::<Args>(PROGRAM) {
        Ok(args) => args,
        Err(status) => return ExitCode::from(status),
    };
    let secrets = Recording::secret_files(args.secret_files());
    let mut config = match Config::try_from(args) {
        Ok(config) => config,
        Err(error) => return leave(cli::EXIT_USAGE, &error.to_string()),
    };
    // Held to the end: it writes out what is still queued.
    let _guard = match logs::init(&config.log, PROGRAM) {
        Ok(guard) => guard,
        Err(why) => return leave(cli::EXIT_USAGE, &why.to_string()),
    };
    config.recording = match Recording::start(&config.log, PROGRAM) {
        Ok(recording) => recording,
        Err(error) => return leave(error.status(), &error.to_string()),
    };
    secrets.warn();
    if let Some(tls) = &config.tls {
        tls.warn();
    }
    if let Some(tls) = &config.upstream_tls {
        tls.warn();
    }
    let (audit, recording) = (config.access.audit.clone(), config.recording.clone());
    // A connection of a client, and those to its hosts.
    config.connections = descriptors::connections(config.connections, 1 + STREAMS_EACH);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return leave(1, &format!("no runtime to accept on: {error}")),
    };
    let served = runtime.block_on(serve(config));
    // Does not wait for a name that is being looked up, or for a file that does not come.
    runtime.shutdown_background();
    if let Some(audit) = audit {
        audit.finish();
    }
    recording.finish();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => leave(1, &error.to_string()),
    }
}

/// Why the server ended with status 1.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Listen(#[from] BindError),
    #[error("signals cannot be taken: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Run(#[from] backscroll_primary::run::Error),
}

async fn serve(config: Config) -> Result<(), Error> {
    let addresses = ListenAddrs { main: &config.listen, health: config.health_listen.as_ref() };
    let listeners = addresses.bind()?;
    let signals = |kind| signal(kind).map_err(Error::Signals);
    let (terminate, interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
    let (audit, recording) = (config.access.audit.clone(), config.recording.clone());
    Ok(run(listeners, config, told_to_stop(terminate, interrupt, audit, recording)).await?)
}

/// Ready at the first signal. A second one ends the process at once.
async fn told_to_stop(
    mut terminate: Signal,
    mut interrupt: Signal,
    audit: Option<Audit>,
    recording: Recording,
) {
    let mut next = async move || tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} };
    next().await;
    tokio::spawn(async move {
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
    ExitCode::from(status)
}
