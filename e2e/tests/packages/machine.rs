//! A container that is a machine: systemd is its first process.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The image, which `.ci/systemd-image` makes.
const IMAGE: &str = "backscroll-test-systemd:bookworm";

/// What the names of all these containers begin with.
const PREFIX: &str = "backscroll-packages-";

/// How long a command may take that ends by itself, in seconds: a machine with two cores on
/// which much else runs.
const COMMAND_SECONDS: &str = "90";

/// How long is waited for what becomes true by itself.
const WAIT_TIME: Duration = Duration::from_mins(1);

/// How often it is looked.
const WAIT_INTERVAL: Duration = Duration::from_millis(200);

/// Control groups are read-only in a container that is not privileged. One of its own hierarchy
/// may be made writable by whoever may mount, on version 1 and on version 2.
const FIRST_PROCESS: &str = "for dir in $(grep -o ' /sys/fs/cgroup[^ ]*' /proc/self/mounts); do \
     mount -o remount,bind,rw $dir; done; exec /lib/systemd/systemd";

/// One that runs. It is taken away when it is dropped.
pub(crate) struct Machine {
    name: String,
}

impl Machine {
    /// One that has started, with both packages installed.
    pub(crate) fn with_packages() -> Machine {
        let machine = Machine::start();
        machine.run(&format!(
            "dpkg -i {} {}",
            package("backscroll-secondary"),
            package("backscroll-primary")
        ));
        machine
    }

    /// One that has started. Its folder `/packages` holds what `cargo deb` has made.
    fn start() -> Machine {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        sweep();
        let name = format!("{PREFIX}{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let packages = format!("{}:/packages:ro", package_dir().display());
        let mut args = vec!["run", "--detach", "--rm", "--name", &name, "--hostname", "web1"];
        // Whom a name leads to is told here: it has no network.
        args.extend(["--network", "none", "--add-host", "secondaries.internal:127.0.0.1"]);
        // systemd mounts, and the tests look into the processes of others. It brings filters of
        // its own, which are what is tested, so the engine's are left out: newer ones refuse
        // io_uring.
        args.extend(["--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "--cgroupns", "private"]);
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
        // Its guard from here on: whatever fails below, what is there is taken away.
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

    /// What a shell has to say to this, without the last line feed. It has to succeed.
    pub(crate) fn run(&self, script: &str) -> String {
        let output = self.shell(script);
        assert!(output.status.success(), "{script}: {}", told(&output));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// What a shell complains of. It must not succeed.
    pub(crate) fn refuse(&self, script: &str) -> String {
        let output = self.shell(script);
        assert!(!output.status.success(), "{script} succeeds: {}", told(&output));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Waits until this succeeds.
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

    /// One property of a service.
    pub(crate) fn property(&self, service: &str, name: &str) -> String {
        self.run(&format!("systemctl show --property {name} --value {service}"))
    }

    /// Adds a line to a program's file in `/etc/backscroll`.
    pub(crate) fn configure(&self, file: &str, line: &str) {
        self.run(&format!("printf '%s\\n' '{line}' >>/etc/backscroll/{file}"));
    }

    /// Changes a unit as its administrator would.
    pub(crate) fn drop_in(&self, service: &str, lines: &str) {
        let dir = format!("/etc/systemd/system/{service}.service.d");
        self.run(&format!("mkdir -p {dir} && cat >{dir}/test.conf <<'END'\n{lines}\nEND"));
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
    let dir = package_dir();
    let files = std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}: {MAKE}", dir.display()));
    let mut names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let file = names
        .find(|file| file.starts_with(&start) && Path::new(file).extension().is_some_and(|e| e == "deb"));
    format!("/packages/{}", file.unwrap_or_else(|| panic!("{} has no {start}*.deb: {MAKE}", dir.display())))
}

const MAKE: &str = ".ci/packages makes the packages, and runs these tests";

/// `target/debian`, from `target/PROFILE/deps/packages-0123456789abcdef`.
fn package_dir() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(3).unwrap().join("debian")
}

/// Takes away what a process of this test has left that was killed.
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
    // It may be gone already.
    let _ = engine(&["rm", "--force", "--volumes", name]);
}

fn engine(args: &[&str]) -> Output {
    Command::new("timeout").args([COMMAND_SECONDS, "docker"]).args(args).output().unwrap()
}

fn told(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{}, {out}{err}", output.status)
}
