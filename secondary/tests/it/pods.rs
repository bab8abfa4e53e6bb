//! Logs of pods by their aliases.

mod grants;

use crate::auth::RELAY;
use crate::support::{Response, Server};
use backscroll_secondary::Io;
use backscroll_secondary::config::{Excludes, ExtraLogDir};
use backscroll_shared::audit::Audit;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

fn both(test: impl Fn(Io)) {
    test(Io::Threads);
    test(Io::Auto);
}

/// A log whose only line is its name, and that was written so many seconds ago.
fn log(server: &Server, name: &str, age: u64) {
    server.write(name, format!("{name}\n").as_bytes());
    touch(&server.dir.path().join(name), age);
}

#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn touch(path: &Path, age: u64) {
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
}

/// The file to which an alias leads.
fn led_to(answer: &Response) -> Option<String> {
    (answer.status == 200).then(|| answer.text().trim_end().to_owned())
}

fn get(server: &Server, alias: &str) -> Option<String> {
    let answer = server.get(&format!("/logs?filename={alias}"));
    assert!(answer.status == 200 || answer.code() == "not_found", "{answer:?}");
    led_to(&answer)
}

const OLD: &str = "pods/shop_web-0_0a-old/app";
const NEW: &str = "pods/shop_web-0_99-new/app";

/// A pod that was made anew, and others.
fn node(io: Io) -> Server {
    let server = Server::with(|config| config.io = io);
    for (name, age) in [
        (format!("{OLD}/0.log"), 900),
        (format!("{OLD}/12.log"), 800),
        (format!("{NEW}/9.log"), 700),
        (format!("{NEW}/10.log"), 600),
        (format!("{NEW}/10.log.20261120-101112.gz"), 650),
        ("pods/shop_web-1_0b/app/3.log".to_owned(), 10),
        ("pods/shop2_web-0_0c/app/4.log".to_owned(), 10),
        ("pods/shop_web-0_0d/sidecar/5.log".to_owned(), 10),
        ("pods/shop_web-0_a_b/app/6.log".to_owned(), 10),
        ("pods/kube-system_etcd-n1_d41d8cd98f/etcd/0.log".to_owned(), 10),
        ("app.log".to_owned(), 10),
    ] {
        log(&server, &name, age);
    }
    server
}

#[test]
fn an_alias_is_the_newest_log_of_its_container() {
    both(|io| {
        let server = node(io);
        let newest = format!("{NEW}/10.log");
        for (alias, file) in [
            ("pods/shop/web-0/app", Some(&*newest)),
            ("pods/shop/web-0/app/previous", Some("pods/shop_web-0_99-new/app/9.log")),
            ("pods/shop/web-1/app", Some("pods/shop_web-1_0b/app/3.log")),
            ("pods/shop/web-1/app/previous", None),
            ("pods/shop2/web-0/app", Some("pods/shop2_web-0_0c/app/4.log")),
            ("pods/shop/web-0/sidecar", Some("pods/shop_web-0_0d/sidecar/5.log")),
            ("pods/kube-system/etcd-n1/etcd", Some("pods/kube-system_etcd-n1_d41d8cd98f/etcd/0.log")),
            ("pods/shop/web/app", None),
            ("pods/shop/web-0/ap", None),
            ("pods/shop/web-0", None),
            ("pods/shop/web-0/app/0.log", None),
            ("pods/sho%2a/web-0/app", None),
        ] {
            assert_eq!(get(&server, alias).as_deref(), file, "{alias}");
        }
        // The old pod's log is the newest once it is written again.
        log(&server, &format!("{OLD}/12.log"), 5);
        assert_eq!(get(&server, "pods/shop/web-0/app"), Some(format!("{OLD}/12.log")));
        assert_eq!(get(&server, "pods/shop/web-0/app/previous"), Some(format!("{OLD}/0.log")));
        // A file of that very name comes first.
        server.write("pods/shop/web-0/app", b"itself\n");
        assert_eq!(get(&server, "pods/shop/web-0/app").as_deref(), Some("itself"));
    });
}

