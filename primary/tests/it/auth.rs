//! Who may ask a primary, and what they see of the fleet.

mod audit;
mod limits;
mod property;
mod reloading;
pub(crate) mod shelf;
mod token_new;
mod upstream;

use crate::fanout::client::{Answer, request};
use crate::{Primary, configured, primary};
use backscroll_primary::Config;
use backscroll_shared::auth::{NewToken, Tokens, reader};
use backscroll_shared::cli::access::AccessConfig;
use backscroll_shared::reload::Reloaded;
use futures_util::future::join_all;
use shelf::Shelf;
use std::collections::BTreeMap;

/// Tokens with their texts.
#[derive(Default)]
pub(crate) struct Ring {
    file: String,
    texts: BTreeMap<String, String>,
}

impl Ring {
    pub(crate) fn with(mut self, id: &str, hosts: &[&str], files: &[&str], more: &str) -> Ring {
        let owned = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        let (hosts, files) = (owned(hosts), owned(files));
        let new = NewToken {
            id: id.to_owned(),
            hosts,
            files,
            expires: None,
            is_primary: false,
            reads_metrics: false,
        };
        let (text, entry) = new.make().unwrap();
        self.file.extend([&*entry, more, "\n"]);
        self.texts.insert(id.to_owned(), text);
        self
    }

    pub(crate) fn tokens(&self) -> Tokens {
        reader()(&[self.file.clone().into_bytes()]).unwrap()
    }

    pub(crate) fn access(&self) -> AccessConfig {
        AccessConfig { tokens: Some(Reloaded::fixed(self.tokens())), ..AccessConfig::default() }
    }

    /// The field of the token with this id.
    pub(crate) fn field(&self, id: &str) -> String {
        format!("Authorization: Bearer {}\r\n", self.texts[id])
    }
}

/// The configuration of a fleet that asks for the tokens of the ring.
pub(crate) fn closed(shelves: &[(&str, &Shelf)], ring: &Ring) -> Config {
    let hosts: Vec<(&str, String)> = shelves.iter().map(|(name, shelf)| (*name, shelf.url())).collect();
    Config { access: ring.access(), allowed_hosts: None, ..configured(&hosts) }
}

/// A fleet of three hosts, and tokens that see parts of it.
struct Fleet {
    primary: Primary,
    ring: Ring,
    shelves: [Shelf; 3],
}

impl Fleet {
    async fn new() -> Fleet {
        let shelves = [
            Shelf::new(&["app.log", "secret.log", "nginx/access.log"]).await,
            Shelf::new(&["app.log"]).await,
            Shelf::new(&["app.log", "secret.log", "pg.log"]).await,
        ];
        let ring = Ring::default()
            .with("all", &["*"], &["**"], "")
            .with("web", &["web*"], &["app.log", "nginx/**"], "")
            .with("one", &["web1"], &["**"], "")
            .with("none", &["nothing"], &["nothing"], "")
            .with("old", &["*"], &["**"], "expires = 2020-01-01");
        let hosts = [("web1", &shelves[0]), ("web2", &shelves[1]), ("db1", &shelves[2])];
        let primary = primary(closed(&hosts, &ring)).await;
        Fleet { primary, ring, shelves }
    }

    async fn get(&self, id: &str, target: &str) -> Answer {
        self.request("GET", id, target, "").await
    }

    async fn request(&self, method: &str, id: &str, target: &str, fields: &str) -> Answer {
        let fields = format!("{}{fields}", self.ring.field(id));
        request(self.primary.address, method, target, &fields).await
    }

    async fn raw(&self, method: &str, target: &str, fields: &str) -> Answer {
        request(self.primary.address, method, target, fields).await
    }
}

const ENDPOINTS: [&str; 7] = [
    "/",
    "/logs?filename=app.log",
    "/logs",
    "/files",
    "/hosts",
    "/nothing",
    "/logs?hostname=db1&filename=pg.log",
];

#[tokio::test]
async fn a_request_without_a_valid_token_is_refused_in_the_same_words_whatever_is_wrong() {
    let fleet = Fleet::new().await;
    let (good, old) = (fleet.ring.field("all"), fleet.ring.field("old"));
    let token = good.trim().rsplit(' ').next().unwrap();
    let fields = [
        String::new(),
        "Authorization: Bearer bks_wrong\r\n".to_owned(),
        format!("Authorization: Bearer {}\r\n", &token[..token.len() - 1]),
        format!("Authorization: Bearer {token}x\r\n"),
        format!("Authorization: Bearer {}\r\n", token.to_uppercase()),
        old,
        format!("Authorization: Basic {token}\r\n"),
        format!("Authorization: {token}\r\n"),
        "Authorization: Bearer\r\n".to_owned(),
        format!("Authorization: Bearer {token} {token}\r\n"),
        format!("{good}{good}"),
        format!("{good}Authorization: Bearer bks_wrong\r\n"),
        format!("Authorization: Bearer {}\r\n", "x".repeat(12_000)),
        format!("Proxy-Authorization: Bearer {token}\r\n"),
        format!("X-Authorization: Bearer {token}\r\nCookie: token={token}\r\n"),
    ];
    let first = fleet.raw("GET", "/hosts", "").await;
    // All at once: each waits longer than the one before it.
    let all = join_all(fields.iter().map(|fields| fleet.raw("GET", "/hosts", fields))).await;
    for (refused, fields) in all.into_iter().zip(&fields) {
        assert_eq!((refused.status, refused.code()), (401, "unauthorized".to_owned()), "{fields}");
        assert_eq!(refused.fields["www-authenticate"], "Bearer", "{fields}");
        assert_eq!(refused.body, first.body, "{fields}");
    }
    assert!(fleet.shelves.iter().all(|shelf| shelf.heads_of("/logs").is_empty()), "no host was asked");
}

