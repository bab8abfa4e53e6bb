//! What the units refuse. The program is replaced by a shell script, to which the whole unit
//! applies: the files that it sees, and the calls that it may make.

use crate::machine::Machine;

/// Commands that have to fail. All except the first two would succeed for any other user.
const REFUSED: [&str; 12] = [
    "cat /etc/shadow",
    "mount -t tmpfs tmpfs /tmp",
    "cat /root/secret",
    "cat /home/app/secret",
    "cat /tmp/secret",
    "touch /srv/open/new",
    "ls /proc/1/environ",
    "unshare --user true",
    "setarch --addr-no-randomize true",
    // AF_NETLINK.
    "perl -e 'socket(S, 16, 3, 0) or exit 1'",
    // Memory that is both writable and executable.
    MAP,
    KEYRING,
];

/// The number of `mmap` depends on the architecture.
const MAP: &str = if cfg!(target_arch = "x86_64") {
    "perl -e 'exit(syscall(9, 0, 4096, 7, 0x22, -1, 0) == -1)'"
} else {
    "perl -e 'exit(syscall(222, 0, 4096, 7, 0x22, -1, 0) == -1)'"
};

/// `keyctl`, to make a keyring.
const KEYRING: &str = if cfg!(target_arch = "x86_64") {
    "perl -e 'exit(syscall(250, 1, 0) == -1)'"
} else {
    "perl -e 'exit(syscall(219, 1, 0) == -1)'"
};

/// Commands that have to succeed, to show that those above do not fail for another reason.
const ALLOWED: [&str; 4] = [
    "cat /etc/passwd",
    "touch /tmp/new",
    "ls /dev/null",
    "perl -e 'socket(S, 2, 1, 0) and socket(S, 10, 1, 0) or exit 1'",
];

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_service_sees_nobodys_home_writes_nowhere_and_gains_nothing() {
    let machine = Machine::with_packages();
    machine.run("mkdir -p /home/app && mkdir -m 1777 /srv/open && chmod 755 /root");
    for secret in ["/home/app/secret", "/root/secret", "/tmp/secret"] {
        machine.run(&format!("echo secret >{secret}"));
    }
    for service in ["backscroll-secondary", "backscroll-primary"] {
        check(&machine, service, &REFUSED, &ALLOWED);
    }
}

/// Runs these commands within the unit.
fn check(machine: &Machine, service: &str, refused: &[&str], allowed: &[&str]) {
    let refused = refused.iter().map(|line| (line, "&& echo NOT REFUSED"));
    let allowed = allowed.iter().map(|line| (line, "|| echo NOT ALLOWED"));
    let lines = refused.chain(allowed).enumerate();
    let script: Vec<_> = lines.map(|(number, (line, told))| format!("{line} {told}: {number}")).collect();
    machine.run(&format!("cat >/usr/local/bin/try <<'END'\n{}\necho DONE\nEND", script.join("\n")));
    let program = "ExecStart=\nExecStart=/bin/sh /usr/local/bin/try";
    machine.drop_in(service, &format!("[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\n{program}"));
    machine.run(&format!("systemctl start {service}"));
    let told = machine.run(&format!("journalctl --unit {service} --output cat _TRANSPORT=stdout"));
    assert!(!told.contains("NOT ") && told.contains("DONE"), "{service}: {told}");
}

/// `open_by_handle_at` with arguments that make no sense. It succeeds, in the eyes of the shell, if the
/// call itself is not refused.
const BY_HANDLE: &str = if cfg!(target_arch = "x86_64") {
    "perl -e 'syscall(304, -1, 0, 0); exit($! == 1)'"
} else {
    "perl -e 'syscall(265, -1, 0, 0); exit($! == 1)'"
};

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn with_the_drop_in_that_reads_all_a_stolen_process_sees_what_the_unit_shows_and_no_more() {
    let machine = Machine::with_packages();
    machine.run("mkdir -p /home/app /var/lib/app /etc/ssh && chmod 700 /root /home/app /var/lib/app");
    for secret in [
        "/home/app/secret",
        "/root/secret",
        "/tmp/secret",
        "/var/lib/app/secret",
        "/etc/ssh/key",
        "/var/backups/key",
    ] {
        machine.run(&format!("echo secret >{secret} && chmod 600 {secret}"));
    }
    machine.example("backscroll-secondary", "read-all.conf");
    // Of the others, what is there to be tried is the same.
    let others = &REFUSED[1..];
    // In place of what is hidden there is something empty.
    let hidden = ["grep -q root /etc/shadow", "cat /etc/ssh/key", "ls /var/backups | grep -q .", BY_HANDLE];
    let refused = [others, &hidden].concat();
    // The price.
    let allowed = [&ALLOWED[..], &["cat /var/lib/app/secret"]].concat();
    check(&machine, "backscroll-secondary", &refused, &allowed);
}
