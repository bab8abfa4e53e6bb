//! What was made, and what to do with it.

use super::files::Directory;
use super::{AUTHORITY, Authority, PRIMARY, PRIMARY_NAME, PRIMARY_SERVER, Subject};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write as _;

/// Where files are in the lines to copy.
const PLACE: &str = "/etc/backscroll";

fn date(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).date().to_string()
}

/// A line of the table.
fn line(out: &mut String, name: &str, what: &str) {
    let files = format!("{name}.pem, {name}.key");
    // Writing to a text does not fail.
    let _ = writeln!(out, "  {files:<40} {what}");
}

/// What was made by `certs init`.
pub(super) fn of_all(
    directory: &Directory,
    authority: &Authority,
    until: Timestamp,
    server: &Subject,
    secondaries: &[Subject],
) -> String {
    let mut out = format!("Made in {}, valid until {}:\n", directory.path().display(), date(until));
    line(&mut out, AUTHORITY, &format!("the private authority, valid until {}", date(authority.ends())));
    of_primary(&mut out, server);
    for secondary in secondaries {
        of_secondary(&mut out, secondary);
    }
    if !secondaries.is_empty() {
        for_secondaries(&mut out, secondaries);
    }
    for_primary(&mut out, secondaries);
    let _ = write!(
        out,
        "
Only you may read the keys: on each machine, give the key to the user that the program runs as.
Keep ca.key on none of these machines: whoever has it can make certificates that all of them
believe. `certs add` needs it for further hosts, and for new certificates before these expire.
"
    );
    out
}

/// What was made by `certs add`.
pub(super) fn of_more(
    directory: &Directory,
    until: Timestamp,
    server: Option<&Subject>,
    secondaries: &[Subject],
) -> String {
    let how = if directory.replaces() { "Made or replaced" } else { "Made" };
    let mut out = format!("{how} in {}, valid until {}:\n", directory.path().display(), date(until));
    if let Some(server) = server {
        of_primary(&mut out, server);
    }
    for secondary in secondaries {
        of_secondary(&mut out, secondary);
    }
    if !secondaries.is_empty() {
        for_secondaries(&mut out, secondaries);
    }
    out.push_str("\nPrograms that use them already read the new files within some seconds.\n");
    out
}

fn of_primary(out: &mut String, server: &Subject) {
    line(out, PRIMARY, &format!("shows secondaries that it is {PRIMARY_NAME}"));
    line(out, PRIMARY_SERVER, &format!("for {}", server.valid_for.join(", ")));
}

fn of_secondary(out: &mut String, secondary: &Subject) {
    line(out, &secondary.name, &format!("for {}", secondary.valid_for.join(", ")));
}

fn for_secondaries(out: &mut String, secondaries: &[Subject]) {
    let name = secondaries.first().map_or("NAME", |first| first.name.as_str());
    let _ = write!(
        out,
        "
Copy ca.pem and a secondary's own two files to its machine, to {PLACE} for example, and start it
with these flags:
  --tls-cert {PLACE}/{name}.pem --tls-key {PLACE}/{name}.key --tls-client-ca {PLACE}/ca.pem
"
    );
}

fn for_primary(out: &mut String, secondaries: &[Subject]) {
    let _ = write!(
        out,
        "
Copy ca.pem, {PRIMARY}.* and {PRIMARY_SERVER}.* to the machine of the primary, and start it with
these flags:
  --tls-cert {PLACE}/{PRIMARY_SERVER}.pem --tls-key {PLACE}/{PRIMARY_SERVER}.key
"
    );
    if !secondaries.is_empty() {
        let _ = writeln!(
            out,
            "  --secondary-ca {PLACE}/ca.pem --secondary-cert {PLACE}/{PRIMARY}.pem --secondary-key {PLACE}/{PRIMARY}.key"
        );
    }
    for secondary in secondaries {
        let address = secondary.valid_for.get(1).unwrap_or(&secondary.name);
        let host = if address.contains(':') { format!("[{address}]") } else { address.clone() };
        let _ = writeln!(out, "  --secondary {}=https://{host}:8001", secondary.name);
    }
    let _ = write!(
        out,
        "
People who ask the primary need ca.pem: curl --cacert ca.pem https://localhost:8000/hosts
"
    );
}
