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
    /// What is logged: off, error, warn, info, debug, trace, or a filter by module as in
    /// `warn,hyper=debug`
    #[arg(long, env = "BACKSCROLL_LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    pub log_level: String,
    /// How it is written
    #[arg(long, env = "BACKSCROLL_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Write it to files in DIR, a new one each day, the last 7 kept, instead of to
    /// standard error
    #[arg(long, env = "BACKSCROLL_LOG_FILE", value_name = "DIR")]
    pub log_file: Option<PathBuf>,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// Days of rolling files that are kept.
const FILES_KEPT: usize = 7;

/// Writes out what is queued when it is dropped: hold it to the end of `main`.
#[derive(Debug)]
#[must_use]
pub struct Guard(());

impl Drop for Guard {
    fn drop(&mut self) {
        finish();
    }
}

/// Writes out what is queued, for a program that ends without coming to the end of `main`.
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
    // Before the appender, which complains on standard error about one that is not there yet.
    std::fs::create_dir_all(dir).map_err(|e| refuse(&e))?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(program)
        .filename_suffix("log")
        .max_log_files(FILES_KEPT)
        .build(dir)
        .map_err(|e| refuse(&e))
}

/// A panic is told in the log: standard error would make the thread wait for its reader.
fn panicked(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace));
    let what = panic.to_string().replace('\n', " ");
    tracing::error!(backtrace, "{what}");
}

/// Libraries of which only errors are logged, unless the flag says otherwise. What watches the
/// folder of the fleet's file complains of its own doings when the folder is removed.
const QUIET: &str = "notify=error";

/// A bare word is a level. To the filter it may also be the name of a module, of which
/// everything is logged, and of all others nothing: a slip of the pen would silence the program.
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
    // A second start in one process, as in tests, keeps the first.
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
