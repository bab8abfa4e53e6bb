//! The programs' own log: to standard error, or to rolling files.

use super::writer;
use clap::{Args, ValueEnum};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The flags of a program's own log.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Which messages are logged: off, error, warn, info, debug, trace, or a filter by module as in
    /// `warn,hyper=debug`
    #[arg(long, env = "BACKSCROLL_LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    pub log_level: String,
    /// Format of the log
    #[arg(long, env = "BACKSCROLL_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Write the log to files in DIR instead of to standard error: a new file each day, the last 7
    /// are kept
    #[arg(long, env = "BACKSCROLL_LOG_FILE", value_name = "DIR")]
    pub log_file: Option<PathBuf>,
}

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Days of rolling files that are kept.
const FILES_KEPT: usize = 7;

/// Writes the queued lines when it is dropped. Keep it until the end of `main`.
#[derive(Debug)]
#[must_use]
pub struct Guard(());

impl Drop for Guard {
    fn drop(&mut self) {
        finish();
    }
}

/// Writes the queued lines, for a program that exits before the end of `main`.
pub fn finish() {
    writer::finish();
}

/// Starts logging for the whole process.
pub fn init(args: &LogArgs, program: &str) -> Result<Guard, String> {
    let filter = filter(&args.log_level)
        .map_err(|e| format!("--log-level {}: {e}: use error, warn, info, debug or trace", args.log_level))?;
    let queue = match &args.log_file {
        None => writer::start(std::io::stderr(), args.log_format, None),
        Some(dir) => {
            let complaint = format!("{program}: --log-file {}", dir.display());
            writer::start(files(dir, program)?, args.log_format, Some(complaint))
        }
    };
    start(filter, args.log_format, queue);
    std::panic::set_hook(Box::new(panicked));
    Ok(Guard(()))
}

/// A new file each day.
fn files(dir: &Path, program: &str) -> Result<RollingFileAppender, String> {
    let refuse = |e: &dyn std::fmt::Display| {
        format!("--log-file {}: {e}: name a directory that this user may write to", dir.display())
    };
    if dir.exists() && !dir.is_dir() {
        return Err(refuse(&"it is a file, and a new one is begun each day"));
    }
    // Created here, because the appender writes to standard error about a directory that does not
    // exist yet.
    std::fs::create_dir_all(dir).map_err(|e| refuse(&e))?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(program)
        .filename_suffix("log")
        .max_log_files(FILES_KEPT)
        .build(dir)
        .map_err(|e| refuse(&e))
}

/// Logs a panic. Writing to standard error could block the thread until somebody reads.
fn panicked(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace));
    let what = panic.to_string().replace('\n', " ");
    tracing::error!(backtrace, "{what}");
}

/// Only errors of these libraries are logged, unless the flag says otherwise. `notify` watches the
/// folder of the fleet file, and warns about its own cleanup when the folder is removed.
const QUIET: &str = "notify=error";

/// A word without `=` has to be a level. `EnvFilter` also takes it as the name of a module, and
/// then logs only that module: a misspelt level would silence the program.
fn filter(text: &str) -> Result<EnvFilter, String> {
    let mut words = text.split(',').map(str::trim).filter(|word| !word.contains(['=', '[']));
    if let Some(word) = words.find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(format!("{word:?} is no level"));
    }
    EnvFilter::try_new(format!("{QUIET},{text}")).map_err(|error| error.to_string())
}

fn start<W>(filter: EnvFilter, format: LogFormat, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    // A second start in one process, as in tests, keeps the first subscriber.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_none_is_refused_and_not_taken_for_a_module() {
        for good in
            ["info", "OFF", "warn,backscroll_secondary=debug", "backscroll_secondary[serve]=trace,error"]
        {
            assert!(filter(good).is_ok(), "{good}");
        }
        assert!(filter("debug").unwrap().to_string().contains("notify=error"));
        assert!(!filter("info,notify=debug").unwrap().to_string().contains("notify=error"));
        for bad in ["inof", "warning", "info,hyper", "info,foo=x"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