#[tokio::test]
async fn every_endpoint_but_healthz_asks_for_a_token() {
    let fleet = Fleet::new().await;
    let methods = ["GET", "HEAD", "POST", "DELETE"];
    let each = ENDPOINTS.iter().flat_map(|target| methods.map(|method| (method, *target)));
    let all = join_all(each.clone().map(|(method, target)| fleet.raw(method, target, ""))).await;
    for (refused, (method, target)) in all.into_iter().zip(each) {
        assert_eq!(refused.status, 401, "{method} {target}");
    }
    let token = fleet.ring.texts["all"].clone();
    for name in ["token", "access_token", "authorization", "bearer"] {
        let refused = fleet.raw("GET", &format!("/hosts?{name}={token}"), "").await;
        assert_eq!(refused.status, 401, "a token in the query is none");
    }
    assert_eq!(fleet.raw("GET", "/healthz", "").await.text(), "ok\n");
    assert_eq!(fleet.raw("GET", "/healthz", "Authorization: Bearer bks_wrong\r\n").await.status, 200);
    assert_eq!(
        fleet.raw("GET", "/hosts", &format!("Authorization: Bearer {}\r\n", "x".repeat(17_000))).await.status,
        431
    );
    // With one it is as ever.
    for (target, status) in [("/", 200), ("/logs", 400), ("/nothing", 404), ("/hosts", 200)] {
        assert_eq!(fleet.get("all", target).await.status, status, "{target}");
    }
    let lower = fleet.ring.field("all").replace("Bearer", "bearer");
    assert_eq!(fleet.raw("GET", "/hosts", &lower).await.status, 200);
}

#[tokio::test]
async fn readyz_tells_strangers_what_the_flag_says() {
    let ring = Ring::default().with("all", &["*"], &["**"], "");
    let shelf = Shelf::new(&[]).await;
    for (what, status, is_full) in [("none", 401, false), ("status", 200, false), ("full", 200, true)] {
        let mut config = closed(&[("web1", &shelf)], &ring);
        config.access.public_readyz = clap::ValueEnum::from_str(what, false).unwrap();
        config.fleet.expected = crate::expected::expected(&["web2"], 7);
        let primary = primary(config).await;
        for fields in ["", "Authorization: Bearer bks_wrong\r\n"] {
            let told = request(primary.address, "GET", "/readyz", fields).await;
            assert_eq!(told.status, status, "{what}");
            assert_eq!(told.text().contains("hostname"), is_full, "{what}: {}", told.text());
            assert_eq!(told.fields.contains_key("www-authenticate"), !is_full, "{what}");
            for word in ["web2", "7 hosts", "expected"] {
                assert!(!told.text().contains(word), "{what}: {word}: {}", told.text());
            }
            assert_eq!(told.text().contains("ask with a token to see which"), is_full, "{what}");
            if what == "status" {
                assert_eq!(told.text(), "{\"ready\":true}\n");
            }
        }
        let told = request(primary.address, "GET", "/readyz", &ring.field("all")).await;
        assert!(told.text().contains("hostname") && told.text().contains("host web2: "), "{what}");
    }
}

