//! The profile `deploy/seccomp-io-uring.json`: it allows enough, it refuses what it should, and a
//! secondary to which io_uring is refused says so.

use crate::engine::{Container, docker, root, run};
use crate::faults::readable_dir;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::{NamedTempFile, TempDir};

pub(crate) fn profile() -> Value {
    let text = std::fs::read_to_string(root().join("deploy/seccomp-io-uring.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The profile without its io_uring calls, like the default profiles of current engines. These
/// calls fail with `errno`.
fn profile_without_io_uring(errno: u32) -> NamedTempFile {
    let mut profile = profile();
    let rules = profile["syscalls"].as_array_mut().unwrap();
    let is_io_uring = |rule: &Value| rule["names"].as_array().unwrap().contains(&json!("io_uring_setup"));
    let rule = rules.iter_mut().find(|rule| is_io_uring(rule)).unwrap();
    rule["action"] = json!("SCMP_ACT_ERRNO");
    rule["errnoRet"] = json!(errno);
    written(&profile)
}

/// The profile, changed so that a call that it does not allow kills the program. A library may
/// silently work around an error.
fn profile_that_kills() -> NamedTempFile {
    let mut profile = profile();
    profile["defaultAction"] = json!("SCMP_ACT_KILL_PROCESS");
    profile.as_object_mut().unwrap().remove("defaultErrnoRet");
    let rules = profile["syscalls"].as_array_mut().unwrap();
    let all = rules.len();
    rules.retain(|rule| rule["errnoRet"] != json!(EPERM));
    assert_eq!(rules.len(), all - 1, "one rule refuses what is dangerous");
    written(&profile)
}

fn written(profile: &Value) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    serde_json::to_writer(file.as_file(), profile).unwrap();
    file
}

fn logs() -> TempDir {
    let dir = readable_dir();
    std::fs::write(dir.path().join("app.log"), "one\ntwo\n").unwrap();
    dir
}

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn without_the_io_uring_calls_a_secondary_says_so_and_how_to_mend_it() {
    let dir = logs();
    let mount = format!("{}:/logs:ro", dir.path().display());
    for (errno, cause) in
        [(EPERM, "a seccomp profile refuses it"), (ENOSYS, "a container's profile hides it")]
    {
        let file = profile_without_io_uring(errno);
        let seccomp = format!("seccomp={}", file.path().display());
        let start = |io: &str| {
            let contained =
                ["--read-only", "--cap-drop", "ALL", "--network", "none", "--security-opt", &seccomp];
            Container::start(
                &[&contained[..], &["--volume", &mount, "backscroll-secondary", "--io", io]].concat(),
            )
        };
        let refused = start("uring");
        assert_eq!(refused.exit_status(), "1");
        let said = refused.said();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(cause) && said.contains("deploy/seccomp-io-uring.json"), "{said}");
        let falls_back = start("auto");
        assert!(falls_back.comes_to_answer("/readyz", "\"io_engine\":\"threads\""), "{}", falls_back.said());
        assert!(falls_back.curl("/readyz").contains(cause), "{}", falls_back.curl("/readyz"));
        assert!(falls_back.said().contains(cause), "{}", falls_back.said());
        assert_eq!(falls_back.curl("/logs?filename=app.log"), "two\none");
    }
}

/// Calls that neither program needs, as `NAME NUMBER ARGUMENTS`, and how they fail under the profile.
/// With these arguments, none of them fails so if it is allowed. Engines before 23.0 do not pass
/// `defaultErrnoRet` on, so there a call that is in no list fails with EPERM (`runtimes.rs` tries
/// the runtimes without an engine).
#[cfg(target_arch = "x86_64")]
pub(crate) const REFUSED: &[(&str, &str, u32)] = &[
    ("unshare, a user namespace", "272, 0x10000000", EPERM),
    ("clone, a user namespace", "56, 0x10000011, 0, 0, 0, 0", ENOSYS),
    ("mount", "165, 0, 0, 0, 0, 0", EPERM),
    ("ptrace, TRACEME", "101, 0, 0, 0, 0", EPERM),
    ("setns", "308, -1, 0", EPERM),
    ("keyctl", "250, 0, -3, 0", EPERM),
    ("bpf", "321, 99, 0, 0", EPERM),
    ("perf_event_open", "298, 0, 0, -1, -1, 0", EPERM),
    ("userfaultfd", "323, 1", EPERM),
    ("process_vm_readv", "310, -1, 0, 0, 0, 0, 0", EPERM),
    ("socket, AF_PACKET", "41, 17, 3, 0", ENOSYS),
    ("socket, AF_VSOCK", "41, 40, 1, 0", ENOSYS),
    ("chmod", "90, 0, 0", EPERM),
    ("rename", "82, 0, 0", EPERM),
    ("kill", "62, 0, 0", EPERM),
    ("getpriority, in no list", "140, 0, 0", ENOSYS),
    ("fchmodat2, which is newer than some runtimes", "452, -1, 0, 0, 0", ENOSYS),
];

/// Whether the engine passes `defaultErrnoRet` on to its runtime.
fn engine_knows_default_errno() -> bool {
    let version = docker(&["version", "--format", "{{.Server.Version}}"]);
    version.split('.').next().and_then(|major| major.parse().ok()).is_some_and(|major: u32| major >= 23)
}

/// The result of the call: its errno, or 0 if it succeeds. The base image has perl.
#[cfg(target_arch = "x86_64")]
fn errno_of(call: &str, options: &[&str]) -> String {
    // In the child of clone the result is 0, and the child ends there.
    let script = format!("my $r = syscall({call}); my $e = $!+0; print $r < 0 ? $e : 0; exit 0");
    let base = ["run", "--rm", "--network", "none", "--entrypoint", "perl"];
    docker(&[&base[..], options, &["backscroll-secondary", "-e", &script]].concat())
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
#[cfg(target_arch = "x86_64")]
fn what_the_programs_do_not_need_is_refused() {
    let profile = format!("seccomp={}", root().join("deploy/seccomp-io-uring.json").display());
    let is_known = engine_knows_default_errno();
    for (name, call, errno) in REFUSED {
        // Runs as root with all needed capabilities, so that only the profile refuses.
        let rights = ["--user", "0", "--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "--security-opt"];
        let refused = errno_of(call, &[&rights[..], &[&profile]].concat());
        let errno = errno.to_string();
        assert!(refused == errno || !is_known && refused == "1", "{name} under the profile: {refused}");
        let allowed = errno_of(call, &[&rights[..], &["seccomp=unconfined"]].concat());
        assert!(allowed != errno && allowed != "1", "{name} without it: the test shows nothing");
    }
    // libc tries clone3 first, and uses clone if that does not exist.
    let clone3 = errno_of("435, 0, 0", &["--security-opt", &profile]);
    assert_eq!(clone3, "38");
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn all_that_the_programs_can_do_works_under_the_profile_and_calls_nothing_else() {
    let kills = profile_that_kills();
    for profile in [root().join("deploy/seccomp-io-uring.json"), kills.path().to_owned()] {
        assert_works_under(&profile);
    }
}

fn assert_works_under(profile: &Path) {
    let seccomp = format!("seccomp={}", profile.display());
    let dir = logs();
    let mount = format!("{}:/logs:ro", dir.path().display());
    let contained = [
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges:true",
        "--security-opt",
        &seccomp,
    ];
    let own_log =
        ["--tmpfs", "/own:uid=10001", "--network", "none", "--volume", &mount, "backscroll-secondary"];
    let told = ["--io", "uring", "--log-file", "/own", "--log-format", "json"];
    let secondary = Container::start(&[&contained[..], &own_log, &told].concat());
    assert!(secondary.comes_to_answer("/readyz", "\"io_engine\":\"uring\""), "{}", secondary.said());
    assert_eq!(secondary.curl("/logs?filename=app.log&keyword=o"), "two\none");
    assert_eq!(secondary.curl("/logs?filename=app.log&keyword=e%0At"), "one\ntwo");
    assert!(secondary.curl("/files").contains("app.log"));
    // The file is not in the page cache, so its reads go through the ring.
    let large = dir.path().join("large.log");
    backscroll_samples::write_large(&large, 64 << 20).unwrap();
    let (well, text) = run(&["sh", "-c", "sync && echo 1 > /proc/sys/vm/drop_caches"]);
    assert!(well, "{text}");
    assert_eq!(secondary.curl("/logs?filename=large.log&keyword=no-line-holds-this"), "");
    docker(&["stop", "--time", "10", &secondary.0]);
    assert_eq!(secondary.exit_status(), "0");
    // The primary needs fewer calls. It does not start either if one of them is missing.
    let fleet = dir.path().join("fleet.json");
    std::fs::write(&fleet, r#"[{"targets": ["127.0.0.1:8001"], "labels": {"hostname": "web1"}}]"#).unwrap();
    let primary = ["--network", "none", "--volume", &mount, "--tmpfs", "/own:uid=10001", "--env"];
    let sources = ["--fleet-file", "/logs/fleet.json", "--fleet-dns", "localhost:8001", "--log-file", "/own"];
    let listen = ["BACKSCROLL_LISTEN=0.0.0.0:8001", "backscroll-primary"];
    let primary = Container::start(&[&contained[..], &primary, &listen, &sources].concat());
    assert!(primary.comes_to_answer("/readyz", "\"ready\":true"), "{}", primary.said());
    std::fs::write(&fleet, r#"[{"targets": ["127.0.0.1:8001"], "labels": {"hostname": "web2"}}]"#).unwrap();
    assert!(primary.comes_to_answer("/hosts", "web2"), "{}", primary.said());
    docker(&["stop", "--time", "10", &primary.0]);
    assert_eq!(primary.exit_status(), "0");
}
