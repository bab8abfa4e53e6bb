//! Simulates a slow disk: a cgroup whose processes may read only so many bytes a second from one
//! device.

use anyhow::{Context as _, Result, bail};
use rustix::fs::{major, minor};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often to try to remove the cgroup. A process that was moved out or killed may be in it for a
/// moment more.
const REMOVALS: usize = 100;

/// How long to wait between two tries.
const REST: Duration = Duration::from_millis(20);

/// A cgroup with a limit. Dropping it moves its processes back and removes it.
#[derive(Debug)]
pub struct Throttle {
    dir: PathBuf,
    /// The cgroup that the processes came from.
    home: PathBuf,
    /// The device, as `MAJOR:MINOR`.
    device: String,
}

impl Throttle {
    /// Limits reading from the device of `path`. Fails if there is no `blkio` controller of version
    /// 1, no right to make a cgroup, or no such device.
    pub fn new(path: &Path, bytes_per_second: u64) -> Result<Throttle> {
        let home = own_cgroup().context("no cgroup (version 1) with the blkio controller")?;
        let device = disk_of(path)?;
        let dir = home.join(format!("backscroll-compare-{}", std::process::id()));
        std::fs::create_dir(&dir)
            .context("no cgroup can be made below that of this process: run it as root")?;
        // From here on the cgroup is removed if something below fails.
        let throttle = Throttle { dir, home, device };
        throttle.limit(bytes_per_second)?;
        Ok(throttle)
    }

    /// Puts a process into the cgroup.
    pub fn add(&self, pid: u32) -> Result<()> {
        std::fs::write(self.dir.join("cgroup.procs"), pid.to_string())
            .with_context(|| format!("process {pid} cannot be put into the cgroup"))
    }

    /// The bytes that its processes have read from the disk.
    pub fn read_bytes(&self) -> Result<u64> {
        let text = std::fs::read_to_string(self.dir.join("blkio.throttle.io_service_bytes"))?;
        let wanted = format!("{} Read ", self.device);
        let figure = text.lines().find_map(|line| line.strip_prefix(&wanted)?.parse().ok());
        // There is no line before the first read.
        Ok(figure.unwrap_or(0))
    }

    /// Sets the limit; 0 removes it.
    fn limit(&self, bytes_per_second: u64) -> Result<()> {
        let line = format!("{} {bytes_per_second}", self.device);
        std::fs::write(self.dir.join("blkio.throttle.read_bps_device"), &line)
            .with_context(|| format!("blkio.throttle.read_bps_device did not take {line:?}"))
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        // The limit is removed first, so that reads that wait for the disk can finish.
        let _ = self.limit(0);
        for _ in 0..REMOVALS {
            let left = std::fs::read_to_string(self.dir.join("cgroup.procs")).unwrap_or_default();
            for pid in left.lines() {
                let _ = std::fs::write(self.home.join("cgroup.procs"), pid);
            }
            if std::fs::remove_dir(&self.dir).is_ok() {
                return;
            }
            std::thread::sleep(REST);
        }
        eprintln!("a cgroup could not be removed: rmdir {}", self.dir.display());
    }
}

/// The cgroup of this process in the hierarchy of the `blkio` controller.
fn own_cgroup() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    blkio_path(&mounts, &own).filter(|path| path.is_dir())
}

fn blkio_path(mounts: &str, own: &str) -> Option<PathBuf> {
    let mount = mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let is_v1 = right.next()? == "cgroup";
        let has_blkio = right.nth(1)?.split(',').any(|option| option == "blkio");
        (is_v1 && has_blkio).then(|| left.split(' ').nth(4)).flatten()
    })?;
    let path = own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        parts.next()?.split(',').any(|controller| controller == "blkio").then(|| parts.next()).flatten()
    })?;
    Some(Path::new(mount).join(path.trim_start_matches('/')))
}

/// The disk of a file, as `MAJOR:MINOR`. For a partition this is the whole disk, since limits apply
/// to disks.
fn disk_of(path: &Path) -> Result<String> {
    let id = std::fs::metadata(path)?.dev();
    let device = format!("{}:{}", major(id), minor(id));
    let dir = PathBuf::from(format!("/sys/dev/block/{device}"));
    if !dir.exists() {
        bail!("the temporary folder is not on a block device: give a folder on a disk with --dir");
    }
    if dir.join("partition").exists() {
        // The link leads into the folder of the disk.
        let disk = std::fs::read_to_string(std::fs::canonicalize(&dir)?.join("../dev"))?;
        return Ok(disk.trim().to_owned());
    }
    Ok(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_cgroup_is_found_where_blkio_is_mounted() {
        let mounts = "30 27 0:1 / /dev/shm rw - tmpfs tmpfs rw\n\
            38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let own = "8:pids:/\n7:blkio:/a/b\n0::/\n";
        assert_eq!(blkio_path(mounts, own), Some(PathBuf::from("/sys/fs/cgroup/blkio/a/b")));
        assert_eq!(blkio_path("41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/\n"), None);
    }
}
