//! The one script, and how a restarted or promoted server is told from the one before (ADR 0018).
//!
//! Servers keep scripts in memory only: neither persistence nor replication carries them. So a script that was put
//! into one server's memory under a name that nobody else can guess is known to that process alone, for as long as
//! it lives: its *reign*. A server that does not know it is another one, and what it holds bears another run id than
//! its own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bytes::Bytes;
use fred::interfaces::ClientLike as _;
use fred::types::config::Options as CallOptions;
use fred::types::{ClusterHash, CustomCommand, Value};
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::error::Error;
use tokio::sync::Mutex as AsyncMutex;

use crate::answer;
use crate::caller::{Breaker, Caller};
use crate::error;
use crate::metrics::REIGNS;

/// The script without its first lines. It knows nothing of what it swaps, and says little: each call into Redis and each
/// argument costs as much as a swap.
///
/// Called with arguments - of each value what is expected, and another value - it swaps: if a value's first twenty bytes
/// are what is expected, or, where one more byte is expected, its first twelve are and the following eight are not.
/// Called without, it says which server it runs on.
const BODY: &str = "\
if #ARGV == 0 then
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end
local sub, answers = string.sub, {}
for i = 1, #KEYS, 2 do
  local held = redis.call('MGET', KEYS[i], KEYS[i + 1])
  local mark, expected = sub(held[1] or '', 1, 20), ARGV[i]
  if mark == expected or (#expected == 21 and sub(mark, 1, 12) == sub(expected, 1, 12)
      and sub(mark, 13) ~= sub(expected, 13, 20)) then
    redis.call('SET', KEYS[i], ARGV[i + 1], 'PX', LIFE)
    answers[(i + 1) / 2] = {1, held[2]}
  else
    answers[(i + 1) / 2] = {0, held[2], held[1]}
  end
end
return answers
";

/// Says which server it runs on, and is the same for everybody.
const WHO: &str = "#!lua\nreturn string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')";

/// Length of a version.
pub(crate) const VERSION_LEN: usize = 12;
/// Length of a run tag.
pub(crate) const TAG_LEN: usize = 8;
/// Hexadecimal digits of a run id.
const RUN_ID_LEN: usize = 40;
/// Times that a server is met anew before a call gives up.
const MEETINGS_MAX: usize = 3;
/// Servers remembered. A cluster has tens of masters; more come together only over years of restarts.
const REMEMBERED_MAX: usize = 256;

/// One life of a server, and the script in its memory.
#[derive(Debug)]
pub(crate) struct Reign {
    /// What marks the states that were agreed on under it.
    pub(crate) tag: [u8; TAG_LEN],
    run_id: String,
    sha: String,
    breaker: Arc<Breaker>,
}

impl PartialEq for Reign {
    fn eq(&self, other: &Self) -> bool {
        self.sha == other.sha
    }
}

/// Which server is whose, as far as it is known.
#[derive(Debug, Default)]
struct Met {
    /// Where there is one master: its reign.
    only: Option<Arc<Reign>>,
    /// Where there are several: the reign of the one that has the participant.
    of: HashMap<Ispb, Arc<Reign>>,
    /// By run id.
    all: HashMap<String, Arc<Reign>>,
}

/// One value for the script to swap.
pub(crate) struct Item {
    /// Whose it is.
    pub(crate) ispb: Ispb,
    /// The value that is swapped.
    pub(crate) key: String,
    /// The value that is told besides.
    pub(crate) beside: String,
    /// What is expected, without the tag.
    pub(crate) expected: Wanted,
    /// The other value: what stands before the tag and what stands after it.
    pub(crate) value: (Bytes, Bytes),
}

/// What a value must begin with to be swapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// No value fits.
    Never,
    /// No value is there.
    Nothing,
    /// This version, and this reign's tag.
    Current([u8; VERSION_LEN]),
    /// This version, and another tag.
    Old([u8; VERSION_LEN]),
}

impl Item {
    /// What the script is told under a reign.
    fn arguments(&self, tag: &[u8; TAG_LEN]) -> [Bytes; 2] {
        let expected = match &self.expected {
            // Shorter than what any value begins with.
            Wanted::Never => return [Bytes::from_static(b"-"), Bytes::new()],
            Wanted::Nothing => Bytes::new(),
            Wanted::Current(version) => Bytes::from([version.as_slice(), tag].concat()),
            Wanted::Old(version) => Bytes::from([version.as_slice(), tag, b"o"].concat()),
        };
        [expected, Bytes::from([&self.value.0, tag.as_slice(), &self.value.1].concat())]
    }
}

/// Runs the script, wherever it has to be brought first.
pub(crate) struct Reigns {
    caller: Caller,
    is_cluster: bool,
    /// How long a value lives, in milliseconds.
    life: u64,
    met: Mutex<Met>,
    /// Whoever meets a server for the first time; the others wait for what it finds.
    meeting: AsyncMutex<()>,
}

impl Reigns {
    pub(crate) fn new(caller: Caller, is_cluster: bool, life: Duration) -> Self {
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        Self { caller, is_cluster, life, met: Mutex::default(), meeting: AsyncMutex::new(()) }
    }

