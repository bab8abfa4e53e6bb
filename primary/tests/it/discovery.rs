//! Hosts that are found while the primary runs.

use crate::liar::{COMPLETE, Liar, Step, TEXT, chunk, end, head, ready, whole};
use crate::same::frames;
use crate::{PATIENCE, Primary, configured, primary, without_latency};
use backscroll_primary::Config;
use backscroll_primary::fleet::HOSTS;
use backscroll_primary::fleet::file::FleetFile;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const LONG: Duration = Duration::from_hours(1);

/// The file of a fleet.
pub(crate) fn file(hosts: &[(&str, SocketAddr)]) -> String {
    let groups = hosts.iter().map(|(name, address)| match *name {
        "" => serde_json::json!({ "targets": [address] }),
        name => serde_json::json!({ "targets": [address], "labels": { "hostname": name, "job": "logs" } }),
    });
    serde_json::to_string_pretty(&groups.collect::<Vec<_>>()).unwrap()
}

pub(crate) fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A fleet of one file, which is read at this interval.
pub(crate) fn from_file(path: &Path, interval: Duration) -> Config {
    let mut config = configured(&[]);
    config.fleet.file = Some(FleetFile::read(path.to_owned()).unwrap());
    config.fleet.file_interval = interval;
    config
}

impl Primary {
    pub(crate) async fn until_hosts(&self, names: &[&str]) {
        self.until("/hosts", |got| {
            got.out.lines().map(|line| line.split('\t').next().unwrap()).collect::<Vec<_>>() == names
        })
        .await;
    }
}

#[tokio::test]
async fn the_addresses_of_a_name_are_hosts_that_name_themselves() {
    let liar = Liar::named("web7", vec![head(TEXT), chunk("a\n"), end(COMPLETE)]).await;
    let mut config = configured(&[]);
    config.fleet.dns = Some(format!("localhost:{}", liar.address.port()));
    let primary = primary(config).await;
    let row = format!("web7\t{}\tready\n", liar.url());
    primary.until("/hosts", |got| without_latency(&got.out).contains(&row)).await;
    assert!(primary.curl("/readyz", &[]).await.log.contains("< http/1.1 200 "));
    let got = primary.curl("/logs?hostname=web7&filename=a", &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (0, "a\n"), "{got:?}");
    let address = format!("/logs?hostname={}&filename=a", liar.address);
    assert!(primary.curl(&address, &[]).await.out.contains("unknown_host"), "it has a name now");
}

#[tokio::test]
async fn a_name_that_is_not_found_is_no_reason_not_to_start() {
    let mut config = configured(&[]);
    config.fleet.dns = Some("nowhere.invalid:8001".to_owned());
    let primary = primary(config).await;
    let got = primary.curl("/readyz", &[]).await;
    assert!(got.log.contains("< http/1.1 503 ") && got.out.contains("--fleet-dns"), "{got:?}");
}

#[tokio::test]
async fn of_hosts_that_call_themselves_the_same_none_is_lost() {
    let mut liars = Vec::new();
    for name in ["x", "x", "fixed"] {
        liars.push(Liar::named(name, vec![]).await);
    }
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    fs::write(&path, file(&liars.iter().map(|liar| ("", liar.address)).collect::<Vec<_>>())).unwrap();
    let other = Liar::named("other", vec![]).await;
    let mut config = from_file(&path, LONG);
    config.fleet.fixed = configured(&[("fixed", other.url())]).fleet.fixed;
    let primary = primary(config).await;
    // Whoever was first keeps the name.
    let names = |other: &Liar| {
        let mut names = [
            format!("fixed@{}", liars[2].address),
            format!("x@{}", other.address),
            "fixed".into(),
            "x".into(),
        ];
        names.sort();
        names.join(" ")
    };
    let expected = [names(&liars[0]), names(&liars[1])];
    let listed =
        |out: &str| out.lines().map(|line| line.split('\t').next().unwrap()).collect::<Vec<_>>().join(" ");
    primary.until("/hosts", |got| expected.contains(&listed(&got.out))).await;
}

#[tokio::test]
async fn a_newcomer_does_not_take_the_name_of_a_host_that_has_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    let script = |line: &str| vec![head(TEXT), chunk(line), end(COMPLETE)];
    let (mut first, mut second) =
        (Liar::named("x", script("a\n")).await, Liar::named("x", script("b\n")).await);
    // The newcomer has the lower address.
    let is_turned = first.address < second.address;
    if is_turned {
        std::mem::swap(&mut first, &mut second);
    }
    let line = if is_turned { "b\n" } else { "a\n" };
    fs::write(&path, file(&[("", first.address)])).unwrap();
    let primary = primary(from_file(&path, LONG)).await;
    primary.until_hosts(&["x"]).await;
    fs::write(&path, file(&[("", second.address), ("", first.address)])).unwrap();
    primary.until_hosts(&["x", &format!("x@{}", second.address)]).await;
    let got = primary.curl("/logs?hostname=x&filename=a", &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (0, line), "{got:?}");
    // Until it leaves.
    fs::write(&path, file(&[("", second.address)])).unwrap();
    primary.until_hosts(&["x"]).await;
    let got = primary.curl("/logs?hostname=x&filename=a", &[]).await;
    assert!(got.exit == 0 && got.out != line, "{got:?}");
}

