//! Another server at a host's URL.

use crate::liar::{Liar, foreign, say, whole};
use crate::{configured, primary};

const ASK: &str = "/logs?hostname=web1&filename=app.log";
const PROBLEM: &str = "Content-Type: application/problem+json\r\n";

fn problem(status: u16, code: &str) -> String {
    serde_json::json!({ "status": status, "code": code, "detail": "canary" }).to_string()
}

#[tokio::test]
async fn what_answers_unlike_a_secondary_is_a_502() {
    let canary = Liar::new(vec![]).await;
    let redirect = format!("Location: http://{}/logs\r\n", canary.address);
    for script in [
        whole("200 OK", "Content-Type: text/html\r\n", "<p>canary"),
        whole("200 OK", "", "canary"),
        whole("302 Found", &redirect, ""),
        whole("307 Temporary Redirect", &redirect, ""),
        whole("204 No Content", "", ""),
        whole("502 Bad Gateway", "", ""),
        whole("404 Not Found", "Content-Type: text/html\r\n", "canary"),
        whole("404 Not Found", PROBLEM, ""),
        whole("404 Not Found", PROBLEM, "{\"code\":\"not_found\",\"detail\":\"canary\"}"),
        whole("404 Not Found", PROBLEM, &problem(403, "not_found")),
        whole("404 Not Found", PROBLEM, &problem(404, "forbidden")),
        whole("404 Not Found", PROBLEM, &problem(404, "unknown_host")),
        foreign("200 OK", "Content-Type: text/plain\r\n", "canary\n"),
        foreign("200 OK", "Content-Type: text/plain; charset=utf-8\r\n", ""),
        foreign("200 OK", "Content-Type: application/x-ndjson\r\n", "{\"canary\":1}\n"),
        foreign("200 OK", "Backscroll-Instance: \r\nContent-Type: text/plain\r\n", "canary\n"),
        foreign("404 Not Found", "", ""),
        foreign("404 Not Found", "Content-Type: text/html\r\n", "<p>canary"),
        foreign("404 Not Found", PROBLEM, &problem(404, "not_found")),
        foreign("403 Forbidden", PROBLEM, &problem(403, "forbidden")),
        foreign("401 Unauthorized", "WWW-Authenticate: Basic realm=canary\r\n", "canary"),
        foreign("500 Internal Server Error", "", "canary"),
        foreign("503 Service Unavailable", "Retry-After: 7\r\n", ""),
        foreign("504 Gateway Timeout", "", ""),
        foreign("302 Found", &redirect, ""),
        foreign("304 Not Modified", "", ""),
        vec![say("SSH-2.0-OpenSSH_9.2\r\n")],
        vec![],
    ] {
        let liar = Liar::new(script).await;
        let primary = primary(configured(&[("web1", liar.url())])).await;
        let json = &["-H", "Accept: application/x-ndjson, application/json"][..];
        for (target, flags) in [
            (ASK, &[][..]),
            (ASK, json),
            (ASK, &["-H", "TE: trailers"]),
            ("/logs?hostname=web1&filename=app.log&on_error=ignore", &[]),
            ("/logs?hostname=web*&filename=app.log", &[]),
            ("/logs?filename=app.log&on_error=ignore", json),
            ("/files?hostname=web1", &[]),
            ("/files?hostname=web1", json),
            ("/files", &[]),
        ] {
            let got = primary.curl(target, flags).await;
            assert!(
                got.log.contains("< http/1.1 502 ") && got.out.contains("upstream_unreachable"),
                "{target} {got:?}"
            );
            assert!(got.log.contains("< log-hosts-failed: web1"), "{got:?}");
            assert!(!got.out.contains("canary") && !got.log.contains("< location"), "{got:?}");
            assert!(got.out.contains("web1") && got.out.contains("GET /hosts"), "{got:?}");
        }
    }
    assert_eq!(canary.asked(), 0);
}

#[tokio::test]
async fn what_another_server_answers_to_head_is_a_502_too() {
    for (script, status) in [
        (foreign("200 OK", "Content-Type: text/plain\r\n", ""), "502"),
        (foreign("404 Not Found", "", ""), "502"),
        (foreign("404 Not Found", PROBLEM, ""), "502"),
        (whole("404 Not Found", "Content-Type: text/html\r\n", ""), "502"),
        (whole("302 Found", "Location: /\r\n", ""), "502"),
        (whole("404 Not Found", PROBLEM, ""), "404"),
        (whole("200 OK", "Content-Type: text/plain\r\n", ""), "200"),
    ] {
        let liar = Liar::new(script).await;
        let primary = primary(configured(&[("web1", liar.url())])).await;
        for target in [ASK, "/files?hostname=web1"] {
            let got = primary.curl(target, &["-I"]).await;
            assert!(got.log.contains(&format!("< http/1.1 {status} ")) && got.exit == 0, "{got:?}");
        }
    }
}

#[tokio::test]
async fn the_statuses_of_a_host_pass_unchanged() {
    for status in [
        "400 Bad Request",
        "403 Forbidden",
        "404 Not Found",
        "500 Internal Server Error",
        "503 Service Unavailable",
        "504 Gateway Timeout",
    ] {
        let body = format!("{{\"status\":{},\"code\":\"its_own\",\"detail\":\"é\",\"x\":1}}\n", &status[..3]);
        let fields = "Content-Type: application/problem+json\r\nRetry-After: 7\r\nX-Private: 1\r\n";
        let liar = Liar::new(whole(status, fields, &body)).await;
        let primary = primary(configured(&[("web1", liar.url())])).await;
        for target in [ASK, "/files?hostname=web1"] {
            let got = primary.curl(target, &[]).await;
            assert!(got.log.contains(&format!("< http/1.1 {}", status.to_lowercase())), "{got:?}");
            assert_eq!((got.exit, got.out.as_str()), (0, body.as_str()), "{got:?}");
            assert!(got.log.contains("< retry-after: 7") && !got.log.contains("x-private"), "{got:?}");
            assert!(got.log.contains("problem+json") && got.log.contains("no-store"), "{got:?}");
        }
    }
}
