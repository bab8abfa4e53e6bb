//! Conditions of every kind against an oracle that looks at each line on its own, with an engine
//! that has no states to keep.

use super::*;
use crate::filter::Conditions;
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::util::syntax;
use regex_automata::{Input, nfa::thompson};

/// A pattern, as an engine that is slow and simple sees it.
struct Plain {
    engine: PikeVM,
    /// Whether it is a literal, which is found in all of a line.
    is_literal: bool,
}

impl Plain {
    fn new(pattern: &[u8], is_literal: bool, ignore_case: bool) -> Plain {
        let mut syntax = syntax::Config::new().utf8(false).unicode(false).multi_line(true);
        let mut text = String::from_utf8_lossy(pattern).into_owned();
        if is_literal {
            let is_text = std::str::from_utf8(pattern).is_ok();
            syntax = syntax.unicode(is_text);
            text = if is_text {
                regex_syntax::escape(&text)
            } else {
                pattern.iter().map(|byte| format!("\\x{byte:02x}")).collect::<Vec<_>>().concat()
            };
        }
        let engine = PikeVM::builder()
            .syntax(syntax.case_insensitive(ignore_case))
            .thompson(thompson::Config::new().utf8(false))
            .build(&text)
            .unwrap();
        Plain { engine, is_literal }
    }

    fn is_in(&self, line: &[u8], limit: usize) -> bool {
        let limit = if self.is_literal { line.len() } else { limit };
        let is_in = |line: &[u8], limit: usize| {
            let input = Input::new(line).span(0..line.len().min(limit));
            self.engine.is_match(&mut self.engine.create_cache(), input)
        };
        let ends_before_return = line.last() == Some(&b'\r') && limit >= line.len();
        is_in(line, limit) || !self.is_literal && ends_before_return && is_in(&line[..line.len() - 1], limit)
    }
}

/// Offset, bytes, and whether the line was cut, of each record; newest first. Of a line that was
/// cut, which bytes are shown is another matter.
fn expected(file: &[u8], conditions: &Conditions, limits: Limits) -> Vec<(u64, Vec<u8>, bool)> {
    let ignore_case = conditions.ignore_case;
    let all = |patterns: &[Vec<u8>], is_literal| -> Vec<Plain> {
        let some = patterns.iter().filter(|pattern| !pattern.is_empty());
        some.map(|pattern| Plain::new(pattern, is_literal, ignore_case)).collect()
    };
    let mut wanted = all(&conditions.keywords, true);
    wanted.append(&mut all(&conditions.regexes, false));
    let mut unwanted = all(&conditions.excludes, true);
    unwanted.append(&mut all(&conditions.exclude_regexes, false));
    let mut records = Vec::new();
    let mut at = 0;
    for piece in file.split_inclusive(|b| *b == b'\n') {
        let line = piece.strip_suffix(b"\n").unwrap_or(piece);
        let nuls = line.iter().take_while(|b| **b == 0).count();
        let run = if nuls >= limits.nul_run { nuls } else { 0 };
        let text = &line[run..];
        let is_line = run == 0 || !text.is_empty() || piece.len() > line.len();
        if is_line
            && wanted.iter().all(|plain| plain.is_in(text, limits.line))
            && !unwanted.iter().any(|plain| plain.is_in(text, limits.line))
        {
            let shown = text[..text.len().min(limits.line)].to_vec();
            records.push((at as u64, shown, text.len() > limits.line));
        }
        at += piece.len();
    }
    records.reverse();
    records
}

pub(super) fn compiled(conditions: &Conditions) -> Filter {
    let filter = Filter::of(conditions.clone()).unwrap();
    filter.compile_here().unwrap();
    filter
}

pub(super) fn found(
    file: &[u8],
    filter: &Filter,
    n: Option<u64>,
    limits: Limits,
    plan: ReadPlan,
    releases: &Releases,
    has_holes: bool,
) -> Vec<(u64, Vec<u8>, bool)> {
    let (records, _) = drive_by(file, filter, n, limits, plan, releases, has_holes);
    records.into_iter().map(|(offset, bytes, _, cut)| (offset, bytes, cut > 0)).collect()
}

fn literal() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => prop::collection::vec(prop::sample::select(b"abAK\r\xff\0".to_vec()), 0..5),
        1 => prop::sample::select(vec!["é", "É", "k", "aé", "ba\u{212a}"]).prop_map(|text| text.as_bytes().to_vec()),
    ]
}

