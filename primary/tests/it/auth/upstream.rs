//! What hosts are told of callers, and a host that does not let the primary in.

use super::{Ring, Shelf, closed};
use crate::fanout::client::request;
use crate::{configured, primary};
use backscroll_primary::Config;

#[tokio::test]
async fn no_host_gets_the_token_of_a_client_and_each_gets_that_of_the_primary() {
    let shelf = Shelf::new(&["app.log"]).await;
    let ring = Ring::default().with("web", &["web*"], &["app.log", "n/**"], "");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "bks_own\n").unwrap();
    let mut config = closed(&[("web1", &shelf)], &ring);
    config.credentials = backscroll_primary::host::credentials::Credentials::read(&path).unwrap();
    let primary = primary(config).await;
    let fields = format!(
        "{}Backscroll-Relay: x\r\nBackscroll-Caller: x\r\nBackscroll-Files: x\r\nBackscroll-Remaining-Ms: 1\r\n",
        ring.field("web")
    );
    for target in ["/logs?hostname=web1&filename=app.log", "/logs?filename=app.log", "/files", "/hosts"] {
        assert_eq!(request(primary.address, "GET", target, &fields).await.status, 200, "{target}");
    }
    let heads = shelf.heads.lock().unwrap().clone();
    assert!(heads.len() >= 4);
    for head in heads {
        let head = head.to_ascii_lowercase();
        assert_eq!(head.matches("authorization: ").count(), 1, "{head}");
        assert!(head.contains("authorization: bearer bks_own\r\n"), "{head}");
        if !head.contains(" /readyz") {
            assert!(head.contains("backscroll-caller: web\r\n"), "{head}");
            assert!(head.contains("backscroll-files: app%2elog,n%2f%2a%2a\r\n"), "{head}");
            assert!(!head.contains(": x\r\n") && !head.contains("-ms: 1\r\n"), "{head}");
        }
    }
}

#[tokio::test]
async fn a_host_that_does_not_let_the_primary_in_is_said_to_do_so() {
    let body = "{\"status\":401,\"code\":\"unauthorized\",\"detail\":\"a valid token is needed\"}";
    let head = "Content-Type: application/problem+json\r\nWWW-Authenticate: Bearer\r\n";
    let liar = crate::liar::Liar::new(crate::liar::whole("401 Unauthorized", head, body)).await;
    let open = |url: String| Config { allowed_hosts: None, ..configured(&[("web1", url)]) };
    let primary = primary(open(liar.url())).await;
    let told = request(primary.address, "GET", "/logs?hostname=web1&filename=a", "").await;
    assert_eq!((told.status, told.code()), (502, "upstream_unreachable".to_owned()));
    assert!(told.text().contains("--secondary-token-file"), "{}", told.text());
    assert!(!told.fields.contains_key("www-authenticate"), "the client's token is not wrong");
    let hosts = request(primary.address, "GET", "/hosts", "").await.text();
    assert!(hosts.contains("unreachable\tit does not let this primary in"), "{hosts}");
    // A secondary that says to strangers no more than that it is ready.
    let head = "Content-Type: application/json\r\nWWW-Authenticate: Bearer\r\n";
    let liar = crate::liar::Liar::new(crate::liar::whole("200 OK", head, "{\"ready\":true}\n")).await;
    let primary = crate::primary(open(liar.url())).await;
    let hosts = request(primary.address, "GET", "/hosts", "").await.text();
    assert!(hosts.contains("it does not let this primary in"), "{hosts}");
}