#[tokio::test]
async fn hosts_past_the_end_of_a_fleet_make_its_answers_partial_whatever_the_source() {
    let (more, all) = (3, HOSTS + 3);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    let byte = |n: usize| u8::try_from(n).unwrap();
    let address = |n: usize| SocketAddr::from(([127, 1, byte(n / 250), byte(n % 250)], 1));
    let named = |name: bool| {
        let hosts: Vec<(String, SocketAddr)> =
            (0..all).map(|n| (if name { format!("h{n}") } else { String::new() }, address(n))).collect();
        file(&hosts.iter().map(|(name, address)| (name.as_str(), *address)).collect::<Vec<_>>())
    };
    for name in [true, false] {
        fs::write(&path, named(name)).unwrap();
        let primary = primary(from_file(&path, LONG)).await;
        let got = primary.curl("/readyz", &[]).await;
        assert!(got.log.contains("< http/1.1 200 "), "{got:?}");
        assert!(got.out.contains(&format!("it takes {HOSTS} hosts, and {more} are left out")), "{got:?}");
        let got = primary.curl("/files?hostname=*&glob=x", &[]).await;
        assert!(got.log.contains(&format!("+{more}")), "the answer names what is missing: {:.1000}", got.log);
    }
}

#[tokio::test]
async fn a_name_that_is_none_leaves_a_host_its_address() {
    let long = "a".repeat(256);
    let names = ["a*", "a?", "", "a b", "a,b", "a\tb", "a\r\nHost: b", "a\0", "a@b", "\u{85}", &long];
    let mut liars = Vec::new();
    for name in names {
        liars.push(Liar::named(name, vec![]).await);
    }
    // One that is well, so that it is seen that names are taken.
    liars.push(Liar::named("well", vec![]).await);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    fs::write(&path, file(&liars.iter().map(|liar| ("", liar.address)).collect::<Vec<_>>())).unwrap();
    let primary = primary(from_file(&path, LONG)).await;
    let since = std::time::Instant::now();
    while liars.iter().any(|liar| liar.asked() == 0) {
        assert!(since.elapsed() < PATIENCE, "not all are asked");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut expected: Vec<String> =
        liars[..names.len()].iter().map(|liar| format!("{}\t{}\tready", liar.address, liar.url())).collect();
    expected.push(format!("well\t{}\tready", liars[names.len()].url()));
    expected.sort();
    primary.until("/hosts", |got| without_latency(&got.out).lines().collect::<Vec<_>>() == expected).await;
}

#[tokio::test]
async fn a_host_is_named_once_it_answers() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    fs::write(&path, file(&[("", address)])).unwrap();
    let mut config = from_file(&path, LONG);
    config.times.health_interval = Duration::from_millis(20);
    let primary = primary(config).await;
    primary.until_hosts(&[&address.to_string()]).await;
    let _liar = Liar::at(&address.to_string(), Some(&ready("late")), vec![]).await;
    primary.until_hosts(&["late"]).await;
}

