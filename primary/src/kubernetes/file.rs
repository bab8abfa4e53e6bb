//! Writes the file, so that nobody ever reads half of it.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The primary, which may run as another user, reads it. It holds no secret.
const MODE: u32 = 0o644;

/// Puts a file with this text at `path`. Returns whether another text was there.
pub(super) fn write(path: &Path, text: &str) -> io::Result<bool> {
    #[expect(clippy::disallowed_methods, reason = "a command that serves nobody")]
    let known = std::fs::read(path);
    if known.is_ok_and(|bytes| bytes == text.as_bytes()) {
        return Ok(false);
    }
    let fresh = path.with_added_extension("new");
    // What a round before has left behind. `create_new` says what else is wrong.
    let _ = std::fs::remove_file(&fresh);
    #[expect(clippy::disallowed_methods, reason = "a command that serves nobody")]
    let mut file = OpenOptions::new().write(true).create_new(true).open(&fresh)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    Ok(true)
}
