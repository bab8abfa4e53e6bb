//! The globs of the files that a token may see.
//!
//! A glob that begins with `pods/` and a whole namespace is also held against the names that pods
//! give their logs: `pods/shop/**` allows the logs of the namespace `shop`, whose files begin with
//! `pods/shop_`. Other globs are not: `**/app` does not allow every container of that name, and
//! `pods/*/nginx/*` allows what it has always allowed.

use crate::query::glob::{Globs, GlobsError};
use crate::query::pods::{self, Alias};

/// Globs of which one has to match.
#[derive(Debug)]
pub struct FileGlobs {
    names: Globs,
    /// Those that name a namespace, if there are any.
    pods: Option<Globs>,
}

impl FileGlobs {
    /// Reads globs. `what` says in an error what they are.
    pub(super) fn parse(what: &str, globs: &[&[u8]]) -> Result<FileGlobs, GlobsError> {
        let of_pods = || globs.iter().copied().filter(|glob| names_namespace(glob));
        let pods = of_pods().next().map(|_| Globs::parse(what, of_pods())).transpose()?;
        Ok(FileGlobs { names: Globs::parse(what, globs.iter().copied())?, pods })
    }

    /// Whether the file of this name is allowed.
    pub(super) fn sees(&self, name: &[u8]) -> bool {
        let by_pod = |globs: &Globs| pods::selects(name, |name| globs.is_match(name));
        self.names.is_match(name) || self.pods.as_ref().is_some_and(by_pod)
    }

    /// Whether a file below this directory may be allowed.
    pub(super) fn may_see_below(&self, dir: &[u8]) -> bool {
        let by_pod = |globs: &Globs| {
            pods::may_select_below(dir, |name| globs.is_match(name), |dir| globs.may_match_below(dir))
        };
        self.names.may_match_below(dir) || self.pods.as_ref().is_some_and(by_pod)
    }

    /// Whether a file to which this alias leads may be allowed.
    pub(super) fn may_see_by(&self, alias: &Alias<'_>) -> bool {
        let container = alias.container_alias();
        let by_pod = |globs: &Globs| globs.is_match(&container) || globs.may_match_below(&container);
        self.names.may_match_from(&alias.dirs()) || self.pods.as_ref().is_some_and(by_pod)
    }

    /// Bytes of memory that they take.
    pub(super) fn size(&self) -> usize {
        self.names.size() + self.pods.as_ref().map_or(0, Globs::size)
    }
}

/// Whether a glob begins with `pods/` and a namespace that is written whole. Braces may hold several
/// of them, and a slash, so the namespace ends at the first slash outside of braces.
fn names_namespace(glob: &[u8]) -> bool {
    let Some(below) = glob.strip_prefix(pods::BEGINNING) else { return false };
    let mut depth = 0_usize;
    for byte in below {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b'/' if depth == 0 => return true,
            // A name has no backslash, and behind one a brace is no brace.
            b'*' | b'?' | b'[' | b'\\' => return false,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::glob::Glob;
    use proptest::prelude::*;

    /// Whether one glob allows one file, said in another way.
    fn allows(glob: &str, name: &str) -> bool {
        let glob_matches = |name: &str| Glob::parse(glob.as_bytes()).unwrap().is_match(name.as_bytes());
        let Some(pod) = name.strip_prefix("pods/").and_then(|below| below.split('/').next()) else {
            return glob_matches(name);
        };
        let [namespace, pod_name, _uid] = pod.split('_').collect::<Vec<_>>()[..] else {
            return glob_matches(name);
        };
        let readable = name.replacen(pod, &format!("{namespace}/{pod_name}"), 1);
        let container: String = readable.split('/').take(4).collect::<Vec<_>>().join("/");
        let by_pod = readable.split('/').count() >= 4 && glob_matches(&container) || glob_matches(&readable);
        let namespace = glob.strip_prefix("pods/").and_then(|below| below.split('/').next());
        glob_matches(name) || namespace.is_some_and(|part| !part.contains(['*', '?', '['])) && by_pod
    }

    fn names() -> impl Strategy<Value = String> {
        "(pods|pod)/[ab]{1,2}(_[ab]){2}/(app|x)/([0-2]\\.log|[0-2]\\.log\\.gz|y/0\\.log)|pods/[ab]/[ab]/(app|x)(/0\\.log)?|[abx]\\.log"
    }

    fn globs() -> impl Strategy<Value = String> {
        "pods/[ab*?]{1,2}(_[ab*]){0,2}(/[abx*]{1,2}|/\\*\\*|/app){1,3}|pods/\\*\\*|\\*\\*/app|\\*\\*/[x*?]|\\*/\\*/\\*/\\*|[abx*]\\.log|\\{pods,x\\}/a/\\*\\*"
    }

    proptest! {
        #[test]
        fn a_file_is_allowed_by_each_of_its_names_and_by_no_other(
            globs in prop::collection::vec(globs(), 0..4),
            names in prop::collection::vec(names(), 1..8),
        ) {
            let parsed: Vec<&[u8]> = globs.iter().map(String::as_bytes).collect();
            let parsed = FileGlobs::parse("files", &parsed).unwrap();
            for name in &names {
                let expected = globs.iter().any(|glob| allows(glob, name));
                prop_assert_eq!(parsed.sees(name.as_bytes()), expected, "{} {:?}", name, globs);
                if expected {
                    for (at, _) in name.match_indices('/') {
                        prop_assert!(parsed.may_see_below(&name.as_bytes()[..at]), "{} {:?}", name, globs);
                    }
                    if let Some(alias) = pods::alias(name.as_bytes()) {
                        prop_assert!(parsed.may_see_by(&Alias::parse(&alias).unwrap()), "{} {:?}", name, globs);
                    }
                }
            }
        }
    }

    #[test]
    fn only_globs_with_a_whole_namespace_are_held_against_aliases() {
        let log: &[u8] = b"pods/shop_web-0_6f1c/app/0.log";
        let sees = |glob: &str| FileGlobs::parse("files", &[glob.as_bytes()]).unwrap().sees(log);
        for (glob, expected) in [
            ("pods/shop_*/**", true),
            ("pods/shop/**", true),
            ("pods/shop/web-0/app", true),
            ("pods/*/*/app", false),
            ("pods/*/web-0/*", false),
            ("pods/shop*/**", true),
            ("pods/sho*/web-0/app", false),
            ("pods/sho?/**", false),
            ("pods/[s]hop/**", false),
            ("pods/{shop,x}/**", true),
            ("pods/{x/y,*}/web-0/app", false),
            ("pods/{x\\}/y,*}/web-0/app", false),
            ("pods/shop/*/app", true),
            ("pods/shop/web-0/app/0.log", true),
            ("pods/shop/web-0/*", true),
            ("pods/shop/web-0", false),
            ("pods/sho/**", false),
            ("pods/shop/web-0/app/previous", false),
            ("**/app", false),
            ("{pods,x}/shop/**", false),
            ("*/*/*/app", false),
        ] {
            assert_eq!(sees(glob), expected, "{glob}");
        }
    }
}
