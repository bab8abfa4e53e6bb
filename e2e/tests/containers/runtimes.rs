//! The profile `deploy/seccomp-io-uring.json` under the runtimes themselves, without an engine that
//! may leave a part of it out: `runc` and `crun`, whichever are installed.

use crate::engine::{Container, comes_true, command, docker, run, run_id};
use crate::faults::readable_dir;
use crate::seccomp::{REFUSED, profile};
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// What an image contains, unpacked.
fn unpacked(image: &str) -> TempDir {
    let dir = readable_dir();
    let label = format!("backscroll-test={}", run_id());
    let container = Container(docker(&["create", "--label", &label, image]));
    let script = format!("docker export {} | tar -x -C {}", container.0, dir.path().display());
    let (well, text) = run(&["sh", "-c", &script]);
    assert!(well, "{text}");
    dir
}

/// A command line of one that is installed.
type Runtime = &'static [&'static str];

/// Does without control groups, and sees none: it refuses those of a machine that has both versions.
const CRUN: Runtime = &[
    "unshare",
    "--mount",
    "sh",
    "-c",
    "mount -t tmpfs tmpfs /sys/fs/cgroup && exec crun --cgroup-manager=disabled \"$@\"",
    "crun",
];

/// Those that are installed.
fn runtimes() -> Vec<Runtime> {
    let mut installed = Vec::new();
    for (name, runtime) in [("runc", &["runc"][..]), ("crun", CRUN)] {
        let (well, text) = run(&[name, "--version"]);
        if well {
            eprintln!("{}", text.lines().next().unwrap_or_default());
            installed.push(runtime);
        }
    }
    assert!(!installed.is_empty(), "neither runc nor crun is installed");
    installed
}

/// A bundle: a program that runs in `rootfs` under a profile, as nobody in particular or as root.
fn bundle(rootfs: &Path, user: u32, profile: &Value, args: &[&str], logs: Option<&Path>) -> TempDir {
    let dir = readable_dir();
    let rights: &[&str] = if user == 0 { &["CAP_SYS_ADMIN", "CAP_SYS_PTRACE"] } else { &[] };
    let mut mounts = vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc"}),
        json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}),
    ];
    // The logs, and the socket at which it listens.
    mounts.extend(logs.map(
        |logs| json!({"destination": "/logs", "type": "none", "source": logs, "options": ["rbind", "rw"]}),
    ));
    let namespaces = ["pid", "mount", "ipc", "uts", "network"];
    let config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": user, "gid": user},
            "args": args,
            "env": ["PATH=/usr/local/bin:/usr/bin:/bin", "BACKSCROLL_LISTEN=unix:/logs/http.sock"],
            "cwd": "/",
            "noNewPrivileges": true,
            "capabilities": {"bounding": rights, "effective": rights, "permitted": rights},
        },
        "root": {"path": rootfs, "readonly": true},
        "hostname": "web1",
        "mounts": mounts,
        "linux": {
            "namespaces": namespaces.map(|name| json!({"type": name})),
            "seccomp": profile,
        },
    });
    std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    dir
}

/// A program that a runtime runs. Dropping it removes it.
struct Running {
    runtime: Runtime,
    id: String,
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be removed already, by the command that runs it.
        let (_, text) = run(&[self.runtime, &["delete", "--force", &self.id]].concat());
        let _ = self.child.wait();
        if run(&[self.runtime, &["state", &self.id]].concat()).0 {
            eprintln!("{} is left behind: {text}", self.id);
        }
    }
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
#[cfg(target_arch = "x86_64")]
fn a_call_that_the_profile_does_not_know_does_not_exist() {
    let rootfs = unpacked("backscroll-secondary");
    for runtime in runtimes() {
        for (number, (name, call, errno)) in REFUSED.iter().enumerate() {
            let of = |profile: &Value| {
                // In the child of clone the result is 0, and the child ends there.
                let script = format!("my $r = syscall({call}); my $e = $!+0; print $r < 0 ? $e : 0; exit 0");
                let dir = bundle(rootfs.path(), 0, profile, &["perl", "-e", &script], None);
                let id = format!("backscroll-test-{}-{number}", run_id());
                let (well, text) =
                    run(&[runtime, &["run", "--bundle", dir.path().to_str().unwrap(), &id]].concat());
                assert!(well, "{runtime:?}: {name}: {text}");
                text
            };
            assert_eq!(of(&profile()), errno.to_string(), "{runtime:?}: {name}");
        }
    }
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_secondary_reads_through_a_ring_under_each_runtime() {
    let rootfs = unpacked("backscroll-secondary");
    for runtime in runtimes() {
        let logs = readable_dir();
        std::os::unix::fs::chown(logs.path(), Some(10_001), Some(10_001)).unwrap();
        std::fs::write(logs.path().join("app.log"), "one\ntwo\n").unwrap();
        let program = ["/usr/local/bin/backscroll-secondary", "--io", "uring", "--log-dir", "/logs"];
        let dir = bundle(rootfs.path(), 10_001, &profile(), &program, Some(logs.path()));
        let said = dir.path().join("said");
        let id = format!("backscroll-test-{}-serves", run_id());
        let mut line = command(&[runtime, &["run", "--bundle", dir.path().to_str().unwrap(), &id]].concat());
        let child = line.stderr(File::create(&said).unwrap()).stdout(Stdio::null()).spawn().unwrap();
        let running = Running { runtime, id, child };
        let socket = logs.path().join("http.sock");
        let get = |target: &str| {
            let url = format!("http://localhost{target}");
            run(&["curl", "-sS", "--max-time", "10", "--unix-socket", socket.to_str().unwrap(), &url]).1
        };
        let ready = || get("/readyz").contains("\"io_engine\":\"uring\"");
        let said = || std::fs::read_to_string(&said).unwrap();
        assert!(comes_true(Duration::from_secs(15), ready), "{runtime:?}: {}{}", get("/readyz"), said());
        assert_eq!(get("/logs?filename=app.log&keyword=o"), "two\none", "{runtime:?}: {}", said());
        drop(running);
    }
}
