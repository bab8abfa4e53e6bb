//! Each request stands in the audit, however it ends.

use super::{Ring, Shelf, closed};
use crate::fanout::client::request;
use crate::fanout::endless;
use crate::liar::{Liar, TEXT, chunk, head};
use crate::{PATIENCE, configured, primary};
use backscroll_primary::Config;
use backscroll_shared::audit::Audit;
use std::path::Path;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The lines, once there are so many.
async fn lines(path: &Path, count: usize) -> Vec<serde_json::Value> {
    let since = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(since.elapsed() < PATIENCE, "{text}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn each_request_has_one_line_that_says_how_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let shelf = Shelf::new(&["app.log"]).await;
    let ring = Ring::default().with("ci", &["web*"], &["app.log"], "");
    let mut config = closed(&[("web1", &shelf), ("db1", &shelf)], &ring);
    config.access.audit = Some(Audit::open(&path).unwrap());
    let primary = primary(config).await;
    let fields = ring.field("ci");
    let asked = [
        ("GET", "/logs?filename=app.log&hostname=web1&keyword=topsecret", 200),
        ("GET", "/logs?filename=app.log", 200),
        ("GET", "/logs?filename=other.log&hostname=web1", 404),
        ("GET", "/files", 200),
        ("GET", "/hosts", 200),
        ("HEAD", "/logs?filename=app.log", 200),
        ("GET", "/logs?filename=app.log&hostname=db1", 404),
        ("GET", "/logs?filename=app.log&x=topsecret", 400),
        ("DELETE", "/logs?filename=app.log", 405),
        ("GET", "/topsecret", 404),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
    ];
    for (method, target, status) in asked {
        assert_eq!(request(primary.address, method, target, &fields).await.status, status, "{target}");
    }
    let wrong = "Authorization: Bearer bks_topsecret\r\n";
    assert_eq!(request(primary.address, "GET", "/hosts", wrong).await.status, 401);
    let lines = lines(&path, asked.len() - 1).await;
    assert_eq!(lines.len(), asked.len() - 1, "without healthz and readyz, with the refused one");
    for ((method, target, status), line) in
        asked.iter().filter(|(_, target, _)| !target.ends_with('z')).zip(&lines)
    {
        // Any other word than these is the client's own, as long as it likes.
        let method = if matches!(*method, "GET" | "HEAD" | "POST") { *method } else { "other" };
        assert_eq!(
            (&line["method"], &line["status"]),
            (&method.into(), &(*status).into()),
            "{target} {line}"
        );
        assert_eq!(line["whole"], true, "{target} {line}");
        assert_eq!(line["caller"], "ci", "{target} {line}");
        assert!(line["client"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
    }
    assert_eq!((&lines[0]["verdict"], &lines[0]["lines"]), (&"complete".into(), &3.into()), "{}", lines[0]);
    assert_eq!(lines[0]["hostnames"], serde_json::json!(["web1"]));
    assert_eq!((&lines[1]["hosts"], &lines[1]["hosts_asked"]), (&serde_json::json!(["web1"]), &1.into()));
    assert_eq!((&lines[2]["code"], &lines[2]["filename"]), (&"not_found".into(), &"other.log".into()));
    assert_eq!(
        (&lines[6]["code"], &lines[6]["hostnames"]),
        (&"unknown_host".into(), &serde_json::json!(["db1"]))
    );
    assert_eq!(lines[9]["endpoint"], "other");
    let refused = lines.last().unwrap();
    assert_eq!((&refused["caller"], &refused["code"]), (&().into(), &"unauthorized".into()));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("topsecret") && !text.contains("bks_"), "{text}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_left_stands_in_the_audit_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let broken = Liar::new(vec![head(TEXT), chunk("a line\n")]).await;
    let flood = endless("flood");
    let hosts = [("broken", broken.url()), ("flood", flood.url())];
    let mut config = Config { allowed_hosts: None, ..configured(&hosts) };
    config.access.audit = Some(Audit::open(&path).unwrap());
    let primary = primary(config).await;
    let cut = request(primary.address, "GET", "/logs?hostname=broken&filename=app.log", "").await;
    assert!(!cut.is_whole);
    let first = lines(&path, 1).await.remove(0);
    assert_eq!((&first["status"], &first["verdict"]), (&200.into(), &"failed".into()), "{first}");
    assert_eq!((&first["whole"], &first["code"]), (&false.into(), &"upstream_unreachable".into()), "{first}");
    assert_eq!((&first["caller"], &first["lines"]), (&().into(), &1.into()), "{first}");
    // The client leaves in the middle.
    let mut stream = TcpStream::connect(primary.address).await.unwrap();
    let head = "GET /logs?hostname=f*&filename=app.log HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.read_u8().await.unwrap();
    drop(stream);
    let left = lines(&path, 2).await.remove(1);
    assert_eq!((&left["verdict"], &left["whole"]), (&().into(), &false.into()), "{left}");
    assert_eq!(left["hosts"], serde_json::json!(["flood"]), "{left}");
}

#[tokio::test]
async fn the_real_logrotate_moves_the_audit_away_and_no_line_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (path, rules) = (dir.path().join("audit"), dir.path().join("rules"));
    let shelf = Shelf::new(&["app.log"]).await;
    let mut config = Config { allowed_hosts: None, ..configured(&[("h", shelf.url())]) };
    config.access.audit = Some(Audit::open(&path).unwrap());
    let primary = primary(config).await;
    std::fs::write(&rules, format!("{} {{\n rotate 3\n nocreate\n missingok\n}}\n", path.display())).unwrap();
    let logrotate =
        if Path::new("/usr/sbin/logrotate").exists() { "/usr/sbin/logrotate" } else { "logrotate" };
    let ask = async || {
        assert_eq!(request(primary.address, "GET", "/logs?filename=app.log", "").await.status, 200);
    };
    ask().await;
    lines(&path, 1).await;
    let rotated = tokio::process::Command::new(logrotate)
        .args(["--force", "--state"])
        .arg(dir.path().join("state"))
        .arg(&rules)
        .output()
        .await;
    let Ok(rotated) = rotated else { return eprintln!("skipped: there is no logrotate") };
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    let since = Instant::now();
    let mut asked = 1;
    while !path.exists() {
        ask().await;
        asked += 1;
        assert!(since.elapsed() < PATIENCE, "it is not made anew");
    }
    ask().await;
    lines(&path, 1).await;
    let since = Instant::now();
    let all = || {
        let count = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count();
        count(&path) + count(&dir.path().join("audit.1"))
    };
    while all() <= asked {
        assert!(since.elapsed() < PATIENCE, "{} of {}", all(), asked + 1);
    }
    assert_eq!(all(), asked + 1);
}
