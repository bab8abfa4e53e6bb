//! What the units refuse. The program is exchanged for a shell that tries, so that all of a
//! unit holds for it: what it sees, and what it may call.

use crate::machine::Machine;

/// What has to fail.
const REFUSED: [&str; 13] = [
    "cat /etc/shadow",
    "cat /root/secret",
    "cat /home/app/secret",
    "cat /tmp/secret",
    "touch /var/log/new",
    "touch /etc/new",
    "ls /proc/1/environ",
    "ls /dev/kmsg",
    "cat /sys/fs/cgroup/*/release_agent",
    "mount -t tmpfs tmpfs /tmp",
    "unshare --net true",
    // AF_PACKET, and a key of the kernel's.
    "perl -e 'socket(S, 17, 3, 0) or exit 1'",
    "perl -e 'syscall(250, 0, -3, 0) == -1 and exit 1'",
];

/// What has to work, lest all of the above fails for another reason.
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
    machine.run("mkdir -p /home/app");
    for secret in ["/home/app/secret", "/root/secret", "/tmp/secret"] {
        machine.run(&format!("echo secret >{secret}"));
    }
    for service in ["backscroll-secondary", "backscroll-primary"] {
        let refused =
            REFUSED.iter().enumerate().map(|(n, line)| format!("{line} && echo NOT REFUSED: {n}\n"));
        let allowed =
            ALLOWED.iter().enumerate().map(|(n, line)| format!("{line} || echo NOT ALLOWED: {n}\n"));
        let script: String = refused.chain(allowed).collect();
        machine.run(&format!("cat >/usr/local/bin/try <<'END'\n{script}echo DONE\nEND"));
        machine.drop_in(
            service,
            "[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart=/bin/sh /usr/local/bin/try",
        );
        machine.run(&format!("systemctl start {service}"));
        let told = machine.run(&format!("journalctl --unit {service} --output cat _TRANSPORT=stdout"));
        assert!(!told.contains("NOT ") && told.contains("DONE"), "{service}: {told}");
    }
}
