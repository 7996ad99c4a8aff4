//! What an entry tells: the record that was written, read back from its line.
//!
//! Whether the line is genuine is not asked here: that is the chain's business.

use pix_stream_domain::audit::{Event, Message, Record};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::quarantine::EntryId;
use serde_json::Value;

use crate::line::{self, VERSION};
use crate::rfc3339;

/// An entry with what it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub n: u64,
    /// The version of its line's form.
    pub version: u32,
    /// What it records.
    pub record: Record,
}

/// Why a line tells nothing to this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// A newer build wrote it.
    #[error("was written by a newer build, in version {0} of its form")]
    Newer(u32),
    /// It is not one that any build wrote.
    #[error("is not an audit entry")]
    Form,
}

/// The member that names a participant, as every line about it has it: for finding lines without reading them.
#[must_use]
pub fn ispb_member(ispb: Ispb) -> String {
    format!(",\"ispb\":\"{ispb}\"")
}

/// When an entry is dated, without reading the rest.
#[must_use]
pub fn date(line: &[u8]) -> Option<Timestamp> {
    const MEMBER: &[u8] = b",\"at\":\"";
    // The number, the version and the date stand first.
    let head = line.get(..80.min(line.len()))?;
    let start = head.windows(MEMBER.len()).position(|bytes| bytes == MEMBER)? + MEMBER.len();
    rfc3339::parse(std::str::from_utf8(head.get(start..start + 24)?).ok()?)
}

/// Reads a line, without its line end.
///
/// # Errors
/// See [`Unread`].
pub fn parse(line: &[u8]) -> Result<Entry, Unread> {
    let value: Value = serde_json::from_slice(line).map_err(|_| Unread::Form)?;
    let version = match value.get("v") {
        None => 1,
        Some(version) => version.as_u64().and_then(|v| u32::try_from(v).ok()).ok_or(Unread::Form)?,
    };
    if version > VERSION {
        return Err(Unread::Newer(version));
    }
    read(&value, version).ok_or(Unread::Form)
}

fn read(value: &Value, version: u32) -> Option<Entry> {
    let ispb = match value.get("ispb") {
        Some(ispb) => Some(ispb.as_str()?.parse().ok()?),
        None => None,
    };
    let record = Record {
        at: rfc3339::parse(value.get("at")?.as_str()?)?,
        request_id: value.get("request_id").map_or(Some(""), Value::as_str)?.into(),
        ispb,
        event: event(value)?,
    };
    Some(Entry { n: value.get("n")?.as_u64()?, version, record })
}

fn event(value: &Value) -> Option<Event> {
    Some(match value.get("event")?.as_str()? {
        "read" => Event::Read {
            redeemed: match value.get("redeemed") {
                Some(_) => Some(digest(value, "redeemed")?),
                None => None,
            },
            issued: digest(value, "issued")?,
            confirmed: range(value, "confirmed")?,
            batch: range(value, "batch")?,
            replay: value.get("replay")?.as_bool()?,
        },
        "redeem" => {
            Event::Redeem { redeemed: digest(value, "redeemed")?, confirmed: range(value, "confirmed")? }
        }
        "replay" => Event::ReplayRead {
            session: value.get("session")?.as_u64()?,
            redeemed: digest(value, "redeemed")?,
            issued: digest(value, "issued")?,
            batch: range(value, "batch")?,
        },
        "close" => Event::Close {
            redeemed: digest(value, "redeemed")?,
            confirmed: range(value, "confirmed")?,
            returned: range(value, "returned")?,
        },
        "publish" => Event::Publish {
            actor: text(value, "actor")?,
            batch: range(value, "batch")?,
            repeats: u32::try_from(value.get("repeats")?.as_u64()?).ok()?,
            messages: messages(value)?,
        },
        "quarantine" => Event::Quarantine {
            actor: text(value, "actor")?,
            entry: value.get("entry")?.as_str()?.parse::<EntryId>().ok()?.0,
            rule: text(value, "rule")?,
            bytes: u32::try_from(value.get("bytes")?.as_u64()?).ok()?,
            repeat: value.get("repeat")?.as_bool()?,
        },
        "admin" => Event::Admin {
            actor: text(value, "actor")?,
            command: text(value, "command")?,
            detail: text(value, "detail")?,
            done: value.get("done")?.as_bool()?,
        },
        "system" => Event::System { command: text(value, "command")?, detail: text(value, "detail")? },
        _ => return None,
    })
}

