//! The programs' own log: to standard error, or to rolling files.

use super::format::LogFormat;
use super::writer;
use clap::Args;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};
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

/// Why logging cannot be started: the text names the flag, and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A word of `--log-level` is not a level.
    #[error("--log-level {given}: {word:?} is not a level: use error, warn, info, debug or trace")]
    Level {
        /// The value of the flag.
        given: String,
        /// The word.
        word: String,
    },
    /// `--log-level` is not a filter.
    #[error("--log-level {given}: {why}: use error, warn, info, debug or trace")]
    Filter {
        /// The value of the flag.
        given: String,
        /// What is wrong with it.
        #[source]
        why: ParseError,
    },
    /// `--log-file` names something that is not a directory.
    #[error(
        "--log-file {}: it is a file, and a new one is begun each day: name a directory that this user may write to",
        .0.display()
    )]
    NotADirectory(PathBuf),
    /// No file can be created in the directory of `--log-file`.
    #[error("--log-file {}: {why}: name a directory that this user may write to", .dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        #[source]
        why: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Starts logging for the whole process.
pub fn init(args: &LogArgs, program: &str) -> Result<Guard, LogError> {
    let filter = filter(&args.log_level)?;
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
fn files(dir: &Path, program: &str) -> Result<RollingFileAppender, LogError> {
    let refuse = |why| LogError::Directory { dir: dir.to_owned(), why };
    if dir.exists() && !dir.is_dir() {
        return Err(LogError::NotADirectory(dir.to_owned()));
    }
    // Created here, because the appender writes to standard error about a directory that does not
    // exist yet.
    std::fs::create_dir_all(dir).map_err(|error| refuse(error.into()))?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(program)
        .filename_suffix("log")
        .max_log_files(FILES_KEPT)
        .build(dir)
        .map_err(|error| refuse(error.into()))
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
fn filter(text: &str) -> Result<EnvFilter, LogError> {
    let given = || text.to_owned();
    let mut words = text.split(',').map(str::trim).filter(|word| !word.contains(['=', '[']));
    if let Some(word) = words.find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(LogError::Level { given: given(), word: word.to_owned() });
    }
    EnvFilter::try_new(format!("{QUIET},{text}")).map_err(|why| LogError::Filter { given: given(), why })
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
