//! The names of files in a sink's folder. Pure: text in, text out.

use pix_stream_domain::resource_id::ResourceId;

/// Bytes of a file name made from a message id; a longer one would not leave room below 255.
const STEM_BYTES_MAX: usize = 180;

/// What a message's file is called without its ending: the message id, percent-encoded outside `[A-Za-z0-9._-]`,
/// or the resource id when there is none that fits.
pub(super) fn stem(message_id: Option<&str>, resource_id: &ResourceId) -> String {
    message_id
        .map(encoded)
        .filter(|stem| stem.len() <= STEM_BYTES_MAX)
        .unwrap_or_else(|| url_safe(resource_id))
}

/// The name for a message whose stem is taken by other bytes. `~` never occurs in a stem.
pub(super) fn second_stem(stem: &str, resource_id: &ResourceId) -> String {
    format!("{stem}~{}", url_safe(resource_id))
}

/// A resource id in the URL-safe alphabet, since `/` cannot be in a file name.
pub(super) fn url_safe(id: &ResourceId) -> String {
    id.to_string().replace('+', "-").replace('/', "_")
}

fn encoded(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ResourceId {
        "UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur".parse().unwrap()
    }

    #[test]
    fn plain_ids_stay_and_others_are_percent_encoded() {
        assert_eq!(stem(Some("M99999010.a_b-C"), &id()), "M99999010.a_b-C");
        assert_eq!(stem(Some("../a b~é"), &id()), "..%2Fa%20b%7E%C3%A9");
    }

    #[test]
    fn without_a_fitting_id_the_resource_id_names_the_file() {
        assert_eq!(stem(None, &id()), "UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur");
        assert_eq!(stem(Some(&"é".repeat(70)), &id()), "UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur");
    }
}