    /// Swaps values of participants that one server has: all there are, but in a cluster those of one slot. Answers with
    /// the reign, and with what the script says of each.
    pub(crate) async fn run(&self, items: &[Item]) -> Result<(Arc<Reign>, Vec<Value>), Error> {
        let Some(first) = items.first() else { return Err(answer::unexpected("nothing")) };
        let mut unknown = None;
        for _meeting in 0..MEETINGS_MAX {
            let reign = match self.find(first.ispb).filter(|found| Some(found) != unknown.as_ref()) {
                Some(known) => known,
                None => self.meet(first, unknown.as_ref()).await?,
            };
            let mut words: Vec<Value> = Vec::with_capacity(2 + 4 * items.len());
            words.extend([reign.sha.as_str().into(), Value::Integer(2 * items.len() as i64)]);
            words.extend(
                items.iter().flat_map(|item| [item.key.as_str().into(), item.beside.as_str().into()]),
            );
            words.extend(items.iter().flat_map(|item| item.arguments(&reign.tag).map(Value::Bytes)));
            let command = CustomCommand::new_static("EVALSHA", hash(first), false);
            let call = self.caller.client.custom::<Value, _>(command, words);
            match self.caller.in_time(Some(first.ispb), call).await? {
                Ok(value) => return Ok((reign, answers(value, items.len())?)),
                Err(failed) if error::is_unknown_script(&failed) => unknown = Some(reign),
                Err(failed) => return Err(error::of(&failed)),
            }
        }
        Err(Error::Unavailable("redis restarts all the time".to_owned()))
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, ispb: Ispb) -> Option<Arc<Reign>> {
        let met = self.met();
        if self.is_cluster { met.of.get(&ispb).cloned() } else { met.only.clone() }
    }

    /// Finds out which server has the participant, and brings it the script unless it has it.
    async fn meet(&self, item: &Item, unknown: Option<&Arc<Reign>>) -> Result<Arc<Reign>, Error> {
        let ispb = item.ispb;
        let _one_at_a_time = self.meeting.lock().await;
        if let Some(found) = self.find(ispb).filter(|found| Some(found) != unknown) {
            return Ok(found);
        }
        if self.is_cluster {
            let run_id = run_id(self.eval(WHO, item).await?)?;
            let known = self.met().all.get(&run_id).filter(|known| Some(*known) != unknown).cloned();
            if let Some(known) = known {
                self.met().of.insert(ispb, Arc::clone(&known));
                self.caller.set_breaker(ispb, Arc::clone(&known.breaker));
                return Ok(known);
            }
        }
        let reign = Arc::new(self.begin(item).await?);
        metrics::counter!(REIGNS).increment(1);
        tracing::info!(run_id = reign.run_id, "met a redis server for the first time");
        let mut met = self.met();
        if met.all.len() >= REMEMBERED_MAX {
            *met = Met::default();
        }
        met.all.insert(reign.run_id.clone(), Arc::clone(&reign));
        if self.is_cluster {
            met.of.insert(ispb, Arc::clone(&reign));
            self.caller.set_breaker(ispb, Arc::clone(&reign.breaker));
        } else {
            met.only = Some(Arc::clone(&reign));
        }
        Ok(reign)
    }

    /// Puts a script that nobody else knows into a server's memory. The same command says which server that is, and
    /// it is sent once only: a repetition could leave the script in two servers.
    async fn begin(&self, item: &Item) -> Result<Reign, Error> {
        let script = script(&nonce()?, self.life);
        let sha = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, script.as_bytes()).as_ref());
        let run_id = run_id(self.eval(&script, item).await?)?;
        let tag = tag(&run_id).ok_or_else(|| answer::unexpected("a run id"))?;
        Ok(Reign { tag, run_id, sha, breaker: Arc::default() })
    }

    async fn eval(&self, script: &str, item: &Item) -> Result<Value, Error> {
        let command = CustomCommand::new_static("EVAL", hash(item), false);
        let once = CallOptions { max_attempts: Some(1), ..CallOptions::default() };
        let words: Vec<Value> = vec![script.into(), 1.into(), item.key.as_str().into()];
        let client = self.caller.client.with_options(&once);
        let answer = self.caller.in_time(Some(item.ispb), client.custom::<Value, _>(command, words)).await?;
        answer.map_err(|error| error::of(&error))
    }
}

/// Where a cluster has an item's keys.
fn hash(item: &Item) -> ClusterHash {
    ClusterHash::from(item.key.as_str())
}

fn answers(value: Value, count: usize) -> Result<Vec<Value>, Error> {
    let what = "an answer for each swap";
    let answers = answer::list(value, what)?;
    if answers.len() == count { Ok(answers) } else { Err(answer::unexpected(what)) }
}

/// The whole script. Its first line makes a replica refuse it, as it writes.
fn script(nonce: &str, life: u64) -> String {
    format!("#!lua\n-- {nonce}\n{}", BODY.replace("LIFE", &format!("'{life}'")))
}

fn nonce() -> Result<String, Error> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Unavailable("no randomness".to_owned()))?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn run_id(value: Value) -> Result<String, Error> {
    let text = value.into_string().filter(|text| text.len() == RUN_ID_LEN);
    text.ok_or_else(|| answer::unexpected("a run id"))
}

/// The first eight bytes of a run id, which is random.
fn tag(run_id: &str) -> Option<[u8; TAG_LEN]> {
    run_id.get(..2 * TAG_LEN).and_then(|digits| u64::from_str_radix(digits, 16).ok()).map(u64::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_begin_of_a_run_id() {
        let id = "00ff01020304050607080910111213141516171a";
        assert_eq!(tag(id), Some([0, 0xff, 1, 2, 3, 4, 5, 6]));
        assert_eq!(tag("xyz"), None);
    }

    #[test]
    fn no_two_scripts_have_the_same_name() {
        let sha = |script: &str| hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, script.as_bytes()).as_ref());
        assert_ne!(sha(&script(&nonce().unwrap(), 1)), sha(&script(&nonce().unwrap(), 1)));
        assert_eq!(sha("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
