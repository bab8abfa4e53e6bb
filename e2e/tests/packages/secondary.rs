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

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn logs_that_only_root_may_read_are_served_with_the_drop_in_of_the_package() {
    let machine = Machine::with_packages();
    machine
        .run("mkdir -m 700 /var/log/app && seq 3 >/var/log/app/root.log && chmod 600 /var/log/app/root.log");
    machine.run("seq 5 >/var/log/own.log && chmod 600 /var/log/own.log");
    machine.run(&format!("systemctl start {SERVICE}"));
    let ask =
        |file: &str| machine.run(&format!("curl -sS -w ' %{{http_code}}' '{URL}/logs?filename={file}'"));
    assert!(ask("own.log").ends_with(" 403"), "{}", ask("own.log"));
    assert!(ask("app/root.log").ends_with(" 403"), "{}", ask("app/root.log"));

    machine.example(SERVICE, "read-all.conf");
    machine.run(&format!("systemd-analyze security --no-pager --threshold=17 {SERVICE}.service"));
    assert_eq!(machine.run(&format!("systemd-analyze verify {SERVICE}.service 2>&1")), "");
    machine.run(&format!("systemctl restart {SERVICE}"));
    assert_eq!(ask("own.log"), "5\n4\n3\n2\n1\n 200");
    assert_eq!(ask("app/root.log"), "3\n2\n1\n 200");
    let ready = machine.run(&format!("curl -fsS {URL}/readyz"));
    assert!(ready.contains("\"io_engine\":\"uring\""), "{ready}");
    // Something that has to be read from the disk: through the ring.
    machine.run("seq 300000 >/var/log/app/cold.log && chmod 600 /var/log/app/cold.log && sync");
    let lines = machine.run(&format!("curl -fsS '{URL}/logs?filename=app/cold.log' | tail -n 1"));
    assert_eq!(lines, "1");
    let pid = machine.property(SERVICE, "MainPID");
    let status = machine.run(&format!("grep Cap /proc/{pid}/status"));
    for rights in ["CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert!(status.contains(&format!("{rights}\t0000000000000004")), "{status}");
    }
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn tokens_that_root_alone_may_read_are_handed_over_as_credentials() {
    let machine = Machine::with_packages();
    machine.run("seq 3 >/var/log/app.log");
    for (service, file, port) in
        [(SERVICE, "secondary-tokens.toml", 8001), ("backscroll-primary", "tokens.toml", 8000)]
    {
        let role = service.trim_start_matches("backscroll-");
        machine.run(&format!("{service} token new --id me >/srv/{role}"));
        machine
            .run(&format!("sed 1d /srv/{role} >/etc/backscroll/{file} && chmod 600 /etc/backscroll/{file}"));
        // By its path the service may not read it.
        machine.run(&format!("mkdir -p /run/kept && cp /etc/backscroll/{role}.env /run/kept/{role}.env"));
        machine.configure(&format!("{role}.env"), &format!("BACKSCROLL_TOKEN_FILE=/etc/backscroll/{file}"));
        machine.refuse(&format!("systemctl start {service}"));
        let why = machine.run(&format!("journalctl --unit {service} --output cat _TRANSPORT=stdout"));
        assert!(why.contains("--token-file") && why.contains("Permission denied"), "{why}");
        machine.run(&format!("cp /run/kept/{role}.env /etc/backscroll/{role}.env"));

        machine.example(service, "credentials.conf");
        assert_eq!(machine.run(&format!("systemd-analyze verify {service}.service 2>&1")), "");
        machine.run(&format!("systemctl start {service}"));
        let url = format!("http://127.0.0.1:{port}/files");
        assert!(machine.run(&format!("curl -sS {url}")).contains("unauthorized"));
        let field = format!("-H \"Authorization: Bearer $(head -n 1 /srv/{role})\"");
        // With a token one is told more of whether it is ready (the primary, which has no hosts, is not).
        let ready = |field: &str| machine.run(&format!("curl -sS {field} http://127.0.0.1:{port}/readyz"));
        assert!(ready(&field).contains("\"version\""), "{service}: {}", ready(&field));
        assert!(!ready("").contains("\"version\""), "{service}: {}", ready(""));
        // Nobody else sees the copy, and the program does not warn of it.
        let told = machine.run(&format!("journalctl --unit {service} --output cat _TRANSPORT=stdout"));
        assert!(!told.contains("file of secrets"), "{told}");
        machine.refuse(&format!(
            "setpriv --reuid 65534 --clear-groups cat /run/credentials/{service}.service/tokens.toml"
        ));
    }
}