#[tokio::test]
async fn what_a_token_may_not_see_is_what_does_not_exist() {
    let fleet = Fleet::new().await;
    let detail = |answer: &Answer| {
        let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        problem["detail"].as_str().unwrap().to_owned()
    };
    // Hosts: the answer for one that is not visible is that for one that is not there.
    for (there, not_there) in [("db1", "dbx"), ("db*", "dx*"), ("?b1", "?bx")] {
        for target in ["/logs?filename=app.log&hostname=", "/files?hostname="] {
            let hidden = fleet.get("web", &format!("{target}{there}")).await;
            let absent = fleet.get("web", &format!("{target}{not_there}")).await;
            assert_eq!((hidden.status, hidden.code()), (404, "unknown_host".to_owned()));
            let same = |answer: &Answer, name: &str| detail(answer).replace(name, "NAME");
            assert_eq!(same(&hidden, there), same(&absent, not_there));
        }
    }
    // Suggestions name visible hosts only.
    assert!(detail(&fleet.get("web", "/files?hostname=web3").await).contains("did you mean web1 or web2"));
    assert!(!detail(&fleet.get("one", "/files?hostname=web3").await).contains("web2"));
    assert!(!detail(&fleet.get("web", "/files?hostname=db2").await).contains("db1"));
    // Files: for one host, several, and in each format.
    for hosts in ["&hostname=web1", "&hostname=web*", ""] {
        for accept in ["", "Accept: application/x-ndjson\r\n", "TE: trailers\r\n"] {
            for method in ["GET", "HEAD"] {
                let ask = async |name: &str| {
                    let target = format!("/logs?filename={name}{hosts}");
                    fleet.request(method, "web", &target, accept).await
                };
                let (hidden, absent) = (ask("secret.log").await, ask("absent.log").await);
                assert_eq!(hidden.status, 404, "{hosts} {accept} {method}");
                let same = |answer: &Answer, name: &str| {
                    let mut fields = answer.fields.clone();
                    for name in ["date", "content-length", "x-request-id"] {
                        fields.remove(name);
                    }
                    (fields, String::from_utf8_lossy(&answer.body).replace(name, "NAME"))
                };
                assert_eq!(
                    same(&hidden, "secret.log"),
                    same(&absent, "absent.log"),
                    "{hosts} {accept} {method}"
                );
            }
        }
    }
    let asked = fleet.shelves[0].heads_of("/logs");
    assert!(asked.iter().all(|head| !head.contains("secret")), "no host is asked for it");
}

#[tokio::test]
async fn a_token_sees_its_part_of_the_fleet_and_is_told_that_it_is_a_part() {
    let fleet = Fleet::new().await;
    let names = |text: &str| -> Vec<String> {
        let mut names: Vec<String> =
            text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect();
        names.dedup();
        names
    };
    for (id, target, expected, is_part) in [
        ("all", "/hosts", &["db1", "web1", "web2"][..], false),
        ("web", "/hosts", &["web1", "web2"], true),
        ("one", "/hosts", &["web1"], true),
        ("none", "/hosts", &[], true),
        ("all", "/logs?filename=app.log&n=3&hostname=*", &["db1"], false),
        ("web", "/files", &["web1", "web2"], true),
        ("one", "/files", &["web1"], true),
    ] {
        let answer = fleet.get(id, target).await;
        assert_eq!(answer.status, 200, "{id} {target}");
        let told = names(&answer.text());
        assert!(
            told.starts_with(&expected.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "{id} {target} {told:?}"
        );
        if target != "/logs?filename=app.log&n=3&hostname=*" {
            assert_eq!(told, expected, "{id} {target}");
        }
        assert_eq!(
            answer.fields.get("log-hosts-visible").map(String::as_str),
            is_part.then_some("part"),
            "{id} {target}"
        );
    }
    // The index page tries a visible host.
    assert!(fleet.get("web", "/").await.text().contains("hostname=web1"));
    assert!(fleet.get("none", "/").await.text().contains("hostname=NAME"));
    // The verdict of an answer: in its head, its trailers and its last object.
    for (target, is_part) in [
        ("/logs?filename=app.log", true),
        ("/logs?filename=app.log&hostname=web*", true),
        ("/logs?filename=app.log&hostname=web1&hostname=web2", false),
        ("/logs?filename=app.log&hostname=web1", false),
    ] {
        let part = is_part.then_some("part");
        let answer = fleet.request("GET", "web", target, "TE: trailers\r\n").await;
        assert_eq!(answer.fields.get("log-hosts-visible").map(String::as_str), part, "{target}");
        assert_eq!(answer.trailers.get("log-hosts-visible").map(String::as_str), part, "{target}");
        assert_eq!(answer.trailers["log-status"], "complete", "{target}");
        let answer = fleet.request("GET", "web", target, "Accept: application/x-ndjson\r\n").await;
        assert_eq!(answer.end()["hosts_visible"].as_str(), part, "{target}");
        assert!(!answer.text().contains("db1"), "{target}");
        let head = fleet.request("HEAD", "web", target, "").await;
        assert_eq!(head.fields.get("log-hosts-visible").map(String::as_str), part, "{target}");
    }
    let none = fleet.get("none", "/logs?filename=app.log").await;
    assert_eq!((none.status, none.code()), (404, "unknown_host".to_owned()));
}

#[tokio::test]
async fn a_listing_has_the_visible_files_alone_in_each_format() {
    let fleet = Fleet::new().await;
    for target in ["/files?hostname=web1", "/files", "/files?hostname=web*&glob=**"] {
        let text = fleet.get("web", target).await.text();
        assert!(text.contains("app.log") && text.contains("nginx/access.log"), "{text}");
        assert!(!text.contains("secret") && !text.contains("pg"), "{text}");
        let json = fleet.request("GET", "web", target, "Accept: application/json\r\n").await.text();
        let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        let mut names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, ["app.log", "nginx/access.log"], "{json}");
    }
    let json = fleet.request("GET", "none", "/files?hostname=web1", "Accept: application/json\r\n").await;
    assert_eq!(json.status, 404);
}
