//! Files that are read again when they change: tokens, certificates, keys.
//!
//! A thread of its own looks at them every two seconds, so nothing that serves a request ever waits
//! for a file system. New bytes are taken once two looks in a row have found the same ones: a file
//! may be read while it is being written, and the first half of a list is a list too. If they
//! cannot be read or understood, the old value stays in use, and the log says so once.

use std::fmt;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::watch;

/// The most bytes of one file.
pub const FILE_BYTES: u64 = 1 << 20;

/// How often the files are read.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long after a change they are read again, to see whether they stay as they are.
const SETTLE_TIME: Duration = Duration::from_millis(200);

/// Why files are not taken: one line that names the flag and the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{flag} {}: {why}: name a file that this user may read", .path.display())]
    Unreadable {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// It is a directory, a pipe, or the like.
    #[error("{flag} {}: it is no regular file: name a file that this user may read", .path.display())]
    NotRegular {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// It has more than [`FILE_BYTES`].
    #[error("{flag} {}: it has more than {FILE_BYTES} bytes", .path.display())]
    TooLarge {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The files can be read, and do not hold what they should.
    #[error("{flag} {}: {why}", .path.display())]
    Malformed {
        /// The flag that names it.
        flag: &'static str,
        /// The first file.
        path: PathBuf,
        /// What is wrong with them.
        why: String,
    },
    /// The system refused a thread.
    #[error("{flag}: no thread to read it again with: {why}")]
    NoThread {
        /// The flag that names it.
        flag: &'static str,
        /// What the system said.
        why: String,
    },
}

/// One or several files that are read together, and the flag that names each.
#[derive(Debug, Clone)]
pub struct Files(Vec<(&'static str, PathBuf)>);

impl Files {
    /// One file.
    pub fn one(flag: &'static str, path: impl Into<PathBuf>) -> Files {
        Files(vec![(flag, path.into())])
    }

    /// Another one, which is read together with those before it.
    #[must_use]
    pub fn and(mut self, flag: &'static str, path: impl Into<PathBuf>) -> Files {
        self.0.push((flag, path.into()));
        self
    }

    /// The bytes of each, as they are now. Blocks.
    pub(crate) fn read(&self) -> Result<Vec<Vec<u8>>, Error> {
        self.0.iter().map(|(flag, path)| read(flag, path)).collect()
    }

    fn malformed(&self, why: String) -> Error {
        let (flag, path) = self.0.first().cloned().unwrap_or_default();
        Error::Malformed { flag, path, why }
    }
}

/// What files hold, as it is now.
pub struct Reloaded<T> {
    value: watch::Receiver<Arc<T>>,
    /// Whether what the files hold now cannot be used.
    is_failing: Arc<AtomicBool>,
    /// Makes the thread look at once. The thread ends when the last of these is dropped.
    look: Option<SyncSender<()>>,
}

impl<T> Clone for Reloaded<T> {
    fn clone(&self) -> Reloaded<T> {
        Reloaded {
            value: self.value.clone(),
            is_failing: Arc::clone(&self.is_failing),
            look: self.look.clone(),
        }
    }
}

impl<T> fmt::Debug for Reloaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the value: it may be a secret.
        f.debug_struct("Reloaded").finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> Reloaded<T> {
    /// Reads the files, and reads them again when they change, until the last clone is dropped.
    /// `parse` gets the bytes of each file, in the order of `files`. Blocks.
    pub fn open(
        files: Files,
        mut parse: impl FnMut(&[Vec<u8>]) -> Result<T, String> + Send + 'static,
    ) -> Result<Reloaded<T>, Error> {
        let bytes = files.read()?;
        let value = parse(&bytes).map_err(|why| files.malformed(why))?;
        let flag = files.0.first().map_or("", |(flag, _)| flag);
        let (tell, value) = watch::channel(Arc::new(value));
        let (look, looks) = sync_channel(1);
        let is_failing = Arc::<AtomicBool>::default();
        let failing = Arc::clone(&is_failing);
        let thread = std::thread::Builder::new().name("reload".to_owned());
        thread
            .spawn(move || follow(&files, bytes, &mut parse, (&tell, &failing), &looks))
            .map_err(|error| Error::NoThread { flag, why: error.to_string() })?;
        Ok(Reloaded { value, is_failing, look: Some(look) })
    }

    /// A value that never changes.
    pub fn fixed(value: T) -> Reloaded<T> {
        Reloaded { value: watch::channel(Arc::new(value)).1, is_failing: Arc::default(), look: None }
    }

    /// The value as it is now.
    pub fn now(&self) -> Arc<T> {
        Arc::clone(&self.value.borrow())
    }

    /// Waits until the value is another one than when this was last called, or than at the start. For
    /// ever if it does not change any more.
    pub async fn changed(&mut self) {
        if self.value.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether what the files hold now cannot be used, so that an older value stays in use.
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Relaxed)
    }

    /// Makes the thread look at the files at once.
    pub fn look(&self) {
        // If it is full, the thread is about to look anyway.
        let _ = self.look.as_ref().map(|look| look.try_send(()));
    }
}

/// Looks at the files until nobody wants to know any more.
fn follow<T>(
    files: &Files,
    bytes: Vec<Vec<u8>>,
    parse: &mut impl FnMut(&[Vec<u8>]) -> Result<T, String>,
    (tell, is_failing): (&watch::Sender<Arc<T>>, &AtomicBool),
    looks: &Receiver<()>,
) {
    // What the last look found, and what the last one found of which something was said.
    let mut last = Ok(bytes);
    let mut told = last.clone();
    loop {
        let wait = if last == told { INTERVAL } else { SETTLE_TIME };
        match looks.recv_timeout(wait) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let found = files.read();
        let is_settled = found == last;
        last = found;
        if !is_settled || last == told {
            continue;
        }
        let (flag, path) = files.0.first().cloned().unwrap_or_default();
        match last.clone().and_then(|bytes| parse(&bytes).map_err(|why| files.malformed(why))) {
            Ok(value) => {
                tell.send_replace(Arc::new(value));
                is_failing.store(false, Relaxed);
                tracing::info!(flag, path = %path.display(), "a file has changed and was read again");
            }
            Err(why) => {
                is_failing.store(true, Relaxed);
                tracing::warn!("{why}; what was read before stays in use");
            }
        }
        told.clone_from(&last);
    }
}

fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable =
        |error: io::Error| Error::Unreadable { flag, path: path.to_owned(), why: error.to_string() };
    // `O_NONBLOCK`, because to open a pipe would wait for a writer.
    let mut options = std::fs::OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC);
    #[expect(clippy::disallowed_methods, reason = "called at start, and then by a thread of its own")]
    let file = options.open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(Error::NotRegular { flag, path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(Error::TooLarge { flag, path: path.to_owned() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
