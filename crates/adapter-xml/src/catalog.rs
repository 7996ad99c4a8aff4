//! The names of messages: which namespaces are known, and which versions the catalogue lists.
//!
//! A version later than the catalogue's is unknown; earlier ones are known, and so is any version of a name that the
//! catalogue lists without a schema.

/// What the namespace of every SPI message begins with.
const NAMESPACE_BASE: &str = "https://www.bcb.gov.br/pi/";

/// The messages of the catalogue, sorted.
const NAMES: [&str; 27] = [
    "admi.002", "admi.004", "camt.014", "camt.025", "camt.029", "camt.052", "camt.053", "camt.054",
    "camt.055", "camt.060", "pacs.002", "pacs.004", "pacs.008", "pain.009", "pain.011", "pain.012",
    "pain.013", "pain.014", "pibr.001", "pibr.002", "reda.014", "reda.016", "reda.017", "reda.022",
    "reda.031", "reda.041", "trck.002",
];

/// The message types of catalogue 5.13 that are enabled, sorted.
const TYPES: [&str; 11] = [
    "admi.002.spi.1.5",
    "admi.004.spi.1.2",
    "camt.052.spi.1.3",
    "camt.053.spi.1.4",
    "camt.054.spi.1.16",
    "camt.060.spi.1.9",
    "pacs.002.spi.1.17",
    "pacs.004.spi.1.5",
    "pacs.008.spi.1.16",
    "pibr.001.spi.1.3",
    "pibr.002.spi.1.3",
];

/// Most digits on either side of the dot of a version.
const VERSION_DIGITS_MAX: usize = 3;

/// The message types that the catalogue lists, sorted.
pub(crate) fn types() -> Vec<String> {
    TYPES.map(str::to_owned).to_vec()
}

/// Whether a version of a name can be: not later than the one that the catalogue lists.
fn is_known_version(name: &str, version: (u32, u32)) -> bool {
    let newest = TYPES.iter().find_map(|listed| listed.strip_prefix(name)?.strip_prefix(".spi."));
    newest.and_then(parse_version).is_none_or(|newest| version <= newest)
}

/// The message type that a namespace names: `https://www.bcb.gov.br/pi/pacs.008/1.16` is `pacs.008.spi.1.16`.
pub(crate) fn find_message_type(namespace: &str) -> Option<String> {
    let (name, version) = namespace.strip_prefix(NAMESPACE_BASE)?.split_once('/')?;
    let known = NAMES.binary_search(&name).is_ok() && is_known_version(name, parse_version(version)?);
    known.then(|| format!("{name}.spi.{version}"))
}

fn parse_version(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((parse_number(major)?, parse_number(minor)?))
}

fn parse_number(digits: &str) -> Option<u32> {
    let is_number =
        (1..=VERSION_DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_are_sorted() {
        assert!(NAMES.is_sorted());
        assert!(TYPES.is_sorted());
    }

    #[test]
    fn every_listed_type_is_of_a_known_name() {
        for listed in TYPES {
            let (name, version) = listed.split_once(".spi.").unwrap();
            assert_eq!(
                find_message_type(&format!("{NAMESPACE_BASE}{name}/{version}")).as_deref(),
                Some(listed)
            );
        }
    }

    #[test]
    fn other_namespaces_name_nothing() {
        for namespace in [
            "",
            "pacs.008.spi.1.1.xsd",
            "https://www.bcb.gov.br/pi/pacs.009/1.1",
            "https://www.bcb.gov.br/pi/pacs.008",
            "https://www.bcb.gov.br/pi/pacs.008/1",
            "https://www.bcb.gov.br/pi/pacs.008/1.17",
            "https://www.bcb.gov.br/pi/pacs.008/9.99",
            "https://www.bcb.gov.br/pi/pacs.008/1.",
            "https://www.bcb.gov.br/pi/pacs.008/1.16/",
            "https://www.bcb.gov.br/pi/pacs.008/1.1600",
            "https://www.bcb.gov.br/pi/pacs.008/1.1a",
            "https://www.bcb.gov.br/pi/pacs.008/+1.1",
            "http://www.bcb.gov.br/pi/pacs.008/1.16",
            " https://www.bcb.gov.br/pi/pacs.008/1.16",
        ] {
            assert_eq!(find_message_type(namespace), None, "{namespace}");
        }
    }
}
