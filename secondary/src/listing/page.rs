//! A page of a listing: the first files by name of those that come after a certain one, as many
//! as fit. How much memory a walk takes does not depend on how many files there are.

use backscroll_shared::wire::accept::ListFormat;
use base64::Engine as _;
use jiff::Timestamp;
use rustix::fs::Stat;
use std::ops::Range;

/// Bytes of the names on a page: all of them on most hosts. A listing that takes several pages is
/// walked through once for each.
pub(super) const PAGE_BYTES: usize = if cfg!(test) { 40 } else { 1 << 20 };

/// A page while it is collected, and afterwards.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Names that come later in the order.
    after: Vec<u8>,
    names: Vec<u8>,
    entries: Vec<Entry>,
    /// The first name that did not fit, once there is one: it and those after it are for later pages.
    until: Option<Vec<u8>>,
    /// The next entry to be written.
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    name: (u32, u32),
    size: u64,
    modified: i64,
}

impl Entry {
    fn range(self) -> Range<usize> {
        self.name.0 as usize..self.name.1 as usize
    }
}

impl Page {
    /// A page of the names after this one; all names come after the empty one.
    pub(super) fn after(name: &[u8]) -> Page {
        Page { after: name.to_vec(), ..Page::default() }
    }

    /// Whether it is a listing's first one.
    pub(super) fn is_first(&self) -> bool {
        self.after.is_empty()
    }

    /// Whether a file of this name would be on it, as far as is known.
    pub(super) fn wants(&self, name: &[u8]) -> bool {
        name > &self.after[..] && self.until.as_ref().is_none_or(|until| name < &until[..])
    }

    /// Whether a file below this directory would be.
    pub(super) fn wants_below(&self, dir: &[u8]) -> bool {
        // What is below it begins with its name and a slash, and nothing else does.
        let below = [dir, b"/"].concat();
        (self.after < below || self.after.starts_with(&below))
            && self.until.as_ref().is_none_or(|until| below < *until)
    }

    /// Takes a file that it wants.
    pub(super) fn add(&mut self, name: &[u8], stat: &Stat) {
        let from = narrow(self.names.len());
        self.names.extend_from_slice(name);
        self.entries.push(Entry {
            name: (from, narrow(self.names.len())),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: stat.st_mtime,
        });
        if self.names.len() > PAGE_BYTES + PAGE_BYTES / 4 {
            self.cut();
        }
    }

    /// All files have been seen.
    pub(super) fn finish(&mut self) {
        self.cut();
    }

    /// Sorts it, and keeps what fits.
    fn cut(&mut self) {
        let names = &self.names;
        self.entries.sort_unstable_by(|a, b| names[a.range()].cmp(&names[b.range()]));
        let mut bytes = 0;
        let fitting = self.entries.iter().take_while(|entry| {
            bytes += entry.range().len();
            bytes <= PAGE_BYTES
        });
        // At least one, or no page would come further than the one before.
        let kept = fitting.count().max(1);
        if let Some(first) = self.entries.get(kept) {
            self.until = Some(names[first.range()].to_vec());
            self.entries.truncate(kept);
            let mut names = Vec::with_capacity(PAGE_BYTES + PAGE_BYTES / 4);
            for entry in &mut self.entries {
                let from = narrow(names.len());
                names.extend_from_slice(&self.names[entry.range()]);
                entry.name = (from, narrow(names.len()));
            }
            self.names = names;
        }
    }

    /// Whether there are files for another page.
    pub(super) fn is_last(&self) -> bool {
        self.until.is_none()
    }

    /// Writes the next file, and says its name; nothing once all have been written.
    pub(super) fn write_next(&mut self, format: ListFormat, out: &mut Vec<u8>) -> Option<&[u8]> {
        let entry = self.entries.get(self.next)?;
        self.next += 1;
        let name = &self.names[entry.range()];
        let modified = Timestamp::from_second(entry.modified).unwrap_or(Timestamp::UNIX_EPOCH);
        match format {
            ListFormat::Text => {
                out.extend_from_slice(format!("{}\t{modified}\t", entry.size).as_bytes());
                out.extend_from_slice(name);
                out.push(b'\n');
            }
            ListFormat::Json => {
                let (key, name) = match std::str::from_utf8(name) {
                    Ok(name) => ("name", name.to_owned()),
                    Err(_) => ("name_base64", base64::engine::general_purpose::STANDARD.encode(name)),
                };
                let object = serde_json::json!({
                    key: name, "size": entry.size, "modified": modified.to_string()
                });
                out.extend_from_slice(object.to_string().as_bytes());
            }
        }
        Some(name)
    }
}

fn narrow(at: usize) -> u32 {
    u32::try_from(at).expect("a page is far smaller than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stat() -> Stat {
        rustix::fs::fstat(tempfile::tempfile().unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn page_after_page_every_name_comes_once_and_in_order(
            names in prop::collection::btree_set("[ab./]{1,20}|[c-z]{50}", 0..60),
            order in any::<prop::sample::Index>(),
        ) {
            let stat = stat();
            let mut shuffled: Vec<&String> = names.iter().collect();
            shuffled.rotate_left(if names.is_empty() { 0 } else { order.index(names.len()) });
            let (mut told, mut last) = (Vec::new(), Vec::new());
            loop {
                let mut page = Page::after(&last);
                for name in &shuffled {
                    if let Some((dir, _)) = name.rsplit_once('/')
                        && !page.wants_below(dir.as_bytes())
                    {
                        prop_assert!(!page.wants(name.as_bytes()), "{} below {} of {:?}", name, dir, page);
                    }
                    if page.wants(name.as_bytes()) {
                        page.add(name.as_bytes(), &stat);
                        prop_assert!(page.names.len() <= PAGE_BYTES + PAGE_BYTES / 4 + 50);
                    }
                }
                page.finish();
                while let Some(name) = page.write_next(ListFormat::Text, &mut Vec::new()) {
                    last = name.to_vec();
                    told.push(String::from_utf8(last.clone()).unwrap());
                }
                if page.is_last() {
                    break;
                }
            }
            prop_assert!(told.iter().eq(names.iter()), "{:?}", told);
        }
    }
}
