//! Splits a published `multipart/mixed` body into its messages, byte for byte (RFC 2046, section 5.1).
//!
//! Stricter than the RFC where leniency could drop a message without a word: nothing but a line end may stand
//! before the first boundary line or behind the last, and a line that starts like a boundary has to be one.

use bytes::Bytes;

use crate::error::{Code, Problem};
use crate::publish::PARTS_MAX;
use crate::publish::media::{Refusal, check_xml};

/// The longest header block of a part, in bytes.
const PART_HEAD_MAX: usize = 8 * 1024;

/// The messages of a body, in order.
///
/// # Errors
/// 400 `invalidMessage` for a body that is not such a list, 413 for too many or too large messages, 415 or 400
/// `charset` for a part of another type.
pub(crate) fn split(body: &Bytes, boundary: &str, message_bytes: usize) -> Result<Vec<Bytes>, Problem> {
    let delimiter = ["\r\n--", boundary].concat();
    let first = &delimiter.as_bytes()[2..];
    let start = if body.starts_with(b"\r\n") { 2 } else { 0 };
    if !body[start..].starts_with(first) {
        return Err(invalid("the body does not start with its boundary line"));
    }
    let mut messages = Vec::new();
    let mut at = start + first.len();
    while let Some(content) = line_end(body, at)? {
        if messages.len() == PARTS_MAX {
            return Err(Problem::new(Code::TooLarge, "a request has at most ten messages"));
        }
        let end = find(&body[content..], delimiter.as_bytes())
            .ok_or_else(|| invalid("the last boundary line is missing"))?;
        let part = body.slice(content..content + end);
        messages.push(message(&part, messages.len() + 1, message_bytes)?);
        at = content + end + delimiter.len();
    }
    if messages.is_empty() { Err(invalid("the body has no parts")) } else { Ok(messages) }
}

fn invalid(title: &'static str) -> Problem {
    Problem::new(Code::InvalidMessage, title)
}

/// What follows a delimiter: the start of a part's content, or `None` at the end of the body.
fn line_end(body: &[u8], at: usize) -> Result<Option<usize>, Problem> {
    let rest = &body[at..];
    if let Some(epilogue) = rest.strip_prefix(b"--") {
        return match epilogue.trim_ascii() {
            b"" => Ok(None),
            _ => Err(invalid("there is more behind the last boundary line")),
        };
    }
    let padding = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    if rest[padding..].starts_with(b"\r\n") {
        // The line end stays: a part without header lines starts with its empty line.
        Ok(Some(at + padding))
    } else {
        Err(invalid("a line starts like a boundary line and is none"))
    }
}

/// The message of a part, whose content starts with the line end of its boundary line.
fn message(part: &Bytes, number: usize, message_bytes: usize) -> Result<Bytes, Problem> {
    let of_part = |code, title| Err(Problem::of_part(code, number, title));
    let Some(head) = find(&part[..part.len().min(PART_HEAD_MAX)], b"\r\n\r\n") else {
        return of_part(Code::InvalidMessage, "its header lines have no end");
    };
    let lines = part.get(2..head).unwrap_or_default();
    match check_head(lines) {
        Ok(()) => {}
        Err(HeadFault::Malformed) => {
            return of_part(Code::InvalidMessage, "its header lines are malformed");
        }
        Err(HeadFault::Coding) => {
            return of_part(Code::UnsupportedMediaType, "a part may not have a coding of its own");
        }
        Err(HeadFault::Media(Refusal::Type)) => {
            return of_part(Code::UnsupportedMediaType, "its Content-Type is not application/xml");
        }
        Err(HeadFault::Media(Refusal::Charset)) => return of_part(Code::Charset, "a message is UTF-8"),
    }
    let message = part.slice(head + 4..);
    check_size(&message, number, message_bytes)?;
    Ok(message)
}

/// 413 for a message over the limit.
pub(crate) fn check_size(message: &Bytes, number: usize, message_bytes: usize) -> Result<(), Problem> {
    if message.len() <= message_bytes {
        return Ok(());
    }
    Err(Problem::of_part(Code::TooLarge, number, "the message is larger than a message may be"))
}

enum HeadFault {
    Malformed,
    Coding,
    Media(Refusal),
}

/// One `Content-Type` of XML in UTF-8, no coding that changes bytes; other headers are let pass.
fn check_head(lines: &[u8]) -> Result<(), HeadFault> {
    let lines = std::str::from_utf8(lines).map_err(|_| HeadFault::Malformed)?;
    let mut content_type = None;
    for line in lines.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or(HeadFault::Malformed)?;
        // Folded lines and names with spaces are read differently by different readers.
        if name.is_empty() || name.bytes().any(|b| !b.is_ascii_graphic()) || line.contains(['\r', '\n']) {
            return Err(HeadFault::Malformed);
        }
        if name.eq_ignore_ascii_case("content-type") && content_type.replace(value.trim()).is_some() {
            return Err(HeadFault::Malformed);
        }
        let is_coding = name.eq_ignore_ascii_case("content-transfer-encoding")
            || name.eq_ignore_ascii_case("content-encoding");
        let is_plain =
            |v: &str| ["binary", "8bit", "7bit", "identity"].iter().any(|p| v.eq_ignore_ascii_case(p));
        if is_coding && !is_plain(value.trim()) {
            return Err(HeadFault::Coding);
        }
    }
    check_xml(content_type.unwrap_or_default()).map_err(HeadFault::Media)
}

/// The first place of `needle`, which starts with a carriage return: rare in XML, so looked for first.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + haystack[from..].iter().position(|&b| b == b'\r')?;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests;
