//! Lines of more than 8 KiB of one host, of which all answers together hold a bounded part.

use crate::liar::{COMPLETE, Liar, NDJSON, Step, TEXT, chunk, end, head};
use crate::{Curled, Primary, configured, primary};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// Longer than what each answer may hold.
const LONG: usize = 200 << 10;

/// Unfinished lines that are all that may be held together, and the bytes of each.
const FILLING: usize = 2;
const FILLING_BYTES: usize = 7 << 20;

fn ask(host: &str) -> String {
    format!("/logs?hostname={host}&filename=app.log")
}

fn record(bytes: usize) -> String {
    let line = "x".repeat(bytes);
    format!("{{\"host\":\"web1\",\"file\":\"app.log\",\"offset\":7,\"line\":\"{line}\"}}\n")
}

/// A primary of a host with this script, and a host that sends a line which does not end.
async fn stage(script: Vec<Step>) -> (Primary, Liar, Liar) {
    let liar = Liar::new(script).await;
    let line = "x".repeat(FILLING_BYTES);
    let filling = Liar::new(vec![head(TEXT), chunk(&line), Step::Hang]).await;
    let mut config = configured(&[("web1", liar.url()), ("full", filling.url())]);
    config.times.idle = Duration::from_mins(1);
    // So that which answers wait for which is no question of threads.
    config.threads = std::num::NonZero::<usize>::MIN;
    (primary(config).await, liar, filling)
}

/// Asks for lines that do not end. They are held as far as they have come.
async fn fill(primary: &Primary) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    for _ in 0..FILLING {
        let mut client = TcpStream::connect(primary.address).await.unwrap();
        let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", ask("full"));
        client.write_all(request.as_bytes()).await.unwrap();
        clients.push(client);
    }
    clients
}

/// Asks while lines that do not end take all the room. Returns the answer, and their clients.
///
/// A question that comes while they still grow takes a little of the room, and so one of them may find
/// none. It then leaves as it comes, and there is room for the rest of the test. So each try has
/// unfinished lines of its own, and gives them more time than the one before.
async fn full(
    primary: &Primary,
    flags: &[&str],
    wanted: impl Fn(&Curled) -> bool,
) -> (Curled, Vec<TcpStream>) {
    let since = Instant::now();
    let mut time = Duration::from_millis(50);
    loop {
        let clients = fill(primary).await;
        tokio::time::sleep(time).await;
        let got = primary.curl(&ask("web1"), flags).await;
        if wanted(&got) {
            return (got, clients);
        }
        assert!(since.elapsed() < 3 * crate::PATIENCE, "{} {}", got.exit, got.out.len());
        time = (time * 2).min(Duration::from_secs(4));
    }
}

#[tokio::test]
async fn a_long_line_is_delivered_whole_or_not_at_all_where_there_is_room() {
    let whole = format!("a\n{}\n", "x".repeat(LONG));
    for (tail, out) in [(vec![end(COMPLETE)], whole.clone()), (vec![], whole.clone())] {
        let script = [vec![head(TEXT), chunk(&whole)], tail.clone()].concat();
        let (primary, ..) = stage(script).await;
        let got = primary.curl(&ask("web1"), &[]).await;
        assert_eq!((got.exit, got.out.len()), (if tail.is_empty() { 18 } else { 0 }, out.len()));
    }
    let (primary, ..) = stage(vec![head(TEXT), chunk("a\n"), chunk(&"x".repeat(LONG))]).await;
    let got = primary.curl(&ask("web1"), &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (18, "a\n"), "half of it is delivered");
}

