//! Line and column: of a byte, for faults that are found before the reader starts, and of the reader.

use xml::common::TextPosition;

/// A place in a document, as people count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// From 1.
    pub(super) line: u64,
    /// From 1, in characters.
    pub(super) column: u64,
}

impl From<TextPosition> for Place {
    fn from(position: TextPosition) -> Self {
        Self { line: position.row() + 1, column: position.column() + 1 }
    }
}

impl Place {
    /// The first character of a document.
    pub(super) const START: Self = Self { line: 1, column: 1 };

    /// The place of the byte at `at`. What stands before it must be UTF-8 for the column to be in characters.
    pub(super) fn of(bytes: &[u8], at: usize) -> Self {
        let before = bytes.get(..at).unwrap_or(bytes);
        let (mut line, mut column, mut after_cr) = (1, 1, false);
        for &byte in before {
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => (line, column) = (line + 1, 1),
                // The second and further bytes of a character are no column of their own.
                0x80..=0xbf => {}
                _ => column += 1,
            }
            after_cr = byte == b'\r';
        }
        Self { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_by_lf_cr_or_both_and_columns_count_characters() {
        let text = "a\nb\r\nc\rçé!".as_bytes();
        assert_eq!(Place::of(text, 0), Place { line: 1, column: 1 });
        assert_eq!(Place::of(text, 2), Place { line: 2, column: 1 });
        assert_eq!(Place::of(text, 5), Place { line: 3, column: 1 });
        assert_eq!(Place::of(text, text.len() - 1), Place { line: 4, column: 3 });
    }
}
