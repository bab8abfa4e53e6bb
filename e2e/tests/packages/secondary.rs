//! The secondary as a service.

use crate::machine::Machine;

const SERVICE: &str = "backscroll-secondary";
const URL: &str = "http://127.0.0.1:8001";

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_secondary_that_has_started_serves_through_a_ring_as_a_user_without_rights() {
    let machine = Machine::with_packages();
    // Asked without waiting: the service is not active before it listens.
    let ready = machine.run(&format!("systemctl start {SERVICE} && curl -fsS {URL}/readyz"));
    assert!(ready.contains("\"io_engine\":\"uring\""), "{ready}");
    assert!(ready.contains("\"hostname\":\"web1\""), "{ready}");
    assert_eq!(machine.property(SERVICE, "Type"), "notify");
    assert_eq!(machine.property(SERVICE, "ActiveState"), "active");
    let status = machine.run(&format!("cat /proc/{}/status", machine.property(SERVICE, "MainPID")));
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} {status}")).trim().replace('\t', " ")
    };
    let user = machine.run(&format!("id --user {SERVICE}"));
    assert_eq!(field("Uid:"), [user.as_str(); 4].join(" "));
    for rights in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(rights), "0000000000000000");
    }
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(field("Seccomp:"), "2", "calls are filtered");
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_secondary_reads_what_the_group_adm_may_and_says_so_of_the_rest() {
    let machine = Machine::with_packages();
    machine.run("mkdir -m 750 /var/log/app && chgrp adm /var/log/app");
    machine.run("cd /var/log/app && seq 3 >adm.log && seq 3 >root.log");
    machine.run("cd /var/log/app && chown root:adm adm.log && chmod 640 adm.log && chmod 600 root.log");
    machine.run(&format!("systemctl start {SERVICE}"));
    assert_eq!(machine.run(&format!("curl -fsS '{URL}/logs?filename=app/adm.log'")), "3\n2\n1");
    let answer = machine.run(&format!("curl -sS -w ' %{{http_code}}' '{URL}/logs?filename=app/root.log'"));
    assert!(answer.ends_with(" 403") && answer.contains("\"code\":\"forbidden\""), "{answer}");
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn logs_below_home_are_read_with_the_drop_in_that_the_unit_shows() {
    let machine = Machine::with_packages();
    machine.run("mkdir -p /home/app/logs && seq 3 >/home/app/logs/app.log && seq 3 >/home/app/other.log");
    machine.configure("secondary.env", "BACKSCROLL_LOG_DIR=/home/app/logs");
    machine.refuse(&format!("systemctl start {SERVICE}"));
    let why = machine.run(&format!("journalctl --unit {SERVICE} --output cat _TRANSPORT=stdout"));
    assert!(why.contains("the log directory /home/app/logs cannot be opened"), "{why}");

    // The drop-in below is the one that the unit's comment shows, so that the comment stays true.
    let unit = machine.run(&format!("systemctl cat {SERVICE}"));
    for line in ["ProtectHome=tmpfs", "BindReadOnlyPaths=/home/app/logs"] {
        assert!(unit.contains(&format!("#   {line}\n")), "{unit}");
    }
    machine.drop_in(SERVICE, "[Service]\nProtectHome=tmpfs\nBindReadOnlyPaths=/home/app/logs");
    machine.run(&format!("systemctl start {SERVICE}"));
    assert_eq!(machine.run(&format!("curl -fsS '{URL}/logs?filename=app.log&n=1'")), "3");
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_secondary_logs_to_files_with_the_drop_in_that_the_unit_shows() {
    let machine = Machine::with_packages();
    machine.configure("secondary.env", "BACKSCROLL_LOG_FILE=/var/log/backscroll");
    assert!(machine.run(&format!("systemctl cat {SERVICE}")).contains("#   LogsDirectory=backscroll\n"));
    machine.drop_in(SERVICE, "[Service]\nLogsDirectory=backscroll");
    machine.run(&format!("systemctl start {SERVICE}"));
    machine.wait_for("grep -q serving /var/log/backscroll/backscroll-secondary.*");
}
