use crate::liar::{COMPLETE, ID, Liar, NDJSON, TEXT, chunk, end, head, say};
use crate::{configured, primary};

const ASK: &str = "/logs?hostname=web1&filename=app.log";

#[tokio::test]
async fn a_complete_answer_is_passed_through_and_ends_properly() {
    let liar = Liar::new(vec![head(TEXT), chunk("b\r\n"), chunk("a"), chunk("a\n"), end(COMPLETE)]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got = primary.curl("/logs?hostname=web1&filename=n/app.log&keyword=%FF+x&n=2", &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (0, "b\r\naa\n"), "{got:?}");
    for field in [
        "content-type: text/plain; charset=utf-8",
        "cache-control: no-store",
        "nosniff",
        "x-accel-buffering: no",
    ] {
        assert!(got.log.contains(field), "{field}: {got:?}");
    }
    let asked = liar.heads.lock().unwrap()[0].to_lowercase();
    assert!(asked.starts_with("get /logs?filename=n/app.log&keyword=%ff%20x&n=2 http/1.1\r\n"), "{asked}");
    for field in ["accept: text/plain\r\n", "te: trailers\r\n", "backscroll-relay: web1\r\n"] {
        assert!(asked.contains(field), "{asked}");
    }
}

/// What an answer tells of its times, without the numbers.
fn timed(log: &str) -> String {
    let field = log.lines().find_map(|line| line.strip_prefix("< server-timing: ")).unwrap_or_default();
    field.trim_end().replace(|byte: char| byte.is_ascii_digit() || byte == '.', "")
}

#[tokio::test]
async fn an_answer_tells_how_long_it_took_to_begin() {
    let timing = "Server-Timing: open;dur=0.25, first-record;dur=0.5, evil;dur=1\r\n\r\n";
    let slow =
        say(format!("HTTP/1.1 200 OK\r\n{ID}Content-Type: {TEXT}\r\nTransfer-Encoding: chunked\r\n{timing}"));
    let (one, two) = (
        Liar::new(vec![slow, chunk("b\n"), end(COMPLETE)]).await,
        Liar::new(vec![head(TEXT), chunk("a\n"), end(COMPLETE)]).await,
    );
    let primary = primary(configured(&[("web1", one.url()), ("web2", two.url())])).await;
    let got = primary.curl(ASK, &[]).await;
    assert!(got.log.contains("< server-timing: open;dur=0.250, first-record;dur="), "{got:?}");
    assert_eq!(timed(&got.log), "open;dur=, first-record;dur=", "{got:?}");
    let got = primary.curl("/logs?hostname=web2&filename=app.log", &[]).await;
    assert_eq!(timed(&got.log), "first-record;dur=", "{got:?}");
}

#[tokio::test]
async fn a_host_named_twice_is_one_that_is_asked_by_its_whole_name() {
    let liar = Liar::new(vec![head(TEXT), chunk("b\na\n"), end(COMPLETE)]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got = primary.curl(&format!("{ASK}&hostname=web1"), &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (0, "b\na\n"), "{got:?}");
    assert!(liar.heads.lock().unwrap()[0].contains("accept: text/plain\r\n"));
}

#[tokio::test]
async fn a_client_that_reads_trailers_gets_the_verdict_in_them() {
    let liar = Liar::new(vec![head(TEXT), chunk("b\na\n"), end(COMPLETE)]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got = primary
        .raw(&format!("GET {ASK} HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close\r\n\r\n"))
        .await
        .to_lowercase();
    assert!(got.contains("trailer: log-status, log-lines"), "{got}");
    assert!(got.contains("log-status: complete\r\n") && got.contains("log-lines: 2\r\n"), "{got}");
    assert!(got.contains("log-bytes-scanned: 99\r\n") && got.ends_with("\r\n\r\n"), "{got}");
}

#[tokio::test]
async fn ndjson_ends_with_the_verdict_of_the_host() {
    let liar = Liar::new(vec![
        head(NDJSON),
        chunk("{\"host\":\"web1\",\"file\":\"app.log\",\"offset\":7,\"line\":\"b\"}\n"),
        end(COMPLETE),
    ])
    .await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got = primary.curl(ASK, &["-H", "Accept: application/x-ndjson"]).await;
    assert_eq!(got.exit, 0, "{got:?}");
    let last: serde_json::Value = serde_json::from_str(got.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["end"]["status"], "complete");
    assert_eq!(last["end"]["hosts"]["web1"]["lines"], 2);
}

#[tokio::test]
async fn head_answers_the_headers_alone() {
    let liar = Liar::new(vec![head(TEXT)]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    for flags in [&["-I"] as &[&str], &["-I", "--http1.0"]] {
        let got = primary.curl(ASK, flags).await;
        assert_eq!(got.exit, 0, "{got:?}");
        assert!(got.out.starts_with("HTTP/1.") && got.log.contains("200 ok"), "{got:?}");
        assert!(!got.log.contains("content-length"), "{got:?}");
    }
    assert!(liar.heads.lock().unwrap()[0].starts_with("HEAD /logs?"));
}

#[tokio::test]
async fn a_complete_answer_to_http_1_0_ends_by_closing() {
    let liar = Liar::new(vec![head(TEXT), chunk("b\na\n"), end(COMPLETE)]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got = primary.curl(ASK, &["--http1.0", "-H", "TE: trailers"]).await;
    assert_eq!((got.exit, got.out.as_str()), (0, "b\na\n"), "{got:?}");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_before_a_host_is_asked() {
    let liar = Liar::new(vec![]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let long = format!("{ASK}&keyword={}", "x".repeat(9000));
    let large = format!("X: {}", "x".repeat(20_000));
    for (target, flags, status, code) in [
        ("/logs?hostname=web1", &[] as &[&str], "400", "bad_parameter"),
        ("/logs?hostname=web1&filename=a&colour=x", &[], "400", "unknown_parameter"),
        ("/logs?hostname=web1&filename=a&regex=%28", &[], "400", "bad_pattern"),
        ("/logs?hostname=web1&filename=../a", &[], "400", "bad_parameter"),
        (ASK, &["-H", "Accept: image/png"], "406", "not_acceptable"),
        (ASK, &["-H", "Range: bytes=7-"], "400", "bad_request"),
        ("/files", &["-H", "Range: bytes=7-"], "400", "bad_request"),
        (ASK, &["-X", "PUT"], "405", "method_not_allowed"),
        (&long, &[], "414", "uri_too_long"),
        // What is between a primary and its hosts raises no limit for a client.
        (&long, &["-H", "Backscroll-Relay: x"], "414", "uri_too_long"),
        (ASK, &["-H", &large], "431", "headers_too_large"),
        ("/nope", &[], "404", "no_route"),
    ] {
        let got = primary.curl(target, flags).await;
        assert!(
            got.log.contains(&format!("< http/1.1 {status} ")) && got.out.contains(code),
            "{code}: {got:?}"
        );
        assert!(got.log.contains("problem+json") && got.log.contains("no-store"), "{got:?}");
        assert_eq!(got.log.matches("< allow:").count(), usize::from(status == "405"), "{got:?}");
    }
    assert_eq!(liar.asked(), 0);
}

/// S1.
#[tokio::test]
async fn no_hostname_makes_a_connection_outside_the_fleet() {
    let canary = Liar::new(vec![]).await;
    let liar = Liar::new(vec![]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let (address, port) = (canary.address, canary.address.port());
    let names = [
        format!("{address}"),
        format!("http://{address}"),
        format!("http://{address}/"),
        format!("//{address}"),
        format!("localhost:{port}"),
        format!("web1@{address}"),
        format!("web1:x@{address}"),
        format!("{address}%23web1"),
        format!("{address}%23@web1"),
        format!("web1%0D%0AHost:%20{address}"),
        format!("web1%00.{address}"),
        format!("[::1]:{port}"),
        format!("web1:{port}"),
        format!("{address}%2Flogs%3F"),
        format!("{address}/logs"),
        format!("web1/../{address}"),
        "127.0.0.1".to_owned(),
        "localhost".to_owned(),
        "WEB1".to_owned(),
        "Web1".to_owned(),
        "web1.".to_owned(),
        "web1%20".to_owned(),
        "%20web1".to_owned(),
        "web%FF".to_owned(),
        String::new(),
    ];
    for name in &names {
        for got in primary.by_hostname(name).await {
            let refused = got.contains("\"unknown_host\"") || got.contains("\"bad_parameter\"");
            assert!(refused, "{name}: {got}");
        }
    }
    assert_eq!(canary.asked() + liar.asked(), 0);
}
