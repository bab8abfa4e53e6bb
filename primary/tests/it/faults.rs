use crate::liar::{COMPLETE, Liar, NDJSON, Step, TEXT, chunk, end, foreign, head, say, whole};
use crate::{configured, primary};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ASK: &str = "/logs?hostname=web1&filename=app.log";

/// Scripts whose answer is incomplete, what of it is whole, and the error's code.
fn incomplete() -> Vec<(&'static str, Vec<Step>, &'static str)> {
    let start = || vec![head(TEXT), chunk("c\nb\nha")];
    let with = |steps: Vec<Step>| [start(), steps].concat();
    let failed = COMPLETE.replace("complete", "failed") + "Log-Error: io_error: bad disk\r\n";
    vec![
        ("cut in a line", with(vec![]), "upstream_unreachable"),
        ("cut in a chunk", with(vec![say("ff\r\nlf")]), "upstream_unreachable"),
        ("no verdict", with(vec![chunk("lf\n"), end("")]), "upstream_unreachable"),
        ("half a verdict", with(vec![end("Log-Status: complete\r\n")]), "upstream_unreachable"),
        ("a verdict in the middle of a line", with(vec![end(COMPLETE)]), "upstream_unreachable"),
        ("silence", with(vec![Step::Hang]), "upstream_timeout"),
        ("its own failure", with(vec![end(&failed)]), "io_error"),
    ]
}

#[tokio::test]
async fn an_incomplete_answer_delivers_whole_lines_and_is_cut() {
    for (name, script, _) in incomplete() {
        let liar = Liar::new(script).await;
        let primary = primary(configured(&[("web1", liar.url())])).await;
        let lines = if name == "no verdict" { "c\nb\nhalf\n" } else { "c\nb\n" };
        let got = primary.curl(ASK, &[]).await;
        assert_eq!((got.exit, got.out.as_str()), (18, lines), "{name}: {got:?}");
        let got = primary.curl(ASK, &["--http1.0"]).await;
        assert_eq!((got.exit, got.out.as_str()), (56, lines), "{name}: {got:?}");
        let got = primary.curl(ASK, &["-H", "TE: trailers;q=0.5"]).await;
        assert_eq!(got.exit, 18, "{name}: {got:?}");
        // There is no other host whose records would be worth it.
        for on_error in ["ignore", "report", "fail"] {
            let got = primary.curl(&format!("{ASK}&on_error={on_error}"), &[]).await;
            assert_eq!((got.exit, got.out.as_str()), (18, lines), "{name}: {got:?}");
        }
    }
}

#[tokio::test]
async fn an_incomplete_answer_says_so_in_trailers() {
    for (name, script, code) in incomplete() {
        let liar = Liar::new(script).await;
        let primary = primary(configured(&[("web1", liar.url())])).await;
        let got = primary
            .raw(&format!("GET {ASK} HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close\r\n\r\n"))
            .await
            .to_lowercase();
        assert!(got.contains("log-status: failed\r\n") && got.ends_with("\r\n\r\n"), "{name}: {got}");
        assert!(got.contains(&format!("log-error: {code}: ")), "{name}: {got}");
        assert!(got.contains("log-hosts-failed: web1\r\n"), "{name}: {got}");
    }
}

#[tokio::test]
async fn an_incomplete_ndjson_answer_ends_with_its_verdict_and_is_cut() {
    let liar = Liar::new(vec![head(NDJSON), chunk("{\"host\":\"web1\",\"line\":\"b\"}\n{\"ho")]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    for (flags, exit) in [(&[] as &[&str], 18), (&["--http1.0"], 56)] {
        let got = primary.curl(ASK, &[&["-H", "Accept: application/x-ndjson"], flags].concat()).await;
        assert_eq!(got.exit, exit, "{got:?}");
        let lines: Vec<serde_json::Value> =
            got.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["end"]["status"], "failed");
        assert_eq!(lines[1]["end"]["lines"], 1);
        assert_eq!(lines[1]["end"]["hosts"]["web1"]["error"]["code"], "upstream_unreachable");
    }
}

