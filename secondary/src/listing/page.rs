//! A page of a listing: the first files by name after a given name, as many as fit. So the memory
//! that a walk needs does not depend on the number of files.

use backscroll_shared::query::pods;
use backscroll_shared::wire::accept::ListFormat;
use base64::Engine as _;
use jiff::Timestamp;
use rustix::fs::Stat;
use std::ops::Range;

/// Bytes of the names on a page. On most hosts all names fit one page. A listing of several pages
/// needs a walk for each.
pub(super) const PAGE_BYTES: usize = if cfg!(test) { 40 } else { 1 << 20 };

/// A page, while files are collected for it and while they are written.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The page holds names that come after this one.
    after: Vec<u8>,
    names: Vec<u8>,
    entries: Vec<Entry>,
    /// The first name that did not fit, if any. It and the names after it belong to later pages.
    until: Option<Vec<u8>>,
    /// Index of the next entry to write.
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
    /// An empty page for the names after this one. All names come after the empty name.
    pub(super) fn after(name: &[u8]) -> Page {
        Page { after: name.to_vec(), ..Page::default() }
    }

    /// Whether this is the first page of a listing.
    pub(super) fn is_first(&self) -> bool {
        self.after.is_empty()
    }

    /// Whether a file of this name belongs on the page, as far as that is known during the walk.
    pub(super) fn wants(&self, name: &[u8]) -> bool {
        name > &self.after[..] && self.until.as_ref().is_none_or(|until| name < &until[..])
    }

    /// Whether a file below this directory may belong on the page, as far as is known.
    pub(super) fn wants_below(&self, dir: &[u8]) -> bool {
        // Only the names of files below the directory begin with its name and a slash.
        let below = [dir, b"/"].concat();
        (self.after < below || self.after.starts_with(&below))
            && self.until.as_ref().is_none_or(|until| below < *until)
    }

    /// Adds a file that the page [wants](Page::wants).
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

    /// Called when the walk has seen all files.
    pub(super) fn finish(&mut self) {
        self.cut();
    }

    /// Sorts the entries, and keeps those that fit.
    fn cut(&mut self) {
        let names = &self.names;
        self.entries.sort_unstable_by(|a, b| names[a.range()].cmp(&names[b.range()]));
        let mut bytes = 0;
        let fitting = self.entries.iter().take_while(|entry| {
            bytes += entry.range().len();
            bytes <= PAGE_BYTES
        });
        // Keep at least one, or the next page would begin where this one does.
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

    /// Whether no file is left for another page.
    pub(super) fn is_last(&self) -> bool {
        self.until.is_none()
    }

    /// Writes the next file and returns its name; `None` when all have been written.
    /// `with_alias`: also the alias that may lead to it, where it has one and the format takes it.
    pub(super) fn write_next(
        &mut self,
        format: ListFormat,
        with_alias: bool,
        out: &mut Vec<u8>,
    ) -> Option<&[u8]> {
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
                let alias = pods::alias(name).filter(|_| with_alias);
                let (key, name) = match std::str::from_utf8(name) {
                    Ok(name) => ("name", name.to_owned()),
                    Err(_) => ("name_base64", base64::engine::general_purpose::STANDARD.encode(name)),
                };
                let mut object = serde_json::json!({
                    key: name, "size": entry.size, "modified": modified.to_string()
                });
                if let Some(alias) = alias {
                    object["alias"] = String::from_utf8_lossy(&alias).into();
                }
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
                while let Some(name) = page.write_next(ListFormat::Text, true, &mut Vec::new()) {
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
