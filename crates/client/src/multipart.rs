//! `multipart/mixed` as the contract writes it (protocol, section 3): bytes in, parts out, nothing else.
//!
//! It either returns every part, byte for byte, or an error; there is no partial result. Stricter than RFC 2046
//! where leniency could lose or invent bytes: no preamble, no epilogue, CRLF only, exact boundary lines.

use std::ops::Range;

/// Bytes of all header lines of one part.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Characters of a boundary (RFC 2046, section 5.1.1).
const BOUNDARY_MAX: usize = 70;

/// Where one part lies in the body it was read from, with the two headers that every part has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) content_type: String,
    pub(crate) resource_id: String,
    pub(crate) body: Range<usize>,
}

/// Why a body is not a multipart batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The Content-Type has no usable boundary.
    #[error("the Content-Type has no usable boundary")]
    Boundary,
    /// The body does not begin with the boundary line.
    #[error("the body does not begin with its boundary")]
    Opening,
    /// The closing boundary never comes: the body was cut, or carries another boundary.
    #[error("the closing boundary is missing: the body was cut or has another boundary")]
    Truncated,
    /// Bytes after the closing boundary.
    #[error("bytes follow the closing boundary")]
    Trailing,
    /// Nothing between the first boundary and the closing one.
    #[error("the batch has no part")]
    Empty,
    /// More parts than a batch may have.
    #[error("the batch has more than {0} parts")]
    TooMany(usize),
    /// A part's header lines are not `Name: value`, too long, or not closed by an empty line.
    #[error("part {0}: its header lines cannot be read")]
    Head(usize),
    /// A part lacks a header that every part must have.
    #[error("part {part}: no {header}")]
    Missing {
        /// The part, counted from 1.
        part: usize,
        /// The header's name.
        header: &'static str,
    },
    /// A part has a header twice.
    #[error("part {part}: {header} more than once")]
    Repeated {
        /// The part, counted from 1.
        part: usize,
        /// The header's name.
        header: &'static str,
    },
}

/// Reads the boundary parameter, quoted or not, from a Content-Type.
pub(crate) fn find_boundary(content_type: &str) -> Result<String, Error> {
    let (_, mut rest) = content_type.split_once(';').ok_or(Error::Boundary)?;
    loop {
        let (name, after) = rest.split_once('=').ok_or(Error::Boundary)?;
        let (value, after) = parameter_value(after.trim_start()).ok_or(Error::Boundary)?;
        if name.trim().eq_ignore_ascii_case("boundary") {
            return if is_boundary(&value) { Ok(value) } else { Err(Error::Boundary) };
        }
        rest = after.trim_start().strip_prefix(';').ok_or(Error::Boundary)?;
    }
}

/// One parameter's value and what follows it.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn is_boundary(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    (1..=BOUNDARY_MAX).contains(&text.len()) && !text.ends_with(' ') && text.bytes().all(allowed)
}

/// Splits a body into its parts, at most `parts_max`.
pub(crate) fn split(body: &[u8], boundary: &str, parts_max: usize) -> Result<Vec<Part>, Error> {
    let dashed = [b"--", boundary.as_bytes()].concat();
    let mut at = match body.strip_prefix(dashed.as_slice()).map(Line::after_boundary) {
        Some(Line::Opens) => dashed.len() + 2,
        Some(Line::Closes) => return Err(Error::Empty),
        Some(Line::Other) | None => return Err(Error::Opening),
    };
    let mut parts = Vec::new();
    loop {
        if parts.len() == parts_max {
            return Err(Error::TooMany(parts_max));
        }
        let number = parts.len() + 1;
        let (content_type, resource_id, start) = read_head(body, at, number)?;
        let (end, line) = find_delimiter(body, start, &dashed).ok_or(Error::Truncated)?;
        parts.push(Part { content_type, resource_id, body: start..end });
        at = end + 2 + dashed.len() + 2;
        if line == Line::Closes {
            return if matches!(&body[at..], b"" | b"\r\n") { Ok(parts) } else { Err(Error::Trailing) };
        }
    }
}

/// What follows `--boundary` on its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Opens,
    Closes,
    /// The boundary is only the beginning of a longer line: content.
    Other,
}

impl Line {
    fn after_boundary(rest: &[u8]) -> Self {
        if rest.starts_with(b"\r\n") {
            Self::Opens
        } else if rest == b"--" || rest.starts_with(b"--\r\n") {
            Self::Closes
        } else {
            Self::Other
        }
    }
}

/// The next boundary line at or after `from`: where the CRLF before it stands, and its kind.
fn find_delimiter(body: &[u8], from: usize, dashed: &[u8]) -> Option<(usize, Line)> {
    let mut at = from;
    loop {
        at += body.get(at..)?.iter().position(|&b| b == b'\r')?;
        let line = body[at + 1..].strip_prefix(b"\n").and_then(|line| line.strip_prefix(dashed));
        match line.map(Line::after_boundary) {
            Some(line @ (Line::Opens | Line::Closes)) => return Some((at, line)),
            Some(Line::Other) | None => at += 1,
        }
    }
}

/// Reads a part's header lines: Content-Type, PI-ResourceId, and where its body starts.
fn read_head(body: &[u8], from: usize, part: usize) -> Result<(String, String, usize), Error> {
    let (mut content_type, mut resource_id) = (None, None);
    let limit = body.len().min(from + HEAD_BYTES_MAX);
    let mut at = from;
    loop {
        let line = &body[at..limit];
        let length = line.windows(2).position(|pair| pair == b"\r\n").ok_or(Error::Head(part))?;
        at += length + 2;
        if length == 0 {
            break;
        }
        let line = std::str::from_utf8(&line[..length]).map_err(|_| Error::Head(part))?;
        let (name, value) = line.split_once(':').ok_or(Error::Head(part))?;
        if name.is_empty() || name.contains(|c: char| !c.is_ascii_graphic()) {
            return Err(Error::Head(part));
        }
        let (slot, header) = if name.eq_ignore_ascii_case("Content-Type") {
            (&mut content_type, "Content-Type")
        } else if name.eq_ignore_ascii_case("PI-ResourceId") {
            (&mut resource_id, "PI-ResourceId")
        } else {
            continue;
        };
        if slot.replace(value.trim().to_owned()).is_some() {
            return Err(Error::Repeated { part, header });
        }
    }
    let missing = |header| Error::Missing { part, header };
    Ok((
        content_type.ok_or_else(|| missing("Content-Type"))?,
        resource_id.ok_or_else(|| missing("PI-ResourceId"))?,
        at,
    ))
}

#[cfg(test)]
mod tests;
