//! Where pages begin and end, and what becomes of places.

use super::{FORMS, Form, append, ask, copytruncate, page, rename};
use crate::support::{Server, write};
use backscroll_secondary::Io;
use backscroll_shared::wire::cursor::{Cursor, Direction, Place};

fn lines(range: std::ops::Range<usize>) -> String {
    range.flat_map(|number| ["line ".to_owned(), number.to_string(), " of the log\n".to_owned()]).collect()
}

fn newest_first(range: std::ops::Range<usize>) -> Vec<String> {
    range.rev().map(|number| format!("line {number} of the log")).collect()
}

fn server(content: &str) -> Server {
    let server = Server::start(Io::Threads);
    server.write("app.log", content.as_bytes());
    server
}

#[test]
fn pages_back_to_the_beginning_are_the_whole_answer_and_newer_is_what_has_come_since() {
    for io in [Io::Auto, Io::Threads] {
        let server = Server::start(io);
        server.write("app.log", lines(0..10).as_bytes());
        for form in FORMS {
            let first = page(&server, form, "&n=4", None);
            assert_eq!(first.lines, newest_first(6..10));
            assert_eq!((first.stopped.as_deref(), first.more), (Some("n"), Some(true)));
            append(&server, "app.log", "new\n");
            let second = page(&server, form, "&n=4", first.older.as_deref());
            assert_eq!(second.lines, newest_first(2..6));
            let third = page(&server, form, "&n=4", second.older.as_deref());
            assert_eq!(third.lines, newest_first(0..2));
            assert_eq!((third.stopped.as_deref(), third.more), (Some("exhausted"), Some(false)));
            assert_eq!((third.older, third.status.as_str()), (None, "complete"));
            // Each page leads to what has come since the first one.
            for newer in [first.newer, second.newer, third.newer] {
                let since = page(&server, form, "&n=4", newer.as_deref());
                assert_eq!(since.lines, ["new"]);
                assert_eq!((since.older, since.stopped.as_deref()), (None, Some("exhausted")));
                let nothing = page(&server, form, "", since.newer.as_deref());
                assert!(nothing.lines.is_empty() && nothing.newer.is_some() && nothing.older.is_none());
            }
            server.write("app.log", lines(0..10).as_bytes());
        }
    }
}

#[test]
fn the_last_page_knows_that_it_is_the_last_one() {
    let server = server(&lines(0..3));
    for form in FORMS {
        let all = page(&server, form, "&n=3", None);
        assert_eq!((all.stopped.as_deref(), all.more, all.older), (Some("n"), Some(false), None));
        let filtered = page(&server, form, "&n=1&keyword=line", None);
        assert_eq!((filtered.stopped.as_deref(), filtered.more), (Some("n"), None));
        let older = page(&server, form, "&keyword=line", filtered.older.as_deref());
        assert_eq!((older.lines, older.more), (newest_first(0..2), Some(false)));
        let none = page(&server, form, "&n=0", None);
        assert_eq!((none.lines.len(), none.stopped.as_deref(), none.more), (0, Some("n"), Some(true)));
        assert_eq!(page(&server, form, "", none.older.as_deref()).lines, newest_first(0..3));
        assert!(page(&server, form, "", none.newer.as_deref()).lines.is_empty());
    }
    let plain = server.get("/logs?filename=app.log&n=1");
    assert!(plain.header("log-cursor-older").is_none() && plain.header("content-length").is_some());
}

#[test]
fn an_empty_file_has_a_cursor_for_what_comes() {
    for form in FORMS {
        let server = server("");
        let empty = page(&server, form, "", None);
        assert_eq!((empty.lines.len(), empty.more, empty.older), (0, Some(false), None));
        append(&server, "app.log", "a\nb\n");
        let newer = page(&server, form, "", empty.newer.as_deref());
        assert_eq!(newer.lines, ["b", "a"]);
        // Another file may have the same number of bytes that are hashed: none.
        rename(&server, "app.log", "app.log.1");
        append(&server, "app.log", "c\n");
        let rest = page(&server, form, "", empty.newer.as_deref());
        assert_eq!((rest.lines.as_slice(), rest.more), (&["b".to_owned(), "a".to_owned()][..], Some(true)));
        assert_eq!(page(&server, form, "", rest.newer.as_deref()).lines, ["c"]);
    }
}

