//! Random sequences of what happens to a log, and of pages. The model is a list of lines.

use super::{FORMS, Form, Page, append, ask, copytruncate, rename};
use crate::support::Server;
use backscroll_secondary::Io;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// So many lines; the last one perhaps without its line feed.
    Append(usize, bool),
    /// The rotated files move on, and the log is renamed.
    Rename,
    Copytruncate,
    /// The log is emptied in place.
    Truncate,
    /// A first page of so many records.
    First(u64),
    Older(u64),
    Newer(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_usize..60, prop::bool::weighted(0.2)).prop_map(|(lines, is_open)| Step::Append(lines, is_open)),
        2 => Just(Step::Rename),
        1 => Just(Step::Copytruncate),
        1 => Just(Step::Truncate),
        2 => (0_u64..40).prop_map(Step::First),
        4 => (0_u64..40).prop_map(Step::Older),
        4 => (0_u64..40).prop_map(Step::Newer),
    ];
    prop::collection::vec(step, 1..40)
}

/// A file that the log has been.
#[derive(Debug, Clone, Copy)]
struct File {
    /// Its first line.
    start: usize,
    is_lost: bool,
}

/// The lines that have ever been written, and the files that they are in.
struct Model {
    lines: Vec<String>,
    /// Oldest first. The last one is `app.log`.
    files: Vec<File>,
    /// Whether the last line has no line feed.
    is_open: bool,
    rotated: usize,
}

impl Model {
    fn append(&mut self, server: &Server, count: usize, is_open: bool) {
        let mut text = String::new();
        if count > 0 && std::mem::take(&mut self.is_open) {
            self.lines.last_mut().unwrap().push_str(" ended");
            text.push_str(" ended\n");
        }
        for at in 0..count {
            let number = self.lines.len();
            let key = if number % 3 == 1 { "" } else { "key" };
            // Long enough to tell one file from another.
            let long = "long ".repeat(13 + number % 7 * (number % 90));
            let line = format!("{number} {key} {long}");
            text.push_str(&line);
            self.lines.push(line);
            self.is_open = is_open && at + 1 == count;
            text.push_str(if self.is_open { "" } else { "\n" });
        }
        append(server, "app.log", &text);
    }

    fn rotate(&mut self, server: &Server, is_copy: bool) {
        for number in (1..=self.rotated).rev() {
            rename(server, &format!("app.log.{number}"), &format!("app.log.{}", number + 1));
        }
        self.rotated += 1;
        if is_copy {
            copytruncate(server, "app.log.1");
        } else {
            rename(server, "app.log", "app.log.1");
        }
        append(server, "app.log", "");
        self.begin_file();
    }

    fn truncate(&mut self, server: &Server) {
        server.write("app.log", b"");
        self.files.last_mut().unwrap().is_lost = true;
        self.begin_file();
    }

    fn begin_file(&mut self) {
        self.files.push(File { start: self.lines.len(), is_lost: false });
        self.is_open = false;
    }

    /// The lines of a file.
    fn range(&self, file: usize) -> std::ops::Range<usize> {
        self.files[file].start..self.files.get(file + 1).map_or(self.lines.len(), |next| next.start)
    }
}

/// A place in the model.
#[derive(Debug, Clone)]
struct At {
    cursor: String,
    file: usize,
    /// The lines that are left before it, or those from here on.
    from: usize,
    to: usize,
    /// The last line, which had no end yet.
    open: Option<String>,
}

struct Run {
    server: Server,
    form: Form,
    filter: &'static str,
    model: Model,
    older: Option<At>,
    newer: Option<At>,
}

impl Run {
    fn ask(&self, n: u64, cursor: Option<&str>) -> Option<Page> {
        let response = ask(&self.server, self.form, &format!("&n={n}&keyword={}", self.filter), cursor);
        match response.status {
            200 => Some(Page::of(self.form, &response)),
            410 => None,
            _ => panic!("{response:?}"),
        }
    }

