//! A primary says in words what is wrong between it and a secondary.

use super::{Certs, logs, text};
use backscroll_e2e::program::Program;
use backscroll_primary::certs::Usage;
use std::time::{Duration, Instant};

/// What a primary with these flags says of its one secondary: the text of the 502, and `/hosts`
/// once its probe has ended.
fn said(certs: &Certs, url: &str, flags: &[&str]) -> (String, String) {
    let primary = certs.primary(&format!("web1={url}"), flags);
    let ask = |path: &str| {
        text(&certs.curl(&["-w", " %{http_code}", &format!("http://{}/{path}", primary.listen)]).stdout)
    };
    let problem = ask("logs?filename=app.log&hostname=web1");
    let began = Instant::now();
    loop {
        let hosts = ask("hosts");
        if !hosts.contains("\tunknown") || began.elapsed() > Duration::from_secs(30) {
            return (problem, hosts);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn assert_said(what: &str, (problem, hosts): &(String, String), words: &str) {
    assert!(problem.contains(words) && problem.ends_with(" 502"), "{what}: {problem}");
    assert!(problem.contains("upstream_unreachable"), "{what}: {problem}");
    assert!(hosts.contains(words) && hosts.contains("unreachable"), "{what}: {hosts}");
}

#[test]
fn what_is_wrong_with_a_secondarys_certificate() {
    let (certs, others, logs) = (Certs::new(), Certs::new(), logs());
    certs.issue("elsewhere", Usage::Server, &["elsewhere"]);
    certs.issue("client", Usage::Client, &["127.0.0.1"]);
    certs.issue_expired("old", Usage::Server, &["127.0.0.1"]);
    for (from, name, words) in [
        (&certs, "elsewhere", "is not for the name in its URL"),
        (&certs, "client", "not made for servers"),
        (&certs, "old", "has expired"),
        (&others, "web1", "not in the file of --secondary-ca"),
    ] {
        let secondary = from.secondary(logs.path(), name, &[]);
        let url = format!("https://{}", secondary.listen);
        assert_said(name, &said(&certs, &url, &[]), words);
        if name == "elsewhere" {
            let (problem, hosts) = said(&certs, &url, &["--secondary-tls-name", "elsewhere"]);
            assert!(problem.ends_with(" 200") && hosts.contains("\tready"), "{problem} {hosts}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_url() {
    let (certs, logs) = (Certs::new(), logs());
    let log_dir = logs.path().to_str().unwrap();
    let plain = Program::start("backscroll-secondary", &["--log-dir", log_dir]).unwrap();
    let said_of_plain = said(&certs, &format!("https://{}", plain.listen), &[]);
    assert_said("plain", &said_of_plain, "does not speak TLS");
    let tls = certs.secondary(logs.path(), "web1", &[]);
    let said_of_tls = said(&certs, &format!("http://{}", tls.listen), &[]);
    assert_said("tls", &said_of_tls, "it speaks TLS, and its URL says http://");
}

#[test]
fn what_is_wrong_with_the_primarys_certificate() {
    let (certs, others, logs) = (Certs::new(), Certs::new(), logs());
    let ca = certs.text("ca.pem");
    let secondary = certs.secondary(logs.path(), "web1", &["--tls-client-ca", &ca]);
    let url = format!("https://{}", secondary.listen);
    let (pem, key) = (others.text("primary.pem"), others.text("primary.key"));
    let refused = said(&certs, &url, &["--secondary-cert", &pem, "--secondary-key", &key]);
    assert_said("other authority", &refused, "it refuses the certificate of --secondary-cert");
}
