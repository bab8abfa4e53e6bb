use crate::liar::{COMPLETE, Liar, NDJSON, Step, TEXT, chunk, end, head, say};
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
        // What came has been read, at least, and nothing that came is counted as nothing.
        let read = match name {
            "no verdict" => "9",
            "its own failure" => "99",
            _ => "4",
        };
        assert!(got.contains(&format!("log-bytes-scanned: {read}\r\n")), "{name}: {got}");
    }
}

#[tokio::test]
async fn an_incomplete_ndjson_answer_ends_with_its_verdict_and_is_cut() {
    let liar = Liar::new(vec![
        head(NDJSON),
        chunk("{\"host\":\"web1\",\"file\":\"app.log\",\"offset\":7,\"line\":\"b\"}\n{\"ho"),
    ])
    .await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    for (flags, exit) in [(&[] as &[&str], 18), (&["--http1.0"], 56)] {
        let got = primary.curl(ASK, &[&["-H", "Accept: application/x-ndjson"], flags].concat()).await;
        assert_eq!(got.exit, exit, "{got:?}");
        let lines: Vec<serde_json::Value> =
            got.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["end"]["status"], "failed");
        assert_eq!(lines[1]["end"]["lines"], 1);
        assert_eq!(lines[1]["end"]["bytes_scanned"], 1);
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
async fn a_host_that_is_not_there_is_a_502_and_one_that_is_silent_a_504() {
    let liar = Liar::new(vec![Step::Hang]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let primary = primary(configured(&[("web1", liar.url()), ("gone", format!("http://{free}"))])).await;
    let got = primary.curl("/logs?hostname=gone&filename=a", &[]).await;
    assert!(got.log.contains("< http/1.1 502 ") && got.out.contains("upstream_unreachable"), "{got:?}");
    let got = primary.curl(ASK, &[]).await;
    assert!(got.log.contains("< http/1.1 504 ") && got.out.contains("upstream_timeout"), "{got:?}");
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
async fn a_line_longer_than_any_record_is_given_up() {
    let liar = Liar::new(vec![head(TEXT), chunk("a\n"), Step::Flood(chunk_of(1 << 20))]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got = primary.curl(ASK, &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (18, "a\n"), "{got:?}");
}

fn chunk_of(bytes: usize) -> Vec<u8> {
    format!("{bytes:x}\r\n{}\r\n", "x".repeat(bytes)).into_bytes()
}
