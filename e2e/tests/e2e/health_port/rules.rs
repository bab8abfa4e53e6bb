//! Tokens, certificates and TLS at the health port: the rules of the main port.

use super::{PROGRAMS, asked, healthcheck, logs, start};
use crate::tls::Certs;
use backscroll_e2e::program::Program;

/// A token with more flags of `token new`, and its entry for the token file.
fn token(flags: &[&str]) -> (String, String) {
    let output = Program::output("backscroll-primary", &[&["token", "new", "--id"], flags].concat()).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (token, entry) = text.split_once('\n').unwrap();
    (format!("Authorization: Bearer {token}"), entry.to_owned())
}

#[test]
fn tokens_count_at_the_health_port_as_at_the_main_port() {
    let logs = logs();
    let (all, all_entry) = token(&["all"]);
    let (metrics, metrics_entry) = token(&["prometheus", "--metrics"]);
    let file = logs.path().with_extension("tokens");
    std::fs::write(&file, [all_entry, metrics_entry].concat()).unwrap();
    let tokens = ["--token-file", file.to_str().unwrap()];
    for name in PROGRAMS {
        let with = |more: &[&str]| start(name, &logs, &[&tokens[..], more].concat());
        let (program, health) = with(&[]);
        for at in [program.listen.to_string(), health.clone()] {
            let url = |target: &str| format!("http://{at}{target}");
            let get = |target: &str, more: &[&str]| asked(&[&[url(target).as_str()][..], more].concat());
            assert_eq!(get("/healthz", &[]), "200 ok\n");
            assert_eq!(get("/readyz", &[]), "200 {\"ready\":true}\n", "{name}");
            assert!(get("/readyz", &["-H", &all]).contains("version"));
            assert!(get("/metrics", &[]).starts_with("401 "));
            assert!(get("/metrics", &["-H", &all]).starts_with("404 "));
            assert!(get("/metrics", &["-H", &metrics]).starts_with("200 #"));
        }
        // Not even with a token.
        for target in ["/logs?filename=app.log", "/files", "/hosts", "/"] {
            for field in [&*all, "X-Nothing: 1"] {
                let told = asked(&["-H", field, &format!("http://{health}{target}")]);
                assert!(told.starts_with("404 ") && told.contains("no_route"), "{name} {target}: {told}");
            }
        }
        drop(program);
        let (_program, health) = with(&["--public-readyz", "none", "--public-metrics"]);
        assert!(asked(&[&format!("http://{health}/readyz")]).starts_with("401 "));
        assert!(asked(&[&format!("http://{health}/metrics")]).starts_with("200 #"));
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn the_health_port_speaks_tls_where_the_main_port_does_and_health_checks_work_at_both() {
    let logs = logs();
    let certs = Certs::new();
    let ca = certs.text("ca.pem");
    let cert = certs.text("web1.pem");
    let tls = certs.server("web1");
    let tls: Vec<&str> = tls.iter().map(String::as_str).collect();
    let asks_for_certificates = [&tls[..], &["--tls-client-ca", &ca]].concat();
    for (name, flags) in [
        ("backscroll-secondary", &tls),
        ("backscroll-secondary", &asks_for_certificates),
        ("backscroll-primary", &tls),
    ] {
        let (program, health) = start(name, &logs, flags);
        let secure = ["--cacert", &*ca];
        for at in [program.listen.to_string(), health.clone()] {
            let get = |target: &str| asked(&[&secure[..], &[&*format!("https://{at}{target}")]].concat());
            assert_eq!(get("/healthz"), "200 ok\n", "{name}");
            assert!(get("/readyz").starts_with("200 {"), "{name}");
            // A plain request is told so.
            assert!(asked(&[&format!("http://{at}/readyz")]).starts_with("400 "), "{name}");
            // As a container calls it: the variables of the program are all that it knows.
            let variables = [("BACKSCROLL_LISTEN", &*at), ("BACKSCROLL_TLS_CERT", &*cert)];
            assert_eq!(healthcheck(name, &[], &variables), (Some(0), String::new()));
            let (status, told) = healthcheck(name, &["--listen", &at], &[]);
            assert!(status == Some(1) && told.contains("TLS"), "without the certificate: {told}");
        }
        let variables = [("BACKSCROLL_HEALTH_LISTEN", &*health), ("BACKSCROLL_TLS_CERT", &*cert)];
        assert_eq!(healthcheck(name, &[], &variables), (Some(0), String::new()));
        let is_closed = flags.contains(&"--tls-client-ca");
        let metrics = asked(&[&secure[..], &[&*format!("https://{health}/metrics")]].concat());
        assert!(metrics.starts_with(if is_closed { "401 " } else { "200 #" }), "{name}: {metrics}");
    }
}

#[test]
fn tls_is_for_the_port_where_only_the_other_one_is_a_unix_socket() {
    let logs = logs();
    let certs = Certs::new();
    let ca = certs.text("ca.pem");
    let tls = certs.server("web1");
    let tls: Vec<&str> = tls.iter().map(String::as_str).collect();
    let run = tempfile::tempdir().unwrap();
    for name in PROGRAMS {
        let path = run.path().join(name);
        let at = format!("unix:{}", path.display());
        let args =
            [&super::ready_args(name, &logs)[..], &["--health-listen", "127.0.0.1:0"], &tls[..]].concat();
        let program = Program::start_at(name, &at, &args).unwrap();
        let health = super::health_of(&program);
        assert_eq!(asked(&["--cacert", &ca, &format!("https://{health}/healthz")]), "200 ok\n");
        let socket = ["--unix-socket", path.to_str().unwrap(), "http://localhost/healthz"];
        assert_eq!(asked(&socket), "200 ok\n", "{name}");
    }
}
