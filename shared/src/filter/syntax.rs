//! From the text of a regular expression to its meaning in bytes.
//!
//! Classes are ASCII and `.` is any byte, unless the pattern says `(?u)`. What it matches never
//! holds a line feed, so that whole blocks can be searched. `^` and `$` are the ends of a line, `$`
//! also before the carriage return that ends it.

mod ends;
mod folding;

use super::error::PatternError;
use folding::{Folding, TooLarge};
use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{self, Ast};
use regex_syntax::hir::translate::TranslatorBuilder;
use regex_syntax::hir::{self, Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange};
use regex_syntax::hir::{Hir, HirKind, Look};

/// Groups within groups, at most.
const NEST: u32 = 50;

/// The meaning of the pattern that `parameter` gives.
pub(super) fn parse(parameter: &'static str, pattern: &[u8], ignore_case: bool) -> Result<Hir, PatternError> {
    let fail = |position, why: &str| PatternError::of(parameter, pattern, position, why);
    let text = std::str::from_utf8(pattern)
        .map_err(|error| fail(error.valid_up_to(), "it is not UTF-8: write such a byte as \\xFF"))?;
    let ast = ParserBuilder::new()
        .nest_limit(NEST)
        .build()
        .parse(text)
        .map_err(|error| fail(error.span().start.offset, &syntax_hint(error.kind())))?;
    let flaws = Flaws { unicode: false, ignore_case, groups: Vec::new(), folding: Folding::default() };
    match ast::visit(&ast, flaws) {
        Ok(()) => {}
        Err((position, Flaw::LineFeed)) => return Err(PatternError::line_feed(parameter, pattern, position)),
        Err((position, Flaw::Case)) => {
            let why = "there is a letter beyond ASCII, whose case only (?u) ignores: put (?u) in front";
            return Err(fail(position, why));
        }
        Err((position, Flaw::Folding)) => {
            let why = "the classes of Unicode are too large to be taken in any case of their letters: put (?-i) before them, or leave out (?u)";
            return Err(fail(position, why));
        }
        Err((position, Flaw::Boundary)) => {
            let why =
                "there is a word boundary of Unicode, which is not supported: write (?-u:\\b), that of ASCII";
            return Err(fail(position, why));
        }
    }
    let mut translator = TranslatorBuilder::new();
    translator.utf8(false).unicode(false).multi_line(true).case_insensitive(ignore_case);
    let hir = translator
        .build()
        .translate(text, &ast)
        .map_err(|error| fail(error.span().start.offset, &meaning_hint(error.kind())))?;
    let hir = within_lines(hir).map_err(|LineFeed| {
        let position = text.find("\\n").or_else(|| text.find('[')).unwrap_or_default();
        PatternError::line_feed(parameter, pattern, position)
    })?;
    ends::before_return(&hir).map_err(|ends::TooMany| {
        fail(0, "there are too many ends of lines within repetitions, before other assertions: simplify it")
    })
}

/// The literal, in any case of its letters: that of all Unicode if it is UTF-8, else that of ASCII.
pub(super) fn folded(literal: &[u8]) -> Hir {
    let text = std::str::from_utf8(literal).map(regex_syntax::escape);
    let is_text = text.is_ok();
    let pattern = text.unwrap_or_else(|_| {
        use std::fmt::Write as _;
        literal.iter().fold(String::new(), |mut all, byte| {
            // No error: a String takes it.
            let _ = write!(all, "\\x{byte:02X}");
            all
        })
    });
    let mut parser = regex_syntax::ParserBuilder::new();
    parser.utf8(false).unicode(is_text).case_insensitive(true);
    parser.build().parse(&pattern).expect("an escaped literal is a pattern")
}

fn syntax_hint(kind: &ast::ErrorKind) -> String {
    match kind {
        ast::ErrorKind::UnsupportedLookAround => {
            "there is a look-around, which is not supported: to leave records out, use exclude or exclude_regex".to_owned()
        }
        ast::ErrorKind::UnsupportedBackreference => {
            "there is a back-reference, which is not supported: write the text again, or \\\\ for a backslash".to_owned()
        }
        ast::ErrorKind::NestLimitExceeded(most) => {
            format!("more than {most} groups or repetitions stand within each other: simplify it")
        }
        kind => format!("there is an error: {kind}; put a backslash before a character that stands for itself"),
    }
}