#[tokio::test]
async fn where_there_is_no_room_a_long_line_passes_as_it_comes() {
    let lines = format!("a\n{}\nb\n", "x".repeat(LONG));
    let (at, rest) = lines.split_at(LONG / 2);
    let (primary, _liar, filling) = stage(vec![head(TEXT), chunk(at), chunk(rest), end(COMPLETE)]).await;
    let clients = fill(&primary).await;
    let got = primary.curl(&ask("web1"), &[]).await;
    assert!(got.exit == 0 && got.out == lines, "{} {}", got.exit, got.out.len());
    drop(clients);
    let since = Instant::now();
    while filling.left.load(SeqCst) < FILLING {
        assert!(since.elapsed() < crate::PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn where_a_host_breaks_off_in_such_a_line_nothing_follows_it_but_the_cut() {
    let (primary, ..) = stage(vec![head(TEXT), chunk("a\n"), chunk(&"x".repeat(LONG))]).await;
    let (got, _clients) = full(&primary, &[], |got| got.out.len() > LONG / 2).await;
    assert!(got.exit == 18 && got.out.starts_with("a\nx") && !got.out.ends_with('\n'), "{}", got.exit);
    let got = primary
        .raw(&format!("GET {} HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close\r\n\r\n", ask("web1")))
        .await
        .to_lowercase();
    assert!(got.contains("\r\nlog-status: failed\r\n") && got.contains("log-lines: 1\r\n"));
}

#[tokio::test]
async fn for_a_browser_the_last_line_is_one_of_its_own_also_behind_such_a_line() {
    let (primary, ..) = stage(vec![head(TEXT), chunk("a\n"), chunk(&"x".repeat(LONG))]).await;
    let browser = &["-H", "Accept: text/html,*/*;q=0.8"];
    let (got, _clients) = full(&primary, browser, |got| got.out.len() > LONG / 2).await;
    let lines: Vec<&str> = got.out.lines().collect();
    assert!(got.exit == 0 && lines.len() == 3, "{} {}", got.exit, lines.len());
    assert!(lines[1].ends_with('x') && lines[2].starts_with("-- incomplete: "), "{}", lines[2]);
}

#[tokio::test]
async fn in_ndjson_the_end_is_a_line_of_its_own_also_behind_such_a_line() {
    let all = record(3) + &record(LONG);
    let (primary, ..) = stage(vec![head(NDJSON), chunk(&all[..all.len() - 9])]).await;
    let ndjson = &["-H", "Accept: application/x-ndjson"];
    let (got, _clients) = full(&primary, ndjson, |got| got.out.len() > LONG / 2).await;
    let lines: Vec<&str> = got.out.lines().collect();
    assert!(got.exit == 18 && lines.len() == 3, "{} {}", got.exit, lines.len());
    assert!(lines[2].starts_with("{\"end\":{\"status\":\"failed\",\"lines\":1,"), "{}", lines[2]);
    assert!(serde_json::from_str::<serde_json::Value>(lines[1]).is_err());
}

#[tokio::test]
async fn a_long_line_that_is_no_record_is_not_passed_on_for_want_of_room() {
    let odd = record(LONG);
    for odd in [
        odd.replace("web1", "web2"),
        format!("{{\"end\":{{\"status\":\"complete\",\"x\":\"{}\"}}}}\n", "x".repeat(LONG)),
    ] {
        let script = vec![head(NDJSON), chunk(&record(3)), chunk(&odd), end(COMPLETE)];
        let (primary, ..) = stage(script).await;
        let _clients = fill(&primary).await;
        let got = primary.curl(&ask("web1"), &["-H", "Accept: application/x-ndjson"]).await;
        let lines: Vec<&str> = got.out.lines().collect();
        assert!(got.exit == 18 && lines.len() == 2, "{} {}", got.exit, lines.len());
        assert!(lines[1].starts_with("{\"end\":{\"status\":\"failed\",\"lines\":1,"), "{}", lines[1]);
    }
    // And one that ends another line for some clients is cut there.
    let odd = record(LONG).replace("xx\"}", "x\r{\"end\":{}}");
    let (primary, ..) = stage(vec![head(NDJSON), chunk(&odd), end(COMPLETE)]).await;
    let _clients = fill(&primary).await;
    let got = primary.curl(&ask("web1"), &["-H", "Accept: application/x-ndjson"]).await;
    assert!(got.exit == 18 || got.log.contains("< http/1.1 502 "), "{}", got.exit);
    assert!(!got.out.contains('\r'));
}