fn text(value: &Value, name: &str) -> Option<Box<str>> {
    value.get(name)?.as_str().map(Into::into)
}

fn digest(value: &Value, name: &str) -> Option<Digest> {
    line::unhex(value.get(name)?.as_str()?)
}

fn range(value: &Value, name: &str) -> Option<Range> {
    match value.get(name)?.as_array()?.as_slice() {
        [] => Some(Range::EMPTY),
        [first, last] => {
            Some(Range::new(Sequence::new(first.as_u64()?), Sequence::new(last.as_u64()?.checked_add(1)?)))
        }
        _ => None,
    }
}

/// Fresh ones and repeats. Of a request with both, fresh ones come first: their places in the request are not told.
fn messages(value: &Value) -> Option<Box<[Message]>> {
    let mut messages = Vec::new();
    for (name, is_repeat) in [("messages", false), ("repeated", true)] {
        let Some(list) = value.get(name) else { continue };
        for one in list.as_array()? {
            let [sequence, resource_id, digest] = one.as_array()?.as_slice() else { return None };
            messages.push(Message {
                sequence: Sequence::new(sequence.as_u64()?),
                resource_id: resource_id.as_str()?.parse().ok()?,
                digest: line::unhex(digest.as_str()?)?,
                is_repeat,
            });
        }
    }
    Some(messages.into())
}

#[cfg(test)]
mod tests {
    use pix_stream_testkit::contract::audit_log::records;

    use super::*;

    fn line(n: u64, record: &Record) -> String {
        let mut out = String::new();
        line::write(&mut out, n, record, Digest::of(b"before"));
        out.trim_end().to_owned()
    }

    #[test]
    fn every_record_is_read_as_it_was_written() {
        for (n, mut record) in (1..).zip(records("r", 20)) {
            if let Event::Publish { messages, .. } = &mut record.event {
                messages.sort_by_key(|message| message.is_repeat);
            }
            let line = line(n, &record);
            assert_eq!(date(line.as_bytes()), Some(record.at));
            if let Some(ispb) = record.ispb {
                assert!(line.contains(&ispb_member(ispb)));
            }
            assert_eq!(parse(line.as_bytes()), Ok(Entry { n, version: 2, record }));
        }
    }

    #[test]
    fn a_publish_of_version_1_names_no_messages() {
        let line = br#"{"n":7,"at":"2027-01-15T08:00:00.123Z","event":"publish","ispb":"99999010","actor":"core","batch":[1,2],"repeats":0,"prev":"","hash":""}"#;
        let entry = parse(line).unwrap();
        assert_eq!(entry.version, 1);
        let batch = Range::new(Sequence::new(1), Sequence::new(3));
        let event = Event::Publish { actor: "core".into(), batch, repeats: 0, messages: Box::default() };
        assert_eq!(entry.record.event, event);
    }

    #[test]
    fn lines_of_newer_builds_and_of_nobody_are_told_apart() {
        let record = &records("r", 1)[0];
        let newer = line(1, record).replace("\"v\":2", "\"v\":3");
        assert_eq!(parse(newer.as_bytes()), Err(Unread::Newer(3)));
        for other in ["", "{}", "{\"n\":1}", "[1]", "\"v\""] {
            assert_eq!(parse(other.as_bytes()), Err(Unread::Form), "{other}");
        }
    }
}
