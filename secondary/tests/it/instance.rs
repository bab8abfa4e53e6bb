//! How a primary recognizes a secondary, and tells one secondary from another.

use crate::support::Server;
use backscroll_secondary::Io;

fn instance(server: &Server) -> String {
    let ready: serde_json::Value = serde_json::from_slice(&server.get("/readyz").body).unwrap();
    ready["instance"].as_str().unwrap().to_owned()
}

#[test]
fn every_answer_says_which_secondary_it_is_of() {
    for io in [Io::Uring, Io::Threads] {
        let server = Server::start(io);
        server.write("app.log", b"a\n");
        let instance = instance(&server);
        assert!(instance.len() == 32 && instance.bytes().all(|b| b.is_ascii_hexdigit()), "{instance}");
        for (method, target, fields, status) in [
            ("GET", "/logs?filename=app.log", "", 200),
            ("GET", "/logs?filename=app.log", "te: trailers\r\n", 200),
            (
                "GET",
                "/logs?filename=app.log",
                "backscroll-relay: x\r\naccept: application/vnd.backscroll.frames.v2\r\n",
                200,
            ),
            ("HEAD", "/logs?filename=app.log", "", 200),
            ("GET", "/logs?filename=none", "", 404),
            ("HEAD", "/logs?filename=none", "", 404),
            ("GET", "/logs", "", 400),
            ("GET", "/logs?filename=app.log", "accept: image/png\r\n", 406),
            ("GET", "/files", "", 200),
            ("HEAD", "/files", "", 200),
            ("GET", "/files?x=1", "", 400),
            ("GET", "/nowhere", "", 404),
            ("PUT", "/logs", "", 405),
            ("GET", "/healthz", "", 200),
            ("GET", "/readyz", "", 200),
            ("GET", "/", "", 200),
        ] {
            let request =
                format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{fields}\r\n");
            let response = server.raw(request.as_bytes());
            assert_eq!(response.status, status, "{method} {target}");
            assert_eq!(response.header("backscroll-instance"), Some(&*instance), "{method} {target}");
        }
    }
}

#[test]
fn each_start_is_another_instance() {
    let all: std::collections::BTreeSet<String> =
        (0..3).map(|_| instance(&Server::start(Io::Threads))).collect();
    assert_eq!(all.len(), 3);
}
