//! Hosts that are expected, and are not in the fleet.

mod sources;

use crate::auth::shelf::Shelf;
use crate::auth::{Ring, closed};
use crate::discovery::{LONG, from_file};
use crate::fanout::client::request;
use crate::{Curled, Primary, configured, primary};
use backscroll_primary::Config;
use backscroll_primary::fleet::discovery::Discovery;
use backscroll_primary::fleet::expected::Expected;
use std::fs;
use tempfile::TempDir;

pub(crate) fn expected(hosts: &[&str], count: usize) -> Expected {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    Expected::of_flags(&hosts, Some(&count.to_string())).unwrap()
}

/// A fleet of web1 and db1, in which these hosts are expected.
async fn fleet(hosts: &[&str], count: usize) -> (Primary, [Shelf; 2]) {
    let shelves = [Shelf::new(&["a.log"]).await, Shelf::new(&["a.log"]).await];
    let mut config = configured(&[("web1", shelves[0].url()), ("db1", shelves[1].url())]);
    config.fleet.expected = expected(hosts, count);
    (primary(config).await, shelves)
}

/// With the trailers, behind the body.
const TRAILERS: [&str; 3] = ["-i", "-H", "TE: trailers"];

const NDJSON: [&str; 2] = ["-H", "Accept: application/x-ndjson"];

fn end(got: &Curled) -> serde_json::Value {
    serde_json::from_str::<serde_json::Value>(got.out.lines().last().unwrap()).unwrap()["end"].take()
}

/// Without its verdict: the lines.
fn lines(got: &Curled) -> usize {
    got.out.lines().filter(|line| line.contains("a.log")).count()
}

