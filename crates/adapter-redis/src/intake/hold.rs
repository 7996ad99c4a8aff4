//! Holding the stream: one node at a time is handed its entries.
//!
//! The hold is looked at in the same step in which entries are read. So a node that was frozen, or whose request was on
//! its way for long, is handed nothing that would come before what another one takes.

use fred::types::Value;
use pix_stream_ports::error::Error;
use pix_stream_ports::intake::Entry;

use crate::answer::{list, number, unexpected};
use crate::intake::entries::read_entries;

/// Takes entries of the stream `KEYS[1]` for the node `ARGV[1]` if it holds it, or nobody does, by the key `KEYS[2]`, which
/// then lives for `ARGV[2]` milliseconds. `ARGV[3]` is the group, `ARGV[4]` how many entries at most, `ARGV[5]` where the
/// claim of what is pending goes on, empty when that is done.
///
/// Answers nothing when another node has the hold; otherwise whether it is a new one, the next cursor (empty: all that is
/// pending was claimed), the entries, and when there are none the id of the last that the group was handed.
///
/// A claim goes on in the order of ids, and all that is pending is older than what is new.
pub(super) const TAKE: &str = "#!lua
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return {} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
local is_new, cursor, entries, last = 0, ARGV[5], {}, ''
if not holder then is_new, cursor = 1, '0-0' end
if ARGV[4] == '0' then return {is_new, cursor, entries, last} end
if cursor ~= '' then
    local claimed = redis.call('XAUTOCLAIM', KEYS[1], ARGV[3], ARGV[1], 0, cursor, 'COUNT', ARGV[4])
    cursor, entries = claimed[1], claimed[2]
    if cursor == '0-0' then cursor = '' end
    return {is_new, cursor, entries, last}
end
local read = redis.call('XREADGROUP', 'GROUP', ARGV[3], ARGV[1], 'COUNT', ARGV[4], 'STREAMS', KEYS[1], '>')
if read then return {is_new, cursor, read[1][2], last} end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local of = {}
    for at = 1, #group, 2 do of[group[at]] = group[at + 1] end
    if of.name == ARGV[3] then last = of['last-delivered-id'] end
end
return {is_new, cursor, entries, last}";

/// Ends the hold `KEYS[1]` if the node `ARGV[1]` has it.
pub(super) const RELEASE: &str = "#!lua
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

/// What [`TAKE`] answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Another node holds the stream.
    Elsewhere,
    /// This one does.
    Held { is_new: bool, cursor: Option<String>, entries: Vec<Entry>, last: String },
}

/// Reads an answer to [`TAKE`].
pub(super) fn read(value: Value) -> Result<Answer, Error> {
    let what = "an answer of the intake's script";
    let mut parts = list(value, what)?.into_iter();
    let Some(is_new) = parts.next() else { return Ok(Answer::Elsewhere) };
    let is_new = number(&is_new, what)? == 1;
    let mut next = || parts.next().ok_or_else(|| unexpected(what));
    let cursor = next()?.into_string().ok_or_else(|| unexpected(what))?;
    let entries = read_entries(next()?)?;
    let last = next()?.into_string().ok_or_else(|| unexpected(what))?;
    Ok(Answer::Held { is_new, cursor: Some(cursor).filter(|cursor| !cursor.is_empty()), entries, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(values: impl IntoIterator<Item = Value>) -> Value {
        Value::Array(values.into_iter().collect())
    }

    #[test]
    fn answers_are_read() {
        assert_eq!(read(array([])), Ok(Answer::Elsewhere));
        let held = array([Value::Integer(1), "5-0".into(), array([]), "".into()]);
        let expected = Answer::Held {
            is_new: true,
            cursor: Some("5-0".to_owned()),
            entries: Vec::new(),
            last: String::new(),
        };
        assert_eq!(read(held), Ok(expected));
        assert!(read(array([Value::Integer(1)])).is_err());
        assert!(read(Value::Null).is_err());
    }
}
