//! A container that behaves like a machine: systemd is its first process.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The image, which `.ci/systemd-image` makes.
const IMAGE: &str = "backscroll-test-systemd:bookworm";

/// The beginning of the names of all these containers.
const PREFIX: &str = "backscroll-packages-";

/// How long a command may take, in seconds. The machine has two cores, and much else runs on it.
const COMMAND_SECONDS: &str = "90";

/// How long to wait until a condition becomes true.
const WAIT_TIME: Duration = Duration::from_mins(1);

/// How often the condition is checked.
const WAIT_INTERVAL: Duration = Duration::from_millis(200);

/// Control groups are read-only in a container that is not privileged. A process that may mount can
/// make its own hierarchy writable, with version 1 and with version 2. Mounts are shared as on a
/// machine, because systemd hands credentials over in one.
const FIRST_PROCESS: &str = "for dir in $(grep -o ' /sys/fs/cgroup[^ ]*' /proc/self/mounts); do \
     mount -o remount,bind,rw $dir; done; \
     mount --make-rshared /; exec /lib/systemd/systemd";

/// A running machine. Dropping it removes it.
pub(crate) struct Machine {
    name: String,
}

impl Machine {
    /// Starts a machine with both packages installed.
    pub(crate) fn with_packages() -> Machine {
        let machine = Machine::start();
        machine.run(&format!(
            "dpkg -i {} {}",
            package("backscroll-secondary"),
            package("backscroll-primary")
        ));
        machine
    }

    /// Starts a machine. Its folder `/packages` contains what `cargo deb` has built.
    fn start() -> Machine {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        sweep();
        let name = format!("{PREFIX}{}-{}", run_id(), NUMBER.fetch_add(1, Relaxed));
        let packages = format!("{}:/packages:ro", package_dir().display());
        let mut args = vec!["run", "--detach", "--rm", "--name", &name, "--hostname", "web1"];
        // Host names are set here, since the machine has no network.
        args.extend(["--network", "none", "--add-host", "secondaries.internal:127.0.0.1"]);
        // systemd mounts file systems, and the tests look into other users' processes. The filters
        // of systemd are tested here, so those of the engine are switched off: newer ones refuse
        // io_uring.
        args.extend(["--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "--cgroupns", "private"]);
        // An address is added to an interface, and a service gets a capability.
        args.extend(["--cap-add", "NET_ADMIN", "--cap-add", "DAC_READ_SEARCH"]);
        args.extend(["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]);
        args.extend([
            "--tmpfs",
            "/run",
            "--tmpfs",
            "/run/lock",
            "--tmpfs",
            "/tmp",
            "--env",
            "container=docker",
        ]);
        args.extend(["--volume", &packages, IMAGE, "sh", "-c", FIRST_PROCESS]);
        // From here on everything is removed if something below fails.
        let machine = Machine { name: name.clone() };
        let output = engine(&args);
        assert!(
            output.status.success(),
            "no container: .ci/systemd-image makes its image: {}",
            told(&output)
        );
        machine.wait_for("systemctl is-system-running");
        machine
    }

    /// The output of a shell command, without the last line feed. The command must succeed.
    pub(crate) fn run(&self, script: &str) -> String {
        let output = self.shell(script);
        assert!(output.status.success(), "{script}: {}", told(&output));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The error output of a shell command. The command must fail.
    pub(crate) fn refuse(&self, script: &str) -> String {
        let output = self.shell(script);
        assert!(!output.status.success(), "{script} succeeds: {}", told(&output));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Waits until a shell command succeeds.
    pub(crate) fn wait_for(&self, script: &str) {
        let began = Instant::now();
        loop {
            let output = self.shell(script);
            if output.status.success() {
                return;
            }
            assert!(began.elapsed() < WAIT_TIME, "{script} does not come true: {}", told(&output));
            sleep(WAIT_INTERVAL);
        }
    }

    /// A property of a service.
    pub(crate) fn property(&self, service: &str, name: &str) -> String {
        self.run(&format!("systemctl show --property {name} --value {service}"))
    }

    /// Adds a line to a program's file in `/etc/backscroll`.
    pub(crate) fn configure(&self, file: &str, line: &str) {
        self.run(&format!("printf '%s\\n' '{line}' >>/etc/backscroll/{file}"));
    }

    /// Changes a unit in the way an administrator would.
    pub(crate) fn drop_in(&self, service: &str, lines: &str) {
        let dir = format!("/etc/systemd/system/{service}.service.d");
        self.run(&format!("mkdir -p {dir} && cat >{dir}/test.conf <<'END'\n{lines}\nEND"));
        self.run("systemctl daemon-reload");
    }

    /// Installs a drop-in from a package, as its comment says.
    pub(crate) fn example(&self, service: &str, name: &str) {
        let from = format!("/usr/share/doc/{service}/examples/{name}");
        self.run(&format!("install -D -m 644 {from} /etc/systemd/system/{service}.service.d/{name}"));
        self.run("systemctl daemon-reload");
    }

    fn shell(&self, script: &str) -> Output {
        engine(&["exec", &self.name, "sh", "-c", script])
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let journal = self.shell("journalctl --no-pager --lines 25");
            eprintln!("{}", String::from_utf8_lossy(&journal.stdout));
        }
        remove(&self.name);
    }
}

/// The path of a package inside the container.
pub(crate) fn package(name: &str) -> String {
    let start = format!("{name}_{}-", env!("CARGO_PKG_VERSION"));
    let end = if cfg!(target_arch = "x86_64") { "_amd64.deb" } else { "_arm64.deb" };
    let dir = package_dir();
    let files = std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}: {MAKE}", dir.display()));
    let mut names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let file = names.find(|file| file.starts_with(&start) && file.ends_with(end));
    format!("/packages/{}", file.unwrap_or_else(|| panic!("{} has no {start}*{end}: {MAKE}", dir.display())))
}

const MAKE: &str = ".ci/packages makes the packages, and runs these tests";

/// The folder that `BACKSCROLL_PACKAGES` names, as `.ci/release` does; else `target/debian`, from
/// `target/PROFILE/deps/packages-0123456789abcdef`.
fn package_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("BACKSCROLL_PACKAGES") {
        return dir.into();
    }
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(3).unwrap().join("debian")
}

/// The process that takes away what this one leaves behind: `.ci/try-packages`, or this one itself.
fn run_id() -> String {
    std::env::var("BACKSCROLL_TEST_RUN").unwrap_or_else(|_| std::process::id().to_string())
}

/// Removes what an earlier process of this test has left behind when it was killed.
fn sweep() {
    let output = engine(&["ps", "--all", "--filter", &format!("name={PREFIX}"), "--format", "{{.Names}}"]);
    assert!(output.status.success(), "the container engine does not answer: {}", told(&output));
    for name in String::from_utf8(output.stdout).unwrap().lines() {
        let id = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if id.is_some_and(|id| id.parse::<u32>().is_ok() && !Path::new("/proc").join(id).exists()) {
            remove(name);
        }
    }
}

fn remove(name: &str) {
    // The container may be gone already.
    let _ = engine(&["rm", "--force", "--volumes", name]);
}

fn engine(args: &[&str]) -> Output {
    Command::new("timeout").args([COMMAND_SECONDS, "docker"]).args(args).output().unwrap()
}

fn told(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{}, {out}{err}", output.status)
}