#[tokio::test]
async fn an_answer_that_would_ask_it_is_partial_and_names_it() {
    let (primary, _shelves) = fleet(&["web1", "web2"], 0).await;
    for target in [
        "/logs?filename=a.log",
        "/logs?filename=a.log&hostname=web*",
        "/logs?filename=a.log&hostname=web1&hostname=web2",
    ] {
        let hosts = if target.contains("hostname") { 2 } else { 3 };
        let got = primary.curl(target, &[]).await;
        assert_eq!(got.exit, 18, "it is cut: {got:?}");
        assert!(got.log.contains("< log-hosts-failed: web2"), "{got:?}");
        let got = primary.curl(target, &TRAILERS).await;
        assert_eq!(got.exit, 0, "{got:?}");
        let trailers = got.out.to_lowercase();
        let trailers = trailers.rsplit("line 2").next().unwrap();
        assert!(
            trailers.contains("log-status: partial") && trailers.contains("log-hosts-failed: web2"),
            "{got:?}"
        );
        let told = format!(
            "log-error: upstream_unreachable: 1 of {hosts} hosts failed: web2 (upstream_unreachable)"
        );
        assert!(trailers.contains(&told), "{told}: {got:?}");
        assert!(trailers.contains("it is expected (--expected-host), and no source of the fleet knows its address: start its secondary"), "{got:?}");
        let got = primary.curl(target, &NDJSON).await;
        let end = end(&got);
        assert_eq!((got.exit, &end["status"]), (18, &"partial".into()), "{got:?}");
        assert_eq!(end["hosts"]["web2"]["error"]["code"], "upstream_unreachable", "{end}");
        assert_eq!(end["hosts"]["web1"]["status"], "complete", "{end}");
        let got = primary.curl(target, &["-H", "Accept: text/html"]).await;
        let last = got.out.lines().last().unwrap();
        assert!(
            got.exit == 0 && last.starts_with("-- incomplete: ") && last.ends_with("(hosts: web2)"),
            "{got:?}"
        );
        let got = primary.curl(&format!("{target}&on_error=ignore"), &NDJSON).await;
        let end = self::end(&got);
        assert_eq!((got.exit, &end["status"]), (0, &"partial".into()), "{got:?}");
        assert!(lines(&got) > 0 && end["hosts"]["web2"]["status"] == "failed", "{end}");
        let got = primary.curl(&format!("{target}&on_error=fail"), &[]).await;
        assert!(got.log.contains("< http/1.1 502") && got.out.contains("upstream_unreachable"), "{got:?}");
        assert!(
            got.log.contains("< log-hosts-failed: web2") && got.out.contains("it is expected"),
            "{got:?}"
        );
    }
    // Of a file that no host has.
    let got = primary.curl("/logs?filename=b.log", &[]).await;
    assert!(got.log.contains("< http/1.1 502") && got.log.contains("log-hosts-failed: web2"), "{got:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_ask_it_is_complete() {
    let (primary, _shelves) = fleet(&["web1", "web2", "db1"], 3).await;
    for hostname in ["hostname=web1", "hostname=db*", "hostname=*1", "hostname=web1&hostname=db1"] {
        for endpoint in ["logs?filename=a.log&", "files?"] {
            let got = primary.curl(&format!("/{endpoint}{hostname}"), &[]).await;
            assert_eq!(got.exit, 0, "{hostname}: {got:?}");
            assert!(!got.out.contains("web2") && !got.log.contains("log-hosts-failed"), "{got:?}");
        }
    }
}

#[tokio::test]
async fn a_list_of_files_is_partial_too() {
    let (primary, _shelves) = fleet(&["web2"], 0).await;
    for target in ["/files", "/files?hostname=w*"] {
        let got = primary.curl(target, &[]).await;
        assert_eq!((got.exit, lines(&got) > 0), (18, true), "{got:?}");
        assert!(got.log.contains("< log-hosts-failed: web2"), "{got:?}");
        let got = primary.curl(target, &[&TRAILERS[..], &["-H", "Accept: application/json"]].concat()).await;
        assert!(got.exit == 0 && got.out.to_lowercase().contains("log-status: partial"), "{got:?}");
    }
}

#[tokio::test]
async fn asked_alone_it_is_unreachable_and_not_unknown() {
    let (primary, _shelves) = fleet(&["web2"], 0).await;
    for target in
        ["/logs?filename=a.log&hostname=web2", "/files?hostname=web2", "/files?hostname=web2&hostname=web2"]
    {
        let got = primary.curl(target, &[]).await;
        assert!(
            got.log.contains("< http/1.1 502") && got.log.contains("< log-hosts-failed: web2"),
            "{got:?}"
        );
        let told = "host web2 is missing: it is expected (--expected-host), and no source of the fleet knows its address";
        assert!(got.out.contains("upstream_unreachable") && got.out.contains(told), "{got:?}");
    }
    let got = primary.curl("/files?hostname=web3", &[]).await;
    assert!(got.log.contains("< http/1.1 404") && got.out.contains("did you mean web1 or web2?"), "{got:?}");
    let got = primary.curl("/files?hostname=x*", &[]).await;
    assert!(got.log.contains("< http/1.1 404") && !got.out.contains("web2"), "{got:?}");
}

#[tokio::test]
async fn a_number_that_is_not_reached_makes_every_open_answer_partial() {
    let (primary, _shelves) = fleet(&["web1"], 5).await;
    for target in ["/logs?filename=a.log", "/logs?filename=a.log&hostname=db*", "/files"] {
        let got = primary.curl(target, &TRAILERS).await;
        assert!(got.log.contains("< log-hosts-failed: +3"), "{got:?}");
        assert!(
            got.out.contains("5 hosts are expected, 2 are in the fleet: start the secondaries"),
            "{got:?}"
        );
    }
    let got = primary.curl("/logs?filename=a.log", &NDJSON).await;
    let end = end(&got);
    assert!(end["error"]["detail"].as_str().unwrap().starts_with("3 of 5 hosts failed: +3 ("), "{end}");
    assert_eq!(primary.curl("/logs?filename=a.log&hostname=web1", &[]).await.exit, 0);
    let got = primary.curl("/files?hostname=nobody", &[]).await;
    assert!(got.log.contains("< http/1.1 404") && got.out.contains("5 hosts are expected"), "{got:?}");
}

#[tokio::test]
async fn a_fleet_without_hosts_names_those_that_are_expected() {
    let mut config = configured(&[]);
    config.fleet.expected = expected(&["web1", "web2"], 4);
    let primary = primary(config).await;
    for target in ["/logs?filename=a.log", "/logs?filename=a.log&hostname=web*", "/files"] {
        for flags in [&[][..], &NDJSON[..]] {
            if target == "/files" && !flags.is_empty() {
                continue;
            }
            let got = primary.curl(target, flags).await;
            assert!(got.log.contains("< http/1.1 502"), "{got:?}");
            assert!(got.log.contains("< log-hosts-failed: +2,web1,web2"), "{got:?}");
        }
    }
    let got = primary.curl("/readyz", &[]).await;
    assert!(got.log.contains("< http/1.1 503") && got.out.contains("the fleet is empty"), "{got:?}");
    assert!(got.out.contains("2 expected hosts are missing") && got.out.contains("web1, web2"), "{got:?}");
}

#[tokio::test]
async fn hosts_readyz_and_metrics_show_it() {
    let (primary, _shelves) = fleet(&["web0", "web9"], 6).await;
    let got = primary.until("/hosts", |got| got.out.matches("\tready").count() == 2).await;
    let rows: Vec<Vec<&str>> = got.out.lines().map(|row| row.split('\t').collect()).collect();
    let names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(names, ["+2", "db1", "web0", "web1", "web9"]);
    for row in [0, 2] {
        assert_eq!((rows[row][1], rows[row][2], rows[row].len()), ("", "missing", 4), "{got:?}");
    }
    assert!(rows[0][3].starts_with("6 hosts are expected, 2 are in the fleet"), "{got:?}");
    assert!(rows[2][3].starts_with("it is expected (--expected-host)"), "{got:?}");
    let got = primary.curl("/hosts", &["-H", "Accept: application/json"]).await;
    let rows: serde_json::Value = serde_json::from_str(&got.out).unwrap();
    let keys = |row: &serde_json::Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((keys(&rows[0]), keys(&rows[2])), (keys(&rows[1]), keys(&rows[1])));
    for (field, value) in rows[2].as_object().unwrap() {
        match field.as_str() {
            "name" => assert_eq!(value, "web0"),
            "state" => assert_eq!(value, "missing"),
            "is_down" => assert_eq!(value, true),
            "reason" => assert!(value.as_str().unwrap().contains("is expected"), "{value}"),
            "warnings" | "addresses" | "names" => assert_eq!(value, &serde_json::json!([])),
            field => assert!(value.is_null(), "{field}: {value}"),
        }
    }
    let got = primary.curl("/readyz", &[]).await;
    assert!(got.log.contains("< http/1.1 200") && got.out.contains("\"ready\":true"), "{got:?}");
    assert!(got.out.contains("web0, web9") && got.out.contains("6 hosts are expected, 2 are in"), "{got:?}");
    let got = primary.curl("/metrics", &[]).await;
    assert!(got.out.contains("backscroll_hosts{state=\"missing\"} 4\n"), "{got:?}");
}

#[tokio::test]
async fn a_host_of_several_names_and_addresses_counts_once_and_under_each_name() {
    let liar = crate::liar::Liar::named("own", vec![]).await;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    let port = liar.address.port();
    fs::write(&path, format!("[{{\"targets\": [\"127.0.0.1:{port}\", \"localhost:{port}\"]}},{{\"targets\": [\"127.0.0.1:{port}\"], \"labels\": {{\"hostname\": \"given\"}}}}]")).unwrap();
    let mut config = from_file(&path, LONG);
    config.fleet.expected = expected(&["own", "given"], 2);
    config.times.health_interval = std::time::Duration::from_millis(200);
    let primary = primary(config).await;
    let got = primary.until("/readyz", |got| !got.out.contains("own: ")).await;
    assert!(got.out.contains("2 hosts are expected, 1 are in the fleet"), "{got:?}");
    let got = primary.until("/hosts", |got| got.out.contains("also at")).await;
    assert!(!got.out.contains("own\t\tmissing") && got.out.starts_with("+1\t\tmissing\t"), "{got:?}");
}

#[tokio::test]
async fn a_name_that_only_its_secondary_has_is_missing_and_says_how_the_host_is_listed() {
    let liar = crate::liar::Liar::named("own", vec![]).await;
    let mut config = configured(&[("given", liar.url())]);
    config.fleet.expected = expected(&["own"], 1);
    config.times.health_interval = std::time::Duration::from_millis(200);
    let given = primary(config).await;
    // Nobody could ask for it by that name.
    let got = given.until("/hosts", |got| got.out.contains("is listed as given")).await;
    assert!(got.out.contains("own\t\tmissing\t") && got.out.lines().count() == 2, "{got:?}");
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    fs::write(&path, format!("[{{\"targets\": [\"{}\"]}}]", liar.address)).unwrap();
    let mut config = from_file(&path, LONG);
    config.fleet.expected = expected(&["own"], 1);
    let by_itself = primary(config).await;
    let got = by_itself.until("/hosts", |got| !got.out.contains("missing")).await;
    assert!(got.out.starts_with("own\t") && got.out.lines().count() == 1, "{got:?}");
}

#[tokio::test]
async fn an_address_that_has_never_answered_does_not_count() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    // Nothing listens there.
    fs::write(&path, "[{\"targets\": [\"127.0.0.1:1\", \"localhost:1\"]}]").unwrap();
    let mut config = from_file(&path, LONG);
    config.fleet.expected = expected(&[], 2);
    let (_discovery, fleet) = Discovery::new(config.fleet.clone());
    assert_eq!(fleet.borrow().missing().host_count(), 2, "they may be one host");
    // Nor does it once it is known that it does not answer: nobody knows whose it is.
    let primary = primary(config).await;
    let got = primary.until("/hosts", |got| got.out.matches("\tunreachable").count() == 2).await;
    assert!(got.out.starts_with("+2\t\tmissing\t"), "{got:?}");
    // One with a name from a person is a host.
    let mut config = configured(&[("web1", "http://127.0.0.1:1".to_owned())]);
    config.fleet.expected = expected(&[], 2);
    let (_discovery, fleet) = Discovery::new(config.fleet);
    assert_eq!(fleet.borrow().missing().host_count(), 1);
}

