//! One host at two addresses, or under two names.

use crate::discovery::{LONG, file, from_file};
use crate::liar::{COMPLETE, Liar, Step, TEXT, chunk, end, foreign, head, ready, whole, with_id};
use crate::{Primary, configured, primary, without_latency};
use backscroll_primary::fleet::file::FleetFile;
use backscroll_shared::scan::Record;
use backscroll_shared::wire::frames::{CONTENT_TYPE, Encoder};
use backscroll_shared::wire::verdict::{Status, Verdict};
use std::fs;
use tempfile::TempDir;

/// Frames of these lines.
pub(crate) fn frames(lines: &[&str]) -> Vec<Step> {
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    for line in lines {
        let record = Record { offset: 0, bytes: line.as_bytes(), lines: 1, truncated_lines: 0, older: &[] };
        encoder.record(&record, None, &mut out);
    }
    Encoder::end(&Verdict::new(Status::Complete), &mut out);
    let body = [format!("{:x}\r\n", out.len()).as_bytes(), &out, b"\r\n"].concat();
    vec![head(CONTENT_TYPE), Step::Say(body), end("")]
}

impl Liar {
    /// Its URL in another spelling.
    fn other_url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }
}

async fn rows(primary: &Primary) -> serde_json::Value {
    let got = primary.curl("/hosts", &["-H", "Accept: application/json"]).await;
    serde_json::from_str(&got.out).unwrap()
}

