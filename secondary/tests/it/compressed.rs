//! Requests for compressed files.

use crate::support::Server;
use backscroll_secondary::Io;

const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\x19\x00\x00a";
const BZIP2: &[u8] = b"BZh91AY&SY";
const XZ: &[u8] = b"\xfd7zXZ\x00\x00\x04\xe6\xd6";

/// Compressed files: as long as the first block of the ramp, many blocks, or less than one block.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let mut files = Vec::new();
    for (format, head) in [("gzip", GZIP), ("zstd", ZSTD), ("bzip2", BZIP2), ("xz", XZ)] {
        for len in [20, 16 << 10, 3 << 20] {
            let mut file = head.to_vec();
            file.resize(len, b'\n');
            files.push((format, file));
        }
    }
    files
}

#[test]
fn a_compressed_file_is_a_415_whatever_its_name_and_in_every_format() {
    for io in [Io::Uring, Io::Threads] {
        let server = Server::start(io);
        for (format, file) in files() {
            server.write("app.log", &file);
            for headers in
                ["", "te: trailers\r\n", "accept: application/x-ndjson\r\n", "backscroll-relay: web1\r\n"]
            {
                for query in ["", "&n=20", "&n=0", "&keyword=absent"] {
                    let target = format!("/logs?filename=app.log{query}");
                    let answer = server.request("GET", &target, headers);
                    assert_eq!(
                        (answer.status, answer.code().as_str()),
                        (415, "unsupported_compression"),
                        "{format} {} {target}",
                        file.len()
                    );
                    assert!(answer.text().contains(&format!("compressed with {format}")), "{answer:?}");
                    assert!(answer.text().contains("unpack it"), "{answer:?}");
                    assert_eq!(server.request("HEAD", &target, headers).status, 415);
                }
            }
        }
    }
}

#[test]
fn compressed_files_that_are_not_in_the_page_cache_are_told_as_well() {
    for io in [Io::Uring, Io::Threads] {
        let server = Server::start(io);
        for (format, file) in files() {
            server.write("app.log", &file);
            evict(&server);
            let answer = server.get("/logs?filename=app.log&n=20");
            assert_eq!(answer.status, 415, "{format} {}", file.len());
            evict(&server);
            assert_eq!(server.request("HEAD", "/logs?filename=app.log", "").status, 415);
        }
        // A plain file is delivered completely.
        let lines = "a line of a log\n".repeat(100_000);
        server.write("app.log", lines.as_bytes());
        evict(&server);
        assert_eq!(server.get("/logs?filename=app.log").text(), lines);
        evict(&server);
        assert_eq!(server.get("/logs?filename=app.log&n=2").text(), "a line of a log\n".repeat(2));
    }
}

/// Drops the file from the page cache, if it lies on a disk.
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn evict(server: &Server) {
    let file = std::fs::File::open(server.dir.path().join("app.log")).unwrap();
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

#[test]
fn text_that_only_begins_alike_is_served() {
    let server = Server::start(Io::Uring);
    for text in ["", "BZh9", "BZh9 is how bzip2 begins\n", "P*M\n", "7zXZ\n", "\x1f\n"] {
        server.write("app.log", text.as_bytes());
        assert_eq!(server.get("/logs?filename=app.log").status, 200, "{text:?}");
    }
}
