//! What a host alone says of its answer, where that is no sound verdict.

use crate::liar::{COMPLETE, Liar, NDJSON, TEXT, chunk, end, head};
use crate::{configured, primary};

const ASK: &str = "/logs?hostname=web1&filename=app.log";

#[tokio::test]
async fn a_verdict_that_contradicts_itself_is_a_failure() {
    let failed = COMPLETE.replace("complete", "failed");
    for trailers in [
        format!("{COMPLETE}Log-Error: io_error: bad disk\r\n"),
        format!("{COMPLETE}Log-Status: complete\r\n"),
        format!("{COMPLETE}Log-Status: failed\r\n"),
        format!("Log-Status: failed\r\nLog-Error: io_error: bad disk\r\n{COMPLETE}"),
        format!("{COMPLETE}Log-Lines: 3\r\n"),
        format!("{COMPLETE}Log-Hosts-Failed: web2\r\n"),
        COMPLETE.replace("complete", "Complete"),
        COMPLETE.replace("complete", "fine"),
        COMPLETE.replace("complete", "not_found"),
        COMPLETE.replace("Lines: 2", "Lines: two"),
        COMPLETE.replace("Log-Lines: 2\r\n", ""),
        COMPLETE.replace("complete", "partial"),
        failed.clone(),
        format!("{failed}Log-Error: \r\n"),
    ] {
        for (format, line) in
            [(TEXT, "a"), (NDJSON, "{\"host\":\"web1\",\"file\":\"app.log\",\"offset\":0,\"line\":\"a\"}")]
        {
            let liar = Liar::new(vec![head(format), chunk(&format!("{line}\n")), end(&trailers)]).await;
            let primary = primary(configured(&[("web1", liar.url())])).await;
            let accept = format!("Accept: {format}");
            let got = primary.curl(ASK, &["-H", &accept]).await;
            assert!(got.exit == 18 && got.out.starts_with(line), "{trailers}: {got:?}");
            assert!(!got.out.contains("\"status\":\"complete\""), "{got:?}");
            let request = format!(
                "GET {ASK} HTTP/1.1\r\nHost: x\r\n{accept}\r\nTE: trailers\r\nConnection: close\r\n\r\n"
            );
            let got = primary.raw(&request).await.to_lowercase();
            assert!(
                got.contains("log-status: failed\r\n") && got.contains("log-error: "),
                "{trailers}: {got}"
            );
            assert_eq!(got.matches("log-status: ").count(), 1, "{got}");
        }
        // A listing has no verdict; one that is not complete is not ignored.
        let listing = vec![head(TEXT), chunk("1\t2\ta.log\n"), end(&trailers)];
        let liar = Liar::new(listing).await;
        let primary = primary(configured(&[("web1", liar.url())])).await;
        for target in ["/files?hostname=web1", "/files"] {
            assert_eq!(primary.curl(target, &[]).await.exit, 18, "{trailers}");
        }
    }
}

#[tokio::test]
async fn what_a_host_says_of_its_failure_is_cleaned_and_bounded() {
    let failed = COMPLETE.replace("complete", "failed");
    let long = "x".repeat(5000);
    for (said, code) in [
        (format!("io_error: a\tb \u{202e}{long}"), "io_error"),
        (format!("NO word: {long}"), "unknown"),
        (format!("{long}: x"), "unknown"),
        (long.clone(), "io_error"),
    ] {
        let trailers = format!("{failed}Log-Error: {said}\r\n");
        let liar = Liar::new(vec![head(TEXT), chunk("a\n"), end(&trailers)]).await;
        let primary = primary(configured(&[("web1", liar.url())])).await;
        let got = primary
            .raw(&format!("GET {ASK} HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close\r\n\r\n"))
            .await;
        let error = got.lines().find_map(|line| line.strip_prefix("log-error: ")).unwrap();
        assert!(error.starts_with(&format!("{code}: ")) && error.len() < 600, "{error}");
        assert!(!error.contains(['\t', '\u{202e}']), "{error}");
    }
}

