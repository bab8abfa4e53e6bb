//! Watches the folders in which a change of the fleet's file can be seen.
//!
//! These are the folder of the file, and the one above it, because the folder itself may be
//! replaced. If the folder is gone, the nearest folder above it shows when it comes back.

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::sync::Notify;

/// Device and inode of a folder; None where there is none.
type Identity = Option<(u64, u64)>;

/// The folders that are watched, until it is dropped.
#[derive(Debug)]
pub(super) struct Watched {
    folder: PathBuf,
    touched: Arc<Notify>,
    /// The folder that is watched.
    identity: Identity,
    /// Whether another folder may be there by now, even one with the same inode.
    is_stale: Arc<AtomicBool>,
    watcher: Option<RecommendedWatcher>,
    is_warned: bool,
}

impl Watched {
    /// For the file at `path`; [`Watched::renewed`] begins to watch.
    pub(super) fn new(path: &Path, touched: Arc<Notify>) -> Watched {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Absolute, so that it has folders above it.
        let folder = std::path::absolute(folder.unwrap_or(Path::new("."))).unwrap_or_default();
        Watched::of(folder, touched)
    }

    fn of(folder: PathBuf, touched: Arc<Notify>) -> Watched {
        let is_stale = Arc::default();
        Watched { folder, touched, identity: None, is_stale, watcher: None, is_warned: false }
    }

    /// Watches the folder that is there now, if that is another one than the one that is watched.
    pub(super) async fn renewed(self) -> Watched {
        let (folder, touched) = (self.folder.clone(), Arc::clone(&self.touched));
        #[expect(
            clippy::disallowed_methods,
            reason = "the primary has no ring thread, and this is one look at a time"
        )]
        let renewed = tokio::task::spawn_blocking(move || self.look());
        renewed.await.unwrap_or_else(|_| Watched::of(folder, touched))
    }

    fn look(mut self) -> Watched {
        let identity = identity(&self.folder);
        let is_stale = self.is_stale.load(Relaxed);
        if self.watcher.is_some() && identity.is_some() && identity == self.identity && !is_stale {
            return self;
        }
        self.is_stale = Arc::default();
        match watcher(&self.folder, Arc::clone(&self.touched), Arc::clone(&self.is_stale)) {
            Ok(watcher) => (self.identity, self.watcher) = (identity, Some(watcher)),
            Err(error) => {
                self.watcher = None;
                if !self.is_warned {
                    tracing::warn!(folder = %self.folder.display(), %error, "the folder of the fleet's file is not watched: the file is only read at an interval");
                }
                self.is_warned = true;
            }
        }
        self
    }
}

#[expect(clippy::disallowed_methods, reason = "called off the runtime")]
fn identity(folder: &Path) -> Identity {
    std::fs::metadata(folder).ok().map(|found| (found.dev(), found.ino()))
}

fn watcher(
    folder: &Path,
    touched: Arc<Notify>,
    is_stale: Arc<AtomicBool>,
) -> notify::Result<RecommendedWatcher> {
    let of_file = folder.to_owned();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Some(event) = event.ok().filter(|event| is_news(event.kind)) else { return };
        // In a folder above it only what lies on the path of the file counts.
        let is_above = event.paths.iter().any(|path| of_file.starts_with(path));
        let is_inside = event.paths.iter().any(|path| path.starts_with(&of_file));
        let moves = matches!(
            event.kind,
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        );
        if is_above && moves {
            is_stale.store(true, Relaxed);
        }
        if is_above || is_inside || event.paths.is_empty() {
            touched.notify_one();
        }
    })?;
    let is_there = watcher.watch(folder, RecursiveMode::NonRecursive);
    let mut above = folder.ancestors().skip(1);
    // The folders above need not be readable, as long as the folder is.
    let seen_above = above.any(|folder| watcher.watch(folder, RecursiveMode::NonRecursive).is_ok());
    if seen_above { Ok(watcher) } else { is_there.map(|()| watcher) }
}

/// Whether it may have changed the file. To read the file does not.
fn is_news(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
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
        // `Other` stands for events that were lost.
        assert!(is_news(EventKind::Other));
    }
}
