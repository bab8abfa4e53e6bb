//! The directory with certificates and keys.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Bytes of a file that is read: a certificate or a key has one or two KiB.
const FILE_BYTES: u64 = 64 << 10;

/// Why a file is not read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It exists.
    #[error("{} exists already, and nothing was written: choose another directory, or give `certs add --replace` to replace it", .0.display())]
    Exists(PathBuf),
    /// It cannot be written.
    #[error("{path} cannot be written: {1}", path = .0.display())]
    Unwritable(PathBuf, #[source] io::Error),
    /// It cannot be read.
    #[error("{path} cannot be read: {1}; `certs init` makes it", path = .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
}

/// The directory.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    replaces: bool,
}

impl Directory {
    pub(super) fn new(path: &Path, replaces: bool) -> Directory {
        Directory { path: path.to_owned(), replaces }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn replaces(&self) -> bool {
        self.replaces
    }

    pub(super) fn certificate(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.pem"))
    }

    pub(super) fn key(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.key"))
    }

    /// Checks that the files of these names can be made, before the first of them is.
    pub(super) fn check<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<(), Error> {
        if self.replaces {
            return Ok(());
        }
        for name in names {
            for path in [self.certificate(name), self.key(name)] {
                if path.symlink_metadata().is_ok() {
                    return Err(Error::Exists(path));
                }
            }
        }
        Ok(())
    }

    /// Writes a certificate and its key, which only this user may read.
    pub(super) fn write(&self, name: &str, certificate: &str, key: &str) -> Result<(), Error> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(|error| Error::Unwritable(self.path.clone(), error))?;
        self.put(&self.key(name), key, 0o600)?;
        self.put(&self.certificate(name), certificate, 0o644)
    }

    /// Puts a file in the place of one that may be there, so that nobody reads half of it.
    fn put(&self, path: &Path, text: &str, mode: u32) -> Result<(), Error> {
        let fresh = path.with_added_extension("new");
        let written = || {
            if self.replaces {
                // What an attempt before left behind. `create_new` says what else is wrong.
                let _ = std::fs::remove_file(&fresh);
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(mode);
            let target = if self.replaces { &fresh } else { path };
            #[expect(clippy::disallowed_methods, reason = "a command that serves nobody")]
            let mut file = options.open(target)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            if self.replaces { std::fs::rename(&fresh, path) } else { Ok(()) }
        };
        written().map_err(|error| Error::Unwritable(path.to_owned(), error))
    }

    /// The content of a file.
    pub(super) fn read(path: &Path) -> Result<String, Error> {
        let read = || {
            #[expect(clippy::disallowed_methods, reason = "a command that serves nobody")]
            let file = std::fs::File::open(path)?;
            let mut text = String::new();
            file.take(FILE_BYTES).read_to_string(&mut text)?;
            Ok(text)
        };
        read().map_err(|error| Error::Unreadable(path.to_owned(), error))
    }
}
