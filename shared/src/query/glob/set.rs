//! Several globs that are matched together.

use super::{Builder, Glob, GlobError, parse, refusal};

/// The most globs of which a set is built. A set holds a name against all of them at once, in this
/// many passes at most, so it costs a few times what one glob costs.
const PASSES: usize = 4;

/// Why globs are no set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobsError {
    /// One of them is not valid.
    #[error("{0}")]
    Malformed(String),
    /// Together they would take too long to match.
    #[error("all globs together are too costly: use fewer or simpler ones")]
    TooCostly,
}

/// Globs of which one has to match.
#[derive(Debug)]
pub struct Globs(Vec<Glob>);

impl Globs {
    /// Reads globs. `name` says in an error what they are.
    pub fn parse<'g>(name: &str, globs: impl IntoIterator<Item = &'g [u8]>) -> Result<Globs, GlobsError> {
        let (mut done, mut built) = (Vec::new(), Builder::new());
        for glob in globs {
            let malformed = |error: GlobError| GlobsError::Malformed(refusal(name, glob, &error));
            let (alternatives, classes) = parse::alternatives(glob).map_err(malformed)?;
            if built.is_full_for(&alternatives) && built.len > 0 {
                done.push(std::mem::replace(&mut built, Builder::new()).finish());
            }
            if done.len() == PASSES {
                return Err(GlobsError::TooCostly);
            }
            built.add_all((alternatives, classes)).map_err(malformed)?;
        }
        done.push(built.finish());
        Ok(Globs(done))
    }

    /// Whether one of them matches all of `name`.
    pub fn is_match(&self, name: &[u8]) -> bool {
        self.0.iter().any(|glob| glob.is_match(name))
    }

    /// Whether a name below the directory `dir` can match.
    pub fn may_match_below(&self, dir: &[u8]) -> bool {
        self.0.iter().any(|glob| glob.may_match_below(dir))
    }

    /// Whether a name that begins with these bytes can match.
    pub fn may_match_from(&self, beginning: &[u8]) -> bool {
        self.0.iter().any(|glob| glob.may_match_from(beginning))
    }

    /// Bytes of memory that they take.
    pub fn size(&self) -> usize {
        self.0.iter().map(Glob::size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(globs: &[String]) -> Result<Globs, GlobsError> {
        Globs::parse("files", globs.iter().map(String::as_bytes))
    }

    proptest! {
        #[test]
        fn a_set_says_what_its_globs_say_one_by_one(
            globs in prop::collection::vec("[ab/*?]{1,6}|\\[a-b\\]\\*|\\{a,b/\\*\\*\\}|\\*\\*/[ab]", 0..8),
            long in prop::collection::vec("[ab]{200,300}", 0..8),
            names in prop::collection::vec("[ab/]{0,8}", 1..8),
        ) {
            let all: Vec<String> = globs.into_iter().chain(long.iter().cloned()).collect();
            let together = set(&all).unwrap();
            let alone: Vec<Glob> = all.iter().map(|glob| Glob::parse(glob.as_bytes()).unwrap()).collect();
            for name in names.iter().chain(&long).map(String::as_bytes) {
                prop_assert_eq!(together.is_match(name), alone.iter().any(|glob| glob.is_match(name)));
                let below = alone.iter().any(|glob| glob.may_match_below(name));
                prop_assert_eq!(together.may_match_below(name), below);
                if together.is_match(name) {
                    prop_assert!((0..=name.len()).all(|len| together.may_match_from(&name[..len])));
                }
                let slash = [name, b"/"].concat();
                prop_assert_eq!(together.may_match_from(&slash), below);
            }
        }
    }

    #[test]
    fn a_set_has_a_bound() {
        let many = |n: usize| (0..n).map(|n| format!("{}{n}", "x".repeat(240))).collect::<Vec<_>>();
        assert!(set(&many(16)).is_ok());
        assert_eq!(set(&many(17)).unwrap_err(), GlobsError::TooCostly);
        assert!(set(&many(16)).unwrap().size() < 200_000);
        assert!(set(&["a".to_owned()]).unwrap().size() < 4_000, "a short glob is small");
        let why = set(&["a".to_owned(), "{".to_owned()]).unwrap_err().to_string();
        assert!(why.starts_with("files is \"{\": its braces do not match"), "{why}");
        assert!(!set(&[]).unwrap().is_match(b""));
    }
}
