//! What the packages install, and what remains after they are removed.

use crate::machine::{Machine, package};

const SERVICES: [&str; 2] = ["backscroll-secondary", "backscroll-primary"];

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn units_are_clean_and_tight_and_start_only_when_they_are_told() {
    let machine = Machine::with_packages();
    for (service, exposure) in SERVICES.iter().zip([13, 11]) {
        assert_eq!(machine.run(&format!("systemd-analyze verify {service}.service 2>&1")), "");
        // `systemd-analyze security` counts exposure from 0 to 10, here in tenths. A service that
        // listens and reads logs cannot reach much less.
        machine.run(&format!("systemd-analyze security --no-pager --threshold={exposure} {service}.service"));
        assert_eq!(machine.property(service, "ActiveState"), "inactive");
        assert_eq!(machine.property(service, "UnitFileState"), "disabled");
        machine.run(&format!("systemctl enable --now {service} && systemctl is-active {service}"));
    }
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn each_variable_is_explained_in_the_file_of_its_program() {
    let machine = Machine::with_packages();
    for role in ["secondary", "primary"] {
        let names = |of: String| machine.run(&format!("{of} | grep -o 'BACKSCROLL_[A-Z_]*' | sort -u"));
        let known = names(format!("backscroll-{role} --help"));
        let explained = names(format!("grep '^#BACKSCROLL_' /etc/backscroll/{role}.env"));
        assert_eq!(explained, known, "{role}");
        machine.refuse(&format!("grep -v -e '^#' -e '^$' /etc/backscroll/{role}.env"));
    }
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_newer_package_restarts_what_runs_and_keeps_its_configuration() {
    let machine = Machine::with_packages();
    let [secondary, primary] = SERVICES;
    machine.configure("secondary.env", "BACKSCROLL_HOSTNAME=mine");
    machine.run(&format!("systemctl start {secondary}"));
    let before = machine.property(secondary, "MainPID");
    machine.run(&format!("dpkg -i {} {}", package(secondary), package(primary)));
    assert_ne!(machine.property(secondary, "MainPID"), before);
    assert!(machine.run("curl -fsS http://127.0.0.1:8001/readyz").contains("\"hostname\":\"mine\""));
    assert_eq!(machine.property(primary, "ActiveState"), "inactive", "it did not run before either");
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_package_that_is_removed_stops_its_service_and_a_purged_one_leaves_nothing() {
    let machine = Machine::with_packages();
    for service in SERVICES {
        machine.run(&format!("systemctl enable --now {service}"));
    }
    machine.configure("secondary.env", "BACKSCROLL_HOSTNAME=mine");
    machine.run(&format!("dpkg --remove {}", SERVICES.join(" ")));
    for service in SERVICES {
        machine.refuse(&format!("systemctl is-active {service}"));
    }
    machine.refuse("grep -l '^backscroll' /proc/[0-9]*/comm");
    machine.run("grep -q mine /etc/backscroll/secondary.env");

    machine.run(&format!("dpkg --purge {}", SERVICES.join(" ")));
    for service in SERVICES {
        assert_eq!(machine.property(service, "LoadState"), "not-found");
    }
    machine.refuse("ls -d /etc/backscroll");
    assert_eq!(machine.run("find / -xdev -name '*backscroll*'"), "");
    // The user may still own files, so its number must not be given to another.
    machine.run("getent passwd backscroll-secondary");
}
