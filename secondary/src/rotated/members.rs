//! The members of a file as those that may continue a cursor.

use super::{Listed, Rotated, STATS, full, is_kept, names};
use crate::read::Engine;
use backscroll_shared::query::FileName;
use rustix::fs::{AtFlags, statat};

/// After so many members that were looked at, others get a turn.
const STATS_AT_ONCE: usize = 8;

/// A member, as it was when the directory was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: FileName,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// Bytes in it.
    pub(crate) size: u64,
    /// Whether its name says that it is compressed.
    pub(crate) is_packed: bool,
}

impl Rotated {
    /// The newest members, at most [`STATS`], the newest first. The caller holds a permit to read a
    /// directory. Empty where it cannot be read.
    pub(crate) async fn members<E: Engine>(&self, engine: E) -> Vec<Member> {
        let (dir, _) = self.place();
        let Some(Listed { fd, names, members: all, .. }) = self.list(engine).await else { return Vec::new() };
        let mut found: Vec<&Vec<u8>> = all.iter().filter(|name| is_kept(name, &all)).collect();
        found.sort_by_cached_key(|name| names.age(name));
        found.truncate(STATS);
        engine.pause().await;
        let is_numbered = found.iter().all(|name| names.is_numbered(name));
        let mut members = Vec::with_capacity(found.len());
        for (at, name) in found.into_iter().enumerate() {
            if at % STATS_AT_ONCE == STATS_AT_ONCE - 1 {
                engine.pause().await;
            }
            let Ok(stat) = statat(&fd, &name[..], AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let Ok(full) = FileName::parse(full(dir, name)) else { continue };
            let written = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
            let member = Member {
                name: full,
                device: stat.st_dev,
                inode: stat.st_ino,
                size: u64::try_from(stat.st_size).unwrap_or(0),
                is_packed: names::unpacked(name) != &name[..],
            };
            members.push((written, member));
        }
        if !is_numbered {
            // Stable, so that those with the same time stay as their names say.
            members.sort_by_key(|(written, _)| std::cmp::Reverse(*written));
        }
        members.into_iter().map(|(_, member)| member).collect()
    }
}
