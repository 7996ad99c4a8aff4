//! One entry of the log as a line of JSON, and what a checker reads of it.
//!
//! A checker compares bytes and reads three members by their place; it needs no parser of JSON, which might read
//! one line in two ways. What an entry tells is read in `entry`.
//!
//! `v` is the version of the line's form: 2 names the messages of a publish. Lines without it are of version 1. The
//! chain does not depend on it: whoever checks a line needs not understand it.

use std::fmt::Write;

use pix_stream_domain::audit::{Event, Message, Record};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::sequence::Range;
use pix_stream_ports::quarantine::EntryId;
use sha2::{Digest as _, Sha256};

use crate::rfc3339::Rfc3339;

/// The version of the lines that this build writes.
pub const VERSION: u32 = 2;

const START: &str = "{\"n\":";
const PREV: &str = ",\"prev\":\"";
const HASH: &str = "\",\"hash\":\"";
const END: &str = "\"}";
/// Length of a digest in hexadecimal.
const HEX_LEN: usize = 64;

/// Appends the line of entry `n` to `out`, with its line end, and returns its hash.
pub fn write(out: &mut String, n: u64, record: &Record, prev: Digest) -> Digest {
    let start = out.len();
    // Writing to a string cannot fail, so the results say nothing.
    let _ = write!(out, "{START}{n},\"v\":{VERSION},\"at\":\"{}\"", Rfc3339(record.at));
    member(out, "event", name(&record.event));
    if let Some(ispb) = record.ispb {
        member(out, "ispb", ispb.as_str());
    }
    if !record.request_id.is_empty() {
        member(out, "request_id", &record.request_id);
    }
    write_event(out, &record.event);
    let _ = write!(out, "{PREV}{prev}");
    let hash = hash(prev, &out[start..]);
    let _ = writeln!(out, "{HASH}{hash}{END}");
    hash
}

/// The hash of an entry: over the hash before it and the line as it would stand without its `hash` member.
fn hash(prev: Digest, up_to_prev: &str) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(prev.0);
    hasher.update(up_to_prev);
    hasher.update(END);
    Digest(hasher.finalize().into())
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Read { .. } => "read",
        Event::Redeem { .. } => "redeem",
        Event::ReplayRead { .. } => "replay",
        Event::Close { .. } => "close",
        Event::Publish { .. } => "publish",
        Event::Quarantine { .. } => "quarantine",
        Event::Admin { .. } => "admin",
        Event::System { .. } => "system",
    }
}

fn write_event(out: &mut String, event: &Event) {
    match event {
        Event::Read { redeemed, issued, confirmed, batch, replay } => {
            if let Some(redeemed) = redeemed {
                member(out, "redeemed", &redeemed.to_string());
            }
            member(out, "issued", &issued.to_string());
            range(out, "confirmed", *confirmed);
            range(out, "batch", *batch);
            let _ = write!(out, ",\"replay\":{replay}");
        }
        Event::Redeem { redeemed, confirmed } => {
            member(out, "redeemed", &redeemed.to_string());
            range(out, "confirmed", *confirmed);
        }
        Event::ReplayRead { session, redeemed, issued, batch } => {
            let _ = write!(out, ",\"session\":{session}");
            member(out, "redeemed", &redeemed.to_string());
            member(out, "issued", &issued.to_string());
            range(out, "batch", *batch);
        }
        Event::Close { redeemed, confirmed, returned } => {
            member(out, "redeemed", &redeemed.to_string());
            range(out, "confirmed", *confirmed);
            range(out, "returned", *returned);
        }
        Event::Publish { actor, batch, repeats, messages } => {
            member(out, "actor", actor);
            range(out, "batch", *batch);
            let _ = write!(out, ",\"repeats\":{repeats}");
            write_messages(out, "messages", messages.iter().filter(|message| !message.is_repeat));
            write_messages(out, "repeated", messages.iter().filter(|message| message.is_repeat));
        }
        Event::Quarantine { actor, entry, rule, bytes, repeat } => {
            member(out, "actor", actor);
            // Spelled as in the admin API and on the command line, so that one search finds all.
            member(out, "entry", &EntryId(*entry).to_string());
            member(out, "rule", rule);
            let _ = write!(out, ",\"bytes\":{bytes},\"repeat\":{repeat}");
        }
        Event::Admin { actor, command, detail, done } => {
            member(out, "actor", actor);
            member(out, "command", command);
            member(out, "detail", detail);
            let _ = write!(out, ",\"done\":{done}");
        }
        Event::System { command, detail } => {
            member(out, "command", command);
            member(out, "detail", detail);
        }
    }
}

