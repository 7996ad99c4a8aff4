//! The spellings in which a value may be seen: whatever a logger, an escaper or an encoder makes of it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter ones have too little of their own in base64.
const BASE64_MIN: usize = 9;

/// A spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// As it is.
    Plain,
    /// In a URL.
    Percent,
    /// In a JSON string.
    Json,
    /// In XML or HTML.
    Markup,
    /// In hexadecimal.
    Hex,
    /// In base64, wherever it begins.
    Base64,
}

impl Form {
    /// What it is called, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Percent => "percent-encoded",
            Self::Json => "escaped for JSON",
            Self::Markup => "escaped for XML or HTML",
            Self::Hex => "in hexadecimal",
            Self::Base64 => "in base64",
        }
    }

    /// Whether the case of letters says nothing.
    pub(crate) fn is_folded(self) -> bool {
        match self {
            Self::Plain | Self::Percent | Self::Json | Self::Markup | Self::Hex => true,
            Self::Base64 => false,
        }
    }
}

/// All spellings of a value, each once.
pub(crate) fn of(value: &[u8]) -> Vec<(Form, Vec<u8>)> {
    let mut forms = vec![(Form::Plain, value.to_vec())];
    let mut add = |form: Form, spelling: Vec<u8>| {
        if !forms.iter().any(|(_, known)| *known == spelling) {
            forms.push((form, spelling));
        }
    };
    let percent = |keep: fn(u8) -> bool, space: &str| {
        let each = |byte: &u8| match *byte {
            b' ' => space.to_owned(),
            byte if keep(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02x}"),
        };
        value.iter().map(each).collect::<String>().into_bytes()
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    add(Form::Percent, percent(unreserved, "%20"));
    add(Form::Percent, percent(unreserved, "+"));
    // Encoders that only touch what is not ASCII, or blank.
    add(Form::Percent, percent(|byte| byte.is_ascii_graphic(), "%20"));
    if let Ok(text) = std::str::from_utf8(value) {
        for spelling in [json(text, false), json(text, true)] {
            add(Form::Json, spelling.into_bytes());
        }
        for spelling in
            [markup(text, "&#39;", None), markup(text, "&apos;", Some("x")), markup(text, "'", Some(""))]
        {
            add(Form::Markup, spelling.into_bytes());
        }
    }
    add(Form::Hex, value.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes());
    if value.len() >= BASE64_MIN {
        for shift in 0..3 {
            for url in [false, true] {
                add(Form::Base64, base64(value, shift, url));
            }
        }
    }
    forms
}

fn json(text: &str, is_ascii: bool) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '<' | '>' | '&' if is_ascii => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other if is_ascii && !other.is_ascii() => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// `numeric`: what stands before the number of a character that is not ASCII; `None` leaves it as it is.
fn markup(text: &str, apostrophe: &str, numeric: Option<&str>) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match (character, numeric) {
            ('&', _) => out.push_str("&amp;"),
            ('<', _) => out.push_str("&lt;"),
            ('>', _) => out.push_str("&gt;"),
            ('"', _) => out.push_str("&quot;"),
            ('\'', _) => out.push_str(apostrophe),
            (other, Some("x")) if !other.is_ascii() => out.push_str(&format!("&#x{:x};", u32::from(other))),
            (other, Some(_)) if !other.is_ascii() => out.push_str(&format!("&#{};", u32::from(other))),
            (other, _) => out.push(other),
        }
    }
    out
}

/// What is the same of a value's base64 whatever stands before and behind it, when it begins `shift` bytes into a group.
fn base64(value: &[u8], shift: usize, url: bool) -> Vec<u8> {
    let padded = [&vec![0; shift][..], value].concat();
    let encoded = if url { URL_SAFE_NO_PAD.encode(&padded) } else { STANDARD_NO_PAD.encode(&padded) };
    // Characters with bits of a neighbour say nothing.
    let start = (shift * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    encoded.as_bytes()[start..end].to_vec()
}