#[test]
fn a_log_that_is_being_rotated_is_no_missing_file_and_not_the_run_before() {
    let server = node(Io::Threads);
    let path = |name: &str| server.dir.path().join(NEW).join(name);
    std::fs::rename(path("10.log"), path("10.log.20261127-020000")).unwrap();
    let answer = server.get("/logs?filename=pods/shop/web-0/app");
    assert_eq!((answer.status, &*answer.code()), (503, "overloaded"));
    assert!(answer.text().contains("is being rotated: ask again"), "{}", answer.text());
    assert_eq!(get(&server, "pods/shop/web-0/app/previous"), Some(format!("{NEW}/9.log")));
    // Docker's are symlinks, which are not followed.
    std::os::unix::fs::symlink(path("9.log"), path("11.log")).unwrap();
    assert_eq!(get(&server, "pods/shop/web-0/app"), None);
    let answer = server.get("/logs?filename=pods/shop/web-0/app");
    assert!(answer.text().contains("symlink"), "{}", answer.text());
}

#[test]
fn pods_that_the_caller_may_not_see_do_not_count_among_those_that_are_too_many() {
    let server = node(Io::Threads);
    for at in 0..70 {
        log(&server, &format!("pods/shop_web-0_f{at}/app/0.log"), 1000 + at);
    }
    let answer = server.get("/logs?filename=pods/shop/web-0/app");
    assert!(answer.status != 200 && answer.text().contains("pods of that name"), "{answer:?}");
    let fields = format!("{RELAY}backscroll-files: pods/shop_web-0_99-new/%2A%2A\r\n");
    let answer = server.request("GET", "/logs?filename=pods/shop/web-0/app", &fields);
    assert_eq!(led_to(&answer), Some(format!("{NEW}/10.log")));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn an_alias_is_looked_for_where_the_log_directory_is_now() {
    let nodes = tempfile::tempdir().unwrap();
    let dir = nodes.path().join("log");
    std::fs::create_dir_all(dir.join("pods/shop_web-0_0a/app")).unwrap();
    std::fs::write(dir.join("pods/shop_web-0_0a/app/0.log"), "old\n").unwrap();
    let served = dir.clone();
    let server = Server::with(|config| (config.io, config.log_dir) = (Io::Threads, served));
    assert_eq!(get(&server, "pods/shop/web-0/app").as_deref(), Some("old"));
    std::fs::rename(&dir, nodes.path().join("before")).unwrap();
    std::fs::create_dir_all(dir.join("pods/shop_web-0_0b/app")).unwrap();
    std::fs::write(dir.join("pods/shop_web-0_0b/app/1.log"), "new\n").unwrap();
    assert_eq!(get(&server, "pods/shop/web-0/app").as_deref(), Some("new"));
}

#[test]
fn the_directory_of_pods_may_be_an_extra_one() {
    let extra = node(Io::Threads);
    let dir = OsString::from(format!("pods={}", extra.dir.path().join("pods").display()));
    let server = Server::with(|config| {
        config.io = Io::Threads;
        config.extra_log_dirs = ExtraLogDir::list(&[dir]).unwrap();
    });
    assert_eq!(get(&server, "pods/shop/web-0/app"), Some(format!("{NEW}/10.log")));
    let other = Server::with(|config| {
        config.io = Io::Threads;
        config.extra_log_dirs =
            ExtraLogDir::list(&[format!("logs={}", extra.dir.path().display()).into()]).unwrap();
    });
    assert_eq!(get(&other, "logs/pods/shop/web-0/app"), None, "only pods itself has aliases");
}

#[test]
fn what_is_excluded_is_not_found_by_its_alias() {
    for (glob, web, etcd) in [
        ("pods/shop/**", false, true),
        ("pods/shop_*/**", false, true),
        ("pods/*/*/app", false, true),
        ("pods/kube-system", true, false),
        ("pods", false, false),
    ] {
        let server = node(Io::Threads);
        let excludes = Excludes::parse(&[glob.into()]).unwrap();
        let dir = server.dir.path().to_owned();
        let closed = Server::with(|config| {
            (config.io, config.log_dir, config.excludes) = (Io::Threads, dir, excludes);
        });
        assert_eq!(get(&closed, "pods/shop/web-0/app").is_some(), web, "{glob}");
        assert_eq!(get(&closed, "pods/kube-system/etcd-n1/etcd").is_some(), etcd, "{glob}");
        assert_eq!(closed.get("/files?glob=pods/kube-system/**").body.is_empty(), !etcd, "{glob}");
        let absent = closed.get("/logs?filename=pods/shop/none/app");
        let excluded = closed.get("/logs?filename=pods/shop/web-0/app");
        if !web {
            assert_eq!(absent.text().replace("none", "web-0"), excluded.text(), "{glob}");
        }
    }
}

#[test]
fn an_answer_to_an_alias_names_both() {
    both(|io| {
        let server = node(io);
        let asked = "/logs?filename=pods/shop/web-0/app&n=1";
        let notice = format!("alias: pods/shop/web-0/app is the alias of {NEW}/10.log");
        let text = server.get(asked);
        assert_eq!(text.header("log-notices"), Some(&*notice));
        let trailers = server.request("GET", asked, "te: trailers\r\n");
        assert_eq!(trailers.trailer("log-notices"), Some(&*notice));
        let json = server.request("GET", asked, "accept: application/x-ndjson\r\n");
        let lines: Vec<serde_json::Value> =
            json.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["file"], "pods/shop/web-0/app", "the name that was asked for");
        assert_eq!(lines[1]["end"]["notices"][0]["code"], "alias");
        assert_eq!(server.get("/logs?filename=app.log&n=1").header("log-notices"), None);
    });
}