#[test]
fn a_last_line_without_its_end_goes_on_or_comes_again_whole() {
    for form in FORMS {
        for (first, then, expected) in [
            ("a\nunfin", "", &[][..]),
            ("a\nunfin", "\n", &[]),
            ("a\nunfin", "\nb\n", &["b"]),
            ("a\nunfin", "ished\nb\n", &["b", "unfinished"]),
            ("unfin", "ished", &["unfinished"]),
            ("\n\n", "\n", &[""]),
        ] {
            let server = server(first);
            let one = page(&server, form, "&n=1", None);
            append(&server, "app.log", then);
            let newer = page(&server, form, "", one.newer.as_deref());
            assert_eq!(newer.lines, expected, "{first:?} {then:?}");
            assert_eq!(newer.older, None);
            // The one that was delivered is the same for the page before it, however it has grown.
            let older = page(&server, form, "", one.older.as_deref().or(one.newer.as_deref()));
            let before = if first.starts_with('a') { vec!["a"] } else { Vec::new() };
            if one.older.is_some() && first.starts_with('a') {
                assert_eq!(older.lines, before, "{first:?} {then:?}");
            }
        }
    }
}

#[test]
fn a_last_line_without_its_end_is_on_the_page_after_one_of_no_lines() {
    let server = server("a\nunfin");
    for form in FORMS {
        let none = page(&server, form, "&n=0", None);
        assert_eq!(page(&server, form, "", none.older.as_deref()).lines, ["unfin", "a"]);
    }
}

#[test]
fn a_renamed_file_is_read_to_its_end_and_then_the_next_ones() {
    for form in FORMS {
        let server = server(&lines(0..3));
        let first = page(&server, form, "&n=1", None);
        append(&server, "app.log", &lines(3..5));
        rename(&server, "app.log", "app.log.1");
        // The new file is not there yet.
        let early = page(&server, form, "&n=1", first.newer.as_deref());
        assert_eq!(early.lines, newest_first(4..5));
        append(&server, "app.log", &lines(5..7));
        rename(&server, "app.log.1", "app.log.2");
        rename(&server, "app.log", "app.log.1");
        append(&server, "app.log", &lines(7..9));

        let rest = page(&server, form, "", first.newer.as_deref());
        assert_eq!((rest.lines, rest.more), (newest_first(3..5), Some(true)));
        let next = page(&server, form, "", rest.newer.as_deref());
        assert_eq!((next.lines, next.more), (newest_first(5..7), Some(true)));
        let last = page(&server, form, "", next.newer.as_deref());
        assert_eq!((last.lines, last.more), (newest_first(7..9), Some(false)));
        assert_eq!(page(&server, form, "", first.older.as_deref()).lines, newest_first(0..2));
    }
}

/// A primary continues a host that has not ended from the file in the head of its answer.
#[test]
fn the_head_of_a_relayed_answer_names_the_file_that_is_read() {
    let server = server(&lines(0..3));
    let first = page(&server, Form::Trailers, "", None).newer.unwrap();
    append(&server, "app.log", &lines(3..5));
    rename(&server, "app.log", "app.log.1");
    append(&server, "app.log", &lines(5..7));
    let relay = "te: trailers\r\nbackscroll-relay: x\r\naccept: application/vnd.backscroll.frames.v2\r\n";
    let target = format!("/logs?filename=app.log&n=1&cursor={first}");
    let framed = server.request("GET", &target, relay);
    let word = framed.header("backscroll-file").unwrap();
    let place = |word: &str| Cursor::decode(word.as_bytes()).unwrap().places[0].place;
    let (before, opened) = (place(&first), place(word));
    assert_eq!((opened.file.inode, opened.end), (before.file.inode, lines(0..5).len() as u64));
    // From there the next file follows.
    let rest = page(&server, Form::Trailers, "", Some(word));
    assert_eq!((rest.lines.len(), rest.more), (0, Some(true)));
    assert_eq!(page(&server, Form::Trailers, "", rest.newer.as_deref()).lines, newest_first(5..7));
}

