//! Forgetting the consumers of nodes that are gone.

use std::time::Duration;

/// A consumer that took nothing for this long and holds nothing is gone, or has nothing to lose: its next read makes it
/// again.
pub(super) const GONE_AFTER: Duration = Duration::from_hours(1);

/// Deletes consumers of the group `ARGV[1]` that hold nothing, are idle for `ARGV[2]` milliseconds and are not `ARGV[3]`.
/// Answers how many; none where the stream or the group is gone.
///
/// Looks and deletes in one step: with a consumer go the entries that it holds, and one that idles for hours (the time is
/// that since its last entry, before Redis 7.2) may be handed one between a look and a command that comes later.
pub(super) const FORGET: &str = "#!lua
local gone = 0
local all = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if all.err then return 0 end
for _, fields in ipairs(all) do
    local of = {}
    for at = 1, #fields, 2 do of[fields[at]] = fields[at + 1] end
    if of.pending == 0 and of.idle >= tonumber(ARGV[2]) and of.name ~= ARGV[3] then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], of.name)
        gone = gone + 1
    end
end
return gone";

#[cfg(test)]
mod tests {
    use pix_stream_stores::redis::{Client, Reply};
    use pix_stream_stores::test;

    use super::*;

    #[test]
    fn only_others_that_are_idle_and_hold_nothing_are_forgotten() {
        let Some(address) = test::redis() else { return };
        let mut client = Client::connect(address).unwrap();
        let stream = format!("pix-test-consumers-{}", std::process::id());
        let mut ask = |words: &[&str]| client.command(words).unwrap();
        ask(&["XGROUP", "CREATE", &stream, "g", "0", "MKSTREAM"]);
        ask(&["XADD", &stream, "*", "xml", "<x/>"]);
        ask(&["XREADGROUP", "GROUP", "g", "holds", "STREAMS", &stream, ">"]);
        for idle in ["gone", "also gone", "asks"] {
            ask(&["XGROUP", "CREATECONSUMER", &stream, "g", idle]);
        }
        assert_eq!(ask(&["EVAL", FORGET, "1", "pix-test-nothing", "g", "0", "asks"]), Reply::Number(0));
        assert_eq!(ask(&["EVAL", FORGET, "1", &stream, "another", "0", "asks"]), Reply::Number(0));
        let hour = GONE_AFTER.as_millis().to_string();
        assert_eq!(ask(&["EVAL", FORGET, "1", &stream, "g", &hour, "asks"]), Reply::Number(0));
        assert_eq!(ask(&["EVAL", FORGET, "1", &stream, "g", "0", "asks"]), Reply::Number(2));
        let left = ask(&["XINFO", "CONSUMERS", &stream, "g"]).text();
        let left = ["holds", "gone", "asks"].map(|name| left.lines().any(|line| line == name));
        assert_eq!(left, [true, false, true]);
        let Reply::List(pending) = ask(&["XPENDING", &stream, "g"]) else { panic!("a list") };
        assert_eq!(pending[0], Reply::Number(1));
        ask(&["DEL", &stream]);
    }
}
