//! `$` before the carriage return that ends a line.
//!
//! The return is matched by the pattern itself: `\r?` and then the end of the line. Most patterns
//! say nothing after `$`, and that is all. Where another assertion may come after `$`, as in `$^`,
//! it would look at the place behind the return. Such a pattern gets a second branch, with the
//! assertions before the return: `$` is true there, and nothing more is matched up to it.

use regex_syntax::hir::{Hir, HirKind, Look, Repetition};

/// Parts of a pattern that a second branch may have. Within counted repetitions, it grows fast.
const PARTS: usize = 10_000;

/// The second branch would be too large.
#[derive(Debug)]
pub(super) struct TooMany;

/// The same pattern, with each end of a line also before the carriage return that ends it. The ends
/// of lines in `hir` are all [`Look::EndLF`].
pub(super) fn before_return(hir: &Hir) -> Result<Hir, TooMany> {
    if is_plain(hir) {
        return Ok(with_return(hir));
    }
    let mut parts = PARTS;
    let Some(ended) = ended(hir, &mut parts)? else { return Ok(hir.clone()) };
    let ended = Hir::concat(vec![ended, Hir::literal(*b"\r"), Hir::look(Look::EndLF)]);
    Ok(Hir::alternation(vec![hir.clone(), ended]))
}

fn has_end(hir: &Hir) -> bool {
    hir.properties().look_set().contains(Look::EndLF)
}

/// Whether it asserts anything but ends.
fn has_other(hir: &Hir) -> bool {
    !hir.properties().look_set().remove(Look::EndLF).is_empty()
}

/// Whether no other assertion comes after an end.
fn is_plain(hir: &Hir) -> bool {
    if !has_end(hir) || !has_other(hir) {
        return true;
    }
    match hir.kind() {
        HirKind::Repetition(repetition) => repetition.max == Some(1) && is_plain(&repetition.sub),
        HirKind::Concat(all) => {
            let after = all.iter().skip_while(|part| !has_end(part)).skip(1);
            !after.into_iter().any(has_other) && all.iter().all(is_plain)
        }
        HirKind::Alternation(all) => all.iter().all(is_plain),
        _ => true,
    }
}

/// Each end with an optional return before it.
fn with_return(hir: &Hir) -> Hir {
    map_ends(hir, &|| Hir::concat(vec![repeat(Hir::literal(*b"\r"), 0, Some(1)), Hir::look(Look::EndLF)]))
}

fn map_ends(hir: &Hir, end: &dyn Fn() -> Hir) -> Hir {
    let all = |parts: &[Hir]| parts.iter().map(|part| map_ends(part, end)).collect();
    match hir.kind() {
        _ if !has_end(hir) => hir.clone(),
        HirKind::Look(_) => end(),
        HirKind::Repetition(Repetition { min, max, sub, .. }) => repeat(map_ends(sub, end), *min, *max),
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)),
        _ => hir.clone(),
    }
}

fn repeat(sub: Hir, min: u32, max: Option<u32>) -> Hir {
    Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(sub) })
}

/// What this matches if it matches nothing but the empty text, at a place where `$` is true. None if
/// it always matches more.
fn empty(hir: &Hir) -> Option<Hir> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(Look::EndLF) => Some(Hir::empty()),
        HirKind::Look(look) => Some(Hir::look(*look)),
        HirKind::Literal(_) | HirKind::Class(_) => None,
        HirKind::Repetition(repetition) if repetition.min == 0 => Some(Hir::empty()),
        HirKind::Repetition(repetition) => empty(&repetition.sub),
        HirKind::Capture(capture) => empty(&capture.sub),
        HirKind::Concat(all) => Some(Hir::concat(all.iter().map(empty).collect::<Option<_>>()?)),
        HirKind::Alternation(all) => {
            let all: Vec<Hir> = all.iter().filter_map(empty).collect();
            (!all.is_empty()).then(|| Hir::alternation(all))
        }
    }
}

/// What this matches if an end is asserted in it, and holds where the match ends. None if it has no
/// end.
fn ended(hir: &Hir, parts: &mut usize) -> Result<Option<Hir>, TooMany> {
    if !has_end(hir) {
        return Ok(None);
    }
    *parts = parts.checked_sub(1).ok_or(TooMany)?;
    Ok(match hir.kind() {
        HirKind::Look(_) => Some(Hir::empty()),
        HirKind::Repetition(Repetition { min, max, sub, .. }) => {
            if *max == Some(0) {
                return Ok(None);
            }
            let Some(last) = ended(sub, parts)? else { return Ok(None) };
            let before = |min: u32, less: u32| {
                repeat((**sub).clone(), min.saturating_sub(1), max.map(|max| max.saturating_sub(less)))
            };
            let all = Hir::concat(vec![before(*min, 1), last.clone()]);
            match empty(sub) {
                // The times that are missing match the empty text behind the end.
                Some(rest) if *min > 1 => {
                    *parts = parts.checked_sub(size(&last)).ok_or(TooMany)?;
                    Some(Hir::alternation(vec![all, Hir::concat(vec![before(0, 2), last, rest])]))
                }
                _ => Some(all),
            }
        }
        HirKind::Concat(all) => {
            let mut branches = Vec::new();
            for (at, part) in all.iter().enumerate() {
                let Some(last) = ended(part, parts)? else { continue };
                let Some(rest) = all[at + 1..].iter().map(empty).collect::<Option<Vec<Hir>>>() else {
                    continue;
                };
                *parts = parts.checked_sub(all.len()).ok_or(TooMany)?;
                let mut branch = all[..at].to_vec();
                branch.push(last);
                branch.extend(rest);
                branches.push(Hir::concat(branch));
            }
            (!branches.is_empty()).then(|| Hir::alternation(branches))
        }
        HirKind::Alternation(all) => {
            let mut branches = Vec::new();
            for part in all {
                branches.extend(ended(part, parts)?);
            }
            (!branches.is_empty()).then(|| Hir::alternation(branches))
        }
        _ => None,
    })
}

fn size(hir: &Hir) -> usize {
    1 + match hir.kind() {
        HirKind::Repetition(repetition) => size(&repetition.sub),
        HirKind::Concat(all) | HirKind::Alternation(all) => all.iter().map(size).sum(),
        _ => 0,
    }
}
