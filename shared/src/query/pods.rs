//! Names of the logs of Kubernetes' pods. Their files have the pod's UID and a number in their
//! names, and a person knows neither:
//!
//! ```text
//! pods/NAMESPACE_POD_UID/CONTAINER/N.log   the file, as kubelet names it; N counts the restarts
//! pods/NAMESPACE/POD/CONTAINER             its alias: the newest log of that container
//! pods/NAMESPACE/POD/CONTAINER/previous    the log of the run before
//! ```
//!
//! From a file to its alias the text is enough. From an alias to its file it takes the directory, so
//! only a secondary can go that way.
//!
//! Kubernetes allows no `_` in names of namespaces and pods, nor in UIDs (a static pod's is a hash),
//! so a directory's name has one meaning. The layout is that of `BuildPodLogsDirectory` and
//! `buildContainerLogsPath` in kubelet's `pkg/kubelet/kuberuntime/helpers.go`.

/// What names of pods' logs begin with.
pub const BEGINNING: &[u8] = b"pods/";

/// The last part of the alias for the log of the run before.
const PREVIOUS: &[u8] = b"previous";

/// Parts of the alias of a container.
const PARTS: usize = 4;

/// Whether the bytes are a name as Kubernetes gives them.
fn is_name(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
}

fn is_uid(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// The number of a log `N.log`: how often its container had been restarted.
pub fn number(file: &[u8]) -> Option<u64> {
    let digits = file.strip_suffix(b".log")?;
    let is_plain =
        digits.iter().all(u8::is_ascii_digit) && (digits.len() == 1 || digits.first() != Some(&b'0'));
    std::str::from_utf8(digits).ok().filter(|_| is_plain)?.parse().ok()
}

/// The name with its pod in two parts: `pods/NAMESPACE/POD/rest` for `pods/NAMESPACE_POD_UID/rest`.
/// None for other names.
pub fn readable(name: &[u8]) -> Option<Vec<u8>> {
    let below = name.strip_prefix(BEGINNING)?;
    let end = memchr::memchr(b'/', below).unwrap_or(below.len());
    let (pod, rest) = below.split_at(end);
    let mut parts = pod.split(|b| *b == b'_');
    let (namespace, pod, uid) = (parts.next()?, parts.next()?, parts.next()?);
    let is_pod = parts.next().is_none() && is_name(namespace) && is_name(pod) && is_uid(uid);
    is_pod.then(|| [BEGINNING, namespace, b"/", pod, rest].concat())
}

/// The alias of the container to which this readable name belongs, or whose directory it is.
fn container(readable: &[u8]) -> Option<&[u8]> {
    let mut slashes = memchr::memchr_iter(b'/', readable);
    slashes.nth(PARTS - 2)?;
    Some(&readable[..slashes.next().unwrap_or(readable.len())])
}

/// Whether the file is selected by a name that its pod gives it: its readable name, or the alias of
/// its container.
pub fn selects(name: &[u8], selected: impl Fn(&[u8]) -> bool) -> bool {
    let Some(readable) = readable(name) else { return false };
    selected(&readable) || container(&readable).is_some_and(selected)
}

/// Whether a file below this directory can be selected so. `below` says it of what lies below a
/// directory.
pub fn may_select_below(dir: &[u8], selected: impl Fn(&[u8]) -> bool, below: impl Fn(&[u8]) -> bool) -> bool {
    let Some(readable) = readable(dir) else { return false };
    below(&readable) || container(&readable).is_some_and(selected)
}

/// The alias that may lead to this file. None where it is no log of a container.
pub fn alias(name: &[u8]) -> Option<Vec<u8>> {
    let mut readable = readable(name)?;
    let container = container(&readable)?.len();
    number(readable.get(container + 1..)?)?;
    readable.truncate(container);
    Some(readable)
}

/// An alias that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias<'n> {
    namespace: &'n [u8],
    pod: &'n [u8],
    /// The container, which is also the name of its directory.
    pub container: &'n [u8],
    /// Whether the log of the run before is asked for.
    pub is_previous: bool,
}

impl<'n> Alias<'n> {
    /// The alias, if the name is one by its form. A file of that name comes first.
    pub fn parse(name: &'n [u8]) -> Option<Alias<'n>> {
        let mut parts = name.strip_prefix(BEGINNING)?.split(|b| *b == b'/');
        let (namespace, pod, container) = (parts.next()?, parts.next()?, parts.next()?);
        let is_previous = match parts.next() {
            None => false,
            Some(PREVIOUS) if parts.next().is_none() => true,
            Some(_) => return None,
        };
        let are_names = [namespace, pod, container].into_iter().all(is_name);
        are_names.then_some(Alias { namespace, pod, container, is_previous })
    }

    /// What the names of the pod's directories begin with. Only the UID follows.
    pub fn dirs(&self) -> Vec<u8> {
        [BEGINNING, self.namespace, b"_", self.pod, b"_"].concat()
    }

    /// Whether this is a directory of the pod, by its name.
    pub fn is_dir(&self, name: &[u8]) -> bool {
        name.strip_prefix(&self.dirs()[..]).is_some_and(is_uid)
    }

    /// The alias of the container.
    pub fn container_alias(&self) -> Vec<u8> {
        [BEGINNING, self.namespace, b"/", self.pod, b"/", self.container].concat()
    }
}

#[cfg(test)]
mod tests;