fn meaning_hint(kind: &hir::ErrorKind) -> String {
    match kind {
        hir::ErrorKind::UnicodeNotAllowed => {
            "there is a class of Unicode, and classes hold single bytes here: put (?u) in front".to_owned()
        }
        kind => format!("there is an error: {kind}"),
    }
}

/// What the parser takes and a search of lines cannot do, or would do other than its writer means.
enum Flaw {
    LineFeed,
    Case,
    Boundary,
    Folding,
}

/// Looks for flaws. Knows which flags are in force where.
struct Flaws {
    unicode: bool,
    ignore_case: bool,
    groups: Vec<(bool, bool)>,
    folding: Folding,
}

impl Flaws {
    fn set(&mut self, flags: &ast::Flags) {
        self.unicode = flags.flag_state(ast::Flag::Unicode).unwrap_or(self.unicode);
        self.ignore_case = flags.flag_state(ast::Flag::CaseInsensitive).unwrap_or(self.ignore_case);
    }

    /// Whether classes are folded by the tables of Unicode here.
    fn folds(&self) -> bool {
        self.unicode && self.ignore_case
    }
}

impl ast::Visitor for Flaws {
    type Output = ();
    type Err = (usize, Flaw);

    fn finish(self) -> Result<(), Self::Err> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        match ast {
            Ast::Group(group) => {
                self.groups.push((self.unicode, self.ignore_case));
                if let Some(flags) = group.flags() {
                    self.set(flags);
                }
            }
            Ast::Flags(set) => self.set(&set.flags),
            Ast::Literal(literal) => {
                let at = literal.span.start.offset;
                if literal.c == '\n' {
                    return Err((at, Flaw::LineFeed));
                }
                let is_byte = literal.byte().is_some();
                let has_case =
                    |c: char| !c.is_ascii() && (!c.to_lowercase().eq([c]) || !c.to_uppercase().eq([c]));
                if self.ignore_case && !self.unicode && !is_byte && has_case(literal.c) {
                    return Err((at, Flaw::Case));
                }
            }
            Ast::Assertion(assertion) => {
                use ast::AssertionKind::{EndLine, EndText, StartLine, StartText};
                if self.unicode && !matches!(assertion.kind, StartLine | EndLine | StartText | EndText) {
                    return Err((assertion.span.start.offset, Flaw::Boundary));
                }
            }
            Ast::ClassUnicode(class) if self.folds() => {
                let at = class.span.start.offset;
                self.folding.class(class.is_negated()).map_err(|TooLarge| (at, Flaw::Folding))?;
            }
            Ast::ClassBracketed(class) if self.folds() => {
                let at = class.span.start.offset;
                self.folding.set(&class.kind).map_err(|TooLarge| (at, Flaw::Folding))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_post(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        if let (Ast::Group(_), Some((unicode, ignore_case))) = (ast, self.groups.last().copied()) {
            self.groups.pop();
            (self.unicode, self.ignore_case) = (unicode, ignore_case);
        }
        Ok(())
    }
}

/// The pattern asks for a line feed.
struct LineFeed;

/// The same, for matches within one line.
fn within_lines(hir: Hir) -> Result<Hir, LineFeed> {
    Ok(match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) if literal.0.contains(&b'\n') => return Err(LineFeed),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(Class::Bytes(mut class)) => {
            class.difference(&ClassBytes::new([ClassBytesRange::new(b'\n', b'\n')]));
            Hir::class(Class::Bytes(class))
        }
        HirKind::Class(Class::Unicode(mut class)) => {
            class.difference(&ClassUnicode::new([ClassUnicodeRange::new('\n', '\n')]));
            Hir::class(Class::Unicode(class))
        }
        HirKind::Look(Look::Start | Look::StartLF | Look::StartCRLF) => Hir::look(Look::StartLF),
        HirKind::Look(Look::End | Look::EndLF | Look::EndCRLF) => Hir::look(Look::EndLF),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(within_lines(*repetition.sub)?);
            Hir::repetition(repetition)
        }
        // What a group holds is not asked for.
        HirKind::Capture(capture) => within_lines(*capture.sub)?,
        HirKind::Concat(all) => Hir::concat(all.into_iter().map(within_lines).collect::<Result<_, _>>()?),
        HirKind::Alternation(all) => {
            Hir::alternation(all.into_iter().map(within_lines).collect::<Result<_, _>>()?)
        }
    })
}
