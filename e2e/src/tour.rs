//! The `curl` lines that the demo prints. Each can be run as it is, and shows one feature.

use crate::fleet::Member;
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A line to try.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it shows.
    pub shows: &'static str,
    /// The command.
    pub curl: String,
}

fn line(shows: &'static str, curl: String) -> Line {
    Line { shows, curl }
}

/// The lines over the sample logs of three hosts. `base` is the primary's URL.
pub fn sample_tour(base: &str) -> Vec<Line> {
    let logs = |query: &str| format!("'{base}/logs?{query}'");
    vec![
        line(
            "the newest 20 lines of one host's file that hold a word",
            format!("curl {}", logs("hostname=secondary-2&filename=alternatives.log&keyword=updated&n=20")),
        ),
        line(
            "the newest 5 of the whole fleet: no hostname, and each line says whose it is",
            format!("curl {}", logs("filename=app.log&keyword=ERROR&n=5")),
        ),
        line(
            "two words: a line must hold both",
            format!(
                "curl {}",
                logs("hostname=secondary-1&filename=app.log&keyword=ERROR&keyword=/login&n=5")
            ),
        ),
        line(
            "a file that grows: ask again, and the newest line is another one",
            format!("curl {}", logs("hostname=secondary-1&filename=app.log&n=1")),
        ),
        line(
            "one JSON object a line; the last one is the verdict",
            format!(
                "curl -H 'Accept: application/x-ndjson' {}",
                logs("hostname=secondary-3&filename=dpkg.log&keyword=openssl&n=3")
            ),
        ),
        line(
            "the verdict as trailers: the Log- lines after the text",
            format!(
                "curl -i -H 'TE: trailers' {}",
                logs("hostname=secondary-2&filename=app.log&keyword=ERROR&n=3")
            ),
        ),
        line("a file that is not there: a real status, and what to do", {
            format!("curl -i {}", logs("hostname=secondary-1&filename=none.log"))
        }),
        line("the files of a host", format!("curl '{base}/files?hostname=secondary-2'")),
        line("the fleet, with the engine that each host reads with", {
            format!("curl -H 'Accept: application/json' '{base}/hosts'")
        }),
    ]
}

/// The lines for a folder of the user's, with a file that was found there.
pub fn own_tour(base: &str, member: &Member) -> Result<Vec<Line>> {
    let name = &member.name;
    let mut tour = Vec::new();
    let file = some_file(&member.log_dir)
        .with_context(|| format!("--log-dir {}: it cannot be read", member.log_dir.display()))?;
    if let Some(file) = file {
        let logs = |rest: &str| format!("'{base}/logs?hostname={name}&filename={}{rest}'", escaped(&file));
        tour.extend([
            line("the newest 20 lines of a file", format!("curl {}", logs("&n=20"))),
            line(
                "the newest 5 lines that hold a word",
                format!(
                    "curl {}",
                    logs(&format!("&keyword={}&n=5", some_word(&member.log_dir.join(&file))?))
                ),
            ),
            line("one JSON object a line; the last one is the verdict", {
                format!("curl -H 'Accept: application/x-ndjson' {}", logs("&n=3"))
            }),
        ]);
    }
    tour.extend([
        line("the files that can be asked for", format!("curl '{base}/files?hostname={name}'")),
        line("the fleet", format!("curl '{base}/hosts'")),
    ]);
    Ok(tour)
}

/// Endings of compressed files, which are not searched.
const COMPRESSED: [&str; 4] = ["gz", "zst", "bz2", "xz"];

/// The largest file directly in the folder that can be read and searched: it most likely has
/// something to show.
#[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
fn some_file(dir: &Path) -> Result<Option<PathBuf>> {
    let mut largest = None;
    for entry in std::fs::read_dir(dir)?.flatten() {
        let name = PathBuf::from(entry.file_name());
        let hidden = name.as_os_str().as_encoded_bytes().starts_with(b".");
        let is_compressed =
            name.extension().and_then(|end| end.to_str()).is_some_and(|end| COMPRESSED.contains(&end));
        // The metadata of the entry itself: a symlink is not followed, so it does not count as a
        // file.
        let Ok(metadata) = entry.metadata() else { continue };
        let readable =
            metadata.is_file() && !hidden && !is_compressed && std::fs::File::open(entry.path()).is_ok();
        if readable && largest.as_ref().is_none_or(|(size, _)| metadata.len() > *size) {
            largest = Some((metadata.len(), name));
        }
    }
    Ok(largest.map(|(_, name)| name))
}

/// A word from the beginning of the file; `error` if there is none.
#[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
fn some_word(path: &Path) -> Result<String> {
    use std::io::Read as _;
    const LOOKED_AT: u64 = 4 << 10;
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(LOOKED_AT).read_to_end(&mut head)?;
    let word = head.split(|b| !b.is_ascii_alphabetic()).find(|word| word.len() > 3);
    Ok(word.map_or_else(|| "error".to_owned(), |word| String::from_utf8_lossy(word).into_owned()))
}

/// A file name, escaped for a query string inside single quotes of a shell.
pub fn escaped(name: &Path) -> String {
    let mut out = String::new();
    for byte in name.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => out.push((*byte).into()),
            _ => write!(out, "%{byte:02X}").expect("a String takes it"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_space_a_quote_and_a_percent_sign_is_escaped() {
        assert_eq!(escaped(Path::new("a b/it's%.log")), "a%20b/it%27s%25.log");
    }

    #[test]
    fn a_folder_of_ones_own_is_shown_with_its_largest_file_and_a_word_of_it() {
        let dir = tempfile::tempdir().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
        for (name, text) in [
            ("small.log", "a\n"),
            (".hidden", "hidden hidden hidden\n"),
            ("x y.log", "1 two three\n"),
            ("x y.log.2.gz", "compressed compressed\n"),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let member = Member { name: "one".to_owned(), log_dir: dir.path().to_owned(), port: 0 };
        let tour = own_tour("http://127.0.0.1:8000", &member).unwrap();
        let url = "http://127.0.0.1:8000/logs?hostname=one&filename=x%20y.log";
        assert_eq!(tour[0].curl, format!("curl '{url}&n=20'"));
        assert_eq!(tour[1].curl, format!("curl '{url}&keyword=three&n=5'"));
    }
}