/// The text of a pattern.
fn pattern() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(vec![
        "a", "b", "ab", "aab", "bab", "abba", ".", "[ab]", "[^a]", r"\r", r"\xFF", r"\x00", "^", "$", r"\b",
        r"\B", r"\A", r"\z", r"\s", r"[^\r]", "(?u:é)", r"(?u:\w)", "(?i:bA)", r"(?s:.)", "",
    ]);
    let atom = atom.prop_map(str::to_owned);
    atom.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.concat()),
            1 => prop::collection::vec(inner.clone(), 2..3).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            2 => (inner, prop::sample::select(vec!["*", "+", "?", "{2,3}", "{0}"]))
                .prop_map(|(part, times)| format!("(?:{part}){times}")),
        ]
    })
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let few = |most| prop::collection::vec(pattern().prop_map(String::into_bytes), 0..most);
    let literals = |most| prop::collection::vec(literal(), 0..most);
    (literals(3), few(3), literals(3), few(2), any::<bool>()).prop_map(
        |(keywords, regexes, excludes, exclude_regexes, ignore_case)| Conditions {
            keywords,
            regexes,
            excludes,
            exclude_regexes,
            ignore_case,
        },
    )
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(
        prop_oneof![
            9 => prop::sample::select(b"aabbAB k\n\n\r\0\xff".to_vec()).prop_map(|byte| vec![byte]),
            2 => prop::sample::select(vec!["aab", "abba", "é", "É", "\r\n", "\u{212a}", "\r"]).prop_map(|text| text.as_bytes().to_vec()),
            1 => (1usize..30).prop_map(|nuls| [&b"\n"[..], &vec![0; nuls]].concat()),
        ],
        0..90,
    )
    .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn conditions_of_every_kind_agree_with_the_oracle_at_every_small_block(
        file in text(), conditions in conditions(), n in prop::option::of(0u64..6),
        line in 1usize..40, nul_run in 1usize..12, releases in releases(), has_holes in any::<bool>(),
    ) {
        let filter = compiled(&conditions);
        for limits in [Limits { line, nul_run, ..Limits::default() }, Limits { nul_run, ..Limits::default() }] {
            let mut expected = expected(&file, &conditions, limits);
            expected.truncate(n.map_or(usize::MAX, |n| usize::try_from(n).unwrap()));
            for block_len in 1..=17 {
                let plan = ReadPlan::with_ramp(Window::whole(file.len() as u64), blocks(block_len), 1);
                let mut found = found(&file, &filter, n, limits, plan, &releases, has_holes);
                for (found, expected) in found.iter_mut().zip(&expected) {
                    if expected.2 {
                        // The excerpt may be another part of the line.
                        found.0 = expected.0;
                        found.1.clone_from(&expected.1);
                    }
                }
                prop_assert_eq!(found, expected.clone(), "blocks of {}", block_len);
            }
        }
    }
}

/// How often a search through these lines lets others run: a measure of its work, since each turn does
/// the same.
fn turns(line: &[u8], lines: usize, pattern: &str) -> usize {
    let file = [line, b"\n"].concat().repeat(lines);
    let filter =
        compiled(&Conditions { regexes: vec![pattern.as_bytes().to_vec()], ..Conditions::default() });
    let mut plan = ReadPlan::new(Window::whole(file.len() as u64));
    let mut search: Search<&[u8]> = Search::new(&filter, None, plan.window(), Limits::default());
    let mut turns = 0;
    loop {
        match search.step() {
            Step::Working => turns += 1,
            Step::NeedBlock => {
                let span = plan.next_span().unwrap();
                search.feed(span, &file[usize::try_from(span.offset).unwrap()..][..span.len]);
            }
            Step::Done => return turns,
            other => assert!(matches!(other, Step::Record(_)), "{other:?}"),
        }
    }
}

#[test]
fn the_work_grows_as_the_text_does_and_not_faster() {
    // The worst for engines that go back, or that begin again after each match.
    let cases = [
        (r".*[^A-Z]|[A-Z]", b'A'),
        (r"(?:a?){30}a{30}b", b'a'),
        (r"(?:a*)*b", b'a'),
        (r"[ac]*a[ac]{12}b", b'a'),
        (r"x*$", b'a'),
    ];
    for (pattern, byte) in cases {
        let (short, long) = (vec![byte; 16 << 10], vec![byte; 256 << 10]);
        let (one, long, many) =
            (turns(&short, 1, pattern), turns(&long, 1, pattern), turns(&short, 16, pattern));
        // A pattern sees less than all of a line past the limit, never more. The states are made once.
        assert!(long <= 17 * one + 50 && many <= 17 * one + 50, "{pattern}: {one}, {long} and {many} turns");
    }
}

