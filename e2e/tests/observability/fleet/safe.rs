//! A fleet with tokens and TLS: one primary and one secondary. Prometheus has a token of its own
//! that may read the metrics, and checks the certificates.

use super::{PRIMARY, SECONDARY, body, curl};
use crate::prometheus::Target;
use backscroll_e2e::program::Program;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that ask everybody for a token.
pub(crate) struct Safe {
    primary: Program,
    secondary: Program,
    certs: PathBuf,
    /// The field of a person, who sees the logs.
    person: String,
    /// The file with the token of Prometheus.
    token: PathBuf,
}

/// A new token, and its entry for a token file.
fn new_token(more: &[&str]) -> (String, String) {
    let output = Program::output(PRIMARY, &[&["token", "new"], more].concat()).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (token, entry) = text.split_once('\n').unwrap();
    (token.to_owned(), entry.to_owned())
}

impl Safe {
    pub(crate) fn start(dir: &Path) -> Safe {
        let certs = dir.join("certs");
        let path = |name: &str| certs.join(name).to_str().unwrap().to_owned();
        let init = ["certs", "init", "--dir", certs.to_str().unwrap()];
        let names = ["--secondary", "safe=127.0.0.1", "--primary", "127.0.0.1"];
        let made = Program::output(PRIMARY, &[&init[..], &names].concat()).unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let (person, of_person) = new_token(&["--id", "person", "--expires", "2099-01-01"]);
        let (metrics, of_metrics) = new_token(&["--id", "prometheus", "--metrics"]);
        let token = dir.join("token");
        std::fs::write(&token, metrics).unwrap();
        let tokens = dir.join("tokens.toml");
        std::fs::write(&tokens, format!("{of_person}{of_metrics}")).unwrap();
        // Only its owner may read a file with tokens.
        assert!(Command::new("chmod").arg("600").arg(&tokens).status().unwrap().success());
        let tokens = tokens.to_str().unwrap();

        let logs = dir.join("safe");
        std::fs::create_dir(&logs).unwrap();
        backscroll_samples::write_logs(&logs, "safe", backscroll_samples::recent_start()).unwrap();
        let (cert, key, ca) = (path("safe.pem"), path("safe.key"), path("ca.pem"));
        let own = ["--log-dir", logs.to_str().unwrap(), "--hostname", "safe", "--token-file", tokens];
        let tls = ["--tls-cert", &cert, "--tls-key", &key, "--tls-client-ca", &ca];
        let secondary = Program::start(SECONDARY, &[&own[..], &tls].concat()).unwrap();

        let fleet = dir.join("fleet.yml");
        let host = format!("- {{targets: ['{}'], labels: {{hostname: safe}}}}\n", secondary.listen);
        std::fs::write(&fleet, host).unwrap();
        let (cert, key) = (path("primary-server.pem"), path("primary-server.key"));
        let (client_cert, client_key) = (path("primary.pem"), path("primary.key"));
        let own_tls = ["--tls-cert", &cert, "--tls-key", &key];
        let own = ["--fleet-file", fleet.to_str().unwrap(), "--token-file", tokens];
        let tls = ["--secondary-ca", &ca, "--secondary-cert", &client_cert, "--secondary-key", &client_key];
        let audit = dir.join("audit.log");
        let audit = ["--audit-file", audit.to_str().unwrap()];
        let primary = Program::start(PRIMARY, &[&own[..], &own_tls, &tls, &audit].concat()).unwrap();
        Safe { primary, secondary, certs, person: format!("Authorization: Bearer {person}"), token }
    }

    fn both(&self) -> [(&'static str, &Program); 2] {
        [(PRIMARY, &self.primary), (SECONDARY, &self.secondary)]
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = Target> {
        let access = json!({
            "scheme": "https",
            "authorization": { "credentials_file": self.token },
            "tls_config": { "ca_file": self.certs.join("ca.pem") },
        });
        let target = |(job, program): (&'static str, &Program)| Target {
            job,
            address: program.listen.to_string(),
            access: access.clone(),
        };
        self.both().map(target).into_iter()
    }

    pub(crate) fn pages(&self) -> impl Iterator<Item = (&'static str, String)> {
        let token = std::fs::read_to_string(&self.token).unwrap();
        let field = format!("Authorization: Bearer {token}");
        let page = |(name, program): (&'static str, &Program)| {
            (
                name,
                body(&["--cacert", &self.ca(), "-H", &field, &format!("https://{}/metrics", program.listen)]),
            )
        };
        self.both().map(page).into_iter()
    }

    fn ca(&self) -> String {
        self.certs.join("ca.pem").to_str().unwrap().to_owned()
    }

    /// A question that is answered, and some that are refused.
    pub(crate) fn ask(&self) {
        let ca = self.ca();
        let url = format!("https://{}/logs?filename=app.log&n=20", self.primary.listen);
        let answered = body(&["--cacert", &ca, "-H", &self.person, &url]);
        assert_eq!(answered.lines().count(), 20, "{answered}");
        assert_eq!(curl(&["--cacert", &ca, &url]).0, "401");
        // A person's token reads no metrics.
        let metrics = format!("https://{}/metrics", self.primary.listen);
        assert_eq!(curl(&["--cacert", &ca, &metrics]).0, "401");
        assert_eq!(curl(&["--cacert", &ca, "-H", &self.person, &metrics]).0, "404");
    }
}
