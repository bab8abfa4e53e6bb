//! F3: files that are far larger than the memory of the program that reads them.

use crate::cgroup::Cgroup;
use crate::support::{curl, is_long, skipped};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

const GIB: u64 = 1 << 30;

/// `before`, a line of a gibibyte that begins with `begin` and ends with `end`, `after`. Written
/// out where the tests may take long; else it is a hole, which reads as NUL bytes.
fn write_long_line(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(b"before\nbegin").unwrap();
    if is_long() {
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..1024 {
            file.write_all(&piece).unwrap();
        }
    } else {
        file.seek(SeekFrom::Start(GIB)).unwrap();
    }
    file.write_all(b"end\nafter\n").unwrap();
}

/// F3. A line of 1 GiB, 5 GiB of hole before a tail, offsets past 4 GiB: in 256 MiB, by both engines.
#[test]
#[ignore = "needs root and a cgroup: run by .ci/faults"]
fn f3_files_larger_than_memory_are_read_in_bounded_memory() {
    let dir = tempfile::tempdir().unwrap();
    write_long_line(&dir.path().join("line.log"));
    let mut file = std::fs::File::create(dir.path().join("sparse.log")).unwrap();
    file.write_all(b"oldest\n").unwrap();
    file.seek(SeekFrom::Start(5 * GIB)).unwrap();
    file.write_all(b"\n2026-11-25T10:00:00Z first\nsecond\n").unwrap();
    for io in ["uring", "threads"] {
        let group = match Cgroup::new(256 << 20) {
            Ok(group) => group,
            Err(why) => return skipped(&why),
        };
        let args = ["--log-dir", dir.path().to_str().unwrap(), "--hostname", "s1", "--io", io];
        let host = group.start("backscroll-secondary", &args);
        for (query, start, end) in
            [("&n=2", "begin", ""), ("&keyword=begin", "begin", ""), ("&keyword=end", "", "end\n")]
        {
            let got = curl(host.listen, &format!("/logs?filename=line.log{query}"), &["-H", "TE: trailers"]);
            let line = got.body.strip_prefix(b"after\n").unwrap_or(&got.body);
            assert_eq!(line.len(), (1 << 20) + 1, "{io} {query}: {}", got.fields);
            assert!(line.starts_with(start.as_bytes()) && line.ends_with(end.as_bytes()), "{io} {query}");
            assert!(
                got.fields.contains("log-truncated-lines: 1") && got.fields.contains("log-status: complete")
            );
        }
        let whole = curl(host.listen, "/logs?filename=line.log", &["-H", "TE: trailers"]);
        assert!(
            whole.body.ends_with(b"\nbefore\n") && whole.fields.contains("log-truncated-lines: 1"),
            "{io}"
        );
        let tail = curl(host.listen, "/logs?filename=sparse.log&n=2", &["-H", "TE: trailers"]);
        assert_eq!(tail.text(), "second\n2026-11-25T10:00:00Z first\n");
        let scanned = tail.fields.split("log-bytes-scanned: ").nth(1).unwrap();
        assert!(
            scanned.split_whitespace().next().unwrap().parse::<u64>().unwrap() <= 1 << 17,
            "{}",
            tail.fields
        );
        let all = curl(host.listen, "/logs?filename=sparse.log", &["-H", "Accept: application/x-ndjson"]);
        let objects: Vec<serde_json::Value> =
            all.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // The line feed after the hole ends a line that is all NUL, which is not delivered.
        let offsets: Vec<u64> = objects.iter().filter_map(|object| object["offset"].as_u64()).collect();
        assert_eq!(offsets[..2], [5 * GIB + 28, 5 * GIB + 1], "{io}");
        assert_eq!(
            (*offsets.last().unwrap(), objects.last().unwrap()["end"]["status"].as_str()),
            (0, Some("complete"))
        );
        assert_eq!(curl(host.listen, "/logs?filename=sparse.log&keyword=oldest", &[]).text(), "oldest\n");
        assert_eq!(group.oom_kills(), 0);
        eprintln!("F3: {io}: {} MiB resident at most, in 256 MiB", host.peak_memory_bytes().unwrap() >> 20);
    }
}
