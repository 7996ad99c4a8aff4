//! `xs:anyURI`: what could become a URI reference of RFC 2396 with the brackets of RFC 2732.
//!
//! XSD 1.0 first escapes what a URI may not hold (XLink, 5.4): blanks, braces, letters with accents. So only what no
//! escaping mends is refused: a broken `%` escape, a second `#`, a first segment that looks like a scheme but is none,
//! a scheme that nothing follows, and brackets outside queries, fragments and addresses. Schemes have no further rules here.

/// Whether the collapsed text could become a URI reference.
pub(super) fn is_reference(text: &str) -> bool {
    let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
    if fragment.contains('#') || !text.split('%').skip(1).all(starts_with_hex) {
        return false;
    }
    let (path, _) = before.split_once('?').unwrap_or((before, ""));
    let rest = match path.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') && !is_scheme(scheme) => return false,
        // Something follows a scheme; a `?` does, and was cut off (RFC 2396, 3: opaque_part).
        Some((scheme, "")) if !scheme.contains('/') && path.len() == before.len() => return false,
        // Without a slash, what follows the scheme is opaque.
        Some((scheme, rest)) if !scheme.contains('/') && !rest.starts_with('/') => "",
        Some((scheme, rest)) if !scheme.contains('/') => rest,
        _ => path,
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    !path.contains(['[', ']']) && is_authority(authority)
}

fn starts_with_hex(text: &str) -> bool {
    matches!(text.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

fn is_scheme(text: &str) -> bool {
    let follows = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(follows)
}

/// Brackets stand around an address, whole, before the port.
fn is_authority(text: &str) -> bool {
    let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let ends = |after: &str| after.is_empty() || after.starts_with(':');
    let after = match host.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, after))) if !address.contains('[') && ends(after) => after,
        Some(_) => return false,
        None => host,
    };
    !after.contains(['[', ']'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_refused_only_for_what_no_escaping_mends() {
        for good in [
            "",
            "#a",
            "#a:b",
            "#[a]",
            "?[a]",
            "http://a/b?c=d#e",
            "ação com espaço",
            "%20",
            "urn:x",
            "a:?",
            "a:/",
            "a/:",
            "?a:",
            "urn:[a]",
            "a|b{}^`\\",
            "a/b:c",
            "//",
            "///",
            "http://[::1]:80/",
            "http://u@[::1]",
            "http://www.w3.org/2000/09/xmldsig#sha1",
        ] {
            assert!(is_reference(good), "{good}");
        }
        for bad in [
            "%",
            "%2",
            "%zz",
            "%é0",
            "a#b#c",
            "::",
            "a:",
            "a:#b",
            ":a",
            "1:2",
            "a_b:c",
            "é:a",
            "[a]",
            "http://[::1",
            "http://a/[b]",
            "http://a[b]",
            "http://[a]b",
            "http://]",
        ] {
            assert!(!is_reference(bad), "{bad}");
        }
    }
}
