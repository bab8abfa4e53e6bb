//! A memory cgroup for one program, of version 1 or 2, whichever this machine has.

use backscroll_e2e::program::Program;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Dropping it removes it: so the programs in it have to be dropped before.
#[derive(Debug)]
pub(crate) struct Cgroup {
    dir: PathBuf,
    is_v2: bool,
}

impl Cgroup {
    /// One whose programs get `bytes` of memory at most, page cache included, and no swap.
    pub(crate) fn new(bytes: u64) -> Result<Cgroup, String> {
        let v1 = Path::new("/sys/fs/cgroup/memory");
        let v2 = Path::new("/sys/fs/cgroup");
        let is_v2 = !v1.is_dir();
        let root = if is_v2 { v2 } else { v1 };
        sweep(root);
        if is_v2 {
            // It may be on already. If it cannot be switched on, the limit below does not exist.
            let _ = std::fs::write(root.join("cgroup.subtree_control"), "+memory");
        }
        let name = format!("backscroll-faults-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let dir = root.join(name);
        std::fs::create_dir(&dir).map_err(|why| format!("no memory cgroup can be made here: {why}"))?;
        // From here on it is removed if something below fails.
        let group = Cgroup { dir, is_v2 };
        let (limit, swap) = if is_v2 {
            ("memory.max", ("memory.swap.max", 0))
        } else {
            ("memory.limit_in_bytes", ("memory.memsw.limit_in_bytes", bytes))
        };
        let write = |file: &str, value: u64| {
            let path = group.dir.join(file);
            std::fs::write(&path, value.to_string()).map_err(|why| format!("{}: {why}", path.display()))
        };
        write(limit, bytes)?;
        // Machines without swap may not have this file.
        let _ = write(swap.0, swap.1);
        if !is_v2 {
            // Version 2 counts the memory of sockets. Version 1 does so only once it has a limit.
            let _ = write("memory.kmem.tcp.limit_in_bytes", 1 << 40);
        }
        Ok(group)
    }

    /// Starts a program in it.
    pub(crate) fn start(&self, name: &str, args: &[impl AsRef<std::ffi::OsStr>]) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", r#"echo $$ >"$0/cgroup.procs" && exec "$@""#]).arg(&self.dir);
        Program::start_through(command, name, args).unwrap()
    }

    /// How often the kernel has killed a program in it for want of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let file = if self.is_v2 { "memory.events" } else { "memory.oom_control" };
        self.field(file, "oom_kill")
    }

    /// Memory in use now that the kernel cannot take back: without page cache. In bytes.
    pub(crate) fn unreclaimable(&self) -> u64 {
        if self.is_v2 {
            ["anon", "sock", "kernel"].iter().map(|name| self.field("memory.stat", name)).sum()
        } else {
            let number = |file: &str| self.read(file).trim().parse().unwrap_or(0);
            let kernel: u64 = number("memory.kmem.usage_in_bytes");
            self.field("memory.stat", "rss") + kernel + self.sockets()
        }
    }

    /// The memory of its sockets now. In bytes.
    pub(crate) fn sockets(&self) -> u64 {
        if self.is_v2 {
            return self.field("memory.stat", "sock");
        }
        self.read("memory.kmem.tcp.usage_in_bytes").trim().parse().unwrap_or(0)
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.dir.join(file)).unwrap_or_default()
    }

    fn field(&self, file: &str, name: &str) -> u64 {
        let text = self.read(file);
        let of = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
        text.lines().find_map(of).unwrap_or(0)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for _ in 0..100 {
            if std::fs::remove_dir(&self.dir).is_ok() {
                return;
            }
            // The kernel needs a moment after the last program has ended.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Removes what an earlier process of these tests has left behind when it was killed.
fn sweep(root: &Path) {
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let id = name.strip_prefix("backscroll-faults-").and_then(|rest| rest.split('-').next());
        if id.is_some_and(|id| id.parse::<u32>().is_ok() && !Path::new("/proc").join(id).exists()) {
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}
