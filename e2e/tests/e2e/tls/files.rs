//! The files with certificates and keys: wrong ones at the start, and new ones later.

use super::{Certs, logs, text};
use backscroll_e2e::program::Program;
use backscroll_primary::certs::Usage;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

#[test]
fn a_certificate_that_expires_soon_is_warned_of_at_the_start() {
    let (certs, logs) = (Certs::new(), logs());
    let warned = |program: &Program, flag: &str| {
        let flag = format!("\"{flag}\"");
        program.log().iter().any(|line| line.contains("the certificate expires soon") && line.contains(&flag))
    };
    let secondary = certs.secondary(logs.path(), "web1", &[]);
    assert!(warned(&secondary, "--tls-cert"), "{:?}", secondary.log());
    let mut flags = certs.server("web1");
    flags.extend(["--secondary-cert", &certs.text("primary.pem")].map(str::to_owned));
    flags.extend(["--secondary-key", &certs.text("primary.key")].map(str::to_owned));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let primary = certs.primary(&format!("web1=https://{}", secondary.listen), &flags);
    for flag in ["--tls-cert", "--secondary-cert"] {
        assert!(warned(&primary, flag), "{flag}: {:?}", primary.log());
    }
}

#[test]
fn wrong_files_are_named_at_the_start() {
    let (certs, others) = (Certs::new(), Certs::new());
    let path = |name: &str| certs.text(name);
    std::fs::write(certs.path("empty.pem"), "").unwrap();
    std::fs::write(certs.path("half.pem"), "-----BEGIN CERTIFICATE-----\nMII").unwrap();
    std::fs::write(
        certs.path("locked.key"),
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIC\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .unwrap();
    let (cert, key) = (path("web1.pem"), path("web1.key"));
    let wrong_key = others.text("web1.key");
    let servers = ["backscroll-secondary", "backscroll-primary"];
    let cases: [(&[&str], &str, &str); 9] = [
        (&["--tls-cert", &cert], "--tls-cert needs --tls-key", ""),
        (&["--tls-key", &key], "--tls-key needs --tls-cert", ""),
        (&["--tls-cert", "/nowhere.pem", "--tls-key", &key], "--tls-cert /nowhere.pem", "No such file"),
        (&["--tls-cert", &path("empty.pem"), "--tls-key", &key], "empty.pem", "holds no certificate"),
        (&["--tls-cert", &path("half.pem"), "--tls-key", &key], "half.pem", "not valid PEM"),
        (&["--tls-cert", &key, "--tls-key", &key], "web1.key", "holds no certificate"),
        (&["--tls-cert", &cert, "--tls-key", &cert], "--tls-key", "holds no private key"),
        (&["--tls-cert", &cert, "--tls-key", &path("locked.key")], "locked.key", "has a password"),
        (&["--tls-cert", &cert, "--tls-key", &wrong_key], "--tls-key", "does not belong"),
    ];
    let check = |server: &str, flags: &[&str], first: &str, second: &str| {
        let output = Program::output(server, flags).unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{server} {flags:?}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains(first) && told.contains(second), "{server} {flags:?}: {told}");
    };
    for server in servers {
        for (flags, first, second) in cases {
            check(server, flags, first, second);
        }
        check(
            server,
            &["--listen", "unix:/nowhere/s", "--tls-cert", &cert, "--tls-key", &key],
            "unix",
            "no TLS",
        );
    }
    check(servers[0], &["--tls-client-ca", &cert], "--tls-client-ca needs", "--tls-cert");
    let ca = path("ca.pem");
    check(servers[1], &["--secondary-cert", &cert], "--secondary-cert needs", "--secondary-ca");
    check(
        servers[1],
        &["--secondary-ca", &ca, "--secondary-key", &key],
        "--secondary-key needs",
        "--secondary-cert",
    );
    check(servers[1], &["--secondary-ca", &key], "--secondary-ca", "holds no certificate");
    check(servers[1], &["--secondary", "a=https://a:1"], "--secondary a", "--secondary-ca is not given");
    check(
        servers[1],
        &["--secondary-ca", &ca, "--secondary-tls-name", "a b"],
        "--secondary-tls-name",
        "no name",
    );
}

/// The serial number of the certificate that the server shows.
fn serial(certs: &Certs, url: &str) -> String {
    let output = certs.curl(&["-o", "/dev/null", "-w", "%{certs}", url]);
    let shown = text(&output.stdout);
    shown.lines().find(|line| line.starts_with("Serial")).map(str::to_owned).unwrap_or(shown)
}

fn until(what: &str, is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn new_certificates_are_taken_under_load_and_no_request_fails() {
    let (certs, logs) = (Certs::new(), logs());
    let ca = certs.text("ca.pem");
    let secondary = certs.secondary(logs.path(), "web1", &["--tls-client-ca", &ca]);
    let (pem, key) = (certs.text("primary.pem"), certs.text("primary.key"));
    let flags = ["--secondary-cert", &pem, "--secondary-key", &key];
    let primary = certs.primary(&format!("web1=https://{}", secondary.listen), &flags);
    let shown = format!("https://{}/healthz", secondary.listen);
    let before = serial(&certs, &shown);
    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let through = format!("http://{}/logs?filename=app.log&hostname=web1", primary.listen);
            while !is_over.load(SeqCst) {
                for url in [&through, &shown] {
                    let status = certs.status(&[url]);
                    assert_eq!(status, "200", "{url}");
                    asked.fetch_add(1, SeqCst);
                }
            }
        });
        // The certificate first and its key seconds later: the two do not fit in between.
        let old_key = std::fs::read(certs.path("web1.key")).unwrap();
        certs.issue("web1", Usage::Server, &["web1", "127.0.0.1"]);
        let new_key = std::fs::read(certs.path("web1.key")).unwrap();
        std::fs::write(certs.path("web1.key"), old_key).unwrap();
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(serial(&certs, &shown), before, "the old pair is in use");
        std::fs::write(certs.path("web1.key"), new_key).unwrap();
        // The primary's own, both at once.
        certs.issue("primary", Usage::Client, &["backscroll-primary"]);
        until("the new certificate is shown", || serial(&certs, &shown) != before);
        let then = asked.load(SeqCst);
        until("requests go on", || asked.load(SeqCst) > then + 4 || load.is_finished());
        is_over.store(true, SeqCst);
        load.join().unwrap();
    });
}