#[test]
fn the_listing_tells_aliases_and_its_glob_matches_them() {
    let server = node(Io::Threads);
    let json = |target: &str, fields: &str| -> Vec<serde_json::Value> {
        let answer = server.request("GET", target, &format!("accept: application/json\r\n{fields}"));
        serde_json::from_slice(&answer.body).unwrap()
    };
    for entry in json("/files", "") {
        let name = entry["name"].as_str().unwrap();
        let expected = match name {
            _ if name.starts_with(OLD)
                || name == format!("{NEW}/9.log")
                || name == format!("{NEW}/10.log") =>
            {
                Some("pods/shop/web-0/app")
            }
            "pods/shop_web-1_0b/app/3.log" => Some("pods/shop/web-1/app"),
            "pods/shop2_web-0_0c/app/4.log" => Some("pods/shop2/web-0/app"),
            "pods/shop_web-0_0d/sidecar/5.log" => Some("pods/shop/web-0/sidecar"),
            "pods/kube-system_etcd-n1_d41d8cd98f/etcd/0.log" => Some("pods/kube-system/etcd-n1/etcd"),
            _ => None,
        };
        assert_eq!(entry["alias"].as_str(), expected, "{name}");
    }
    let aliases = json("/files", RELAY).iter().filter(|entry| !entry["alias"].is_null()).count();
    assert_eq!(aliases, 0, "an older primary refuses a field that it does not know");
    for (glob, count) in [
        ("pods/shop/**", 7),
        ("pods/shop_*/**", 8),
        ("pods/shop/web-0/app", 5),
        ("pods/*/*/app", 7),
        ("pods/kube-system/*/*", 1),
        ("**/app", 0),
    ] {
        let listing = server.get(&format!("/files?glob={glob}"));
        assert_eq!(listing.text().lines().count(), count, "{glob}: {}", listing.text());
        assert!(listing.text().lines().all(|line| line.split('\t').count() == 3), "text stays as it was");
    }
}

#[test]
fn a_directory_that_may_not_be_listed_is_no_missing_file() {
    use std::os::unix::fs::PermissionsExt as _;
    if rustix::process::geteuid().is_root() {
        return;
    }
    let server = node(Io::Threads);
    let pods = server.dir.path().join("pods");
    std::fs::set_permissions(&pods, std::fs::Permissions::from_mode(0o111)).unwrap();
    let answer = server.get("/logs?filename=pods/shop/web-0/app");
    std::fs::set_permissions(&pods, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn the_audit_has_the_alias_and_the_file() {
    let dir_of_audit = tempfile::tempdir().unwrap();
    let path = dir_of_audit.path().join("audit");
    let audit = Audit::open(&path).unwrap();
    let nodes = node(Io::Threads);
    let dir = nodes.dir.path().to_owned();
    let server = Server::with(|config| {
        (config.io, config.log_dir) = (Io::Threads, dir);
        config.access.audit = Some(audit.clone());
    });
    server.get("/logs?filename=pods/shop/web-0/app");
    server.get("/logs?filename=app.log");
    server.stop().unwrap();
    audit.finish();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["filename"], "pods/shop/web-0/app");
    assert_eq!(lines[0]["real_filename"], format!("{NEW}/10.log"));
    assert!(lines[1].get("real_filename").is_none());
}
