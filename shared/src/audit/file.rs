//! The file of the audit. Its lines are only ever appended. If another program moves it away, as
//! logrotate does, a new one is made at its place.

use super::Output;
use crate::whole_line::write_line;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The mode of a file that is made here: what people ask for is nobody else's business.
const MODE: u32 = 0o600;

/// The file.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    file: File,
    /// Whether the last line was written only in part.
    is_in_a_line: bool,
}

impl AuditFile {
    /// Opens the file, and makes it if there is none.
    pub fn open(path: &Path) -> io::Result<AuditFile> {
        let file = appended(path)?;
        // A run that was killed may have left a part of a line.
        let is_in_a_line = ends_in_a_line(&file);
        Ok(AuditFile { path: path.to_owned(), file, is_in_a_line })
    }
}

impl Output for AuditFile {
    fn line(&mut self, line: &str) -> io::Result<()> {
        write_line(&mut self.file, &mut self.is_in_a_line, line.as_bytes())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the thread of the audit")]
    fn look(&mut self) {
        let here = self.file.metadata().map(|data| (data.dev(), data.ino()));
        let there = std::fs::metadata(&self.path).map(|data| (data.dev(), data.ino()));
        if let (Ok(here), Ok(there)) = (here, there)
            && here == there
        {
            return;
        }
        // If it cannot be made, as in a directory that is gone, the old one is written to.
        match appended(&self.path) {
            Ok(file) => {
                self.is_in_a_line = ends_in_a_line(&file);
                self.file = file;
            }
            Err(error) => tracing::debug!(%error, "the audit's file cannot be made anew"),
        }
    }
}

/// Whether the file's last byte is no line feed.
#[expect(clippy::disallowed_methods, reason = "called at start, and by the thread of the audit")]
fn ends_in_a_line(file: &File) -> bool {
    let size = file.metadata().map_or(0, |data| if data.is_file() { data.len() } else { 0 });
    let mut last = [0];
    size > 0 && file.read_exact_at(&mut last, size - 1).is_ok() && last != [b'\n']
}

fn appended(path: &Path) -> io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    // `O_NONBLOCK`, because to open a pipe would wait for a reader.
    options.read(true).append(true).create(true).mode(MODE).custom_flags(libc::O_CLOEXEC | libc::O_NONBLOCK);
    #[expect(clippy::disallowed_methods, reason = "called at start, and by the thread of the audit")]
    let file = options.open(path)?;
    let kind = file.metadata()?.file_type();
    // A device such as /dev/stdout is fine.
    if kind.is_file() || kind.is_char_device() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
}
