//! F4: a disk that fails at a chosen block, with EIO or ESTALE, and one whose reads are short.

use crate::fuse::{Disk, Entry, Fault};
use crate::support::{Curled, curl, line, primary, secondary, skipped};
use std::net::SocketAddr;

/// The lines of each file: 2 MiB.
const LINES: u64 = 32_768;
const SIZE: u64 = LINES * 64;
const BLOCK: u64 = 4096;

const EIO: i32 = 5;
const ESTALE: i32 = 116;

/// How a client asks: the flags of curl.
const FORMATS: [(&str, &[&str]); 4] = [
    ("text", &[]),
    ("trailers", &["-H", "TE: trailers"]),
    ("ndjson", &["-H", "Accept: application/x-ndjson"]),
    ("browser", &["-H", "Accept: text/html,*/*;q=0.8"]),
];

fn entries() -> Vec<Entry> {
    let mut entries = vec![
        Entry { name: "whole.log".to_owned(), lines: LINES, fault: Fault::None },
        Entry { name: "short.log".to_owned(), lines: LINES / 8, fault: Fault::Short(1000) },
    ];
    for (place, at) in [("first", 0), ("middle", SIZE / 2), ("last", SIZE - BLOCK)] {
        for (what, errno) in [("eio", EIO), ("estale", ESTALE)] {
            let name = format!("{what}-{place}.log");
            entries.push(Entry { name, lines: LINES, fault: Fault::Fails(at..at + BLOCK, errno) });
        }
    }
    entries
}

/// The newest lines, without the host's name before them.
fn newest(count: usize, lines: u64) -> Vec<String> {
    (0..lines).rev().take(count).map(|number| line(number).trim_end().to_owned()).collect()
}

/// The lines of an answer, whatever its format, without the lines that are none of the file.
fn lines_of(format: &str, got: &Curled) -> Vec<String> {
    let lines = got.text().lines();
    match format {
        "ndjson" => lines
            .filter_map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["line"].as_str().map(str::to_owned)
            })
            .collect(),
        _ => lines
            .filter(|line| !line.starts_with("-- "))
            .map(|line| line.split_once('\t').map_or(line, |(_, line)| line).to_owned())
            .collect(),
    }
}

/// Checks that an answer says that it is incomplete, and has only the newest lines.
fn assert_told(what: &str, format: &str, got: &Curled) {
    assert_eq!(got.status, 200, "{what}: {got:?}");
    let told = match format {
        "text" => got.exit == 18,
        "trailers" => {
            let is_failed = ["failed", "partial"]
                .iter()
                .any(|status| got.fields.contains(&format!("log-status: {status}")));
            got.exit == 0 && is_failed && got.fields.contains("io_error")
        }
        "ndjson" => {
            let end = got.end();
            got.exit == 18 && end["status"] != "complete" && end.to_string().contains("io_error")
        }
        _ => got.exit == 0 && got.text().lines().last().unwrap().starts_with("-- incomplete: "),
    };
    assert!(told, "{what}: exit {}, {}", got.exit, got.fields);
    let lines = lines_of(format, got);
    assert!(!lines.is_empty(), "{what}");
    // A text that is cut may end within a line.
    let whole = &lines[..lines.len() - usize::from(!got.body.ends_with(b"\n"))];
    assert!(whole == newest(whole.len(), LINES), "{what}: {} lines", lines.len());
}

/// F4. Two engines × three ways to ask × three places × two errors × four formats, and short reads.
#[test]
#[ignore = "needs root and FUSE: run by .ci/faults"]
fn f4_a_block_that_cannot_be_read_is_told_in_each_format_and_a_short_read_is_read_on() {
    let disk = match Disk::mount(entries()) {
        Ok(disk) => disk,
        Err(why) => return skipped(&why),
    };
    let mut cases = 0;
    for io in ["uring", "threads"] {
        let host = secondary(disk.path(), "s1", &["--io", io]);
        let primary = primary(&[("s1", host.listen)], &[]);
        let ways: [(&str, SocketAddr, &str); 3] = [
            ("secondary", host.listen, ""),
            ("one host", primary.listen, "&hostname=s1"),
            ("merged", primary.listen, "&hostname=s*"),
        ];
        for (way, address, hosts) in ways {
            for (format, flags) in FORMATS {
                for errno in ["eio", "estale"] {
                    for place in ["first", "middle"] {
                        let what = format!("{io}, {way}, {format}, {errno}, {place}");
                        let target = format!("/logs?filename={errno}-{place}.log{hosts}");
                        let got = curl(address, &target, flags);
                        assert_told(&what, format, &got);
                        // The newest lines do not touch the bad block.
                        let got = curl(address, &format!("{target}&n=20"), flags);
                        assert_eq!((got.exit, lines_of(format, &got)), (0, newest(20, LINES)), "{what}");
                        cases += 2;
                    }
                    let got = curl(address, &format!("/logs?filename={errno}-last.log{hosts}"), flags);
                    let is_told = got.status == 500 || (way == "merged" && got.status == 502);
                    assert!(is_told && got.text().contains("io_error"), "{io}, {way}, {format}: {got:?}");
                    cases += 1;
                }
                for (file, lines) in [("whole", LINES), ("short", LINES / 8)] {
                    let got = curl(address, &format!("/logs?filename={file}.log{hosts}"), flags);
                    let what = format!("{io}, {way}, {format}, {file}, exit {}: {}", got.exit, got.fields);
                    let (got, wanted) = (lines_of(format, &got), newest(usize::MAX, lines));
                    let wrong = got.iter().zip(&wanted).find(|(got, wanted)| got != wanted);
                    assert!(
                        wrong.is_none() && got.len() == wanted.len(),
                        "{what}: {} lines, {wrong:?}",
                        got.len()
                    );
                    cases += 1;
                }
            }
        }
    }
    eprintln!("F4: {cases} answers");
}
