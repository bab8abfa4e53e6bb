//! A path below the log directory, checked before it is given to a file system.

use super::bad;
use crate::limits;
use crate::text::quoted;
use crate::wire::problem::{Code, Problem};

/// A relative path of plain names: not empty, not absolute, no `.`, no `..`, no empty
/// part, no control byte. It need not be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileName(Vec<u8>);

impl FileName {
    /// Checks the bytes of a `filename` parameter.
    pub fn parse(bytes: Vec<u8>) -> Result<FileName, Problem> {
        let refuse = |why: &str| {
            Err(bad(format!(
                "filename is {}: {why}; name a file below the log directory, as in filename=app.log or filename=nginx/access.log",
                quoted(&bytes)
            )))
        };
        if bytes.is_empty() {
            return refuse("it is empty");
        }
        if bytes.len() > limits::FILENAME_BYTES {
            return refuse("it is too long");
        }
        if bytes.iter().any(|b| *b < 0x20 || *b == 0x7f) {
            return refuse("it holds a control byte");
        }
        if bytes[0] == b'/' {
            return refuse("it is absolute");
        }
        for part in bytes.split(|b| *b == b'/') {
            match part {
                b"" => return refuse("it has an empty part"),
                b"." | b".." => return refuse("it has a part that is . or .."),
                _ => {}
            }
        }
        Ok(FileName(bytes))
    }

    /// The path's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether any part begins with a dot. Such files are never served.
    pub fn is_hidden(&self) -> bool {
        self.0.split(|b| *b == b'/').any(|part| part.starts_with(b"."))
    }

    /// The problem of a name under which there is no file, or none that the caller may know of. It
    /// says the same in both cases. Of a hidden name it does not say whether it is there.
    pub fn not_found(&self) -> Problem {
        let why = if self.is_hidden() {
            format!(
                "{self} is hidden, because a part of it begins with a dot, and hidden files are never served: GET /files lists what is"
            )
        } else {
            format!("there is no log file {self} here: GET /files lists what there is")
        };
        Problem::new(Code::NotFound, why)
    }
}

impl std::fmt::Display for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&quoted(&self.0))
    }
}
