//! `--extra-log-dir NAME=DIR`: a directory that is served beside the log directory.

use backscroll_shared::query::quoted;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Each costs a descriptor for as long as the program runs, and a look at each question of
/// whether it is ready.
const MOST: usize = 16;

/// Bytes of a name: as for any other part of a path (`NAME_MAX` of Linux).
const NAME_BYTES: usize = 255;

/// A directory and the name below which its files are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraLogDir {
    name: Vec<u8>,
    dir: PathBuf,
}

impl ExtraLogDir {
    /// Those of a list of `NAME=DIR`. The error is one line for the one who configured it.
    pub fn list(given: &[OsString]) -> Result<Vec<ExtraLogDir>, String> {
        let mut list: Vec<ExtraLogDir> = Vec::new();
        for text in given.iter().map(|text| text.as_bytes().trim_ascii()) {
            // An empty variable, as compose files leave it, is no directory.
            if text.is_empty() {
                continue;
            }
            let extra =
                ExtraLogDir::parse(text).map_err(|why| format!("--extra-log-dir {}: {why}", quoted(text)))?;
            if list.iter().any(|other| other.name == extra.name) {
                return Err(format!(
                    "--extra-log-dir {}: the name is given twice: give each directory its own",
                    quoted(text)
                ));
            }
            list.push(extra);
        }
        if list.len() > MOST {
            return Err(format!("--extra-log-dir is given {} times: at most {MOST} are served", list.len()));
        }
        Ok(list)
    }

    fn parse(text: &[u8]) -> Result<ExtraLogDir, &'static str> {
        const FORM: &str = "write NAME=DIR, as in pods=/var/log/pods";
        let at = text.iter().position(|b| *b == b'=').ok_or(FORM)?;
        let (name, dir) = (text[..at].trim_ascii(), &text[at + 1..]);
        if name.is_empty() || dir.is_empty() {
            return Err(FORM);
        }
        if name.starts_with(b".") {
            return Err("the name begins with a dot: what is hidden is served to nobody");
        }
        if name.contains(&b'/') {
            return Err("the name holds a /: give it one part of a path");
        }
        if name.iter().any(|b| *b < 0x20 || *b == 0x7f) {
            return Err("the name holds a control byte");
        }
        if name.len() > NAME_BYTES {
            return Err("the name is too long: at most 255 bytes");
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