/// Each message as `[sequence,"PI-ResourceId","SHA-256"]`; nothing when there is none.
fn write_messages<'a>(out: &mut String, name: &str, messages: impl Iterator<Item = &'a Message>) {
    let mut before = format!(",\"{name}\":[");
    let start = before.clone();
    for Message { sequence, resource_id, digest, is_repeat: _ } in messages {
        let _ = write!(out, "{before}[{sequence},\"{resource_id}\",\"{digest}\"]");
        before.clear();
        before.push(',');
    }
    if before != start {
        out.push(']');
    }
}

fn member(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, ",\"{name}\":\"");
    for character in value.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// First and last sequence number, both in the range; `[]` when it is empty.
fn range(out: &mut String, name: &str, range: Range) {
    let _ = if range.is_empty() {
        write!(out, ",\"{name}\":[]")
    } else {
        write!(out, ",\"{name}\":[{},{}]", range.start(), range.end().previous())
    };
}

/// What a line says of its place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub n: u64,
    /// The hash before it.
    pub prev: Digest,
    /// Its own hash.
    pub hash: Digest,
}

/// Reads the number of a line, also of one that is otherwise wrong.
#[must_use]
pub fn number(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(START.as_bytes())?;
    let digits = rest.iter().position(|byte| *byte == b',')?;
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// Reads a line without its line end and checks its own hash.
///
/// # Errors
/// What is wrong, to be said of the entry: `is not an audit entry`.
pub fn read(line: &[u8]) -> Result<Place, &'static str> {
    const FORM: &str = "is not an audit entry";
    let line = std::str::from_utf8(line).map_err(|_| FORM)?;
    let n = number(line.as_bytes()).ok_or(FORM)?;
    let rest = line.strip_suffix(END).ok_or(FORM)?;
    let (rest, own) = rest.split_at_checked(rest.len().saturating_sub(HEX_LEN)).ok_or(FORM)?;
    let body = rest.strip_suffix(HASH).ok_or(FORM)?;
    let (rest, prev) = body.split_at_checked(body.len().saturating_sub(HEX_LEN)).ok_or(FORM)?;
    if !rest.ends_with(PREV) {
        return Err(FORM);
    }
    let (prev, own) = (unhex(prev).ok_or(FORM)?, unhex(own).ok_or(FORM)?);
    if hash(prev, body) != own {
        return Err("was changed: its hash does not fit its content");
    }
    Ok(Place { n, prev, hash: own })
}

