//! Arguments, configuration, telemetry, run, drain.

use backscroll_primary::config::{DEFAULT_LISTEN, STREAMS_EACH};
use backscroll_primary::{Args, Config, run};
use backscroll_shared::cli::{self, healthcheck};
use backscroll_shared::{descriptors, telemetry::logs};
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

const PROGRAM: &str = "backscroll-primary";

fn main() -> ExitCode {
    if let Some(status) = healthcheck::asked_for(PROGRAM, DEFAULT_LISTEN) {
        return status.into();
    }
    let args = match cli::parse::<Args>(PROGRAM) {
        Ok(args) => args,
        Err(status) => return ExitCode::from(status),
    };
    let mut config = match Config::try_from(args) {
        Ok(config) => config,
        Err(error) => return leave(cli::EXIT_USAGE, &error.to_string()),
    };
    // Held to the end: it writes out what is still queued.
    let _guard = match logs::init(&config.log, PROGRAM) {
        Ok(guard) => guard,
        Err(why) => return leave(cli::EXIT_USAGE, &why.to_string()),
    };
    // A connection of a client, and those to its hosts.
    config.connections = descriptors::connections(config.connections, 1 + STREAMS_EACH);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return leave(1, &format!("no runtime to accept on: {error}")),
    };
    let served = runtime.block_on(serve(config));
    // Does not wait for a name that is being looked up, or for a file that does not come.
    runtime.shutdown_background();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => leave(1, &error.to_string()),
    }
}

/// Why the server ended with status 1.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("--listen {0}: {1}")]
    Listen(SocketAddr, io::Error),
    #[error("signals cannot be taken: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Run(#[from] backscroll_primary::run::Error),
}

async fn serve(config: Config) -> Result<(), Error> {
    let bound = TcpListener::bind(config.listen).await;
    let listener = bound.map_err(|error| Error::Listen(config.listen, error))?;
    let signals = |kind| signal(kind).map_err(Error::Signals);
    let (terminate, interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
    Ok(run(listener, config, told_to_stop(terminate, interrupt)).await?)
}

/// Ready at the first signal. A second one ends the process at once.
async fn told_to_stop(mut terminate: Signal, mut interrupt: Signal) {
    let mut next = async move || tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} };
    next().await;
    tokio::spawn(async move {
        next().await;
        tracing::warn!("told to stop a second time: leaving at once");
        logs::finish();
        std::process::exit(1);
    });
}

fn leave(status: u8, why: &str) -> ExitCode {
    cli::complain(PROGRAM, why);
    ExitCode::from(status)
}
