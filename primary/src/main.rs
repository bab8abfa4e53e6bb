//! Arguments, configuration, telemetry, run, drain.

use backscroll_primary::config::{DEFAULT_LISTEN, STREAMS_EACH};
use backscroll_primary::{Args, Config, run};
use backscroll_shared::cli::{self, healthcheck};
use backscroll_shared::{descriptors, telemetry::logs};
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
        Err(why) => return leave(cli::EXIT_USAGE, &why),
    };
    // Held to the end: it writes out what is still queued.
    let _guard = match logs::init(&config.log, PROGRAM) {
        Ok(guard) => guard,
        Err(why) => return leave(cli::EXIT_USAGE, &why.to_string()),
    };
    // A connection and those to its hosts.
    config.connections = descriptors::connections(config.connections, 1 + STREAMS_EACH);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return leave(1, &format!("no runtime to accept on: {error}")),
    };
    let served = runtime.block_on(serve(config));
    // A name that is being looked up, or a file that does not come, is waited for by nobody.
    runtime.shutdown_background();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => leave(1, &why),
    }
}

async fn serve(config: Config) -> Result<(), String> {
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("--listen {}: {error}", config.listen))?;
    let signals = |kind| signal(kind).map_err(|error| format!("signals cannot be taken: {error}"));
    let (terminate, interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
    run(listener, config, told_to_stop(terminate, interrupt)).await.map_err(|error| error.to_string())
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
