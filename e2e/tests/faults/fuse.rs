//! A file system of our own, whose reads fail, hang or are short where a test says so.

use crate::support::line;
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEntry, ReplyOpen,
    Request,
};
use std::ffi::OsStr;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

/// What happens to a read that touches a place.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It fails with this error.
    Fails(Range<u64>, i32),
    /// It gets no answer until [`Disk::release`].
    Hangs(Range<u64>),
    /// To open it gets no answer until [`Disk::release`].
    HangsOpen,
    /// Every read gets at most so many bytes.
    Short(usize),
}

/// A file of `lines` lines of 64 bytes.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) lines: u64,
    pub(crate) fault: Fault,
}

/// The file system. Dropping it unmounts it.
pub(crate) struct Disk {
    session: Option<BackgroundSession>,
    hanging: Arc<Mutex<Hanging>>,
    dir: TempDir,
}

#[derive(Default)]
struct Hanging {
    is_over: bool,
    reads: Vec<ReplyData>,
    opens: Vec<ReplyOpen>,
}

impl Disk {
    pub(crate) fn mount(entries: Vec<Entry>) -> Result<Disk, String> {
        let dir = tempfile::tempdir().unwrap();
        let hanging = Arc::<Mutex<Hanging>>::default();
        let files = Files { entries, hanging: Arc::clone(&hanging) };
        let mut config = Config::default();
        config.mount_options = vec![MountOption::RO, MountOption::FSName("backscroll-faults".to_owned())];
        match fuser::spawn_mount(files, dir.path(), &config) {
            Ok(session) => Ok(Disk { session: Some(session), hanging, dir }),
            Err(why) => Err(format!("no FUSE file system can be mounted here: {why}")),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// How many reads hang now.
    pub(crate) fn hanging(&self) -> usize {
        self.hanging.lock().unwrap().reads.len()
    }

    /// How many files are being opened, without an answer.
    pub(crate) fn opening(&self) -> usize {
        self.hanging.lock().unwrap().opens.len()
    }

    /// Lets all that hangs fail, and what is to come.
    pub(crate) fn release(&self) {
        let mut hanging = self.hanging.lock().unwrap();
        hanging.is_over = true;
        for read in hanging.reads.drain(..) {
            read.error(Errno::EIO);
        }
        for open in hanging.opens.drain(..) {
            open.error(Errno::EIO);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A program whose read hangs could not end, and nothing could be unmounted.
        self.release();
        // Lazily, because a program may have a file open still.
        let _ = crate::support::run(&["umount", "--lazy", self.dir.path().to_str().unwrap()]);
        drop(self.session.take());
    }
}

struct Files {
    entries: Vec<Entry>,
    hanging: Arc<Mutex<Hanging>>,
}

const TTL: Duration = Duration::from_secs(1);
/// The number of the first file: 1 is the root.
const FIRST: u64 = 2;

impl Files {
    fn entry(&self, inode: INodeNo) -> Option<&Entry> {
        self.entries.get(usize::try_from(u64::from(inode).checked_sub(FIRST)?).ok()?)
    }

    fn attr(&self, inode: INodeNo) -> Option<FileAttr> {
        let (kind, size, perm) = match self.entry(inode) {
            Some(entry) => (FileType::RegularFile, entry.lines * 64, 0o444),
            None if inode == INodeNo::ROOT => (FileType::Directory, 0, 0o555),
            None => return None,
        };
        // Long ago, so that nobody takes it for a file that changes.
        let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        Some(FileAttr {
            ino: inode,
            size,
            blocks: size.div_ceil(512),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            flags: 0,
            blksize: 4096,
        })
    }
}

fn content(range: Range<u64>) -> Vec<u8> {
    let first = range.start / 64;
    let text: String = (first..range.end.div_ceil(64)).map(line).collect();
    let skipped = usize::try_from(range.start - first * 64).unwrap();
    text.as_bytes()[skipped..][..usize::try_from(range.end - range.start).unwrap()].to_vec()
}

impl Filesystem for Files {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let at = self.entries.iter().position(|entry| name == entry.name.as_str());
        match at.and_then(|at| self.attr(INodeNo(at as u64 + FIRST))) {
            Some(attr) => reply.entry(&TTL, &attr, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attr(inode) {
            Some(attr) => reply.attr(&TTL, &attr),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, inode: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        if self.entry(inode).is_some_and(|entry| matches!(entry.fault, Fault::HangsOpen)) {
            let mut hanging = self.hanging.lock().unwrap();
            return if hanging.is_over { reply.error(Errno::EIO) } else { hanging.opens.push(reply) };
        }
        // Each read comes here, at its own offset and length.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Some(entry) = self.entry(inode) else { return reply.error(Errno::ENOENT) };
        let end = (offset + u64::from(size)).min(entry.lines * 64);
        let touches = |bad: &Range<u64>| offset < bad.end && bad.start < end;
        match &entry.fault {
            Fault::Fails(bad, errno) if touches(bad) => reply.error(Errno::from_i32(*errno)),
            Fault::Hangs(bad) if touches(bad) => {
                let mut hanging = self.hanging.lock().unwrap();
                if hanging.is_over { reply.error(Errno::EIO) } else { hanging.reads.push(reply) }
            }
            Fault::Short(most) => reply.data(&content(offset.min(end)..end.min(offset + *most as u64))),
            _ => reply.data(&content(offset.min(end)..end)),
        }
    }

    fn readdir(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        for (at, entry) in self.entries.iter().enumerate().skip(usize::try_from(offset).unwrap()) {
            let at = at as u64;
            if reply.add(INodeNo(at + FIRST), at + 1, FileType::RegularFile, &entry.name) {
                break;
            }
        }
        reply.ok();
    }
}
