//! The hosts that a file names: `--fleet-file PATH`, in the form that
//! [`file_sd`](super::file_sd) reads.
//!
//! It is read again when something happens in its folder – editors, `mv` and Kubernetes put
//! another file in its place, which a watch of the file itself would never see – and at an
//! interval, for file systems that tell nothing. A file that cannot be read or understood
//! leaves the fleet as it was.

use super::HOSTS;
use super::discovery::Change;
use super::file_sd::parse;
use super::member::Member;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

/// Bytes of the file: 1 KiB for each host that there may be.
const FILE_BYTES: u64 = HOSTS as u64 * 1024;

/// How long the file is left alone once it was touched: what a writer does in several steps
/// is read once.
const SETTLE_TIME: Duration = Duration::from_millis(50);

/// The file, and what it said when it was read.
#[derive(Debug, Clone)]
pub struct FleetFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its hosts.
    pub members: Vec<Member>,
}

impl FleetFile {
    /// Reads the file. Blocks; the error is one line that names the file and the place in it.
    pub fn read(path: PathBuf) -> Result<FleetFile, String> {
        match bytes(&path).map_err(|error| format!("{error}: name a file that this user may read")) {
            Ok(bytes) => parse(&bytes),
            Err(why) => Err(why),
        }
        .map_err(|why| format!("--fleet-file {}: {why}", path.display()))
        .map(|members| FleetFile { path, members })
    }
}

/// Tells what the file says, each time that this changes.
pub(super) async fn follow(file: FleetFile, interval: Duration, tell: mpsc::Sender<Change>) {
    let FleetFile { path, members } = file;
    let touched = Arc::new(Notify::new());
    // Before the first look, so that nothing happens in between. It watches until it is dropped.
    let _watcher = watcher(&path, Arc::clone(&touched))
        .inspect_err(|error| {
            tracing::warn!(path = %path.display(), %error, "the fleet's file is not watched, only read at an interval");
        })
        .ok();
    let mut last = Ok(members);
    loop {
        let now = read(path.clone()).await;
        if now != last {
            match &now {
                Ok(members) => {
                    tracing::info!(path = %path.display(), hosts = members.len(), "the fleet's file was read");
                    if tell.send(Change::File(members.clone())).await.is_err() {
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

/// Away from the thread that accepts connections: a file system may be slow.
async fn read(path: PathBuf) -> Result<Vec<Member>, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the primary has no ring thread, and this is one read at a time"
    )]
    let read = tokio::task::spawn_blocking(move || FleetFile::read(path));
    match read.await {
        Ok(file) => file.map(|file| file.members),
        Err(error) => Err(format!("--fleet-file: {error}")),
    }
}

fn watcher(path: &Path, touched: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| is_news(event.kind)) {
            touched.notify_one();
        }
    })?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    watcher.watch(folder.unwrap_or(Path::new(".")), RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// That it was read is none, least of all by ourselves.
fn is_news(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the primary has no ring thread; called at start, and off the runtime"
)]
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    // Looked at before it is opened: opening a pipe would wait for somebody who writes.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(io::Error::other(format!("it has more than {FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_be_read_is_no_news() {
        for kind in [AccessKind::Open(AccessMode::Any), AccessKind::Close(AccessMode::Read), AccessKind::Read]
        {
            assert!(!is_news(EventKind::Access(kind)));
        }
        assert!(is_news(EventKind::Access(AccessKind::Close(AccessMode::Write))));
        // Other is what stands for news that were lost.
        assert!(is_news(EventKind::Other));
    }
}
