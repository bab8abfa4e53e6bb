//! Who may ask a secondary, what they see, and whom it believes.

use crate::support::{Response, Server, write};
use backscroll_secondary::Io;
use backscroll_shared::audit::Audit;
use backscroll_shared::auth::{NewToken, reader};
use backscroll_shared::cli::access::AccessConfig;
use backscroll_shared::reload::Reloaded;
use backscroll_shared::wire::public_readyz::PublicReadyz;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// A secondary that asks for tokens.
struct Closed {
    server: Server,
    texts: BTreeMap<&'static str, String>,
}

impl Closed {
    fn new(io: Io) -> Closed {
        Closed::with(io, |_| {})
    }

    fn with(io: Io, change: impl FnOnce(&mut AccessConfig)) -> Closed {
        let (mut file, mut texts) = (String::new(), BTreeMap::new());
        for (id, hosts, files, is_primary, more) in [
            ("primary", "*", "**", true, ""),
            ("narrow", "*", "nginx/**", true, ""),
            ("person", "he?e", "app.log", false, ""),
            ("other", "elsewhere", "**", false, ""),
            ("old", "*", "**", false, "expires = 2020-01-01\n"),
        ] {
            let (hosts, files) = (vec![hosts.to_owned()], vec![files.to_owned()]);
            let new =
                NewToken { id: id.to_owned(), hosts, files, expires: None, is_primary, reads_metrics: false };
            let (text, entry) = new.make().unwrap();
            file.extend([&*entry, more]);
            texts.insert(id, text);
        }
        let tokens = reader()(&[file.into_bytes()]).unwrap();
        let mut access = AccessConfig { tokens: Some(Reloaded::fixed(tokens)), ..AccessConfig::default() };
        change(&mut access);
        let server = Server::with(|config| (config.io, config.access) = (io, access));
        server.write("app.log", b"an app line\n");
        server.write("secret.log", b"a secret line\n");
        server.write("nginx/access.log", b"an access line\n");
        Closed { server, texts }
    }

    fn get(&self, id: &str, target: &str, headers: &str) -> Response {
        let field = format!("authorization: Bearer {}\r\n", self.texts[id]);
        self.server.request("GET", target, &format!("{field}{headers}"))
    }
}

pub(crate) const RELAY: &str = "backscroll-relay: web1\r\nte: trailers\r\n";

fn both(test: impl Fn(Io)) {
    test(Io::Threads);
    test(Io::Auto);
}

#[test]
fn only_who_has_a_valid_token_for_this_host_is_let_in() {
    both(|io| {
        let closed = Closed::new(io);
        let first = closed.server.get("/files");
        // All at once: each waits longer than the one before it.
        let server = &closed.server;
        std::thread::scope(|scope| {
            for target in ["/", "/files", "/logs?filename=app.log", "/logs", "/nothing"] {
                for method in ["GET", "HEAD", "POST"] {
                    scope.spawn(move || {
                        let refused = server.request(method, target, "");
                        assert_eq!(refused.status, 401, "{method} {target}");
                        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
                        assert!(
                            refused.header("backscroll-instance").is_some(),
                            "a primary sees whose it is"
                        );
                    });
                }
            }
        });
        let bearer = |text: &str| format!("authorization: Bearer {text}\r\n");
        let good = bearer(&closed.texts["person"]);
        let wrong = [
            bearer("x"),
            bearer(&closed.texts["old"]),
            bearer(&closed.texts["other"]),
            good.replace("Bearer", "Basic"),
            format!("{good}{good}"),
            bearer(&"x".repeat(12_000)),
        ];
        let first = &first;
        std::thread::scope(|scope| {
            for fields in &wrong {
                scope.spawn(move || {
                    let refused = server.request("GET", "/files", fields);
                    assert_eq!((refused.status, refused.code().as_str()), (401, "unauthorized"), "{fields}");
                    assert_eq!(refused.body, first.body, "{fields}");
                });
            }
        });
        assert_eq!(closed.server.get(&format!("/files?token={}", closed.texts["primary"])).status, 401);
        assert_eq!(closed.server.get("/healthz").text(), "ok\n");
        assert_eq!(closed.get("person", "/files", "").status, 200);
    });
}

