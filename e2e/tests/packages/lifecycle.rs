//! How the services start, fail, are killed, and stop.

use crate::machine::Machine;

const SERVICES: [(&str, &str); 2] =
    [("backscroll-secondary", "http://127.0.0.1:8001"), ("backscroll-primary", "http://127.0.0.1:8000")];

/// The log of a service.
fn written(machine: &Machine, service: &str) -> String {
    machine.run(&format!("journalctl --unit {service} --output cat _TRANSPORT=stdout"))
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn bad_configuration_is_told_in_one_line_and_not_tried_again() {
    let machine = Machine::with_packages();
    machine.configure("secondary.env", "BACKSCROLL_IO=nonsense");
    machine.configure("primary.env", "BACKSCROLL_FLEET_FILE=/nonsense");
    for (service, _) in SERVICES {
        machine.refuse(&format!("systemctl start {service}"));
        // The state would be `activating` if systemd were about to restart it.
        assert_eq!(machine.property(service, "ActiveState"), "failed");
        assert_eq!(machine.property(service, "NRestarts"), "0");
        assert_eq!(machine.property(service, "ExecMainStatus"), "64");
        let why = written(&machine, service);
        assert!(why.lines().count() == 1 && why.contains("nonsense"), "{why}");
    }
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_port_in_use_is_tried_until_it_is_free() {
    let machine = Machine::with_packages();
    machine.configure("primary.env", "BACKSCROLL_LISTEN=127.0.0.1:8001");
    machine.drop_in("backscroll-primary", "[Service]\nRestartSec=100ms");
    machine.run("systemctl start backscroll-secondary");
    machine.refuse("systemctl start backscroll-primary");
    machine.wait_for(&have_failed("backscroll-primary"));
    assert!(
        written(&machine, "backscroll-primary").contains("--listen 127.0.0.1:8001: Address already in use")
    );
    machine.run("systemctl stop backscroll-secondary");
    machine.wait_for("systemctl is-active backscroll-primary");
}

/// A command that succeeds once so many starts of a service have failed that any limit would have struck.
fn have_failed(service: &str) -> String {
    format!("[ $(systemctl show --property NRestarts --value {service}) -ge 12 ]")
}

/// `SIOCSIFADDR`: gives 10.99.0.1 to the interface `lo:1`.
const ADD_ADDRESS: &str = "perl -e 'socket(my $s, 2, 2, 0) or die $!; \
     my $request = pack(\"a16 S n C4 x8\", \"lo:1\", 2, 0, 10, 99, 0, 1); ioctl($s, 0x8916, $request) or die $!'";

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn an_address_that_comes_late_is_listened_at_once_it_is_there() {
    let machine = Machine::with_packages();
    for (service, env, port) in
        [("backscroll-secondary", "secondary.env", 8001), ("backscroll-primary", "primary.env", 8000)]
    {
        machine.configure(env, &format!("BACKSCROLL_LISTEN=10.99.0.1:{port}"));
        machine.configure(env, "BACKSCROLL_INSECURE=true");
        machine.drop_in(service, "[Service]\nRestartSec=100ms");
        machine.refuse(&format!("systemctl start {service}"));
    }
    for (service, _) in SERVICES {
        machine.wait_for(&have_failed(service));
        assert!(written(&machine, service).contains("Cannot assign requested address"));
    }
    machine.run(ADD_ADDRESS);
    for port in [8001, 8000] {
        machine.wait_for(&format!("curl -fsS http://10.99.0.1:{port}/healthz"));
    }
    for (service, _) in SERVICES {
        machine.wait_for(&format!("systemctl is-active {service}"));
    }
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn the_shipped_pauses_and_times_are_those_that_the_units_tell_of() {
    let machine = Machine::with_packages();
    for (service, _) in SERVICES {
        // The time of the watchdog is shown once it counts.
        machine.run(&format!("systemctl start {service}"));
        for (name, value) in [
            ("RestartUSec", "5s"),
            ("StartLimitIntervalUSec", "0"),
            ("WatchdogUSec", "2min"),
            ("WatchdogSignal", "15"),
            ("RestartPreventExitStatus", "64 203 216 217 226 243"),
        ] {
            assert_eq!(machine.property(service, name), value, "{service} {name}");
        }
    }
    for name in ["CPUWeight", "IOWeight"] {
        assert_eq!(machine.property("backscroll-secondary", name), "50");
    }
    // What an older systemd says of the drop-in for newer ones, and that it starts all the same.
    machine.example("backscroll-secondary", "growing-pauses.conf");
    machine.run("systemctl restart backscroll-secondary");
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_service_whose_credential_is_missing_is_not_started_again_and_again() {
    let machine = Machine::with_packages();
    for (service, _) in SERVICES {
        machine.example(service, "credentials.conf");
        machine.refuse(&format!("systemctl start {service}"));
        machine.wait_for(&format!("systemctl is-failed {service}"));
        assert_eq!(machine.property(service, "ExecMainStatus"), "243", "{service}");
    }
}

/// Stops one thread of a process, as a fault would that it waits for without end, and holds it for ten
/// minutes: `PTRACE_SEIZE`, then `PTRACE_INTERRUPT`.
const HOLD_THREAD: &str = if cfg!(target_arch = "x86_64") {
    "perl -e '$| = 1; syscall(101, 0x4206, int($ARGV[0]), 0, 0) == 0 or die $!; \
     syscall(101, 0x4207, int($ARGV[0]), 0, 0) == 0 or die $!; print \"held\\n\"; sleep 600'"
} else {
    "perl -e '$| = 1; syscall(117, 0x4206, int($ARGV[0]), 0, 0) == 0 or die $!; \
     syscall(117, 0x4207, int($ARGV[0]), 0, 0) == 0 or die $!; print \"held\\n\"; sleep 600'"
};

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_service_with_a_thread_that_hangs_is_started_again_and_one_that_serves_is_not() {
    let machine = Machine::with_packages();
    machine.configure("secondary.env", "BACKSCROLL_THREADS=2");
    for (service, _) in SERVICES {
        machine.drop_in(service, "[Service]\nWatchdogSec=10\nTimeoutStopSec=3\nRestartSec=100ms");
        machine.run(&format!("systemctl start {service}"));
    }
    // Far longer than the time: without pings both would have been started again by now.
    machine.run("sleep 25");
    for ((service, url), thread) in SERVICES.into_iter().zip(["backscroll-1", "primary-0"]) {
        assert_eq!(machine.property(service, "NRestarts"), "0", "{service}");
        let pid = machine.property(service, "MainPID");
        let tid = format!("$(grep -lx {thread} /proc/{pid}/task/*/comm | cut -d / -f 5)");
        machine.run(&format!("({HOLD_THREAD} {tid} >/run/held-{service} 2>&1 &) && true"));
        machine.wait_for(&format!("grep -q held /run/held-{service}"));
        // One thread of several: the others go on.
        machine.run(&format!("kill -0 {pid}"));
        machine.wait_for(&format!("[ $(systemctl show --property NRestarts --value {service}) -ge 1 ]"));
        machine.wait_for(&format!("curl -fsS {url}/healthz && systemctl is-active {service}"));
        assert_ne!(machine.property(service, "MainPID"), pid);
        let told = machine.run(&format!("journalctl --unit {service} --output cat"));
        assert!(told.contains("Watchdog timeout"), "{service}: {told}");
    }
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_service_that_is_killed_is_started_again() {
    let machine = Machine::with_packages();
    for (service, url) in SERVICES {
        machine.run(&format!("systemctl start {service}"));
        let before = machine.property(service, "MainPID");
        machine.run(&format!("kill -KILL {before}"));
        machine.wait_for(&format!("curl -fsS {url}/healthz && systemctl is-active {service}"));
        assert_ne!(machine.property(service, "MainPID"), before);
        assert_eq!(machine.property(service, "NRestarts"), "1");
    }
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_service_that_is_told_to_stop_ends_well_with_an_answer_on_its_way() {
    let machine = Machine::with_packages();
    machine.run("seq 3000000 >/var/log/app.log");
    machine.configure("primary.env", "BACKSCROLL_SECONDARIES=one=http://127.0.0.1:8001");
    for (service, url) in SERVICES {
        machine.run(&format!("systemctl start {}", SERVICES.map(|(service, _)| service).join(" ")));
        let host = if service == "backscroll-primary" { "hostname=one&" } else { "" };
        let logs = format!("{url}/logs?{host}filename=app.log");
        // After the restart of a secondary the primary may take it for down until its next probe.
        machine.wait_for(&format!("curl -fsS '{logs}&n=1'"));
        // 23 MB take about 4 s at this rate. The client's kernel buffers no more than 6 MB of them.
        let ask = format!("curl -fsS --limit-rate 5M '{logs}'");
        machine.run(&format!("({ask}; echo curl: $?) >/tmp/answer 2>&1 & sleep 1"));
        machine.run(&format!("systemctl stop {service}"));
        assert_eq!(machine.property(service, "Result"), "success");
        assert_eq!(machine.property(service, "ExecMainStatus"), "0");
        machine.wait_for("grep '^curl: ' /tmp/answer");
        assert_eq!(machine.run("wc -l </tmp/answer; tail -n 1 /tmp/answer"), "3000001\ncurl: 0", "{service}");
    }
}
