//! Paths: segments that are fixed, and segments that differ.

/// What the segments that differ hold, by name, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(&'static str, String)>);

impl Params {
    /// What a path holds if it has the form of a pattern. A segment that differs is never empty.
    #[must_use]
    pub fn of(pattern: &'static str, path: &str) -> Option<Self> {
        let mut params = Vec::new();
        let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
        loop {
            match (wanted.next(), found.next()) {
                (None, None) => return Some(Self(params)),
                (Some(wanted), Some(found)) => match name_of(wanted) {
                    Some(name) if !found.is_empty() => params.push((name, decoded(found)?)),
                    None if wanted == found => {}
                    Some(_) | None => return None,
                },
                (None, Some(_)) | (Some(_), None) => return None,
            }
        }
    }

    /// The segment of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// The names of the segments that differ.
pub(crate) fn names(pattern: &'static str) -> impl Iterator<Item = &'static str> {
    pattern.split('/').filter_map(name_of)
}

fn name_of(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// `%2F` as `/`, and so on; `None` for what is not an encoding of text.
pub(crate) fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_form_of_its_pattern_or_not() {
        const PATTERN: &str = "/a/{one}/b/{two}";
        let params = Params::of(PATTERN, "/a/x/b/UEk%2F%2B").unwrap();
        assert_eq!((params.find("one"), params.find("two")), (Some("x"), Some("UEk/+")));
        assert_eq!(params.find("three"), None);
        for other in ["/a/x/b", "/a//b/y", "/a/x/c/y", "/a/x/b/y/", "/a/x/b/%f", "/a/x/b/%ff", "a/x/b/y"] {
            assert_eq!(Params::of(PATTERN, other), None, "{other}");
        }
        assert_eq!(names(PATTERN).collect::<Vec<_>>(), ["one", "two"]);
    }
}