#[tokio::test]
async fn a_host_that_fails_before_its_first_record_is_a_status() {
    let failed = COMPLETE.replace("complete", "failed");
    let with = |error: &str| vec![head(TEXT), end(&format!("{failed}Log-Error: {error}\r\n"))];
    for (script, status, code) in [
        (vec![head(TEXT)], 502, "upstream_unreachable"),
        (vec![head(TEXT), chunk("half a li")], 502, "upstream_unreachable"),
        (vec![head(TEXT), end("")], 502, "upstream_unreachable"),
        (vec![head(TEXT), end(&format!("{COMPLETE}Log-Error: x: y\r\n"))], 502, "upstream_unreachable"),
        (with("io_error: bad disk"), 500, "io_error"),
        (with("upstream_timeout: late"), 504, "upstream_timeout"),
        (with("not_found: no such file"), 502, "upstream_unreachable"),
        (with("something_else: x"), 502, "upstream_unreachable"),
    ] {
        let liar = Liar::new(script).await;
        let primary = primary(configured(&[("web1", liar.url())])).await;
        for on_error in ["report", "ignore", "fail"] {
            let target = format!("{ASK}&on_error={on_error}");
            let got = primary.until(&target, |got| got.log.contains(&format!("< http/1.1 {status} "))).await;
            assert!(got.out.contains(code) && got.log.contains("< log-hosts-failed: web1"), "{got:?}");
        }
    }
}

#[tokio::test]
async fn a_line_that_is_no_record_ends_an_ndjson_answer() {
    let of = |host: &str, file: &str, rest: &str| {
        format!("{{\"host\":\"{host}\",\"file\":\"{file}\",\"offset\":{rest}}}\n")
    };
    let good = of("web1", "app.log", "7,\"line\":\"a\"");
    let end_object = "{\"end\":{\"status\":\"complete\",\"lines\":0}}\n";
    for odd in [
        end_object,
        &of("web2", "app.log", "7,\"line\":\"a\""),
        &of("web1", "app.log2", "7,\"line\":\"a\""),
        &of("web1", "app.log", "7,\"end\":{\"status\":\"complete\"}"),
        &of("web1", "app.log", "7,\"host\":\"web2\",\"line\":\"a\""),
        &of("web1", "app.log", "\"7\",\"line\":\"a\""),
        &of("web1", "app.log", &format!("7,\"line\":\"a\"}}\r{}", end_object.trim_end())),
        &of("web1", "app.log", "7,\"line\":\"\u{1b}[2J\""),
        &of("web1", "app.log", "7,\"line\":\"\t\""),
        "{\"host\":\"web1\",\"line\":\"a\"}\n",
        "{\"host\":\"web1\",\"end\":{}}\n",
        "\n",
        "a\n",
        "{}\n",
        "{\"host\":\"web1",
        "{\"host\": \"web1\"}\n",
    ] {
        let all = format!("{good}{good}{odd}{good}");
        // Cut into two pieces at many places.
        for at in (1..all.len()).step_by(if odd == end_object { 5 } else { 29 }) {
            let script = vec![head(NDJSON), chunk(&all[..at]), chunk(&all[at..]), end(COMPLETE)];
            let liar = Liar::new(script).await;
            let primary = primary(configured(&[("web1", liar.url())])).await;
            let got = primary.curl(ASK, &["-H", "Accept: application/x-ndjson"]).await;
            let lines: Vec<&str> = got.out.lines().collect();
            assert_eq!((got.exit, lines.len()), (18, 3), "{odd:?} at {at}: {got:?}");
            assert!(lines[..2].iter().all(|line| *line == good.trim_end()), "{got:?}");
            assert!(lines[2].starts_with("{\"end\":{\"status\":\"failed\",\"lines\":2,"), "{got:?}");
        }
    }
}
