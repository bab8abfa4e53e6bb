//! Patterns: none that is taken makes a search panic, and the lines that it finds in blocks are
//! those that another engine finds one by one.
//!
//! An input is the size of the blocks, flags, the number of patterns of each kind, each with its
//! length before it, and the file.

#![no_main]

use arbitrary::{Result, Unstructured};
use backscroll_shared::filter::{Conditions, Filter};
use backscroll_shared::scan::{Limits, Search, Span, Step, Window};
use libfuzzer_sys::fuzz_target;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;

const FILE_BYTES: usize = 1 << 10;

fuzz_target!(|input: &[u8]| {
    // An input that is too short is none.
    let _ = compare(input);
});

fn compare(input: &[u8]) -> Result<()> {
    let mut input = Unstructured::new(input);
    let block_len = 1 + usize::from(input.arbitrary::<u8>()? % 64);
    let ignore_case = input.arbitrary::<u8>()? & 1 == 1;
    let mut list = |most: u8| -> Result<Vec<Vec<u8>>> {
        let len = input.arbitrary::<u8>()? % (most + 1);
        (0..len)
            .map(|_| {
                let len = usize::from(input.arbitrary::<u8>()? % 40);
                Ok(input.bytes(len)?.to_vec())
            })
            .collect()
    };
    let (keywords, regexes, excludes, exclude_regexes) = (list(2)?, list(2)?, list(2)?, list(2)?);
    let file = input.take_rest();
    let file = &file[..file.len().min(FILE_BYTES)];
    let conditions = Conditions { keywords, regexes, excludes, exclude_regexes, ignore_case };
    let Ok(filter) = Filter::of(conditions.clone()) else { return Ok(()) };
    if matches!(filter, Filter::AcrossLines { .. }) || filter.compile_here().is_err() {
        return Ok(());
    }
    let found = search(&filter, file, block_len);
    if let Some(expected) = one_by_one(&conditions, file) {
        assert_eq!(found, expected, "{conditions:?}");
    } else {
        assert_eq!(found, search(&filter, file, FILE_BYTES), "{conditions:?}");
    }
    Ok(())
}

fn search(filter: &Filter, file: &[u8], block_len: usize) -> Vec<Vec<u8>> {
    let mut search: Search<&[u8]> =
        Search::new(filter, None, Window::whole(file.len() as u64), Limits::default());
    let (mut found, mut end) = (Vec::new(), file.len());
    loop {
        match search.step() {
            Step::Record(record) => found.push(record.bytes.to_vec()),
            Step::Working => {}
            Step::NeedBlock => {
                let start = end.saturating_sub(block_len);
                search.feed(Span { offset: start as u64, len: end - start }, &file[start..end]);
                end = start;
            }
            Step::NeedAgain(_) => unreachable!("nothing is released"),
            Step::Done => return found,
        }
    }
}

/// None where the other engine would not say the same: it knows no end of a line before a carriage
/// return.
fn one_by_one(conditions: &Conditions, file: &[u8]) -> Option<Vec<Vec<u8>>> {
    let all = [&conditions.regexes, &conditions.exclude_regexes].into_iter().flatten();
    if file.contains(&b'\r') || file.starts_with(&[0]) || file.windows(2).any(|two| two == b"\n\0") {
        return None;
    }
    // Flags may change what `^`, `$` and a line are.
    if all.clone().any(|pattern| pattern.windows(2).any(|two| two == b"(?")) {
        return None;
    }
    let pattern = |text: &[u8]| {
        let syntax = syntax::Config::new().utf8(false).unicode(false).multi_line(true);
        let syntax = syntax.case_insensitive(conditions.ignore_case);
        let config = Regex::config().utf8_empty(false).nfa_size_limit(Some(16 << 20));
        Regex::builder().syntax(syntax).configure(config).build(std::str::from_utf8(text).ok()?).ok()
    };
    let literal = |text: &[u8]| {
        let is_text = std::str::from_utf8(text).is_ok();
        let text = match std::str::from_utf8(text) {
            Ok(text) => regex_syntax::escape(text),
            Err(_) => text.iter().map(|byte| format!("\\x{byte:02x}")).collect(),
        };
        let syntax = syntax::Config::new().utf8(false).unicode(is_text);
        Regex::builder().syntax(syntax.case_insensitive(conditions.ignore_case)).build(&text).ok()
    };
    let compile = |some: &[Vec<u8>], one: &dyn Fn(&[u8]) -> Option<Regex>| {
        some.iter().filter(|text| !text.is_empty()).map(|text| one(text)).collect::<Option<Vec<_>>>()
    };
    let mut wanted = compile(&conditions.keywords, &literal)?;
    wanted.append(&mut compile(&conditions.regexes, &pattern)?);
    let mut unwanted = compile(&conditions.excludes, &literal)?;
    unwanted.append(&mut compile(&conditions.exclude_regexes, &pattern)?);
    let lines =
        file.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line));
    let kept = lines.filter(|line| {
        wanted.iter().all(|regex| regex.is_match(line)) && !unwanted.iter().any(|regex| regex.is_match(line))
    });
    let mut kept: Vec<Vec<u8>> = kept.map(<[u8]>::to_vec).collect();
    kept.reverse();
    Some(kept)
}
