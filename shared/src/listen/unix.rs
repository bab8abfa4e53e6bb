//! Unix sockets and their files.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Who may connect: the user and the group of the program. The directory may allow less.
const MODE: u32 = 0o660;

/// The file of a socket. It is removed when this is dropped, unless another file has taken its
/// place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    id: (u64, u64),
}

impl SocketFile {
    /// Its path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A path that is relative or was removed leads elsewhere or nowhere: then nothing is done.
        if file_id(&self.path).is_ok_and(|id| id == self.id) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes a socket at `path`. One that was left by a program that is gone is replaced; anything else
/// at that path stays, and is an error.
pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }?;
    // The usual umask lets only the user connect until this is done. Where that is not allowed, as
    // under the containers' seccomp profile, it stays so.
    if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE)) {
        tracing::warn!(%error, "the socket's mode stays as the umask makes it");
    }
    let file = SocketFile { path: path.to_owned(), id: file_id(path)? };
    Ok((listener, file))
}

/// Whether a socket is there at which nobody listens.
fn is_left_over(path: &Path) -> bool {
    let is_socket = status(path).is_ok_and(|status| status.file_type().is_socket());
    let refuses =
        || UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    is_socket && refuses()
}

fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    let status = status(path)?;
    Ok((status.dev(), status.ino()))
}

#[expect(clippy::disallowed_methods, reason = "before anything is served, and after everything was")]
fn status(path: &Path) -> io::Result<std::fs::Metadata> {
    std::fs::symlink_metadata(path)
}