#[tokio::test]
async fn a_host_of_two_sources_is_one_by_its_configured_name() {
    let liar = Liar::named("web1", frames(&["b", "a"])).await;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    fs::write(&path, format!("[{{\"targets\": [\"localhost:{}\"]}}]", liar.address.port())).unwrap();
    let mut config = configured(&[("web1", liar.url())]);
    config.fleet.file = Some(FleetFile::read(path).unwrap());
    let primary = primary(config).await;
    // From the first moment on.
    for _ in 0..3 {
        let got = primary.curl("/logs?filename=a", &[]).await;
        assert_eq!((got.exit, got.out.as_str()), (0, "web1\tb\nweb1\ta\n"), "{got:?}");
    }
    let second = format!("web1@localhost:{}", liar.address.port());
    let row = format!("web1\t{}\tready\talso at {}; also called {second}\n", liar.url(), liar.other_url());
    primary.until("/hosts", |got| without_latency(&got.out) == row).await;
    let rows = rows(&primary).await;
    assert_eq!(rows[0]["addresses"], serde_json::json!([liar.other_url()]));
    assert_eq!(rows[0]["names"], serde_json::json!([second]));
    assert_eq!(rows.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn two_names_of_one_host_are_each_asked_alone() {
    let liar =
        Liar::at("127.0.0.1:0", Some(&ready("x")), vec![head(TEXT), chunk("1\t2\ta\n"), end(COMPLETE)]).await;
    let primary = primary(configured(&[("web1", liar.url()), ("web2", liar.other_url())])).await;
    for name in ["web1", "web2", "web1", "web2"] {
        let got = primary.curl(&format!("/logs?filename=a&hostname={name}"), &[]).await;
        assert_eq!((got.exit, got.out.as_str()), (0, "1\t2\ta\n"), "{got:?}");
        let got = primary.curl(&format!("/files?hostname={name}"), &[]).await;
        assert_eq!((got.exit, got.out.as_str()), (0, "1\t2\ta\n"), "{got:?}");
    }
    let got = primary.curl("/hosts", &[]).await;
    assert_eq!(
        without_latency(&got.out),
        format!("web1\t{}\tready\talso at {}; also called web2\n", liar.url(), liar.other_url())
    );
}

#[tokio::test]
async fn the_files_of_a_host_at_two_addresses_are_listed_once() {
    let liar = Liar::new(vec![head(TEXT), chunk("1\t2\ta.log\n"), end("")]).await;
    let other = Liar::new(vec![head(TEXT), chunk("1\t2\tb.log\n"), end("")]).await;
    let hosts = [("x", liar.other_url()), ("w", liar.url()), ("y", other.url()), ("z", other.url())];
    let primary = primary(configured(&hosts)).await;
    for _ in 0..2 {
        let got = primary.curl("/files", &[]).await;
        assert_eq!((got.exit, got.out.as_str()), (0, "w\t1\t2\ta.log\ny\t1\t2\tb.log\n"), "{got:?}");
    }
}

#[tokio::test]
async fn of_two_answers_of_one_host_the_one_that_is_an_answer_is_taken() {
    let busy = whole(
        "503 Service Unavailable",
        "Content-Type: application/problem+json\r\n",
        "{\"status\":503,\"code\":\"overloaded\",\"detail\":\"\"}",
    );
    let well = Liar::named("x", frames(&["a"])).await;
    let busy = Liar::posing(well.instance, "x", busy).await;
    for (first, second) in [(well.url(), busy.url()), (busy.url(), well.url())] {
        let primary = primary(configured(&[("h1", first), ("h2", second)])).await;
        let got = primary.curl("/logs?filename=a", &[]).await;
        assert!(got.exit == 0 && got.out.ends_with("\ta\n") && got.out.lines().count() == 1, "{got:?}");
    }
}

#[tokio::test]
async fn who_poses_as_a_configured_host_does_not_take_its_place() {
    let honest = Liar::named("web1", frames(&["honest"])).await;
    let poser = Liar::posing(honest.instance, "aaa", frames(&["posed"])).await;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    fs::write(&path, file(&[("", poser.address)])).unwrap();
    let mut config = from_file(&path, LONG);
    config.fleet.fixed = configured(&[("web1", honest.url())]).fleet.fixed;
    let primary = primary(config).await;
    for _ in 0..3 {
        let got = primary.curl("/logs?filename=a", &[]).await;
        assert_eq!((got.exit, got.out.as_str()), (0, "web1\thonest\n"), "{got:?}");
        // It is to be seen that somebody says so.
        primary.until("/hosts", |got| got.out.contains(&format!("also at {}", poser.url()))).await;
    }
}

#[tokio::test]
async fn an_address_that_has_moved_to_another_secondary_hides_nobody() {
    let node1 = Liar::named("node1", frames(&["one"])).await;
    let node2 = Liar::named("node2", frames(&["two"])).await;
    // When it was looked at, the first node answered there; by now the second one does.
    let active = Liar::posing(node1.instance, "active", with_id(frames(&["two"]), node2.instance)).await;
    for name in ["active", "zz"] {
        let hosts = [(name, active.url()), ("node1", node1.url()), ("node2", node2.url())];
        let primary = primary(configured(&hosts)).await;
        primary.until("/hosts", |got| got.out.contains("also at ")).await;
        let got = primary.curl("/logs?filename=a", &[]).await;
        let mut lines: Vec<&str> = got.out.lines().filter_map(|line| line.split('\t').nth(1)).collect();
        lines.sort_unstable();
        assert_eq!((got.exit, lines), (0, vec!["one", "two"]), "{got:?}");
    }
}

#[tokio::test]
async fn the_list_says_why_a_host_is_not_ready_and_what_it_warns_of() {
    let said = |ready: bool, reason: serde_json::Value, warnings: serde_json::Value| {
        let status = if ready { "200 OK" } else { "503 Service Unavailable" };
        let body = serde_json::json!({
            "ready": ready,
            "version": "9\u{1b}[2J\n",
            "io_engine": "\u{202e}gniru",
            "reason": reason,
            "warnings": warnings,
        });
        whole(status, "Content-Type: application/json\r\n", &body.to_string())
    };
    let reason = "the log\tdirectory\r\n\u{1b}[31m is empty";
    let hosts = [
        ("a", Liar::new(said(false, reason.into(), serde_json::json!(["TZ is\nunknown"])))),
        ("b", Liar::new(said(true, serde_json::Value::Null, serde_json::json!(["TZ is unknown", 7])))),
        ("c", Liar::new(said(true, serde_json::Value::Null, serde_json::json!([])))),
        ("d", Liar::new(said(false, "x".repeat(60_000).into(), serde_json::Value::Null))),
        ("e", Liar::new(said(false, 7.into(), "no list".into()))),
        ("f", Liar::new(foreign("404 Not Found", "", "<p>"))),
    ];
    let mut liars = Vec::new();
    for (name, liar) in hosts {
        liars.push((name, liar.await));
    }
    let all: Vec<_> = liars.iter().map(|(name, liar)| (*name, liar.url())).collect();
    let primary = primary(configured(&all)).await;
    let got = primary.curl("/hosts", &[]).await;
    let out = crate::files_hosts::without_times(&got.out);
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split('\t').collect()).collect();
    let column = |row: usize| lines[row].get(3).copied();
    assert_eq!(column(0), Some("the log directory   [31m is empty; TZ is unknown"));
    assert_eq!((lines[1][2], column(1)), ("ready", Some("TZ is unknown")));
    assert_eq!((lines[2][2], column(2)), ("ready", None));
    assert!(column(3).is_some_and(|text| text.len() <= 512));
    assert_eq!((lines[4][2], column(4)), ("not_ready", None));
    assert_eq!(
        (lines[5][2], column(5)),
        ("unreachable", Some("what answers at its URL is no secondary (status 404) (since TIME)"))
    );
    let rows = rows(&primary).await;
    assert_eq!(rows[0]["version"], "9 [2J ");
    assert_eq!(rows[0]["io_engine"], " gniru");
    assert_eq!(rows[0]["reason"], "the log directory   [31m is empty");
    assert_eq!(rows[1]["warnings"], serde_json::json!(["TZ is unknown"]));
    assert!(rows[2]["reason"].is_null() && rows[2]["warnings"] == serde_json::json!([]));
}
