//! What it costs to add the other cases of the letters in a class of Unicode. The parser looks at
//! each character of the class, and once more for each class around it.

use regex_syntax::ast::{ClassSet, ClassSetBinaryOpKind, ClassSetItem};

/// Characters that are looked at for one pattern, at most: these take some tens of milliseconds.
const MOST: usize = 2 * ALL;

/// All characters of Unicode.
const ALL: usize = 0x11_0000;

/// Characters of the largest class with a name, about.
const NAMED: usize = 150_000;

/// The classes are too large to be folded.
pub(super) struct TooLarge;

/// Counts the characters that are looked at.
#[derive(Debug, Default)]
pub(super) struct Folding(usize);

impl Folding {
    /// A class with a name.
    pub(super) fn class(&mut self, is_negated: bool) -> Result<(), TooLarge> {
        self.add(named(is_negated))
    }

    /// A class in brackets.
    pub(super) fn set(&mut self, set: &ClassSet) -> Result<(), TooLarge> {
        let size = self.set_of(set)?;
        self.add(size)
    }

    fn add(&mut self, size: usize) -> Result<(), TooLarge> {
        self.0 += size;
        if self.0 > MOST { Err(TooLarge) } else { Ok(()) }
    }

    /// How many characters it has, at most. Adds what is looked at within it. The parser has bounded
    /// how deep classes lie in each other.
    fn set_of(&mut self, set: &ClassSet) -> Result<usize, TooLarge> {
        match set {
            ClassSet::Item(item) => self.item(item),
            ClassSet::BinaryOp(op) => {
                let (left, right) = (self.set_of(&op.lhs)?, self.set_of(&op.rhs)?);
                // Both sides are folded before they are compared.
                self.add(left + right)?;
                Ok(match op.kind {
                    ClassSetBinaryOpKind::Intersection => left.min(right),
                    ClassSetBinaryOpKind::Difference => left,
                    ClassSetBinaryOpKind::SymmetricDifference => (left + right).min(ALL),
                })
            }
        }
    }

    fn item(&mut self, item: &ClassSetItem) -> Result<usize, TooLarge> {
        Ok(match item {
            ClassSetItem::Empty(_) => 0,
            ClassSetItem::Literal(_) => 1,
            ClassSetItem::Ascii(class) if class.negated => ALL,
            ClassSetItem::Ascii(_) => 128,
            ClassSetItem::Range(range) => range.end.c as usize - range.start.c as usize + 1,
            ClassSetItem::Unicode(class) => {
                let size = named(class.is_negated());
                self.add(size)?;
                size
            }
            ClassSetItem::Perl(class) => named(class.negated),
            ClassSetItem::Bracketed(class) => {
                let size = self.set_of(&class.kind)?;
                self.add(size)?;
                if class.negated { ALL } else { size }
            }
            ClassSetItem::Union(union) => {
                let mut size = 0;
                for item in &union.items {
                    size += self.item(item)?;
                }
                size.min(ALL)
            }
        })
    }
}

fn named(is_negated: bool) -> usize {
    if is_negated { ALL } else { NAMED }
}
