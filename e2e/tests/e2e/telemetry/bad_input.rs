//! Ids and traces that nobody should send.

use super::fleet::{Programs, logged};
use crate::support::curl;
use std::io::Write as _;
use tempfile::NamedTempFile;

/// The status of the answer to a request with this header line, and its id.
fn ask(programs: &Programs, line: &[u8], server: usize) -> (u32, String) {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(line).unwrap();
    file.write_all(b"\n").unwrap();
    let fields = format!("@{}", file.path().display());
    let target = "/logs?filename=app.log&n=1";
    let url = match programs.secondaries.get(server) {
        Some(secondary) => format!("http://{}{target}", secondary.listen),
        None => programs.url(&format!("{target}&hostname=web1")),
    };
    let output = curl(&["-H", &fields, "-o", "/dev/null", "-w", "%{http_code} %header{x-request-id}", &url]);
    let text = String::from_utf8(output.stdout).unwrap();
    let (status, id) = text.split_once(' ').unwrap();
    (status.parse().unwrap(), id.to_owned())
}

#[test]
fn what_is_no_id_and_no_trace_is_replaced_and_in_no_log() {
    let programs = Programs::start(&[]);
    let (primary, secondary) = (usize::MAX, 0);
    for server in [primary, secondary] {
        let program = programs.secondaries.get(server).unwrap_or(&programs.primary);
        for line in [
            &b"X-Request-Id: EVIL id"[..],
            b"X-Request-Id: EVIL\xff\xfe",
            b"X-Request-Id: EVIL\x1b[31m",
            b"X-Request-Id: EVIL\",\"level\":\"ERROR",
            b"traceparent: EVIL",
            b"traceparent: 00-EVIL\xff",
            b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-EVIL",
            b"tracestate: EVIL=\xff",
        ] {
            let (status, id) = ask(&programs, line, server);
            if status == 200 {
                let is_made = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(is_made, "{id} for {}", line.escape_ascii());
                assert_eq!(logged(program, &id)["fields"]["status"], 200);
            }
            // A control character is no part of a header field.
            assert!(status == 200 || status == 400, "{status} for {}", line.escape_ascii());
        }
        // As much as curl sends in one head.
        let long = [b"X-Request-Id: ", &b"EVIL".repeat(240_000)[..]].concat();
        let (status, _) = ask(&programs, &long, server);
        assert_eq!(status, 431);
        assert_eq!(ask(&programs, b"X-Request-Id: good-1", server), (200, "good-1".to_owned()));
        assert_eq!(logged(program, "good-1")["fields"]["status"], 200);
    }
    let logs = programs.logs();
    assert!(!logs.contains("EVIL"), "{logs}");
}
