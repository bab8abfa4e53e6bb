//! Sizes on the command line, as in `100MiB`.

/// The units, with their bytes.
const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];

/// The smallest size: less than a message would make a file of each.
const LEAST: u64 = 1 << 10;

/// Bytes. The error says how to write them.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let unit = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)));
    let bytes = unit.and_then(|(number, bytes)| number.trim_end().parse::<u64>().ok()?.checked_mul(*bytes));
    bytes.filter(|bytes| *bytes >= LEAST).ok_or_else(|| "write it as in 100MiB, at least 1KiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        for (text, bytes) in
            [("100MiB", 100 << 20), ("1 GiB", 1 << 30), ("64KiB", 65536), ("70000", 70000), ("1024", 1024)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for bad in ["", "MiB", "1.5MiB", "-1", "1MB", "1mib", "99999999999GiB", "0", "1023"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
