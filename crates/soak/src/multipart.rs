//! The parts of an answer, found by its boundary: strictly, so that a byte too many is a failure.

use crate::wire::find_header;

/// One message of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub(crate) resource_id: &'a str,
    pub(crate) bytes: &'a [u8],
}

/// Splits a body.
///
/// # Errors
/// What is not as the contract has it.
pub(crate) fn split<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, &'static str> {
    let opening = format!("--{boundary}\r\n");
    let delimiter = format!("\r\n--{boundary}");
    let mut rest =
        body.strip_prefix(opening.as_bytes()).ok_or("the body does not begin with its boundary")?;
    let mut parts = Vec::new();
    loop {
        let end = find(rest, b"\r\n\r\n").ok_or("a part has no end of its head")?;
        let head = std::str::from_utf8(&rest[..end]).map_err(|_| "a part's head is no text")?;
        let mut lines = head.split("\r\n");
        let is_xml = lines.next().is_some_and(|line| line.starts_with("Content-Type: application/xml"));
        let is_named = lines.next().is_some_and(|line| line.starts_with("PI-ResourceId: "));
        if !is_xml || !is_named {
            return Err("a part's head does not begin with Content-Type and PI-ResourceId");
        }
        let resource_id = find_header(head, "pi-resourceid").ok_or("a part has no PI-ResourceId")?;
        rest = &rest[end + 4..];
        let end = find(rest, delimiter.as_bytes()).ok_or("a part has no end")?;
        parts.push(Part { resource_id, bytes: &rest[..end] });
        rest = &rest[end + delimiter.len()..];
        if rest == b"--\r\n" {
            return Ok(parts);
        }
        rest = rest.strip_prefix(b"\r\n").ok_or("something else follows a boundary")?;
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    loop {
        let at = from + haystack.get(from..)?.iter().position(|byte| *byte == first)?;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Content-Type: application/xml; charset=utf-8\r\nPI-ResourceId: A\r\n\r\n";

    #[test]
    fn parts_come_out_to_the_last_byte() {
        let body = format!("--x\r\n{HEAD}<a/>\r\n\r\n--x\r\n{HEAD}<b/>\r\n--x--\r\n");
        let parts = split(body.as_bytes(), "x").unwrap();
        assert_eq!(parts[0], Part { resource_id: "A", bytes: b"<a/>\r\n" });
        assert_eq!(parts[1], Part { resource_id: "A", bytes: b"<b/>" });
    }

    #[test]
    fn what_follows_the_end_is_refused() {
        let body = format!("--x\r\n{HEAD}<a/>\r\n--x--\r\n ");
        assert!(split(body.as_bytes(), "x").is_err());
        let body = format!("\r\n--x\r\n{HEAD}<a/>\r\n--x--\r\n");
        assert!(split(body.as_bytes(), "x").is_err());
        let body = "--x\r\nPI-ResourceId: A\r\n\r\n<a/>\r\n--x--\r\n";
        assert!(split(body.as_bytes(), "x").is_err());
    }
}
