//! Parses the text of a glob into its alternatives.

use super::{GlobError, STATES};
use std::ops::RangeInclusive;

/// The most pairs of braces, and how deep they may be nested.
pub(super) const BRACES: usize = 64;
pub(super) const DEPTH: usize = 8;

/// A piece of a glob.
#[derive(Debug, Clone)]
enum Token {
    Unit(Unit),
    Either(Vec<Vec<Token>>),
}

/// What an alternative is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Byte(u8),
    /// `?`
    Any,
    /// A class, by its number.
    Class(usize),
    Star,
    /// `**` as written. Two stars that only meet because the braces between them are empty are not
    /// this.
    TwoStars,
}

pub(super) type Class = [bool; 256];

/// Reads a glob. Returns its alternatives, and the classes to which they refer by number.
pub(super) fn alternatives(glob: &[u8]) -> Result<(Vec<Vec<Unit>>, Vec<Class>), GlobError> {
    let mut parser = Parser { rest: glob, classes: Vec::new(), braces: 0 };
    let tokens = parser.sequence(0)?;
    Ok((expand(&tokens)?, parser.classes))
}

struct Parser<'a> {
    rest: &'a [u8],
    classes: Vec<Class>,
    braces: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Reads to the end of the glob. Inside braces, reads up to the comma or the brace that ends
    /// the branch, and leaves that.
    fn sequence(&mut self, depth: usize) -> Result<Vec<Token>, GlobError> {
        let mut tokens = Vec::new();
        while let Some(byte) = self.rest.first().copied() {
            if depth > 0 && matches!(byte, b',' | b'}') {
                break;
            }
            self.next();
            let unit = match byte {
                b'?' => Unit::Any,
                b'*' => {
                    let more = self.rest.iter().take_while(|byte| **byte == b'*').count();
                    self.rest = &self.rest[more..];
                    if more == 1 { Unit::TwoStars } else { Unit::Star }
                }
                b'[' => self.class()?,
                b'\\' => Unit::Byte(self.next().ok_or(GlobError::LoneBackslash)?),
                b'}' => return Err(GlobError::OddBraces),
                b'{' => {
                    tokens.push(self.either(depth + 1)?);
                    continue;
                }
                byte => Unit::Byte(byte),
            };
            tokens.push(Token::Unit(unit));
        }
        Ok(tokens)
    }

    fn either(&mut self, depth: usize) -> Result<Token, GlobError> {
        self.braces += 1;
        if self.braces > BRACES || depth > DEPTH {
            return Err(GlobError::TooCostly);
        }
        let mut branches = Vec::new();
        loop {
            branches.push(self.sequence(depth)?);
            match self.next() {
                Some(b',') => {}
                Some(_) => return Ok(Token::Either(branches)),
                None => return Err(GlobError::OddBraces),
            }
        }
    }

    fn class(&mut self) -> Result<Unit, GlobError> {
        let negated = matches!(self.rest.first(), Some(b'!' | b'^'));
        if negated {
            self.next();
        }
        let mut class = [false; 256];
        let mut is_first = true;
        loop {
            let byte = self.next().ok_or(GlobError::OpenClass)?;
            if byte == b']' && !is_first {
                break;
            }
            is_first = false;
            if !byte.is_ascii() {
                return Err(GlobError::WideClass);
            }
            if byte == b'['
                && let Some((name, is_member)) =
                    NAMED.iter().find(|(name, _)| self.rest.starts_with(name.as_bytes()))
            {
                self.rest = &self.rest[name.len()..];
                (0..128_u8).filter(is_member).for_each(|byte| class[usize::from(byte)] = true);
                continue;
            }
            let last = match self.rest {
                [b'-', b']', ..] | [] => byte,
                [b'-', last, ..] => {
                    let last = *last;
                    self.rest = &self.rest[2..];
                    last
                }
                _ => byte,
            };
            if !last.is_ascii() {
                return Err(GlobError::WideClass);
            }
            let range: RangeInclusive<u8> = byte..=last;
            if range.is_empty() {
                return Err(GlobError::EmptyRange(byte.into(), last.into()));
            }
            range.for_each(|byte| class[usize::from(byte)] = true);
        }
        if negated {
            class = class.map(|is_member| !is_member);
        }
        class[usize::from(b'/')] = false;
        self.classes.push(class);
        Ok(Unit::Class(self.classes.len() - 1))
    }
}

type IsMember = fn(&u8) -> bool;

/// The named classes that may stand inside a class, without the first bracket.
const NAMED: [(&str, IsMember); 12] = [
    (":alnum:]", u8::is_ascii_alphanumeric),
    (":alpha:]", u8::is_ascii_alphabetic),
    (":blank:]", |byte| matches!(byte, b' ' | b'\t')),
    (":cntrl:]", u8::is_ascii_control),
    (":digit:]", u8::is_ascii_digit),
    (":graph:]", u8::is_ascii_graphic),
    (":lower:]", u8::is_ascii_lowercase),
    (":print:]", |byte| matches!(byte, b' '..=b'~')),
    (":punct:]", u8::is_ascii_punctuation),
    (":space:]", |byte| matches!(byte, b' ' | b'\t'..=b'\r')),
    (":upper:]", u8::is_ascii_uppercase),
    (":xdigit:]", u8::is_ascii_hexdigit),
];

/// Expands all braces into alternatives.
fn expand(tokens: &[Token]) -> Result<Vec<Vec<Unit>>, GlobError> {
    let mut all: Vec<Vec<Unit>> = vec![Vec::new()];
    for token in tokens {
        match token {
            Token::Unit(unit) => {
                within(states(&all) + all.len())?;
                for one in &mut all {
                    one.push(*unit);
                }
            }
            Token::Either(branches) => {
                let mut ends = Vec::new();
                for branch in branches {
                    ends.append(&mut expand(branch)?);
                    within(states(&ends))?;
                }
                // Checked before they are built, so that a costly glob costs nothing.
                within(units(&all) * ends.len() + units(&ends) * all.len() + all.len() * ends.len())?;
                let pairs =
                    all.iter().flat_map(|begin| ends.iter().map(move |end| [&begin[..], end].concat()));
                all = pairs.collect();
            }
        }
    }
    Ok(all)
}

fn units(alternatives: &[Vec<Unit>]) -> usize {
    alternatives.iter().map(Vec::len).sum()
}

fn states(alternatives: &[Vec<Unit>]) -> usize {
    units(alternatives) + alternatives.len()
}

fn within(states: usize) -> Result<(), GlobError> {
    if states <= STATES { Ok(()) } else { Err(GlobError::TooCostly) }
}
