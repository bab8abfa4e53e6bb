//! Whom a secondary and a primary answer.

use super::{Certs, logs, text};
use backscroll_e2e::program::Program;
use backscroll_primary::certs::Usage;
use std::process::Command;

#[test]
fn an_answer_comes_over_tls_all_the_way() {
    let (certs, logs) = (Certs::new(), logs());
    let ca = certs.text("ca.pem");
    let secondary = certs.secondary(logs.path(), "web1", &["--tls-client-ca", &ca]);
    let (pem, key) = (certs.text("primary.pem"), certs.text("primary.key"));
    let mut flags = vec!["--secondary-cert", &pem, "--secondary-key", &key];
    let server = certs.server("web1");
    flags.extend(server.iter().map(String::as_str));
    let primary = certs.primary(&format!("web1=https://{}", secondary.listen), &flags);
    let port = primary.listen.port();
    for (host, version) in [("localhost", "--tlsv1.3"), ("127.0.0.1", "--tlsv1.2")] {
        for target in ["logs?filename=app.log&hostname=web1", "logs?filename=app.log"] {
            let url = format!("https://{host}:{port}/{target}");
            let output = certs.curl(&[version, "--tls-max", &version[6..], &url]);
            assert_eq!(output.status.code(), Some(0), "{url}: {}", text(&output.stderr));
            let lines = text(&output.stdout);
            assert!(lines.starts_with("three\ntwo\none\n") || lines.contains("three"), "{url}: {lines}");
        }
    }
    let hosts = text(&certs.curl(&[&format!("https://localhost:{port}/hosts")]).stdout);
    assert!(hosts.contains("\tready") && hosts.contains("https://127.0.0.1"), "{hosts}");
    // The client needs the authority, and the name has to be right.
    let stranger =
        Command::new("curl").args(["-sS", &format!("https://localhost:{port}/")]).output().unwrap();
    assert_eq!(stranger.status.code(), Some(60));
    let to = format!("web9:{port}:127.0.0.1");
    assert_eq!(certs.status(&["--resolve", &to, &format!("https://web9:{port}/healthz")]), "exit 60");
}

#[test]
fn a_secondary_answers_its_primary_alone() {
    let (certs, others, logs) = (Certs::new(), Certs::new(), logs());
    certs.issue("web2", Usage::Server, &["web2"]);
    certs.issue("other", Usage::Client, &["other"]);
    certs.issue("second", Usage::Client, &["x", "SECOND"]);
    certs.issue_expired("old", Usage::Client, &["backscroll-primary"]);
    let self_signed = certs.text("self.pem");
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
        ])
        .args(["-subj", "/CN=backscroll-primary", "-addext", "subjectAltName=DNS:backscroll-primary"])
        .args(["-keyout", &certs.text("self.key"), "-out", &self_signed])
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", text(&made.stderr));
    let ca = certs.text("ca.pem");
    let flags = ["--tls-client-ca", &ca, "--tls-client-name", "backscroll-primary,second"];
    let secondary = certs.secondary(logs.path(), "web1", &flags);
    let url = |path: &str| format!("https://{}/{path}", secondary.listen);
    let logs_url = url("logs?filename=app.log");
    for path in ["healthz", "readyz"] {
        assert_eq!(certs.status(&[&url(path)]), "200", "{path} is open");
    }
    for path in ["logs?filename=app.log", "files", ""] {
        assert_eq!(certs.status(&[&url(path)]), "401", "{path}");
    }
    let refused = text(&certs.curl(&["-i", &logs_url]).stdout).to_lowercase();
    assert!(
        refused.contains("www-authenticate: bearer") && refused.contains("\"unauthorized\""),
        "{refused}"
    );
    let shown = |from: &Certs, name: &str| {
        let (pem, key) = (from.text(&format!("{name}.pem")), from.text(&format!("{name}.key")));
        certs.status(&["--cert", &pem, "--key", &key, &logs_url])
    };
    assert_eq!(shown(&certs, "primary"), "200");
    assert_eq!(shown(&certs, "second"), "200", "a name is the same in capitals");
    assert_eq!(shown(&certs, "other"), "403", "the name is not allowed");
    // Of another authority, expired, of another secondary, and signed by itself.
    for (from, name) in [(&others, "primary"), (&certs, "old"), (&certs, "web2"), (&certs, "self")] {
        let status = shown(from, name);
        assert!(status == "exit 56" || status == "exit 35", "{name}: {status}");
    }
    assert_eq!(shown(&certs, "primary"), "200", "it serves on");
}

#[test]
fn a_container_engine_asks_over_tls_too() {
    let (certs, logs) = (Certs::new(), logs());
    certs.issue("web2", Usage::Server, &["web2"]);
    let ca = certs.text("ca.pem");
    let secondary = certs.secondary(logs.path(), "web1", &["--tls-client-ca", &ca]);
    let listen = secondary.listen.to_string();
    let check = |more: &[&str]| {
        let args: Vec<&str> = ["healthcheck", "--listen", &listen].iter().chain(more).copied().collect();
        let output = Program::output("backscroll-secondary", &args).unwrap();
        (output.status.code(), text(&output.stderr))
    };
    assert_eq!(check(&["--tls-cert", &certs.text("web1.pem")]).0, Some(0));
    let (code, why) = check(&["--tls-cert", &certs.text("web2.pem")]);
    assert!(code == Some(1) && why.contains("another certificate than --tls-cert"), "{why}");
    let (code, why) = check(&[]);
    assert!(code == Some(1) && why.contains("this port speaks TLS"), "{why}");
    let (code, why) = check(&["--tls-cert", "/nowhere.pem"]);
    assert!(code == Some(1) && why.contains("--tls-cert /nowhere.pem"), "{why}");
}