#[test]
fn a_token_sees_its_files_alone() {
    both(|io| {
        let closed = Closed::new(io);
        let files = closed.get("person", "/files", "");
        assert!(files.text().ends_with("\tapp.log\n") && files.text().lines().count() == 1, "{files:?}");
        let files = closed.get("person", "/files?glob=**", "accept: application/json\r\n");
        assert!(!files.text().contains("secret") && files.text().contains("app.log"), "{files:?}");
        assert_eq!(closed.get("person", "/files?glob=nginx/*", "").text(), "");
        assert_eq!(closed.get("person", "/logs?filename=app.log", "").text(), "an app line\n");
        for accept in ["", "accept: application/x-ndjson\r\n", RELAY] {
            let hidden = closed.get("person", "/logs?filename=secret.log", accept);
            let absent = closed.get("person", "/logs?filename=absent.log", accept);
            assert_eq!((hidden.status, hidden.code().as_str()), (404, "not_found"));
            assert_eq!(hidden.text().replace("secret", "absent"), absent.text());
        }
    });
}

#[test]
fn what_only_a_primary_may_say_is_believed_from_a_primary_alone() {
    both(|io| {
        let closed = Closed::new(io);
        let ndjson = format!("accept: application/x-ndjson\r\n{RELAY}");
        let target = "/logs?filename=app.log";
        // It gets the name that it sends, and no last object.
        let relayed = closed.get("primary", target, &ndjson);
        assert!(
            relayed.text().contains("\"host\":\"web1\"") && !relayed.text().contains("\"end\""),
            "{relayed:?}"
        );
        let plain = closed.get("person", target, &ndjson);
        assert!(plain.text().contains("\"host\":\"here\"") && plain.text().contains("\"end\""), "{plain:?}");
        let frames = "accept: application/vnd.backscroll.frames.v2\r\n";
        assert_eq!(closed.get("primary", target, &format!("{frames}{RELAY}")).status, 200);
        assert_eq!(closed.get("person", target, &format!("{frames}{RELAY}")).status, 406);
        // A long target is for primaries.
        let long = format!("/logs?filename=app.log&keyword={}", "x".repeat(10_000));
        assert_eq!(closed.get("primary", &long, RELAY).status, 200);
        assert_eq!(closed.get("person", &long, RELAY).status, 414);
        // No time is left: a primary's word ends the answer.
        let late = format!("{RELAY}backscroll-remaining-ms: 0\r\n");
        let of = |id: &str| closed.get(id, target, &late).text().to_owned();
        assert!(of("primary") != "an app line\n" && of("person") == "an app line\n", "{}", of("primary"));
    });
}

#[test]
fn the_files_that_a_primary_allows_its_caller_are_checked_again() {
    both(|io| {
        let closed = Closed::new(io);
        let caller = |files: &str| format!("{RELAY}backscroll-files: {files}\r\n");
        for (id, files, name, is_there) in [
            ("primary", "app%2Elog", "app.log", true),
            ("primary", "app%2Elog", "secret.log", false),
            ("primary", "%2A%2A", "secret.log", true),
            ("primary", "x,nginx%2F%2A", "nginx/access.log", true),
            ("primary", "%7B", "app.log", false),
            ("primary", "", "app.log", false),
            // A primary allows no more than its own token does.
            ("narrow", "%2A%2A", "app.log", false),
            ("narrow", "%2A%2A", "nginx/access.log", true),
            ("narrow", "app%2Elog", "nginx/access.log", false),
            // The word of anybody else counts for nothing.
            ("person", "%2A%2A", "secret.log", false),
            ("person", "nothing", "app.log", true),
        ] {
            let fields = caller(files);
            let answer = closed.get(id, &format!("/logs?filename={name}"), &fields);
            assert_eq!(answer.status, if is_there { 200 } else { 404 }, "{id} {files} {name}");
            let listed = closed.get(id, "/files", &fields);
            assert_eq!(
                listed.text().contains(&format!("\t{name}\n")),
                is_there,
                "{id} {files} {name} {listed:?}"
            );
        }
        // Without authentication everybody is believed.
        let open = Server::start(io);
        open.write("app.log", b"an app line\n");
        assert_eq!(open.request("GET", "/logs?filename=app.log", &caller("nothing")).status, 404);
        assert_eq!(open.request("GET", "/logs?filename=app.log", &caller("app%2Elog")).status, 200);
    });
}