/// Lower case only: two spellings of one hash would be a change that does not show.
pub(crate) fn unhex(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    for (byte, pair) in digest.0.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    (text.len() == HEX_LEN).then_some(digest)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use pix_stream_domain::sequence::Sequence;
    use pix_stream_domain::time::Timestamp;

    use super::*;

    fn record(event: Event) -> Record {
        let ispb = Some("99999010".parse().unwrap());
        Record { at: Timestamp::from_unix_millis(1_800_000_000_123), request_id: "r1".into(), ispb, event }
    }

    #[test]
    fn an_entry_is_one_line_of_json_with_its_hash_at_the_end() {
        let mut out = String::new();
        let (actor, messages) = ("CN=\"a\\b\"\n\u{1}".into(), Box::default());
        let event = Event::Publish { actor, batch: Range::EMPTY, repeats: 0, messages };
        let hash = write(&mut out, 7, &record(event), Digest::of(b"before"));
        let expected = format!(
            "{{\"n\":7,\"v\":2,\"at\":\"2027-01-15T08:00:00.123Z\",\"event\":\"publish\",\"ispb\":\"99999010\",\
             \"request_id\":\"r1\",\"actor\":\"CN=\\\"a\\\\b\\\"\\n\\u0001\",\"batch\":[],\"repeats\":0,\
             \"prev\":\"{}\",\"hash\":\"{hash}\"}}\n",
            Digest::of(b"before")
        );
        assert_eq!(out, expected);
        assert_eq!(read(out.trim_end().as_bytes()), Ok(Place { n: 7, prev: Digest::of(b"before"), hash }));
    }

    #[test]
    fn the_hash_is_over_the_hash_before_and_the_line_without_its_hash() {
        let mut out = String::new();
        let event = Event::System { command: "c".into(), detail: "d".into() };
        let hash = write(&mut out, 1, &record(event), Digest::default());
        let without = format!("{}}}", &out[..out.find(",\"hash\"").unwrap()]);
        assert_eq!(hash, Digest::of(&[&[0; 32], without.as_bytes()].concat()));
    }

    #[test]
    fn a_publish_names_its_messages_and_its_repeats_apart() {
        let resource_id = "UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur".parse().unwrap();
        let message = |sequence, is_repeat| Message {
            sequence: Sequence::new(sequence),
            resource_id,
            digest: Digest::of(b"m"),
            is_repeat,
        };
        let messages = [message(4, false), message(2, true), message(5, false)].into();
        let batch = Range::new(Sequence::new(4), Sequence::new(6));
        let mut out = String::new();
        let event = Event::Publish { actor: "core".into(), batch, repeats: 1, messages };
        write(&mut out, 1, &record(event), Digest::default());
        let one = |n: u64| format!("[{n},\"{resource_id}\",\"{}\"]", Digest::of(b"m"));
        let expected = format!(
            "\"batch\":[4,5],\"repeats\":1,\"messages\":[{},{}],\"repeated\":[{}],\"prev\"",
            one(4),
            one(5),
            one(2)
        );
        assert!(out.contains(&expected), "{out}");
    }

    #[test]
    fn an_entry_of_the_quarantine_is_spelled_as_operators_spell_it() {
        let mut out = String::new();
        let entry = "UEkBbgR78VqKK/uvuq9O0r9bqXyBH9U+".parse().unwrap();
        let (actor, rule) = ("core".into(), "schema".into());
        let event = Event::Quarantine { actor, entry, rule, bytes: 3, repeat: false };
        write(&mut out, 1, &record(event), Digest::default());
        assert!(out.contains(",\"entry\":\"UEkBbgR78VqKK_uvuq9O0r9bqXyBH9U-\","), "{out}");
    }

    #[test]
    fn an_entry_of_version_1_still_holds() {
        let line = "{\"n\":1,\"at\":\"2026-01-05T12:00:00.000Z\",\"event\":\"system\",\"command\":\"c\",\"detail\":\"d\",\
                    \"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\"";
        let hash = Digest::of(&[&[0; 32], line.as_bytes(), b"}"].concat());
        let line = format!("{line},\"hash\":\"{hash}\"}}");
        assert_eq!(read(line.as_bytes()), Ok(Place { n: 1, prev: Digest::default(), hash }));
    }

    #[test]
    fn other_lines_are_no_entries() {
        for line in ["", "{}", "{\"n\":1,", "x", "{\"n\":1,\"prev\":\"\",\"hash\":\"\"}"] {
            assert!(read(line.as_bytes()).is_err(), "{line}");
        }
    }
}
