//! `--extra-log-dir NAME=DIR`: a directory that is served beside the log directory.

use backscroll_shared::text::quoted;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Each costs a descriptor for as long as the program runs, and a look at each question of
/// whether it is ready.
const MOST: usize = 16;

/// Bytes of a name: as for any other part of a path (`NAME_MAX` of Linux).
const NAME_BYTES: usize = 255;

/// Why directories cannot be served. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One of them is written wrongly.
    #[error("--extra-log-dir {}: {why}", quoted(.text))]
    Form {
        /// As it was given.
        text: Vec<u8>,
        /// What is wrong.
        why: FormError,
    },
    /// Two of them have one name.
    #[error("--extra-log-dir {}: the name is given twice: give each directory its own", quoted(.0))]
    Twice(Vec<u8>),
    /// More than [`MOST`].
    #[error("--extra-log-dir is given {0} times: at most {MOST} are served")]
    TooMany(usize),
}

/// What is wrong with one `NAME=DIR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// There is no `=`, or nothing on one side of it.
    #[error("write NAME=DIR, as in pods=/var/log/pods")]
    Parts,
    /// Its files would be hidden ones.
    #[error("the name begins with a dot: what is hidden is served to nobody")]
    Hidden,
    /// It is no single part of a path.
    #[error("the name holds a /: give it one part of a path")]
    Slash,
    /// It cannot be shown.
    #[error("the name holds a control byte")]
    Control,
    /// No file system has such a name.
    #[error("the name is too long: at most {NAME_BYTES} bytes")]
    TooLong,
}

/// A directory and the name below which its files are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraLogDir {
    name: Vec<u8>,
    dir: PathBuf,
}

impl ExtraLogDir {
    /// Those of a list of `NAME=DIR`.
    pub fn list(given: &[OsString]) -> Result<Vec<ExtraLogDir>, Error> {
        let mut list: Vec<ExtraLogDir> = Vec::new();
        for text in given.iter().map(|text| text.as_bytes().trim_ascii()) {
            // An empty variable, as compose files leave it, is no directory.
            if text.is_empty() {
                continue;
            }
            let extra = ExtraLogDir::parse(text).map_err(|why| Error::Form { text: text.to_owned(), why })?;
            if list.iter().any(|other| other.name == extra.name) {
                return Err(Error::Twice(text.to_owned()));
            }
            list.push(extra);
        }
        if list.len() > MOST {
            return Err(Error::TooMany(list.len()));
        }
        Ok(list)
    }

    fn parse(text: &[u8]) -> Result<ExtraLogDir, FormError> {
        let at = text.iter().position(|b| *b == b'=').ok_or(FormError::Parts)?;
        let (name, dir) = (text[..at].trim_ascii(), &text[at + 1..]);
        if name.is_empty() || dir.is_empty() {
            return Err(FormError::Parts);
        }
        if name.starts_with(b".") {
            return Err(FormError::Hidden);
        }
        if name.contains(&b'/') {
            return Err(FormError::Slash);
        }
        if name.iter().any(|b| *b < 0x20 || *b == 0x7f) {
            return Err(FormError::Control);
        }
        if name.len() > NAME_BYTES {
            return Err(FormError::TooLong);
        }
        Ok(ExtraLogDir { name: name.to_owned(), dir: OsStr::from_bytes(dir).into() })
    }

    /// The first part of its files' names.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Where it is on the host.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}
