//! Tests the answer of each endpoint in each format.

use crate::support::{Server, naive};
use backscroll_secondary::Io;

const LOG: &[u8] = b"2024-11-05 10:11:12 first \xff\n\nsecond key\r\nthird\0key\nlast key";

fn both(check: impl Fn(&Server)) {
    for io in [Io::Uring, Io::Threads] {
        let server = Server::start(io);
        server.write("app.log", LOG);
        server.write("nginx/access.log", b"one\ntwo\n");
        server.write(".hidden/x.log", b"secret\n");
        check(&server);
    }
}

#[test]
fn lines_come_newest_first_byte_for_byte() {
    both(|server| {
        let all = server.get("/logs?filename=app.log");
        assert_eq!(all.status, 200);
        assert!(all.complete);
        assert_eq!(all.body, naive(LOG, b"", usize::MAX));
        assert_eq!(all.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(all.header("cache-control"), Some("no-store"));
        assert_eq!(all.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(all.header("x-accel-buffering"), Some("no"));
        assert_eq!(server.get("/logs?filename=app.log&keyword=key&n=2").body, b"last key\nthird\0key\n");
        assert_eq!(
            server.get("/logs?filename=app.log&keyword=key&keyword=s").body,
            b"last key\nsecond key\r\n"
        );
        assert_eq!(
            server.get("/logs?filename=app.log&keyword=%FF").body,
            b"2024-11-05 10:11:12 first \xff\n"
        );
        assert_eq!(server.get("/logs?filename=app.log&keyword=%0Asecond+key").body, b"\nsecond key\r\n");
        assert_eq!(server.get("/logs?filename=nginx/access.log&n=1").body, b"two\n");
    });
}

#[test]
fn an_answer_tells_how_long_it_took_to_begin() {
    both(|server| {
        let field = server.get("/logs?filename=app.log&n=1").header("server-timing").unwrap().to_owned();
        let times: Vec<f64> = field
            .split(", ")
            .zip(["open;dur=", "first-record;dur="])
            .map(|(metric, name)| metric.strip_prefix(name).unwrap().parse().unwrap())
            .collect();
        assert!(times.len() == 2 && times[0] > 0.0 && times[0] <= times[1], "{field}");
        assert_eq!(server.get("/logs?filename=none.log").header("server-timing"), None);
    });
}

#[test]
fn none_asked_for_is_an_empty_200() {
    both(|server| {
        server.write("empty.log", b"");
        for target in [
            "/logs?filename=app.log&n=0",
            "/logs?filename=empty.log",
            "/logs?filename=app.log&keyword=nowhere",
        ] {
            let response = server.get(target);
            assert_eq!((response.status, response.body.len(), response.complete), (200, 0, true), "{target}");
        }
    });
}

#[test]
fn the_verdict_is_in_the_trailers_for_those_who_read_them() {
    both(|server| {
        let response = server.request("GET", "/logs?filename=app.log&keyword=key", "te: trailers\r\n");
        assert!(response.header("trailer").unwrap().contains("log-status"));
        assert_eq!(response.trailer("log-status"), Some("complete"));
        assert_eq!(response.trailer("log-lines"), Some("3"));
        assert_eq!(response.trailer("log-bytes-scanned"), Some(LOG.len().to_string().as_str()));
        assert_eq!(response.trailer("log-truncated-lines"), Some("0"));
        assert_eq!(response.trailer("log-error"), None);
        assert!(server.get("/logs?filename=app.log").trailers.is_empty());
        // hyper sends no trailers to such a client, so the answer must not announce any.
        let weighed = server.request("GET", "/logs?filename=app.log", "te: trailers;q=0.5\r\n");
        assert!(weighed.header("trailer").is_none() && weighed.trailers.is_empty());
    });
}

#[test]
fn ndjson_is_an_object_a_record_and_the_verdict_last() {
    both(|server| {
        let response = server.request("GET", "/logs?filename=app.log", "accept: application/x-ndjson\r\n");
        assert_eq!(response.header("content-type"), Some("application/x-ndjson"));
        let objects: Vec<serde_json::Value> =
            response.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.len(), 6);
        assert_eq!(objects[0]["line"], "last key");
        assert_eq!(objects[0]["host"], "here");
        assert_eq!(objects[0]["file"], "app.log");
        assert_eq!(objects[4]["offset"], 0);
        let time = objects[4]["time"].as_str().unwrap();
        assert!(time.len() == 30 && time.ends_with(":11:12.000000000Z"), "{time}");
        assert!(objects[4]["line_base64"].is_string());
        assert_eq!(objects[5]["end"]["status"], "complete");
        assert_eq!(objects[5]["end"]["lines"], 5);
        // A primary sends this private header, because it writes the last NDJSON object itself.
        let relayed = server.request(
            "GET",
            "/logs?filename=app.log",
            "accept: application/x-ndjson\r\nbackscroll-relay: web1\r\nte: trailers\r\n",
        );
        assert!(relayed.text().starts_with("{\"host\":\"web1\","), "{}", relayed.text());
        assert_eq!(relayed.text().lines().count(), 5);
        assert_eq!(relayed.trailer("log-lines"), Some("5"));
        // A client that only claims to be a primary, and reads no trailers, still gets the verdict.
        let posing = server.request(
            "GET",
            "/logs?filename=app.log",
            "accept: application/x-ndjson\r\nbackscroll-relay: web1\r\n",
        );
        assert!(posing.text().lines().last().unwrap().starts_with("{\"end\":{\"status\":\"complete\""));
    });
}

#[test]
fn types_are_taken_as_clients_write_them() {
    both(|server| {
        for (accept, log, listing) in [
            (
                "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
                "text/plain; charset=utf-8",
                "text/plain; charset=utf-8",
            ),
            ("*/*, nonsense", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
            ("text/plain;format=flowed", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
            ("application/json", "application/x-ndjson", "application/json"),
            ("application/x-ndjson", "application/x-ndjson", "application/json"),
            ("text/plain;q=0.1, application/json;q=0.2", "application/x-ndjson", "application/json"),
            ("image/png", "application/problem+json", "application/problem+json"),
        ] {
            for (target, expected) in [("/logs?filename=app.log", log), ("/files", listing)] {
                let answer = server.request("GET", target, &format!("accept: {accept}\r\n"));
                assert_eq!(answer.header("content-type"), Some(expected), "{target} {accept}");
                assert_eq!(answer.status == 406, accept == "image/png");
            }
        }
    });
}

#[test]
fn nobody_gets_a_part_of_an_answer() {
    both(|server| {
        for target in ["/logs?filename=app.log", "/files"] {
            assert_eq!(server.request("GET", target, "range: bytes=0-\r\n").status, 200, "{target}");
            for range in ["bytes=1-", "bytes=0-5", "bytes=-5", "bytes=0-\r\nrange: bytes=1-"] {
                let answer = server.request("GET", target, &format!("range: {range}\r\n"));
                assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{target} {range}");
            }
        }
    });
}

#[test]
fn head_answers_the_headers_alone() {
    both(|server| {
        for (target, status) in [
            ("/logs?filename=app.log", 200),
            ("/logs?filename=none.log", 404),
            ("/logs", 400),
            ("/files", 200),
            ("/healthz", 200),
            ("/readyz", 200),
            ("/", 200),
        ] {
            let head = server.raw(
                format!("HEAD {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes(),
            );
            assert_eq!(head.status, status, "{target}");
            assert!(head.body.is_empty(), "{target}");
            assert_eq!(head.header("content-type"), server.get(target).header("content-type"), "{target}");
        }
    });
}

#[test]
fn files_are_listed_as_ls_would() {
    both(|server| {
        std::os::unix::fs::symlink("app.log", server.dir.path().join("link.log")).unwrap();
        let text = server.get("/files");
        let rows: Vec<Vec<&str>> = text.text().lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0][0], rows[0][2]), (LOG.len().to_string().as_str(), "app.log"));
        assert_eq!((rows[1][0], rows[1][2]), ("8", "nginx/access.log"));
        assert!(rows[0][1].ends_with('Z'));
        let json = server.request("GET", "/files?glob=**/*.log", "accept: application/json\r\n");
        let listed: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
        assert_eq!(listed[0]["name"], "app.log");
        assert_eq!(listed[1]["size"], 8);
        assert_eq!(server.get("/files?glob=nginx/*").text().lines().count(), 1);
        assert_eq!(server.get("/files?glob=*.log").text().lines().count(), 1);
        assert_eq!(server.request("GET", "/files?glob=none", "accept: application/json\r\n").text(), "[]\n");
        assert_eq!(server.get("/files?glob=%5B").code(), "bad_parameter");
        assert_eq!(server.get("/files?golb=x").code(), "unknown_parameter");
    });
}

#[test]
fn the_engine_and_the_version_are_told() {
    for (io, name) in [(Io::Uring, "uring"), (Io::Threads, "threads")] {
        let server = Server::start(io);
        server.write("app.log", LOG);
        let ready: serde_json::Value = serde_json::from_slice(&server.get("/readyz").body).unwrap();
        assert_eq!(ready["ready"], true);
        assert_eq!(ready["io_engine"], name);
        assert_eq!(ready["hostname"], "here");
        assert_eq!(ready["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(server.get("/healthz").body, b"ok\n");
        assert!(
            server.get("/").text().contains("curl 'http://localhost/files'"),
            "the address that was called"
        );
        assert_eq!(server.get("/readyz?x=1").code(), "unknown_parameter");
    }
}

#[test]
fn a_log_directory_that_goes_away_is_told() {
    let server = Server::start(Io::Uring);
    server.write("app.log", LOG);
    assert_eq!(server.get("/readyz").status, 200);
    std::fs::remove_dir_all(server.dir.path()).unwrap();
    let response = server.get("/readyz");
    assert_eq!(response.status, 503);
    assert!(response.text().contains("has been removed"));
    for target in ["/files", "/logs?filename=app.log"] {
        let response = server.get(target);
        assert_eq!((response.status, response.code().as_str()), (500, "io_error"), "{target}");
        assert!(response.text().contains("has been removed"), "{target}");
    }
    std::fs::create_dir(server.dir.path()).unwrap();
}