#[tokio::test]
async fn all_that_came_before_the_cut_is_delivered_to_a_slow_client() {
    let lines = "0123456789abcdz\n".repeat(1 << 16);
    let liar = Liar::new(vec![head(TEXT), chunk(&lines)]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let mut stream = TcpStream::connect(primary.address).await.unwrap();
    stream
        .write_all(format!("GET {ASK}&on_error=fail HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut got = Vec::new();
    let mut piece = vec![0; 32 << 10];
    loop {
        let n = stream.read(&mut piece).await.unwrap();
        if n == 0 {
            break;
        }
        got.extend_from_slice(&piece[..n]);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let letters = memchr::memchr_iter(b'z', &got).count();
    assert_eq!(letters, 1 << 16);
    assert!(!got.ends_with(b"0\r\n\r\n"));
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
        for (format, line) in [(TEXT, "a"), (NDJSON, "{\"host\":\"web1\",\"line\":\"a\"}")] {
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
    let record = |host: &str| format!("{{\"host\":\"{host}\",\"line\":\"a\"}}\n");
    let good = record("web1");
    let end_object = "{\"end\":{\"status\":\"complete\",\"lines\":0}}\n";
    for odd in
        [end_object, &record("web2"), "\n", "a\n", "{}\n", "{\"host\":\"web1", "{\"host\": \"web1\"}\n"]
    {
        let all = format!("{good}{good}{odd}{good}");
        // Cut anywhere into two pieces.
        for at in 1..all.len() {
            let script = vec![head(NDJSON), chunk(&all[..at]), chunk(&all[at..]), end(COMPLETE)];
            let liar = Liar::new(script).await;
            let primary = primary(configured(&[("web1", liar.url())])).await;
            let got = primary.curl(ASK, &["-H", "Accept: application/x-ndjson"]).await;
            let lines: Vec<&str> = got.out.lines().collect();
            assert_eq!((got.exit, lines.len()), (18, 3), "{odd:?} at {at}: {got:?}");
            assert!(lines[..2].iter().all(|line| *line == good.trim_end()), "{got:?}");
            assert!(lines[2].starts_with("{\"end\":{\"status\":\"failed\",\"lines\":2,"), "{got:?}");
            if at % 20 > 1 && odd != end_object {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_a_502_and_one_that_is_silent_a_504() {
    let liar = Liar::new(vec![Step::Hang]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let primary = primary(configured(&[("web1", liar.url()), ("gone", format!("http://{free}"))])).await;
    let got = primary.curl("/logs?hostname=gone&filename=a", &[]).await;
    assert!(got.log.contains("< http/1.1 502 ") && got.out.contains("upstream_unreachable"), "{got:?}");
    let got = primary.curl(ASK, &[]).await;
    assert!(got.log.contains("< http/1.1 504 ") && got.out.contains("upstream_timeout"), "{got:?}");
}

const PROBLEM: &str = "Content-Type: application/problem+json\r\n";

fn problem(status: u16, code: &str) -> String {
    serde_json::json!({ "status": status, "code": code, "detail": "canary" }).to_string()
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

#[tokio::test]
async fn a_client_that_leaves_closes_the_connection_to_the_host() {
    for script in [
        vec![head(TEXT), Step::Flood(b"8\r\n1234567\n\r\n".repeat(1000))],
        vec![head(TEXT), chunk("a\n"), Step::Hang],
    ] {
        let liar = Liar::new(script).await;
        let mut config = configured(&[("web1", liar.url())]);
        config.times.idle = Duration::from_mins(1);
        let primary = primary(config).await;
        let mut stream = TcpStream::connect(primary.address).await.unwrap();
        stream.write_all(format!("GET {ASK} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
        stream.read_exact(&mut [0; 20]).await.unwrap();
        drop(stream);
        let since = Instant::now();
        while liar.left.load(SeqCst) == 0 {
            assert!(since.elapsed() < Duration::from_secs(5), "the host still sends");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn answers_in_flight_end_when_the_server_is_told_to_stop() {
    let slow =
        vec![head(TEXT), chunk("b\n"), Step::Wait(Duration::from_millis(400)), chunk("a\n"), end(COMPLETE)];
    let liar = Liar::new(slow).await;
    let mut primary = primary(configured(&[("web1", liar.url())])).await;
    let idle = TcpStream::connect(primary.address).await.unwrap();
    let stop = primary.stop.take().unwrap();
    let asking = primary.curl(ASK, &[]);
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop.send(()).unwrap();
    };
    let (got, ()) = tokio::join!(asking, stopping);
    assert_eq!((got.exit, got.out.as_str()), (0, "b\na\n"), "{got:?}");
    tokio::time::timeout(Duration::from_secs(2), primary.task).await.unwrap().unwrap();
    drop(idle);
}

#[tokio::test]
async fn connections_above_the_limit_are_told_to_come_back() {
    let mut config = configured(&[]);
    config.connections = 1;
    let primary = primary(config).await;
    let first = TcpStream::connect(primary.address).await.unwrap();
    let got = primary.curl("/healthz", &[]).await;
    assert!(got.log.contains("< http/1.1 503 ") && got.out.contains("\"overloaded\""), "{got:?}");
    assert!(got.log.contains("< retry-after: ") && got.exit == 0, "{got:?}");
    drop(first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(primary.curl("/healthz", &[]).await.out, "ok\n");
}

#[tokio::test]
async fn a_line_longer_than_any_record_is_given_up() {
    let liar = Liar::new(vec![head(TEXT), chunk("a\n"), Step::Flood(chunk_of(1 << 20))]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got = primary.curl(ASK, &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (18, "a\n"), "{got:?}");
}

fn chunk_of(bytes: usize) -> Vec<u8> {
    format!("{bytes:x}\r\n{}\r\n", "x".repeat(bytes)).into_bytes()
}
