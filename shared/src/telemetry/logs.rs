//! The programs' own log: to standard error, or to rolling files.

use super::format::LogFormat;
use super::log_files::{Bounds, LogFiles};
use super::request_log::Which;
use super::{size, writer};
use clap::Args;
use jiff::Timestamp;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
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
    /// Write the log to files in DIR instead of to standard error: a new file each day, and one more
    /// when a file is full
    #[arg(long, env = "BACKSCROLL_LOG_FILE", value_name = "DIR")]
    pub log_file: Option<PathBuf>,
    /// How large a file of the log becomes, as in 100MiB
    #[arg(long, env = "BACKSCROLL_LOG_FILE_SIZE", default_value = "100MiB", value_name = "SIZE", value_parser = size::parse)]
    pub log_file_size: u64,
    /// How many files of the log are kept
    #[arg(long, env = "BACKSCROLL_LOG_FILES", default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub log_files: u16,
    /// Which requests are logged: all, failed, off, or a fraction such as 0.01 (failed requests are
    /// then logged too)
    #[arg(long, env = "BACKSCROLL_REQUEST_LOG", default_value = "all", value_name = "WHICH")]
    pub request_log: Which,
}

impl LogArgs {
    /// The defaults for messages of this level.
    pub fn of_level(level: &str) -> LogArgs {
        LogArgs {
            log_level: level.to_owned(),
            log_format: LogFormat::Text,
            log_file: None,
            log_file_size: 100 << 20,
            log_files: 7,
            request_log: Which::All,
        }
    }
}

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
        why: io::Error,
    },
    /// There is no thread to write it.
    #[error("the log cannot be written: {0}")]
    Thread(#[from] io::Error),
}

/// Starts logging for the whole process.
pub fn init(args: &LogArgs, program: &str) -> Result<Guard, LogError> {
    let filter = filter(&args.log_level)?;
    let queue = match &args.log_file {
        None => writer::start(std::io::stderr(), args.log_format, None),
        Some(dir) => {
            let complaint = format!("{program}: --log-file {}", dir.display());
            writer::start(files(dir, program, args)?, args.log_format, Some(complaint))
        }
    }?;
    start(filter, args.log_format, queue);
    std::panic::set_hook(Box::new(panicked));
    Ok(Guard(()))
}

fn files(
    dir: &Path,
    program: &str,
    args: &LogArgs,
) -> Result<LogFiles<impl Fn() -> Timestamp + use<>>, LogError> {
    if dir.exists() && !dir.is_dir() {
        return Err(LogError::NotADirectory(dir.to_owned()));
    }
    let bounds = Bounds { bytes: args.log_file_size, files: usize::from(args.log_files) };
    std::fs::create_dir_all(dir)
        .and_then(|()| LogFiles::open(dir, program, bounds, Timestamp::now))
        .map_err(|why| LogError::Directory { dir: dir.to_owned(), why })
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
