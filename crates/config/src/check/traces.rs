//! The rules of `[traces]`.

use crate::Config;
use crate::read::Findings;

/// Reports every rule of the section that the configuration breaks.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let traces = &config.traces;
    if !is_url(&traces.endpoint) {
        findings.report(
            &["traces.endpoint"],
            format!("takes the URL of a collector, this is \"{}\"", traces.endpoint),
            "write it as \"http://HOST:4318/v1/traces\" or with https",
        );
    }
    if traces.headers_file.is_some() && !traces.headers_secret.is_empty() {
        findings.report(
            &["traces.headers_secret", "traces.headers_file"],
            "the headers are given twice".to_owned(),
            "keep one of headers_secret and headers_file",
        );
    }
}

/// A scheme that is spoken, a host, and nothing that a request line cannot hold. User and password have no place in it:
/// it is printed.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let authority = rest.split('/').next().unwrap_or_default();
        !authority.is_empty()
            && !authority.contains('@')
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"#".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_of_http_without_a_user() {
        for text in ["http://127.0.0.1:4318/v1/traces", "https://collector", "http://[::1]:4318/x?y=1"] {
            assert!(is_url(text), "{text}");
        }
        for text in
            ["", "127.0.0.1:4318", "grpc://h:4317", "http://", "http://u:p@h/", "http://h/ x", "https:///v1"]
        {
            assert!(!is_url(text), "{text}");
        }
    }
}