#[test]
fn while_nothing_is_in_the_new_file_the_old_one_is_followed() {
    let server = server(&lines(0..3));
    let first = page(&server, Form::Ndjson, "", None);
    rename(&server, "app.log", "app.log.1");
    append(&server, "app.log", "");
    let none = page(&server, Form::Ndjson, "", first.newer.as_deref());
    assert_eq!((none.lines.len(), none.more), (0, Some(false)));
    append(&server, "app.log.1", "late\n");
    append(&server, "app.log", "new\n");
    let late = page(&server, Form::Ndjson, "", none.newer.as_deref());
    assert_eq!((late.lines.as_slice(), late.more), (&["late".to_owned()][..], Some(true)));
    assert_eq!(page(&server, Form::Ndjson, "", late.newer.as_deref()).lines, ["new"]);
}

#[test]
fn a_copy_of_an_emptied_file_is_read_on() {
    for form in FORMS {
        for count in [3, 300] {
            let server = server(&lines(0..count));
            let first = page(&server, form, "&n=1", None);
            append(&server, "app.log", &lines(count..count + 2));
            copytruncate(&server, "app.log.1");
            append(&server, "app.log", "new\n");
            let rest = page(&server, form, "", first.newer.as_deref());
            assert_eq!((rest.lines, rest.more), (newest_first(count..count + 2), Some(true)));
            assert_eq!(page(&server, form, "", rest.newer.as_deref()).lines, ["new"]);
            assert_eq!(page(&server, form, "", first.older.as_deref()).lines, newest_first(0..count - 1));
        }
    }
}

fn gone(server: &Server, cursor: Option<&str>) {
    for form in FORMS {
        let response = ask(server, form, "", cursor);
        assert_eq!((response.status, response.code().as_str()), (410, "cursor_gone"));
    }
}

#[test]
fn a_place_that_is_gone_is_told() {
    // Emptied, and shorter than before, or as long again with other lines.
    for then in ["", "other\n", &"other line of the log!\n".repeat(40)] {
        let server = server(&lines(0..20));
        let first = page(&server, Form::Ndjson, "&n=3", None);
        write(&server.dir.path().join("app.log"), then.as_bytes());
        gone(&server, first.older.as_deref());
        gone(&server, first.newer.as_deref());
    }
    // The same beginning, and something else at the place.
    let head = "the same\n".repeat(200);
    let server = server(&format!("{head}{}", lines(0..20)));
    let first = page(&server, Form::Ndjson, "&n=3", None);
    server.write("app.log", format!("{head}{}", lines(100..200)).as_bytes());
    gone(&server, first.older.as_deref());
    gone(&server, first.newer.as_deref());
    // Removed, and compressed.
    server.write("app.log", format!("{head}{}", lines(0..20)).as_bytes());
    rename(&server, "app.log", "app.log.1.gz");
    append(&server, "app.log", "new\n");
    gone(&server, first.older.as_deref());
    gone(&server, first.newer.as_deref());
}

#[test]
fn of_several_files_with_the_same_bytes_none_is_taken_unless_it_is_the_same_inode() {
    let head = "the same\n".repeat(200);
    let server = server(&head);
    let first = page(&server, Form::Ndjson, "&n=3", None);
    server.write("app.log.2", head.as_bytes());
    server.write("app.log.3", head.as_bytes());
    assert_eq!(page(&server, Form::Ndjson, "&n=1", first.older.as_deref()).lines, ["the same"]);
    rename(&server, "app.log", "app.log.1");
    server.write("app.log", head.as_bytes());
    let rest = page(&server, Form::Ndjson, "", first.newer.as_deref());
    assert_eq!((rest.lines.len(), rest.more), (0, Some(true)));
    assert_eq!(page(&server, Form::Ndjson, "", rest.newer.as_deref()).lines.len(), 200);
    server.write("app.log.1", b"");
    std::fs::remove_file(server.dir.path().join("app.log.1")).unwrap();
    gone(&server, first.older.as_deref());
}

#[test]
fn files_that_the_caller_may_not_see_are_not_found_by_a_cursor() {
    let server = server(&lines(0..3));
    let seen = |files: &str, cursor: Option<&str>| {
        let fields = format!("backscroll-relay: web1\r\nte: trailers\r\nbackscroll-files: {files}\r\n");
        server.request("GET", &format!("/logs?filename=app.log&cursor={}", cursor.unwrap()), &fields)
    };
    let first = page(&server, Form::Ndjson, "&n=1", None);
    append(&server, "app.log", "more\n");
    rename(&server, "app.log", "app.log.1");
    append(&server, "app.log", "new\n");
    assert_eq!(seen("app.log%2A", first.newer.as_deref()).body, b"more\n");
    assert_eq!(seen("app.log", first.newer.as_deref()).code(), "cursor_gone");
    assert_eq!(seen("other.log", first.newer.as_deref()).code(), "not_found");
}