#[tokio::test]
async fn a_host_of_two_addresses_that_goes_down_still_counts_once() {
    let liar = crate::liar::Liar::named("own", vec![]).await;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    let port = liar.address.port();
    fs::write(&path, format!("[{{\"targets\": [\"127.0.0.1:{port}\", \"localhost:{port}\"]}}]")).unwrap();
    let mut config = from_file(&path, LONG);
    config.fleet.expected = expected(&[], 2);
    config.times.health_interval = std::time::Duration::from_millis(200);
    let primary = primary(config).await;
    primary.until("/hosts", |got| got.out.contains("also at")).await;
    liar.stop().await;
    let got = primary.until("/hosts", |got| got.out.matches("\tunreachable").count() == 2).await;
    assert!(got.out.starts_with("+1\t\tmissing\t2 hosts are expected, 1 are in the fleet"), "{got:?}");
}

#[tokio::test]
async fn one_that_does_not_answer_counts_because_it_is_reported_anyway() {
    let mut config = configured(&[("web1", "http://127.0.0.1:1".to_owned())]);
    config.fleet.expected = expected(&["web1"], 1);
    let primary = primary(config).await;
    let got = primary.curl("/logs?filename=a.log", &[]).await;
    assert!(got.out.contains("1 of 1 hosts failed: web1 (upstream_unreachable)"), "{got:?}");
    assert!(!got.out.contains("expected"), "{got:?}");
}

