//! The one script, and how a restarted or promoted server is told from the one before (ADR 0018).
//!
//! Servers keep scripts in memory only: neither persistence nor replication carries them. So a script that was put
//! into one server's memory under a name that nobody else can guess is known to that process alone, for as long as
//! it lives: its *reign*. A server that does not know it is another one, and what it holds bears another run id than
//! its own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bytes::Bytes;
use fred::interfaces::ClientLike as _;
use fred::types::config::Options as CallOptions;
use fred::types::{ClusterHash, CustomCommand, Value};
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::error::Error;
use tokio::sync::Mutex as AsyncMutex;

use crate::answer;
use crate::connection::Caller;
use crate::error;
use crate::metrics::REIGNS;

/// The script without its first lines. It knows nothing of what it swaps.
///
/// Called with arguments, it swaps: if the value's first twenty bytes are what is expected, or its first twelve are
/// and the following eight are not this server's, the value becomes another one. Called without, it says which server
/// it runs on.
const BODY: &str = "\
if #ARGV == 0 then
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end
local mark = redis.call('GETRANGE', KEYS[1], 0, 19)
local fits = mark == ARGV[1]
if ARGV[2] ~= '' then
  fits = string.sub(mark, 1, 12) == ARGV[2] and string.sub(mark, 13) ~= ARGV[3]
end
if fits then
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
  return {1, redis.call('GET', KEYS[2])}
end
return {0, redis.call('GET', KEYS[2]), redis.call('GET', KEYS[1])}
";

/// Says which server it runs on, and is the same for everybody.
const WHO: &str = "#!lua\nreturn string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')";

/// Length of a run tag.
pub(crate) const TAG_LEN: usize = 8;
/// Hexadecimal digits of a run id.
const RUN_ID_LEN: usize = 40;
/// Times that a server is met anew before a call gives up.
const MEETINGS_MAX: usize = 3;
/// Servers remembered. A cluster has tens of masters; more come together only over years of restarts.
const REMEMBERED_MAX: usize = 256;

/// One life of a server, and the script in its memory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reign {
    /// What marks the states that were agreed on under it.
    pub(crate) tag: [u8; TAG_LEN],
    run_id: String,
    sha: String,
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

/// The script's keys and arguments for one participant, but for the tag.
pub(crate) struct Call {
    /// The value that is swapped.
    pub(crate) key: String,
    /// The value that is told besides.
    pub(crate) beside: String,
}

/// Runs the script, wherever it has to be brought first.
pub(crate) struct Reigns {
    caller: Caller,
    is_cluster: bool,
    met: Mutex<Met>,
    /// Whoever meets a server for the first time; the others wait for what it finds.
    meeting: AsyncMutex<()>,
}

impl Reigns {
    pub(crate) fn new(caller: Caller, is_cluster: bool) -> Self {
        Self { caller, is_cluster, met: Mutex::default(), meeting: AsyncMutex::new(()) }
    }

    /// Runs the script with the arguments that `arguments` makes for the reign. Answers with that reign.
    pub(crate) async fn run(
        &self,
        ispb: Ispb,
        call: &Call,
        arguments: impl Fn(&Reign) -> [Bytes; 5],
    ) -> Result<(Arc<Reign>, Value), Error> {
        let mut unknown = None;
        for _meeting in 0..MEETINGS_MAX {
            let reign = match self.find(ispb).filter(|found| Some(found) != unknown.as_ref()) {
                Some(known) => known,
                None => self.meet(ispb, call, unknown.as_ref()).await?,
            };
            let mut words: Vec<Value> = Vec::with_capacity(9);
            words.extend([reign.sha.as_str().into(), 2.into(), call.key.as_str().into()]);
            words.push(call.beside.as_str().into());
            words.extend(arguments(&reign).into_iter().map(Value::Bytes));
            let command = CustomCommand::new_static("EVALSHA", hash(call), false);
            match self.caller.run_raw(self.caller.client.custom::<Value, _>(command, words)).await? {
                Ok(value) => return Ok((reign, value)),
                Err(failed) if error::is_unknown_script(&failed) => unknown = Some(reign),
                Err(failed) => return Err(error::of(&failed)),
            }
        }
        Err(Error::Unavailable("redis restarts all the time".to_owned()))
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, ispb: Ispb) -> Option<Arc<Reign>> {
        let met = self.met();
        if self.is_cluster { met.of.get(&ispb).cloned() } else { met.only.clone() }
    }

    /// Finds out which server has the participant, and brings it the script unless it has it.
    async fn meet(&self, ispb: Ispb, call: &Call, unknown: Option<&Arc<Reign>>) -> Result<Arc<Reign>, Error> {
        let _one_at_a_time = self.meeting.lock().await;
        if let Some(found) = self.find(ispb).filter(|found| Some(found) != unknown) {
            return Ok(found);
        }
        if self.is_cluster {
            let run_id = run_id(self.eval(WHO, call).await?)?;
            let known = self.met().all.get(&run_id).filter(|known| Some(*known) != unknown).cloned();
            if let Some(known) = known {
                self.met().of.insert(ispb, Arc::clone(&known));
                return Ok(known);
            }
        }
        let reign = Arc::new(self.begin(call).await?);
        metrics::counter!(REIGNS).increment(1);
        tracing::info!(run_id = reign.run_id, "met a redis server for the first time");
        let mut met = self.met();
        if met.all.len() >= REMEMBERED_MAX {
            *met = Met::default();
        }
        met.all.insert(reign.run_id.clone(), Arc::clone(&reign));
        if self.is_cluster {
            met.of.insert(ispb, Arc::clone(&reign));
        } else {
            met.only = Some(Arc::clone(&reign));
        }
        Ok(reign)
    }

    /// Puts a script that nobody else knows into a server's memory. The same command says which server that is, and
    /// it is sent once only: a repetition could leave the script in two servers.
    async fn begin(&self, call: &Call) -> Result<Reign, Error> {
        let script = script(&nonce()?);
        let sha = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, script.as_bytes()).as_ref());
        let run_id = run_id(self.eval(&script, call).await?)?;
        let tag = tag(&run_id).ok_or_else(|| answer::unexpected("a run id"))?;
        Ok(Reign { tag, run_id, sha })
    }

    async fn eval(&self, script: &str, call: &Call) -> Result<Value, Error> {
        let command = CustomCommand::new_static("EVAL", hash(call), false);
        let once = CallOptions { max_attempts: Some(1), ..CallOptions::default() };
        let words: Vec<Value> = vec![script.into(), 1.into(), call.key.as_str().into()];
        let client = self.caller.client.with_options(&once);
        self.caller.run(client.custom::<Value, _>(command, words)).await
    }
}

/// Where a cluster has the keys of a call.
fn hash(call: &Call) -> ClusterHash {
    ClusterHash::from(call.key.as_str())
}

/// The whole script. Its first line makes a replica refuse it, as it writes.
fn script(nonce: &str) -> String {
    format!("#!lua\n-- {nonce}\n{BODY}")
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
        assert_ne!(sha(&script(&nonce().unwrap())), sha(&script(&nonce().unwrap())));
        assert_eq!(sha("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
