//! The zone of this host. It is looked up only once, because that reads files, and nothing may
//! block while answers are made.

use crate::nearest::nearest;
use crate::text::quoted;
use jiff::tz::{self, TimeZone};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::OnceLock;

/// The zone, and the warning if it is not the one that was meant.
static SYSTEM: OnceLock<(TimeZone, Option<String>)> = OnceLock::new();

/// The file that names the zone of a host, unless `TZ` is set.
const LOCALTIME: &str = "/etc/localtime";

/// The zone of this host. Programs call [`zone_warning`] at their start, so that it is known here.
pub fn zone() -> TimeZone {
    system().0.clone()
}

/// Looks up the zone of this host, if that has not been done yet. If the zone cannot be found,
/// returns a warning: why times without a zone may be wrong, and what to do.
pub fn zone_warning() -> Option<&'static str> {
    system().1.as_deref()
}

fn system() -> &'static (TimeZone, Option<String>) {
    SYSTEM.get_or_init(|| match TimeZone::try_system() {
        Ok(zone) => (zone, None),
        Err(_) => (TimeZone::UTC, warning(env::var_os("TZ").as_deref(), Path::new(LOCALTIME))),
    })
}

/// The warning about a zone that could not be found. `None` if the zone is UTC anyway: by its name,
/// or because no zone is set, as in most containers.
fn warning(variable: Option<&OsStr>, localtime: &Path) -> Option<String> {
    let what = if let Some(name) = variable {
        if name.to_str().is_some_and(is_utc) {
            return None;
        }
        let meant = name.to_str().and_then(meant).map(|name| format!(" (did you mean {name}?)"));
        let meant = meant.unwrap_or_default();
        format!("TZ is {}, which is not a known time zone{meant}", quoted(name.as_bytes()))
    } else {
        #[expect(clippy::disallowed_methods, reason = "asked once, at the start")]
        let is_there = fs::symlink_metadata(localtime).is_ok();
        let target = fs::read_link(localtime).ok();
        if !is_there || target.as_deref().and_then(Path::to_str).is_some_and(is_utc) {
            return None;
        }
        format!("{} leads to no time zone", localtime.display())
    };
    let remedy = if tz::db().available().next().is_none() {
        "there is no time zone database: install tzdata, or mount the host's /usr/share/zoneinfo"
    } else {
        "set TZ to a name such as Europe/Berlin, without quotes or blanks"
    };
    Some(format!("{what}, so times that carry no zone are read as UTC, and may be wrong by hours: {remedy}"))
}

/// The zone that was probably meant by an unknown name.
fn meant(name: &str) -> Option<String> {
    // The name may be written as in a file of variables, with quotes or blanks.
    let name = name.trim().trim_start_matches("TZ=").trim_matches(['"', '\'', ':', ' ']);
    let known: Vec<String> = tz::db().available().map(|known| known.to_string()).collect();
    nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
}

/// Whether this is a name of UTC, or a path to its zone file.
fn is_utc(name: &str) -> bool {
    let name = name.rsplit_once("zoneinfo/").map_or(name, |(_, name)| name).trim_start_matches(':');
    let name = name.strip_prefix("Etc/").unwrap_or(name);
    matches!(
        name,
        "" | "UTC" | "UCT" | "Universal" | "Zulu" | "GMT" | "GMT0" | "GMT+0" | "GMT-0" | "Greenwich"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_is_not_known_is_told_unless_it_is_utc_anyway() {
        let none = Path::new("/nowhere/localtime");
        for name in ["Foo/Bar", "TZ=America/Chicago", "Europe/Berlin ", "Europe/Pariss", "\"UTC\"", " "] {
            let told = warning(Some(name.as_ref()), none).unwrap();
            assert!(told.contains("TZ is") && told.contains("UTC") && !told.contains('\n'), "{told}");
        }
        for (name, meant) in [
            ("TZ=America/Chicago", "America/Chicago"),
            ("\"Europe/Berlin\" ", "Europe/Berlin"),
            ("Europe/Pariss", "Europe/Paris"),
            ("europe/madird", "Europe/Madrid"),
        ] {
            // Where there is no database of zones there is nothing to suggest.
            let is_known = tz::db().get(meant).is_ok();
            let told = warning(Some(name.as_ref()), none).unwrap();
            assert_eq!(told.contains(&format!("did you mean {meant}?")), is_known, "{told}");
        }
        assert!(!warning(Some("Foo/Bar".as_ref()), none).unwrap().contains("did you mean"));
        for name in ["UTC", "Etc/UTC", ":Etc/UTC", "GMT", "Zulu", "/usr/share/zoneinfo/Etc/UTC"] {
            assert_eq!(warning(Some(name.as_ref()), none), None, "{name}");
        }
        assert_eq!(warning(None, none), None, "nobody has said otherwise");
    }

    #[test]
    fn a_localtime_that_leads_nowhere_is_told_unless_it_is_utc_anyway() {
        let dir = env::temp_dir().join(format!("backscroll-localtime-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let link = |name: &str, target: &str| {
            let link = dir.join(name);
            std::os::unix::fs::symlink(target, &link).unwrap();
            warning(None, &link)
        };
        let told = link("a", "/usr/share/zoneinfo/Nowhere/Town").unwrap();
        assert!(told.contains("leads to no time zone"), "{told}");
        assert!(link("b", "/nowhere/at/all").is_some());
        assert_eq!(link("c", "../usr/share/zoneinfo/Etc/UTC"), None);
        #[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
        fs::write(dir.join("d"), b"no zone").unwrap();
        assert!(warning(None, &dir.join("d")).is_some());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_name_that_is_no_text_is_told() {
        assert!(warning(Some(OsStr::from_bytes(b"\xff")), Path::new("/nowhere")).is_some());
    }
}
