//! Every place at which a keyword stands, overlapping ones included.

use memchr::memmem::Finder;

/// The keyword, and how much of it stands again at its own end: what overlaps.
#[derive(Debug)]
pub(crate) struct Keyword {
    finder: Finder<'static>,
    /// For each prefix the length of its longest proper prefix that is also its suffix
    /// (Knuth, Morris and Pratt, 1977).
    borders: Vec<usize>,
}

impl Keyword {
    pub(crate) fn new(needle: &[u8]) -> Keyword {
        let mut borders = vec![0; needle.len()];
        let mut border = 0;
        for at in 1..needle.len() {
            while border > 0 && needle[at] != needle[border] {
                border = borders[border - 1];
            }
            if needle[at] == needle[border] {
                border += 1;
            }
            borders[at] = border;
        }
        Keyword { finder: Finder::new(needle).into_owned(), borders }
    }

    pub(crate) fn len(&self) -> usize {
        self.borders.len()
    }

    /// Calls `found` with each place of the keyword in `bytes`, overlapping ones included,
    /// ascending, in linear time.
    pub(crate) fn each_in(&self, bytes: &[u8], mut found: impl FnMut(usize)) {
        let needle = self.finder.needle();
        let mut from = 0;
        while let Some(at) = self.finder.find(&bytes[from..]) {
            found(from + at);
            let mut next = from + at + needle.len();
            let mut matched = self.borders[needle.len() - 1];
            while matched > 0 && next < bytes.len() {
                while matched > 0 && needle[matched] != bytes[next] {
                    matched = self.borders[matched - 1];
                }
                if needle[matched] == bytes[next] {
                    matched += 1;
                }
                next += 1;
                if matched == needle.len() {
                    found(next - needle.len());
                    matched = self.borders[needle.len() - 1];
                }
            }
            from = next;
        }
    }
}
