//! The logs of this machine, compared with the tools that people use.

use crate::support::{body, curl, tac_grep_head};
use backscroll_e2e::fleet::{Fleet, Member};
use backscroll_e2e::tour::escaped;
use backscroll_shared::limits::LINE_BYTES;
use std::path::Path;

const FILES: usize = 40;
const LARGEST: u64 = 32 << 20;

/// The first bytes of files compressed with gzip, zstd, bzip2 and xz.
const COMPRESSED: [&[u8]; 4] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0"];

#[test]
fn the_logs_of_this_machine_are_what_tac_and_grep_say() {
    let log_dir = Path::new("/var/log");
    if !log_dir.is_dir() {
        return eprintln!("skipped: there is no /var/log here");
    }
    let member = Member { name: "this".to_owned(), log_dir: log_dir.to_owned(), port: 0 };
    let fleet = Fleet::start("127.0.0.1:0".parse().unwrap(), &[member]).unwrap();
    let base = format!("http://{}", fleet.primary);
    let listing = body(&format!("{base}/files?hostname=this"));
    let mut compared = 0;
    for line in listing.split(|b| *b == b'\n').filter(|line| !line.is_empty()).take(FILES) {
        let Ok(name) = std::str::from_utf8(line.splitn(3, |b| *b == b'\t').last().unwrap()) else { continue };
        let path = log_dir.join(name);
        let Ok(before) = std::fs::read(&path) else { continue };
        // Lines longer than the limit are cut, which tac does not do.
        let longest = before.split(|b| *b == b'\n').map(<[u8]>::len).max().unwrap_or(0);
        if before.is_empty() || before.len() as u64 > LARGEST || longest > LINE_BYTES {
            continue;
        }
        let escaped = escaped(Path::new(name));
        if COMPRESSED.iter().any(|beginning| before.starts_with(beginning)) {
            let url = format!("{base}/logs?hostname=this&filename={escaped}");
            let refused = curl(&["-o", "/dev/null", "-w", "%{http_code}", &url]);
            assert_eq!(refused.stdout, b"415", "{name}");
            continue;
        }
        let all = body(&format!("{base}/logs?hostname=this&filename={escaped}"));
        // A word from the middle of the file.
        let word =
            before[before.len() / 2..].split(|b| !b.is_ascii_alphanumeric()).nth(1).unwrap_or_default();
        let word = String::from_utf8(word.to_vec()).unwrap();
        let some = body(&format!("{base}/logs?hostname=this&filename={escaped}&keyword={word}&n=20"));
        if std::fs::read(&path).is_ok_and(|after| after != before) {
            continue;
        }
        // If the last line feed is missing, tac joins two lines.
        let whole = if before.ends_with(b"\n") { before.clone() } else { [&before[..], b"\n"].concat() };
        let copy = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(copy.path(), whole).unwrap();
        assert!(all == tac_grep_head(copy.path(), "", usize::MAX >> 1), "{name}");
        assert!(some == tac_grep_head(copy.path(), &word, 20), "{name}: {word:?}");
        compared += 1;
    }
    eprintln!("{compared} files compared");
}
