//! The files of the log: a new one each day (UTC), and one more when a file is full. Only the newest
//! are kept. No library in the workspace bounds both their number and their size.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// How many files there are, and how large they become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of a file. One that reaches them is closed.
    pub(super) bytes: u64,
    /// The most files that are kept.
    pub(super) files: usize,
}

/// The file that is written to, and those before it.
pub(super) struct LogFiles<C> {
    dir: PathBuf,
    program: String,
    bounds: Bounds,
    clock: C,
    name: Name,
    file: File,
    bytes: u64,
    /// Whether the file ends within a line, which a killed run or a full disk has left.
    is_in_a_line: bool,
    /// When the next day begins.
    day_ends: Timestamp,
}

/// What a file's name says. In this order they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    day: Date,
    number: u32,
}

impl Name {
    /// `PROGRAM.2026-11-26.log`, and `PROGRAM.2026-11-26.1.log` if it is the second one of the day.
    fn file_name(self, program: &str) -> String {
        let Name { day, number } = self;
        if number == 0 { format!("{program}.{day}.log") } else { format!("{program}.{day}.{number}.log") }
    }

    /// None if this program gives no file such a name.
    fn parse(name: &str, program: &str) -> Option<Name> {
        let inner = name.strip_prefix(program)?.strip_prefix('.')?.strip_suffix(".log")?;
        let (day, number) = match inner.split_once('.') {
            Some((day, number)) => (day, number.parse().ok()?),
            None => (inner, 0),
        };
        let parsed = Name { day: day.parse().ok()?, number };
        (parsed.file_name(program) == name).then_some(parsed)
    }
}

impl<C: Fn() -> Timestamp> LogFiles<C> {
    /// Goes on with the last file of today, or begins the first one.
    pub(super) fn open(dir: &Path, program: &str, bounds: Bounds, clock: C) -> io::Result<LogFiles<C>> {
        let (day, day_ends) = day_of(clock());
        let today = own(dir, program)?.into_iter().filter(|name| name.day == day).max();
        let name = today.unwrap_or(Name { day, number: 0 });
        let Opened { file, bytes, is_in_a_line } = opened(&dir.join(name.file_name(program)))?;
        let (dir, program) = (dir.to_owned(), program.to_owned());
        let files = LogFiles { dir, program, bounds, clock, name, file, bytes, is_in_a_line, day_ends };
        files.remove_old();
        Ok(files)
    }

    /// Begins the next file if the day is over, or if so many bytes more do not fit in this one.
    fn roll(&mut self, more: usize) -> io::Result<()> {
        let now = (self.clock)();
        let is_full = self.bytes > 0 && self.bytes.saturating_add(more as u64) > self.bounds.bytes;
        let (day, day_ends) = if now >= self.day_ends { day_of(now) } else { (self.name.day, self.day_ends) };
        let name = match day == self.name.day {
            true if !is_full => return Ok(()),
            true => Name { day, number: self.name.number.saturating_add(1) },
            false => Name { day, number: 0 },
        };
        match opened(&self.dir.join(name.file_name(&self.program))) {
            Ok(Opened { file, bytes, is_in_a_line }) => {
                (self.file, self.bytes, self.is_in_a_line) = (file, bytes, is_in_a_line);
                (self.name, self.day_ends) = (name, day_ends);
                self.remove_old();
                Ok(())
            }
            // The old file will do as long as it is within its bound.
            Err(_) if !is_full => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes the oldest files, if there are too many. What cannot be removed is tried again with
    /// the next file.
    fn remove_old(&self) {
        let Ok(mut names) = own(&self.dir, &self.program) else { return };
        // A name of a later day is not one that this clock has given.
        names.retain(|name| *name <= self.name);
        names.sort_unstable();
        let surplus = names.len().saturating_sub(self.bounds.files);
        for name in names.into_iter().take(surplus) {
            let _ = std::fs::remove_file(self.dir.join(name.file_name(&self.program)));
        }
    }
}

impl<C: Fn() -> Timestamp> Write for LogFiles<C> {
    /// Whole lines come at once, so that no file ends within a line.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.roll(lines.len())?;
        if self.is_in_a_line {
            self.file.write_all(b"\n")?;
            self.bytes += 1;
            self.is_in_a_line = false;
        }
        let len = self.file.write(lines)?;
        self.bytes += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The day of this moment in UTC, and when the next one begins.
fn day_of(now: Timestamp) -> (Date, Timestamp) {
    let day = now.to_zoned(TimeZone::UTC).date();
    let next = day.tomorrow().and_then(|day| day.to_zoned(TimeZone::UTC));
    (day, next.map_or(Timestamp::MAX, |next| next.timestamp()))
}

/// The names of this program's files.
#[expect(clippy::disallowed_methods, reason = "called at the start, and by the thread that writes the log")]
fn own(dir: &Path, program: &str) -> io::Result<Vec<Name>> {
    let names = std::fs::read_dir(dir)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| Name::parse(&name, program)).collect())
}

/// A file that is appended to.
struct Opened {
    file: File,
    bytes: u64,
    is_in_a_line: bool,
}

/// Opens a file, and makes it if there is none. Not a pipe, whose writer waits for a reader.
#[expect(clippy::disallowed_methods, reason = "called at the start, and by the thread that writes the log")]
fn opened(path: &Path) -> io::Result<Opened> {
    let mut options = std::fs::OpenOptions::new();
    let flags = libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = options.read(true).append(true).create(true).custom_flags(flags).open(path)?;
    let data = file.metadata()?;
    if !data.is_file() && !data.file_type().is_char_device() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let (bytes, mut last) = (data.len(), [0]);
    let is_in_a_line = bytes > 0 && file.read_exact_at(&mut last, bytes - 1).is_ok() && last != *b"\n";
    Ok(Opened { file, bytes, is_in_a_line })
}

#[cfg(test)]
mod tests;
