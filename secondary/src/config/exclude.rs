//! `--exclude GLOB`: files that do not exist for anybody.

use backscroll_shared::query::glob::{Globs, GlobsError};
use backscroll_shared::query::pods;
use backscroll_shared::text::quoted;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;

/// What errors call it.
const FLAG: &str = "--exclude";

/// Why globs cannot be used. Each is one line for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// One of them is no glob, or together they take too long to match.
    #[error("{0}")]
    Globs(String),
    /// It would match nothing, as no name begins with a slash.
    #[error(
        "{FLAG} is {}: it begins with a /: write the name as GET /files lists it, without the log directory",
        quoted(.0)
    )]
    Absolute(Vec<u8>),
    /// Only a name that leads to a file is that of the log of the run before.
    #[error(
        "{FLAG} is {}: it would exclude nothing, as previous is no part of a file's name: leave it out, which excludes all logs of the container",
        quoted(.0)
    )]
    Previous(Vec<u8>),
    /// It looks like a list, and is not taken for one.
    #[error(
        "{FLAG} is {}: it holds a comma outside of braces: write {{a,b}} for several globs, or \\, for the character itself",
        quoted(.0)
    )]
    Comma(Vec<u8>),
}

/// The files that are excluded.
///
/// A glob excludes the file of that name, and everything below the directory of that name. It is also
/// held against the names that pods give their logs, so a file is excluded by each of its names.
#[derive(Debug, Clone, Default)]
pub struct Excludes(Option<std::sync::Arc<Sets>>);

#[derive(Debug)]
struct Sets {
    given: Vec<Vec<u8>>,
    /// Match excluded files.
    files: Globs,
    /// Match directories below which everything is excluded.
    dirs: Globs,
}

impl Excludes {
    /// Reads the globs.
    pub fn parse(given: &[OsString]) -> Result<Excludes, Error> {
        // An empty variable, as compose files leave it, is no glob.
        let given = given.iter().map(|glob| glob.as_bytes().trim_ascii());
        let given: Vec<Vec<u8>> = given.filter(|glob| !glob.is_empty()).map(<[u8]>::to_vec).collect();
        if given.is_empty() {
            return Ok(Excludes::default());
        }
        for glob in &given {
            if glob.starts_with(b"/") {
                return Err(Error::Absolute(glob.clone()));
            }
            if has_bare_comma(glob) {
                return Err(Error::Comma(glob.clone()));
            }
            if is_of_previous(glob) {
                return Err(Error::Previous(glob.clone()));
            }
            // Alone first, so that an error shows it as it was given.
            Globs::parse(FLAG, [&glob[..]]).map_err(refused)?;
        }
        let (mut files, mut dirs) = (Vec::new(), Vec::new());
        for glob in &given {
            let (dir, is_of_dir) = match glob.strip_suffix(b"/**").or(glob.strip_suffix(b"/")) {
                Some(dir) => (dir, true),
                None => (&glob[..], false),
            };
            let below = [dir, b"/**"].concat();
            if !is_of_dir {
                files.push(dir.to_vec());
            }
            dirs.extend([dir.to_vec(), below.clone()]);
            files.push(below);
        }
        let set = |globs: &[Vec<u8>]| Globs::parse(FLAG, globs.iter().map(Vec::as_slice)).map_err(refused);
        let (files, dirs) = (set(&files)?, set(&dirs)?);
        Ok(Excludes(Some(std::sync::Arc::new(Sets { given, files, dirs }))))
    }

    /// Whether nothing is excluded.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the file of this name is excluded.
    pub fn has(&self, name: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|sets| by_any_name(&sets.files, name))
    }

    /// Whether everything below the directory of this name is excluded, as far as the globs tell.
    pub fn has_all_below(&self, dir: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|sets| by_any_name(&sets.dirs, dir))
    }
}

fn by_any_name(globs: &Globs, name: &[u8]) -> bool {
    globs.is_match(name) || pods::readable(name).is_some_and(|readable| globs.is_match(&readable))
}

/// Whether it looks like the alias for the log of the run before, `pods/NAMESPACE/POD/CONTAINER/previous`.
fn is_of_previous(glob: &[u8]) -> bool {
    let glob = glob.strip_suffix(b"/**").or(glob.strip_suffix(b"/")).unwrap_or(glob);
    glob.starts_with(pods::BEGINNING)
        && glob.ends_with(b"/previous")
        && glob.split(|b| *b == b'/').count() == 5
}

fn refused(error: GlobsError) -> Error {
    Error::Globs(match error {
        GlobsError::Malformed(why) => why,
        GlobsError::TooCostly => format!("{FLAG}: {error}"),
    })
}

/// Whether a comma stands outside of braces, and no backslash before it. In a list of another flag
/// it would separate, here it would be a character that hardly any file has in its name.
fn has_bare_comma(glob: &[u8]) -> bool {
    let (mut depth, mut bytes) = (0_usize, glob.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

impl fmt::Display for Excludes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = self.0.iter().flat_map(|sets| &sets.given);
        let texts: Vec<String> = given.map(|glob| glob.escape_ascii().to_string()).collect();
        f.write_str(&texts.join(" "))
    }
}

#[cfg(test)]
mod tests;
