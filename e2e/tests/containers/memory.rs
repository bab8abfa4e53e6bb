//! What a container counts as its memory while it reads files that are larger than its limit: a
//! search leaves the page cache alone.

use crate::engine::{Container, comes_true, docker, run};
use crate::faults::readable_dir;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{scope, sleep};
use std::time::Duration;

/// The size of the file. The page cache would fill every limit below.
const FILE_BYTES: u64 = 1 << 30;

/// The limits that are tried.
const LIMITS: [u64; 2] = [256 << 20, 128 << 20];

/// The most page cache that two searches may add: the newest 8 MiB of the file, which stay by
/// design, what is being read, and the program's own pages.
const CACHE_BYTES: u64 = 48 << 20;

/// The most working set, which is what the kubelet compares with a request.
const WORKING_SET_BYTES: u64 = 100 << 20;

/// The files in which the kernel counts the memory of a container.
struct Counted {
    dir: PathBuf,
    is_v2: bool,
}

impl Counted {
    fn of(container: &Container) -> Counted {
        let pid = docker(&["inspect", "--format", "{{.State.Pid}}", &container.0]);
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        // Version 1: `9:memory:/docker/ID`. Version 2: `0::/system.slice/docker-ID.scope`.
        let v1 = groups.lines().find_map(|line| line.split_once(":memory:"));
        let v2 = groups.lines().find_map(|line| line.strip_prefix("0::"));
        let (root, group) = match (v1, v2) {
            (Some((_, group)), _) => ("/sys/fs/cgroup/memory", group),
            (None, group) => ("/sys/fs/cgroup", group.expect("each process is in a cgroup")),
        };
        let dir = Path::new(root).join(group.trim_start_matches('/'));
        Counted { dir, is_v2: v1.is_none() }
    }

    fn read(&self, file: &str) -> String {
        let path = self.dir.join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
    }

    fn stat(&self, name: &str) -> u64 {
        let text = self.read("memory.stat");
        let of = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        text.lines().find_map(of).unwrap_or_else(|| panic!("memory.stat has no {name}"))
    }

    /// What the kubelet and `docker stats` show: all, without the inactive part of the page cache.
    fn working_set(&self) -> u64 {
        let (all, inactive) = if self.is_v2 {
            ("memory.current", "inactive_file")
        } else {
            ("memory.usage_in_bytes", "total_inactive_file")
        };
        let all: u64 = self.read(all).trim().parse().unwrap();
        all.saturating_sub(self.stat(inactive))
    }

    fn page_cache(&self) -> u64 {
        self.stat(if self.is_v2 { "file" } else { "total_cache" })
    }
}

/// Whether reads on this machine can leave the page cache alone: Linux 6.14 or later.
fn kernel_can() -> bool {
    let release = run(&["uname", "--kernel-release"]).1;
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (6, 14)
}

/// What was written is counted where it was written, as long as it is in the page cache.
fn drop_page_cache() {
    let (well, text) = run(&["sh", "-c", "sync && echo 1 > /proc/sys/vm/drop_caches"]);
    assert!(well, "{text}");
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn two_cold_searches_of_a_large_file_do_not_fill_a_containers_memory() {
    if !kernel_can() {
        return eprintln!("skipped: it takes Linux 6.14");
    }
    // Not the folder for temporary files, which may be in memory.
    let dir = tempfile::Builder::new().prefix("backscroll-test-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
    let dir = dir.unwrap_or_else(|_| readable_dir());
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    backscroll_samples::write_large(&dir.path().join("large.log"), FILE_BYTES).unwrap();
    let mount = format!("{}:/logs:ro", dir.path().display());
    // Shows that the figures below would be noticed: what reads the file plainly fills the limit.
    let plain = ["--entrypoint", "sh", "--volume", &mount, "--memory", "256m", "--network", "none"];
    let script = ["backscroll-secondary", "-c", "cat /logs/large.log >/dev/null; exec sleep 100"];
    drop_page_cache();
    let plain = Container::start(&[&plain[..], &script].concat());
    let counted = Counted::of(&plain);
    let is_seen = comes_true(Duration::from_mins(1), || counted.page_cache() > 2 * CACHE_BYTES);
    assert!(is_seen, "{} MiB", counted.page_cache() >> 20);
    drop(plain);
    let profile = concat!("seccomp=", env!("CARGO_MANIFEST_DIR"), "/../deploy/seccomp-io-uring.json");
    for limit in LIMITS {
        let bytes = limit.to_string();
        let contained = ["--memory", &bytes, "--memory-swap", &bytes, "--network", "none", "--read-only"];
        let rights = ["--cap-drop", "ALL", "--security-opt", profile, "--volume", &mount];
        let program = ["backscroll-secondary", "--io", "uring"];
        let secondary = Container::start(&[&contained[..], &rights, &program].concat());
        assert!(secondary.comes_to_answer("/readyz", "\"ready\":true"), "{}", secondary.said());
        drop_page_cache();
        let counted = Counted::of(&secondary);
        let before = (counted.working_set(), counted.page_cache());
        let (working_set, cache, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        scope(|scope| {
            let scans: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| secondary.status("/logs?filename=large.log&keyword=no-line-holds-this"))
                })
                .collect();
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    working_set.fetch_max(counted.working_set(), Relaxed);
                    cache.fetch_max(counted.page_cache(), Relaxed);
                    sleep(Duration::from_millis(20));
                }
            });
            let answers: Vec<String> = scans.into_iter().map(|scan| scan.join().unwrap()).collect();
            over.store(true, Relaxed);
            assert_eq!(answers, ["200", "200"]);
        });
        let (working_set, cache) = (working_set.into_inner(), cache.into_inner());
        let mebibytes = |bytes: u64| bytes >> 20;
        eprintln!(
            "{} MiB: working set {} MiB before, {} MiB at most, {} MiB after; page cache {}, {}, {} MiB",
            mebibytes(limit),
            mebibytes(before.0),
            mebibytes(working_set),
            mebibytes(counted.working_set()),
            mebibytes(before.1),
            mebibytes(cache),
            mebibytes(counted.page_cache()),
        );
        let added = cache.saturating_sub(before.1);
        assert!(added <= CACHE_BYTES, "{} MiB of page cache were added", mebibytes(added));
        assert!(working_set <= WORKING_SET_BYTES, "{} MiB of working set", mebibytes(working_set));
    }
}
