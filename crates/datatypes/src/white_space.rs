//! White space before anything is checked: kept, each blank made a space, or also runs of them made one.

use std::borrow::Cow;

/// The facet whiteSpace; later ones are stricter, and a restriction may only go that way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WhiteSpace {
    Preserve,
    Replace,
    Collapse,
}

impl WhiteSpace {
    /// The value as a schema writes it.
    pub(super) fn find(word: &str) -> Option<Self> {
        match word {
            "preserve" => Some(Self::Preserve),
            "replace" => Some(Self::Replace),
            "collapse" => Some(Self::Collapse),
            _ => None,
        }
    }

    /// The text that is checked; borrowed unless something inside it changes.
    pub(super) fn normalize(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Preserve => Cow::Borrowed(text),
            Self::Replace if text.bytes().any(|byte| matches!(byte, b'\t' | b'\n' | b'\r')) => {
                Cow::Owned(text.replace(['\t', '\n', '\r'], " "))
            }
            Self::Replace => Cow::Borrowed(text),
            Self::Collapse => collapse(text),
        }
    }
}

fn collapse(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches(is_blank);
    let mut after_space = false;
    let settled = text.bytes().all(|byte| {
        let run = after_space && byte == b' ';
        after_space = byte == b' ';
        !run && !matches!(byte, b'\t' | b'\n' | b'\r')
    });
    if settled {
        return Cow::Borrowed(text);
    }
    let mut made = String::with_capacity(text.len());
    for word in text.split(is_blank).filter(|word| !word.is_empty()) {
        if !made.is_empty() {
            made.push(' ');
        }
        made.push_str(word);
    }
    Cow::Owned(made)
}

/// The four blanks of XML; others, such as the no-break space, are text.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collapsing_borrows_when_only_the_ends_change() {
        for (text, expected, borrowed) in [
            ("", "", true),
            (" \n", "", true),
            ("a b", "a b", true),
            ("\t a b\r\n", "a b", true),
            ("a  b", "a b", false),
            ("a\nb", "a b", false),
            ("a\u{a0}  b", "a\u{a0} b", false),
        ] {
            let made = WhiteSpace::Collapse.normalize(text);
            assert_eq!((&*made, matches!(made, Cow::Borrowed(_))), (expected, borrowed), "{text:?}");
        }
    }

    #[test]
    fn replacing_keeps_the_length() {
        assert_eq!(WhiteSpace::Replace.normalize(" a\t\r\nb "), " a   b ");
        assert_eq!(WhiteSpace::Preserve.normalize(" a\t"), " a\t");
    }
}