#[tokio::test]
async fn a_token_is_told_of_those_that_it_may_see_and_of_no_others() {
    let shelves = [Shelf::new(&["a.log"]).await, Shelf::new(&["a.log"]).await];
    let ring = Ring::default().with("all", &["*"], &["**"], "").with("web", &["web*"], &["**"], "").with(
        "db",
        &["db*"],
        &["**"],
        "",
    );
    let part = |count| {
        let config = closed(&[("web1", &shelves[0]), ("db1", &shelves[1])], &ring);
        let fleet = backscroll_primary::fleet::sources::Sources {
            expected: expected(&["web2", "cache1"], count),
            ..config.fleet.clone()
        };
        primary(Config { fleet, ..config })
    };
    let named = part(4).await;
    let ask = async |primary: &Primary, id: &str, target: &str| {
        let answer =
            request(primary.address, "GET", target, &format!("{}TE: trailers\r\n", ring.field(id))).await;
        (answer.status, format!("{:?} {} {:?}", answer.fields, answer.text(), answer.trailers))
    };
    for target in ["/logs?filename=a.log", "/files", "/hosts", "/readyz"] {
        let (_, told) = ask(&named, "all", target).await;
        assert!(told.contains("web2") && told.contains("cache1"), "{target}: {told}");
        let (_, told) = ask(&named, "web", target).await;
        assert!(told.contains("web2") && !told.contains("cache1"), "{target}: {told}");
        let (status, told) = ask(&named, "db", target).await;
        assert_eq!(status, 200, "{told}");
        for word in ["web2", "cache1", "expected", "partial", "missing"] {
            assert!(!told.contains(word), "{target}: {word}: {told}");
        }
    }
    assert_eq!(ask(&named, "web", "/files?hostname=web2").await.0, 502);
    assert_eq!(ask(&named, "db", "/files?hostname=web2").await.0, 404);
    // A number that is not reached may be about hosts that it may see. How many is not told.
    let short = part(47).await;
    for target in ["/logs?filename=a.log", "/files", "/hosts"] {
        let (_, told) = ask(&short, "all", target).await;
        assert!(told.contains("47 hosts are expected"), "{told}");
        let (_, told) = ask(&short, "db", target).await;
        let words = if target == "/hosts" { ["+1\t", "see the log"] } else { ["\"+1\"", "partial"] };
        assert!(words.iter().all(|word| told.contains(word)), "{target}: {told}");
        for word in ["47 hosts", "+43", "43 of", "web2", "cache1", "expected"] {
            assert!(!told.contains(word), "{target}: {word}: {told}");
        }
    }
}