    /// Checks that a page has the newest `n` of these lines of a file, and notes what is left.
    fn check(
        &mut self,
        page: Page,
        n: u64,
        file: usize,
        range: std::ops::Range<usize>,
        open: Option<String>,
    ) {
        // A last line that had no end is on older pages as it was at first.
        let text = |number: usize| match &open {
            Some(open) if number + 1 == range.end => open,
            _ => &self.model.lines[number],
        };
        let wanted = |number: &usize| text(*number).contains(self.filter);
        let most = usize::try_from(n).unwrap();
        let expected: Vec<usize> = range.clone().rev().filter(wanted).take(most).collect();
        let lines: Vec<&String> = expected.iter().map(|number| text(*number)).collect();
        assert_eq!(page.lines.iter().collect::<Vec<_>>(), lines);
        assert_eq!(page.status, "complete");
        let is_exhausted = expected.len() < most;
        assert_eq!(page.stopped.as_deref(), Some(if is_exhausted { "exhausted" } else { "n" }));
        let left = expected.last().copied().unwrap_or(if is_exhausted { range.start } else { range.end });
        assert!(page.older.is_none() || !is_exhausted);
        let none_is_left = !(range.start..left).any(|number| wanted(&number));
        assert!(page.older.is_some() || none_is_left, "lines are left");
        let open = open.filter(|_| left == range.end);
        let range = range.start..left;
        self.older = page.older.map(|cursor| At { cursor, file, from: range.start, to: range.end, open });
    }

    /// Whether the file of a place is the empty beginning of one, of which nothing is known but its inode.
    fn is_at_empty_file(&self) -> bool {
        self.newer.as_ref().is_some_and(|newer| newer.from == self.model.files[newer.file].start)
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Append(count, is_open) => self.model.append(&self.server, count, is_open),
            Step::Rename => self.model.rotate(&self.server, false),
            // What an empty file has become after it was emptied again cannot be told.
            Step::Copytruncate | Step::Truncate if self.is_at_empty_file() => {}
            Step::Copytruncate => self.model.rotate(&self.server, true),
            Step::Truncate => self.model.truncate(&self.server),
            Step::First(n) => {
                let page = self.ask(n, None).unwrap();
                let file = self.model.files.len() - 1;
                let range = self.model.range(file);
                self.note_newer(page.newer.clone().unwrap(), file);
                let open = self.model.lines.last().filter(|_| self.model.is_open).cloned();
                self.check(page, n, file, range, open);
            }
            Step::Older(n) => {
                let Some(At { cursor, file, from, to, open }) = self.older.take() else { return };
                let page = self.ask(n, Some(&cursor));
                assert_eq!(page.is_none(), self.model.files[file].is_lost, "{cursor}");
                if let Some(page) = page {
                    self.check(page, n, file, from..to, open);
                }
            }
            Step::Newer(n) => {
                let Some(At { cursor, file, mut from, open, .. }) = self.newer.take() else { return };
                let Some(page) = self.ask(n, Some(&cursor)) else {
                    assert!(self.model.files[file].is_lost, "{cursor}");
                    return;
                };
                assert!(!self.model.files[file].is_lost);
                if open.is_some_and(|open| self.model.lines[from - 1] != open) {
                    // It comes again whole.
                    from -= 1;
                }
                let range = from..self.model.range(file).end;
                let next = (file + 1..self.model.files.len())
                    .find(|file| !self.model.files[*file].is_lost && !self.model.range(*file).is_empty());
                let cursor = page.newer.clone().unwrap();
                match next {
                    Some(next) => {
                        assert_eq!(page.more, Some(true));
                        let from = self.model.files[next].start;
                        self.newer = Some(At { cursor, file: next, from, to: from, open: None });
                    }
                    None => self.note_newer(cursor, file),
                }
                let open = self.newer.as_ref().and_then(|newer| newer.open.clone());
                self.check(page, n, file, range, open);
            }
        }
    }

    /// Notes the place at the end of a file.
    fn note_newer(&mut self, cursor: String, file: usize) {
        let from = self.model.range(file).end;
        let is_last = file + 1 == self.model.files.len();
        let open = (self.model.is_open && is_last).then(|| self.model.lines[from - 1].clone());
        self.newer = Some(At { cursor, file, from, to: from, open });
    }
}

fn run(io: Io, form: Form, filter: &'static str, steps: &[Step]) {
    let server = Server::start(io);
    server.write("app.log", b"");
    let files = vec![File { start: 0, is_lost: false }];
    let model = Model { lines: Vec::new(), files, is_open: false, rotated: 0 };
    let mut run = Run { server, form, filter, model, older: None, newer: None };
    for step in steps {
        run.step(step);
    }
    // What is left is there to the last line.
    while run.older.is_some() {
        run.step(&Step::Older(7));
    }
    for _ in 0..run.model.files.len() {
        run.step(&Step::Newer(1000));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn page_after_page_is_what_the_model_says(
        steps in steps(), is_ring: bool, form in prop::sample::select(FORMS.to_vec()),
        filter in prop::sample::select(vec!["", "key"]),
    ) {
        run(if is_ring { Io::Auto } else { Io::Threads }, form, filter, &steps);
    }
}
