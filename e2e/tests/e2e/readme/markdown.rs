//! The documents: their blocks, the text between them, and whether lines have the shape of those
//! that are shown.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(super) fn root() -> PathBuf {
    let mut dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    while !dir.join("ARCHITECTURE.md").exists() {
        assert!(dir.pop(), "the root of the repository is above this crate");
    }
    dir
}

/// README.md and the pages below `docs/`, by their paths from the root.
pub(super) fn documents() -> Vec<PathBuf> {
    let pages = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> =
        pages.map(|path| PathBuf::from("docs").join(path.file_name().unwrap())).collect();
    assert!(all.len() >= 4, "{all:?}");
    all.push("README.md".into());
    all.sort();
    all
}

pub(super) fn read(document: &Path) -> String {
    std::fs::read_to_string(root().join(document)).unwrap()
}

/// A fenced block of a document.
#[derive(Debug, Default, Clone)]
pub(super) struct Block {
    /// For messages: the document and the line of its fence.
    pub(super) place: String,
    pub(super) language: String,
    pub(super) fleet: String,
    pub(super) lines: Vec<String>,
    /// Index of its first line in the document.
    pub(super) start: usize,
}

pub(super) fn blocks(document: &Path) -> Vec<Block> {
    let text = read(document);
    let (mut all, mut open, mut fleet) = (Vec::new(), None::<Block>, String::new());
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => all.extend(open.take()),
            (Some(block), None) => block.lines.push(line.to_owned()),
            (None, Some(language)) => {
                let place = format!("{}:{}", document.display(), index + 1);
                let fleet = std::mem::take(&mut fleet);
                open =
                    Some(Block { place, language: language.into(), fleet, start: index + 1, lines: vec![] });
            }
            (None, None) => {
                if let Some(name) = line.strip_prefix("<!-- fleet: ").and_then(|l| l.strip_suffix(" -->")) {
                    name.clone_into(&mut fleet);
                }
            }
        }
    }
    assert!(open.is_none(), "{}: a block has no end", document.display());
    all
}

/// What stands before a number that has to be the same.
const SAME: &[&str] = &["secondary-", "exit status ", "curl: (", "\"status\":", "HTTP/#.# ", " n="];

/// What stands before a cursor, which is another one each time.
const CURSORS: &[&str] = &[
    "\"older\":\"",
    "\"newer\":\"",
    "\"older\": \"",
    "\"newer\": \"",
    "log-cursor-older: ",
    "log-cursor-newer: ",
];

/// A line without its cursors.
fn without_cursors(line: &str) -> String {
    CURSORS.iter().fold(line.to_owned(), |line, before| {
        let mut parts = line.split(before);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            out.push_str(before);
            out.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c)));
        }
        out
    })
}

/// A line with each number as `#`, but for those behind [`SAME`]. Which day it is, how exact a
/// time, and which engine reads, makes no difference.
fn shape(line: &str) -> String {
    if let Some((name @ ("date" | "x-request-id"), _)) = line.split_once(": ") {
        return format!("{name}: #");
    }
    let mut out = String::new();
    let (mut is_number, mut is_same) = (false, false);
    for c in without_cursors(line).replace("\"threads\"", "\"uring\"").chars() {
        let begins = c.is_ascii_digit() && !is_number;
        is_number = c.is_ascii_digit();
        if begins {
            is_same = SAME.iter().any(|before| out.ends_with(before));
        }
        if !is_number || is_same {
            out.push(c);
        } else if begins {
            out.push('#');
        }
    }
    out.replace("#.#Z", "#Z")
}

/// Whether these lines have the shape of those that are shown.
pub(super) fn is_like(shown: &[String], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "…" => (0..=lines.len()).any(|skip| is_like(rest, &lines[skip..])),
        Some((first, rest)) => lines.split_first().is_some_and(|(line, lines)| {
            let (first, line) = (shape(first), shape(line));
            let same = first.strip_suffix('…').map_or(first == line, |start| line.starts_with(start));
            same && is_like(rest, lines)
        }),
    }
}

/// The commands of a block, each with the output that is shown. A command ends where no `\` ends
/// its line.
pub(super) fn commands(block: &Block) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    let mut is_open = false;
    for line in &block.lines {
        let begins = if block.language == "sh" { Some(line.as_str()) } else { line.strip_prefix("$ ") };
        match (is_open, begins, all.last_mut()) {
            (true, _, Some((command, _))) => command.extend(["\n", line]),
            (_, Some(""), _) if block.language == "sh" => {}
            (_, Some(command), _) => all.push((command.to_owned(), Vec::new())),
            (_, None, Some((_, output))) => output.push(line.clone()),
            (_, None, None) => panic!("{}: the first line is no command", block.place),
        }
        is_open = line.ends_with('\\');
    }
    all
}

/// The text of a document outside of its blocks.
pub(super) fn prose(document: &Path) -> Vec<String> {
    let mut is_block = false;
    let text = read(document);
    let outside = text.lines().filter(|line| {
        let is_fence = line.starts_with("```");
        is_block ^= is_fence;
        !is_block && !is_fence
    });
    outside.map(str::to_owned).collect()
}

/// The anchors of a document, as GitHub makes them of its headings.
pub(super) fn anchors(document: &Path) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for line in prose(document).iter().filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        assert!(all.insert(anchor), "{}: two headings are called {title:?}", document.display());
    }
    all
}