#[test]
fn a_pattern_sees_the_beginning_of_a_line_past_the_limit_and_a_keyword_all_of_it() {
    let mut line = vec![b'.'; 3 << 20];
    line[(1 << 20) - 4..1 << 20].copy_from_slice(b"head");
    line[2 << 20..][..4].copy_from_slice(b"Tail");
    let file = [&line[..], b"\nTail\n"].concat();
    let records = |conditions: &Conditions| {
        let plan = ReadPlan::new(Window::whole(file.len() as u64));
        // Not the default ones, with which everything that is delivered has to be in memory.
        let limits = Limits { runs: 5, ..Limits::default() };
        found(&file, &compiled(conditions), None, limits, plan, &Releases::default(), false).len()
    };
    let regex = |text: &str| Conditions { regexes: vec![text.into()], ..Conditions::default() };
    assert_eq!(records(&regex("head")), 1);
    assert_eq!(records(&regex("head$")), 0, "the line does not end there");
    assert_eq!(records(&regex(r"head\b")), 1, "what follows is looked at");
    assert_eq!(records(&regex("Tail")), 1, "the other line");
    let keyword = Conditions { keywords: vec![b"tAIL".to_vec()], ignore_case: true, ..Conditions::default() };
    assert_eq!(records(&keyword), 2);
    let exclude = Conditions { excludes: vec![b"Tail".to_vec()], ..Conditions::default() };
    assert_eq!(records(&exclude), 0);
    let exclude = Conditions { exclude_regexes: vec![b"Tail".to_vec()], ..Conditions::default() };
    assert_eq!(records(&exclude), 1, "it lies past what a pattern sees");
}

#[test]
fn ends_of_lines_are_ends_whatever_ends_them() {
    let lines = |pattern: &str, file: &[u8]| -> Vec<Vec<u8>> {
        let conditions = Conditions { regexes: vec![pattern.into()], ..Conditions::default() };
        let plan = ReadPlan::new(Window::whole(file.len() as u64));
        let records =
            found(file, &compiled(&conditions), None, Limits::default(), plan, &Releases::default(), false);
        records.into_iter().map(|(_, line, _)| line).collect()
    };
    let file = b"one\r\ntwo\rone\nthree\n\r\n\none";
    assert_eq!(lines("one$", file), [&b"one"[..], b"two\rone", b"one\r"]);
    assert_eq!(lines(r"one\z", file), [&b"one"[..], b"two\rone", b"one\r"]);
    assert_eq!(lines("^one", file), [&b"one"[..], b"one\r"], "a lone carriage return ends no line");
    assert_eq!(lines(r"\Athree", file), [b"three"]);
    assert_eq!(lines("^$", file), [&b""[..], b"\r"]);
    assert_eq!(lines("two.one", file), [b"two\rone"]);
    assert_eq!(lines("x*", file).len(), 6, "no line follows the last one");
    assert_eq!(lines("^$", b"a\n"), [b""; 0]);
    assert_eq!(lines("a[^b]*c", b"a\nc\na\xff\xfec\n"), [b"a\xff\xfec"], "no match crosses a line");
    assert_eq!(lines(r"(?s)a.c|\s\s", b"a\nc\n \n \n"), [b""; 0]);
    assert_eq!(lines(r"(?u)^\w$", "é\nß\n\u{ff}\n?\n".as_bytes()).len(), 3);
    assert_eq!(lines(r"^\w$", "é\na\n".as_bytes()), [b"a"]);
}

#[test]
fn assertions_behind_an_end_look_at_the_place_before_the_carriage_return() {
    let files = [&b"\r\n"[..], b"\n", b"\r", b"a\r\n", b"a\r\r\n", b"a\rb\r\n", b"b\r\na\n"];
    let patterns = [
        "(?:a|$^)",
        "$^",
        r"a$\b",
        r"a$\B",
        r"(?:$|a)(?:^|b)",
        r"(?:$|\b)(?:$|^)",
        r"(?:a?$){2}^*",
        r"(?:a?\b$){2,3}",
        r"$\r",
        r"(?:a|$|^){2}b?",
        "^a$",
        r"\ba$|$^",
        "(?:^$)+",
    ];
    for pattern in patterns {
        let conditions = Conditions { regexes: vec![pattern.into()], ..Conditions::default() };
        let filter = compiled(&conditions);
        for file in files {
            let plan = ReadPlan::new(Window::whole(file.len() as u64));
            let limits = Limits::default();
            let found = found(file, &filter, None, limits, plan, &Releases::default(), false);
            assert_eq!(found, expected(file, &conditions, limits), "{pattern} in {file:?}");
        }
    }
}

#[test]
fn a_search_for_literals_stops_and_goes_on_as_the_others_do() {
    for pattern in ["needle", "needle|other|third", "needle|n[eo]dles"] {
        assert!(turns(&vec![b'n'; 16 << 10], 1, pattern) > 100, "{pattern}");
    }
}

#[test]
fn a_long_line_is_added_piece_by_piece() {
    let file = vec![b'k'; 8 << 10];
    let keywords = vec!["K\u{212a}a".as_bytes().to_vec()];
    let filter = compiled(&Conditions { keywords, ignore_case: true, ..Conditions::default() });
    let mut search: Search<&[u8]> =
        Search::new(&filter, None, Window::whole(file.len() as u64), Limits::default());
    let (mut fed, mut working) = (0, 0);
    loop {
        match search.step() {
            Step::NeedBlock => {
                // Two blocks of one line without an end.
                let offset = 4096 - 4096 * fed;
                search.feed(Span { offset, len: 4096 }, &file[..4096]);
                fed += 1;
            }
            Step::Working => working += 1,
            Step::Done => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(working > 100, "{working} turns");
}