#[test]
fn readyz_tells_strangers_what_the_flag_says() {
    for (public, status, is_full) in [
        (PublicReadyz::None, 401, false),
        (PublicReadyz::Status, 200, false),
        (PublicReadyz::Full, 200, true),
    ] {
        let closed = Closed::with(Io::Threads, |access| access.public_readyz = public);
        for fields in ["", "authorization: Bearer x\r\n"] {
            let told = closed.server.request("GET", "/readyz", fields);
            assert_eq!((told.status, told.text().contains("hostname")), (status, is_full), "{public:?}");
            assert_eq!(told.header("www-authenticate").is_some(), !is_full, "{public:?}");
        }
        assert!(closed.get("person", "/readyz", "").text().contains("hostname"));
    }
    let closed = Closed::with(Io::Threads, |_| {});
    assert_eq!(closed.server.get("/readyz").text(), "{\"ready\":true}\n");
}

/// The lines of the audit, once there are so many.
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn lines(path: &Path, count: usize) -> Vec<serde_json::Value> {
    let since = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(since.elapsed() < crate::process::PATIENCE, "{text}");
        crate::support::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn each_request_stands_in_the_audit_with_the_caller_and_the_primary() {
    both(|io| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit");
        let closed = Closed::with(io, |access| access.audit = Some(Audit::open(&path).unwrap()));
        let asked = "/logs?filename=app.log&keyword=app";
        assert_eq!(closed.get("primary", asked, &format!("{RELAY}backscroll-caller: ci\r\n")).status, 200);
        assert_eq!(closed.get("person", asked, "backscroll-caller: root\r\n").status, 200);
        assert_eq!(closed.get("person", "/logs?filename=secret.log", "").status, 404);
        assert_eq!(closed.get("person", "/files", "").status, 200);
        assert_eq!(closed.server.get("/files").status, 401);
        assert_eq!(closed.server.get("/healthz").status, 200);
        let lines = lines(&path, 5);
        assert_eq!(lines.len(), 5);
        let of = |index: usize, key: &str| lines[index][key].clone();
        assert_eq!((of(0, "caller"), of(0, "via")), ("ci".into(), "primary".into()));
        assert_eq!((of(0, "verdict"), of(0, "lines")), ("complete".into(), 1.into()));
        assert_eq!((of(0, "filename"), of(0, "whole")), ("app.log".into(), true.into()));
        assert_eq!((of(1, "caller"), of(1, "via")), ("person".into(), ().into()));
        assert_eq!((of(1, "verdict"), of(1, "lines")), ("complete".into(), 1.into()));
        assert_eq!((of(2, "status"), of(2, "code")), (404.into(), "not_found".into()));
        assert_eq!((of(3, "endpoint"), of(3, "verdict")), ("/files".into(), "complete".into()));
        assert_eq!((of(4, "status"), of(4, "caller")), (401.into(), ().into()));
    });
}

#[test]
fn a_listing_of_a_token_is_no_longer_for_what_it_may_not_see() {
    let closed = Closed::new(Io::Threads);
    for n in 0..300 {
        write(&closed.server.dir.path().join(format!("many/{n}.log")), b"x\n");
    }
    assert_eq!(closed.get("person", "/files", "").text().lines().count(), 1);
    assert_eq!(closed.get("primary", "/files", "").text().lines().count(), 303);
}