#[tokio::test]
async fn requests_in_flight_keep_the_host_that_leaves() {
    let slow =
        vec![head(TEXT), chunk("b\n"), Step::Wait(Duration::from_millis(400)), chunk("a\n"), end(COMPLETE)];
    let (leaves, stays) = (Liar::named("x", slow).await, Liar::named("y", vec![]).await);
    let dir = TempDir::new().unwrap();
    let (path, other) = (dir.path().join("fleet.json"), dir.path().join("new"));
    fs::write(&path, file(&[("leaves", leaves.address), ("stays", stays.address)])).unwrap();
    let primary = primary(from_file(&path, LONG)).await;
    let asking = primary.curl("/logs?hostname=leaves&filename=a", &[]);
    let leaving = async {
        let since = std::time::Instant::now();
        while leaves.asked() == 0 {
            assert!(since.elapsed() < PATIENCE, "it is not asked");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        fs::write(&other, file(&[("stays", stays.address)])).unwrap();
        fs::rename(&other, &path).unwrap();
        primary.until_hosts(&["stays"]).await;
    };
    let (got, ()) = tokio::join!(asking, leaving);
    assert_eq!((got.exit, got.out.as_str()), (0, "b\na\n"), "{got:?}");
    let got = primary.curl("/logs?hostname=leaves&filename=a", &[]).await;
    assert!(got.out.contains("unknown_host"), "{got:?}");
}

#[tokio::test]
async fn a_host_answers_while_others_join_and_leave() {
    let stays = Liar::named("x", vec![head(TEXT), chunk("a\n"), end(COMPLETE)]).await;
    let dir = TempDir::new().unwrap();
    let (path, other) = (dir.path().join("fleet.json"), dir.path().join("new"));
    let fleet = |round: u16| file(&[("stays", stays.address), (&format!("h{round}"), addr(round))]);
    fs::write(&path, fleet(1)).unwrap();
    let primary = primary(from_file(&path, Duration::from_millis(1))).await;
    for round in 2..30 {
        fs::write(&other, fleet(round)).unwrap();
        fs::rename(&other, &path).unwrap();
        let got = primary.curl("/logs?hostname=stays&filename=a", &[]).await;
        assert_eq!((got.exit, got.out.as_str()), (0, "a\n"), "{round}: {got:?}");
    }
    primary.until_hosts(&["h29", "stays"]).await;
}

/// S1.
#[tokio::test]
async fn no_name_makes_a_connection_that_the_fleet_does_not() {
    let (canary, liar) = (Liar::new(vec![]).await, Liar::named("web1", vec![]).await);
    let (address, port) = (canary.address, canary.address.port());
    let mut config = configured(&[("web1", liar.url())]);
    // A name that stands for the canary, were it looked up.
    config.fleet.fixed.extend(configured(&[("localhost.", liar.url())]).fleet.fixed);
    let primary = primary(config).await;
    let mut names: Vec<String> = [
        "WEB1",
        "Web1",
        "wEb1",
        "web1.",
        ".web1",
        "web1..",
        "web1%20",
        "%20web1",
        "web1%09",
        "web1%00",
        "web1%FF",
        "web1%C2%A0",
        "web1%E2%80%8B",
        "we%62",
        "%77eb",
        "web1%2520",
        "web%31x",
        "web1,web1",
        "web1;web1",
        "web1/",
        "/web1",
        "web1/..",
        "../web1",
        "web1%2F",
        "web1%5C",
        "[web1]",
        "{web1}",
        "web1%7C",
        "~web1",
        "$web1",
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "[::1]",
        "::1",
        "0.0.0.0",
    ]
    .map(str::to_owned)
    .into();
    for shape in [
        "{}",
        "http://{}",
        "http://{}/",
        "HTTP://{}",
        "//{}",
        "web1@{}",
        "web1:x@{}",
        "{}@web1",
        "{}%23web1",
        "{}%23@web1",
        "{}%23",
        "web1%0D%0AHost:%20{}",
        "web1%0AHost:%20{}",
        "web1%20HTTP/1.1%0D%0AX:%20{}",
        "{}/logs",
        "file://{}",
        "unix:{}",
        "web1={}",
        "http:%5C%5C{}",
    ] {
        names.push(shape.replace("{}", &address.to_string()));
        names.push(shape.replace("{}", &format!("localhost:{port}")));
    }
    assert!(names.len() >= 50);
    let before = liar.connections.load(SeqCst);
    for name in &names {
        for got in primary.by_hostname(name).await {
            let refused = (got.starts_with("HTTP/1.1 404 ") && got.contains("\"unknown_host\""))
                // What is not UTF-8 is no name at all.
                || (name.contains("%FF") && got.contains("\"bad_parameter\""));
            assert!(refused, "{name}: {got}");
        }
    }
    assert_eq!(canary.connections.load(SeqCst), 0);
    assert_eq!(liar.connections.load(SeqCst), before);
}

#[tokio::test]
async fn a_host_that_is_called_like_what_is_missing_does_not_hide_it() {
    let listing = vec![head(TEXT), chunk("1\t2\ta.log\n"), end("")];
    let refusal = "{\"status\":404,\"code\":\"not_found\",\"detail\":\"\"}";
    let without = whole("404 Not Found", "Content-Type: application/problem+json\r\n", refusal);
    for (script, target) in [
        (frames(&["a"]), "/logs?filename=a"),
        (frames(&["a"]), "/logs?filename=a&n=1"),
        (frames(&["a"]), "/logs?filename=a&on_error=fail"),
        (frames(&[]), "/logs?filename=a&n=0"),
        (without, "/logs?filename=a"),
        (listing, "/files"),
    ] {
        let (liar, other) = (Liar::new(script.clone()).await, Liar::new(script).await);
        let mut config = configured(&[("nowhere.invalid:8001", liar.url()), ("other", other.url())]);
        config.fleet.dns = Some("nowhere.invalid:8001".to_owned());
        let primary = primary(config).await;
        let got = primary.curl(target, &["-H", "TE: trailers"]).await;
        assert!(got.log.contains("log-hosts-failed: nowhere.invalid:8001"), "{target} {got:?}");
        assert!(!got.log.contains("log-status: complete"), "{target} {got:?}");
    }
}
