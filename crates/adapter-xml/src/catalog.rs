//! The names of messages: which type a namespace names, and which may pass without a schema.

/// What the namespace of every SPI message of today begins with.
const NAMESPACE_BASE: &str = "https://www.bcb.gov.br/pi/";
/// What the namespaces of the first catalogue ended with, which were the names of its files.
const FILE_SUFFIX: &str = ".xsd";
/// Most digits on either side of the dot of a version.
const VERSION_DIGITS_MAX: usize = 3;

/// The message type that a namespace names: `https://www.bcb.gov.br/pi/pacs.008/1.16` is `pacs.008.spi.1.16`, and so
/// was `pacs.008.spi.1.1.xsd` in the first catalogue.
pub(crate) fn find_message_type(namespace: &str) -> Option<String> {
    if let Some(rest) = namespace.strip_prefix(NAMESPACE_BASE) {
        let (name, version) = rest.split_once('/')?;
        return (is_name(name) && is_version(version)).then(|| format!("{name}.spi.{version}"));
    }
    let message_type = namespace.strip_suffix(FILE_SUFFIX)?;
    let (name, version) = message_type.split_once(".spi.")?;
    (is_name(name) && is_version(version)).then(|| message_type.to_owned())
}

/// Whether one of the patterns means a message type: its name (`camt.014`), itself (`camt.014.spi.1.2`), or with
/// `*` for the rest (`pain.*`).
pub(crate) fn is_meant(patterns: &[String], message_type: &str) -> bool {
    let name = message_type.split_once(".spi.").map_or(message_type, |(name, _)| name);
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => message_type.starts_with(start),
        None => pattern == name || pattern == message_type,
    })
}

/// `pacs.008`: an area of four letters and three digits, as ISO 20022 names its messages.
fn is_name(name: &str) -> bool {
    let [area @ .., b'.', a, b, c] = name.as_bytes() else { return false };
    area.len() == 4
        && area.iter().all(u8::is_ascii_lowercase)
        && [a, b, c].iter().all(|digit| digit.is_ascii_digit())
}

fn is_version(version: &str) -> bool {
    let is_number = |digits: &str| {
        (1..=VERSION_DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    };
    version.split_once('.').is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_of_both_catalogues_name_types() {
        for (namespace, message_type) in [
            ("https://www.bcb.gov.br/pi/pacs.008/1.16", "pacs.008.spi.1.16"),
            ("https://www.bcb.gov.br/pi/trck.002/1.0", "trck.002.spi.1.0"),
            ("pibr.001.spi.1.0.xsd", "pibr.001.spi.1.0"),
        ] {
            assert_eq!(find_message_type(namespace).as_deref(), Some(message_type));
        }
    }

    #[test]
    fn other_namespaces_name_nothing() {
        for namespace in [
            "",
            "pacs.008.spi.1.1",
            ".spi.1.1.xsd",
            "https://www.bcb.gov.br/pi/pacs.008",
            "https://www.bcb.gov.br/pi/pacs.008/1",
            "https://www.bcb.gov.br/pi/pacs.008/1.",
            "https://www.bcb.gov.br/pi/pacs.008/1.16/",
            "https://www.bcb.gov.br/pi/pacs.008/1.1600",
            "https://www.bcb.gov.br/pi/pacs.008/1.1a",
            "https://www.bcb.gov.br/pi/pacs.008/+1.1",
            "https://www.bcb.gov.br/pi/pacs008/1.1",
            "https://www.bcb.gov.br/pi/../etc.008/1.1",
            "http://www.bcb.gov.br/pi/pacs.008/1.16",
            " https://www.bcb.gov.br/pi/pacs.008/1.16",
        ] {
            assert_eq!(find_message_type(namespace), None, "{namespace}");
        }
    }

    #[test]
    fn patterns_mean_names_types_and_beginnings() {
        let is_meant = |pattern: &str, message_type| is_meant(&[pattern.to_owned()], message_type);
        assert!(is_meant("pain.*", "pain.009.spi.1.2"));
        assert!(is_meant("camt.014", "camt.014.spi.1.2"));
        assert!(is_meant("camt.014.spi.1.2", "camt.014.spi.1.2"));
        assert!(is_meant("*", "camt.014.spi.1.2"));
        assert!(!is_meant("camt.014.spi.1.2", "camt.014.spi.1.3"));
        assert!(!is_meant("camt.01", "camt.014.spi.1.2"));
        assert!(!is_meant("", "camt.014.spi.1.2"));
    }
}
