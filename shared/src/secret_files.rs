//! Whether everybody on this host may read a file of secrets.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Files that are for the program's user alone: tokens and keys.
#[derive(Debug, Clone, Default)]
pub struct SecretFiles(Vec<(&'static str, PathBuf)>);

impl SecretFiles {
    /// The file that a flag or a variable names, if it names one, and those before it.
    #[must_use]
    pub fn and(mut self, flag: &'static str, path: Option<impl AsRef<Path>>) -> SecretFiles {
        // Compose files leave a variable empty that is not set.
        let path = path.map(|path| path.as_ref().to_owned()).filter(|path| !path.as_os_str().is_empty());
        self.0.extend(path.map(|path| (flag, path)));
        self
    }

    /// Warns of each one that everybody may read. Call this once the log has begun. Blocks.
    pub fn warn(&self) {
        for (flag, path) in &self.0 {
            // One that cannot be looked at is told of by whoever reads it.
            if everybody_reads(path).unwrap_or(false) {
                let path = path.display();
                tracing::warn!(
                    flag, %path,
                    "every user of this host may read this file of secrets: chmod o-r it, and give it to the program's user or group"
                );
            }
        }
    }
}

/// Whether every user may read the file, and search the directories that lead to it.
#[expect(clippy::disallowed_methods, reason = "called at start, before anything is served")]
fn everybody_reads(path: &Path) -> io::Result<bool> {
    let path = std::fs::canonicalize(path)?;
    let allows =
        |path: &Path, bit| Ok::<_, io::Error>(std::fs::metadata(path)?.permissions().mode() & bit != 0);
    if !allows(&path, 0o004)? {
        return Ok(false);
    }
    for dir in path.ancestors().skip(1) {
        if !allows(dir, 0o001)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
mod tests {
    use super::*;
    use std::fs::{Permissions, create_dir, set_permissions, write};
    use std::os::unix::fs::symlink;

    #[test]
    fn everybody_reads_a_file_only_with_its_own_mode_and_those_of_its_directories() {
        let dir = tempfile::tempdir().unwrap();
        let (inner, link) = (dir.path().join("inner"), dir.path().join("link"));
        let file = inner.join("key");
        create_dir(&inner).unwrap();
        write(&file, "secret").unwrap();
        symlink(&file, &link).unwrap();
        let is_read = |outer, middle, own| {
            for (path, mode) in [(dir.path(), outer), (&*inner, middle), (&*file, own)] {
                set_permissions(path, Permissions::from_mode(mode)).unwrap();
            }
            let [by_name, by_link] = [&file, &link].map(|path| everybody_reads(path).unwrap());
            assert_eq!(by_name, by_link);
            by_name
        };
        assert!(is_read(0o711, 0o755, 0o644));
        assert!(is_read(0o755, 0o701, 0o604));
        assert!(!is_read(0o755, 0o755, 0o640));
        assert!(!is_read(0o755, 0o750, 0o644));
        assert!(!is_read(0o700, 0o755, 0o644));
        assert!(everybody_reads(Path::new("/nowhere")).is_err());
    }
}