#[test]
fn a_cursor_that_was_changed_reads_no_other_file_and_ends_no_thread() {
    let server = server(&lines(0..60));
    server.write("secret.log", "a secret\n".repeat(200).as_bytes());
    let first = page(&server, Form::Ndjson, "&n=20&keyword=line", None);
    let ask = |cursor: &str| {
        let answer = ask(&server, Form::Ndjson, "&keyword=line", Some(cursor));
        assert!(matches!(answer.status, 200 | 400 | 410), "{cursor}: {answer:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret\""), "{cursor}");
        if answer.status != 200 {
            assert!(matches!(&*answer.code(), "bad_parameter" | "cursor_mismatch" | "cursor_gone"));
        }
    };
    for cursor in [first.older.unwrap(), first.newer.unwrap()] {
        for at in 0..cursor.len() {
            for other in [["A", "!"], ["z", ""]][at % 2] {
                ask(&format!("{}{other}{}", &cursor[..at], &cursor[at + 1..]));
            }
        }
        let sound = Cursor::decode(cursor.as_bytes()).unwrap();
        let changed = |direction, change: &dyn Fn(&mut Place)| {
            let mut other = Cursor { direction, ..sound.clone() };
            change(&mut other.places[0].place);
            ask(&other.encode());
        };
        for value in [0, 23, 1000, i64::MAX.cast_unsigned(), u64::MAX] {
            for direction in [Direction::Older, Direction::Newer] {
                for floor in [0, value.min(5), value] {
                    let at =
                        |place: &mut Place| (place.offset, place.end, place.floor) = (value, value, floor);
                    changed(direction, &at);
                    let unanchored = |place: &mut Place| {
                        at(place);
                        place.anchor = None;
                    };
                    changed(direction, &unanchored);
                    changed(direction, &|place| {
                        unanchored(place);
                        place.end = u64::MAX;
                    });
                    changed(direction, &|place| {
                        unanchored(place);
                        (place.file.inode, place.file.device) = (value, 0);
                    });
                }
            }
        }
    }
    assert_eq!(server.get("/logs?filename=app.log&n=1").status, 200);
}

#[test]
fn a_cursor_belongs_to_its_query() {
    let server = server(&lines(0..9));
    let first = page(&server, Form::Ndjson, "&n=2&keyword=line", None);
    let older = first.older.as_deref();
    assert_eq!(
        page(&server, Form::Trailers, "&keyword=line&n=3&timeout=10s", older).lines,
        newest_first(4..7)
    );
    for other in ["", "&keyword=lin", "&keyword=line&keyword=of"] {
        let response = ask(&server, Form::Ndjson, other, older);
        assert_eq!((response.status, response.code().as_str()), (400, "cursor_mismatch"), "{other}");
    }
    let word = older.unwrap();
    let body =
        format!("filename=app.log&keyword=line&cursor={word}&n=1&keyword={}", "&keyword=".repeat(6000));
    let post = format!(
        "POST /logs HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(server.raw(post.as_bytes()).text(), "line 6 of the log\n");
}

#[test]
fn long_lines_runs_of_nul_and_records_of_several_lines_are_paged() {
    let long = "x".repeat(3 << 20);
    let hit = format!("{long}hit{long}");
    let runs = |text: &str| format!("{}{text}", "\0".repeat(5000));
    let content =
        format!("a hit\n{hit}\n{}\nb hit\n{}\n{long}\nc hit\n{hit}\n", runs("d hit"), runs("e hit"));
    let server = server(&content);
    for form in FORMS {
        for (query, count) in [("", 8), ("&keyword=hit", 7), ("&keyword=hit%0A", 5), ("&keyword=t%0A%00", 0)]
        {
            let whole = page(&server, form, query, None);
            assert!(count == 0 || whole.lines.len() == count, "{query}: {}", whole.lines.len());
            let (mut pages, mut cursor) = (Vec::new(), None);
            loop {
                let next = page(&server, form, &format!("{query}&n=1"), cursor.as_deref());
                pages.extend(next.lines);
                cursor = next.older;
                if cursor.is_none() {
                    break;
                }
            }
            assert!(pages == whole.lines, "{query}: {} of {}", pages.len(), whole.lines.len());
        }
    }
}
