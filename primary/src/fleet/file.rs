//! The hosts that a file names: `--fleet-file PATH`, in the form that
//! [`file_sd`] reads.
//!
//! The file is read again when something happens in its folder. (Editors, `mv` and Kubernetes put
//! another file in its place, which a watch of the file itself would not see.) It is also read at
//! an interval, for file systems that report nothing. If it cannot be read or understood, the fleet
//! stays as it was. A file may be read while it is being written, so it is used only once it was
//! the same twice in a row.

mod watch;

use super::HOSTS;
use super::change::Change;
use super::file_sd::{self, Listed, Syntax, parse};
use super::member::{Member, Scheme};
use super::source_states::SourceStates;
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;
use watch::Watched;

/// Bytes of the file: 1 KiB for each host that there may be.
const FILE_BYTES: u64 = HOSTS as u64 * 1024;

/// How long the primary waits after a change before it reads the file, so that what a writer does
/// in several steps is read once.
const SETTLE_TIME: Duration = Duration::from_millis(50);

/// How long the primary waits before it reads the file again, to see whether it is the same.
const SAME_TIME: Duration = Duration::from_millis(300);

/// How often the file is read before the primary gives up because it changes all the time.
const LOOKS: usize = 10;

/// Why the file is not taken: one line that names it and, where there is one, the place in it.
#[derive(Debug, thiserror::Error)]
#[error("--fleet-file {}: {why}", path.display())]
pub struct Error {
    path: PathBuf,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("{0}: name a file that this user may read")]
    Unreadable(#[from] io::Error),
    #[error("it is no regular file: name a file that this user may read")]
    NotRegular,
    #[error("it has more than {FILE_BYTES} bytes: name the file of the fleet")]
    TooLarge,
    #[error("it changes all the time: write another file, and put it in its place")]
    Changing,
    #[error(transparent)]
    Malformed(#[from] file_sd::Error),
}

/// The file, and what it said when it was read.
#[derive(Debug, Clone)]
pub struct FleetFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its hosts, and those that are expected.
    pub listed: Listed,
    /// The URL of each name that a flag gives. The file may not give it another one.
    taken: BTreeMap<String, String>,
    /// The scheme of targets for which the file names none.
    scheme: Scheme,
}

impl FleetFile {
    /// Reads the file. Blocks.
    pub fn read(path: PathBuf) -> Result<FleetFile, Error> {
        FleetFile::read_beside(path, &[], Scheme::Http)
    }

    /// Reads the file, which may not give another URL to a name of `fixed`. Targets for which it
    /// names no scheme have `scheme`. Blocks.
    pub fn read_beside(path: PathBuf, fixed: &[Member], scheme: Scheme) -> Result<FleetFile, Error> {
        let named = |member: &Member| Some((member.name.clone()?, member.url.clone()));
        let taken = fixed.iter().filter_map(named).collect();
        FleetFile { path, listed: Listed::default(), taken, scheme }.again()
    }

    /// Reads it again. Blocks.
    fn again(self) -> Result<FleetFile, Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the primary has no ring thread; called at start, and off the runtime"
        )]
        let pause = || std::thread::sleep(SAME_TIME);
        let listed = settled(|| bytes(&self.path), pause)
            .and_then(|bytes| Ok(parse(&bytes, Syntax::of(&self.path), self.scheme, &self.taken)?));
        match listed {
            Ok(listed) => Ok(FleetFile { listed, ..self }),
            Err(why) => Err(Error { path: self.path, why }),
        }
    }
}

/// Reports the hosts of the file each time that they change.
pub(super) async fn follow(
    file: FleetFile,
    interval: Duration,
    tell: mpsc::Sender<Change>,
    states: Arc<SourceStates>,
) {
    let touched = Arc::new(Notify::new());
    let mut watched = Watched::new(&file.path, Arc::clone(&touched));
    let mut last = Ok(file.listed.clone());
    loop {
        // The watch begins before the file is read, so that no change is missed in between.
        watched = watched.renewed().await;
        let now = read(file.clone()).await;
        states.file_failed(now.is_err());
        if now != last {
            match &now {
                Ok(listed) => {
                    tracing::info!(path = %file.path.display(), hosts = listed.members.len(), "the fleet's file was read");
                    if tell.send(Change::File(listed.clone())).await.is_err() {
                        return;
                    }
                }
                Err(why) => tracing::warn!("{why}; the fleet stays as it was"),
            }
            last = now;
        }
        tokio::select! {
            () = touched.notified() => sleep(SETTLE_TIME).await,
            () = sleep(interval) => {}
        }
    }
}

/// Reads the file on another thread than the one that accepts connections: a file system may be
/// slow. The error is a text, to be compared with the one before it.
async fn read(file: FleetFile) -> Result<Listed, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the primary has no ring thread, and this is one read at a time"
    )]
    let read = tokio::task::spawn_blocking(move || file.again());
    match read.await {
        Ok(file) => file.map(|file| file.listed).map_err(|error| error.to_string()),
        Err(error) => Err(format!("--fleet-file: {error}")),
    }
}

/// Reads, with a pause between, until it is the same twice in a row.
fn settled(mut read: impl FnMut() -> Result<Vec<u8>, Why>, mut pause: impl FnMut()) -> Result<Vec<u8>, Why> {
    let mut last = read()?;
    for _ in 1..LOOKS {
        pause();
        let now = read()?;
        if now == last {
            return Ok(now);
        }
        last = now;
    }
    Err(Why::Changing)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the primary has no ring thread; called at start, and off the runtime"
)]
fn bytes(path: &Path) -> Result<Vec<u8>, Why> {
    // Checked before it is opened: to open a pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Why::NotRegular);
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(Why::TooLarge);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_once_it_is_the_same_twice_in_a_row() {
        let (mut read, mut pauses) = (["a", "ab", "abc", "abc", "abcd"].into_iter(), 0);
        let next = || Ok(read.next().unwrap().as_bytes().to_vec());
        assert_eq!(settled(next, || pauses += 1).unwrap(), b"abc");
        assert_eq!(pauses, 3, "with a pause before each look but the first");
    }

    #[test]
    fn a_file_that_changes_all_the_time_is_not_read_for_ever() {
        let (mut bytes, mut looks) = (Vec::new(), 0);
        let next = || {
            looks += 1;
            bytes.push(b'x');
            Ok(bytes.clone())
        };
        assert!(settled(next, || ()).unwrap_err().to_string().contains("changes all the time"));
        assert_eq!(looks, LOOKS);
        let mut first = Some(Ok(Vec::new()));
        let gone = || first.take().unwrap_or_else(|| Err(io::Error::from(io::ErrorKind::NotFound).into()));
        let Why::Unreadable(error) = settled(gone, || ()).unwrap_err() else { panic!("it is gone") };
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
