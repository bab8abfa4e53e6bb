//! `backscroll-primary kubernetes-hosts`: keeps the file of `--expected-file` up to date in a cluster,
//! so that a node whose secondary is gone is reported as missing.
//!
//! ```text
//! token, CA ─► api ─► objects: the DaemonSet, its pods ─► nodes ─► file
//! ```
//!
//! It runs beside the primary, in a container of its own. So the primary, which strangers talk to,
//! holds no token of the cluster.

mod api;
mod args;
mod file;
mod objects;

pub use args::{HELP, command};

use api::{Api, Failure};
use args::Settings;
use backscroll_shared::cli::{self, EXIT_USAGE};
use backscroll_shared::telemetry::logs::{self, LogArgs};
use std::io;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

/// How long the first round waits before it is tried again.
const RETRY_REST: Duration = Duration::from_secs(2);

/// Runs the subcommand if the first argument is `kubernetes-hosts`, and returns the exit status.
pub fn asked_for(program: &str) -> Option<u8> {
    let settings = match args::asked_for(program)? {
        Ok(settings) => settings,
        Err(status) => return Some(status),
    };
    let leave = |status, why: String| {
        cli::complain(program, &format!("kubernetes-hosts: {why}"));
        Some(status)
    };
    let api = match Api::new(&settings) {
        Ok(api) => api,
        Err(error) => return leave(EXIT_USAGE, error.to_string()),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return leave(1, format!("no runtime: {error}")),
    };
    if settings.once {
        return match runtime.block_on(unless_stopped(first(&api, &settings, program))) {
            Ok(Some(Ok(_))) => Some(0),
            Ok(Some(Err(failure))) => leave(1, failure.to_string()),
            Ok(None) => leave(1, "told to stop".to_owned()),
            Err(error) => leave(1, no_signals(&error)),
        };
    }
    let _guard = match logs::init(&LogArgs::of_level("info"), program) {
        Ok(guard) => guard,
        Err(why) => return leave(EXIT_USAGE, why.to_string()),
    };
    match runtime.block_on(unless_stopped(follow(&api, &settings))) {
        Ok(_) => Some(0),
        Err(error) => leave(1, no_signals(&error)),
    }
}

fn no_signals(error: &io::Error) -> String {
    format!("signals cannot be taken: {error}")
}

/// Does this until it has ended, or until the process is told to stop: then there is no outcome. The
/// first process of a container ends at no signal that it does not take.
async fn unless_stopped<T>(work: impl Future<Output = T>) -> io::Result<Option<T>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        done = work => Some(done),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    })
}

/// Writes the file once. A round that fails is tried again for as long as the settings say, and the
/// first failure is told at once.
async fn first(api: &Api, settings: &Settings, program: &str) -> Result<Written, Failure> {
    let give_up = Instant::now() + settings.retry_time;
    let mut is_told = false;
    loop {
        match round(api, settings).await {
            Err(failure) if Instant::now() + RETRY_REST <= give_up => {
                if !std::mem::replace(&mut is_told, true) {
                    let time = settings.retry_time.as_secs();
                    cli::complain(
                        program,
                        &format!("kubernetes-hosts: {failure}; trying again for {time} s"),
                    );
                }
                sleep(RETRY_REST).await;
            }
            done => return done,
        }
    }
}

/// Writes the file, again and again.
async fn follow(api: &Api, settings: &Settings) {
    let mut failing = None;
    loop {
        note(round(api, settings).await, &mut failing, settings);
        sleep(settings.interval).await;
    }
}

/// Says once that a round has failed, and once that they succeed again. `failing` is what was said.
fn note(done: Result<Written, Failure>, failing: &mut Option<String>, settings: &Settings) {
    match done {
        Ok(Written { hosts, unnamed, is_new }) => {
            if failing.take().is_some() {
                tracing::info!("the API answers again");
            }
            if is_new {
                tracing::info!(path = %settings.file.display(), hosts, unnamed, "the expected hosts were written");
            }
        }
        Err(failure) => {
            // The texts of the API may differ each time.
            let what = failure.what();
            if failing.as_ref() != Some(&what) {
                tracing::warn!("{failure}; the file stays as it was");
                *failing = Some(what);
            }
        }
    }
}

/// What a round has written.
struct Written {
    hosts: usize,
    unnamed: usize,
    /// Whether the file was another one before.
    is_new: bool,
}

/// Asks once, and writes the file if it says something else.
async fn round(api: &Api, settings: &Settings) -> Result<Written, Failure> {
    let nodes = api.nodes().await?;
    let text = nodes.to_toml();
    let is_new = file::write(&settings.file, &text)
        .map_err(|error| Failure::Unwritable(settings.file.clone(), error))?;
    Ok(Written { hosts: nodes.names.len(), unnamed: nodes.unnamed, is_new })
}
