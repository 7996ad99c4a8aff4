//! The Intake on a Redis Stream with a consumer group (requirement B.5): one entry a message, with the fields `ispb`,
//! `producer` (optional) and `xml`.
//!
//! One node at a time holds the stream, by a key that expires ([`hold`]), so entries stay in order. What is handed out
//! stays pending in the group until it is acknowledged, then it leaves the stream. Who takes the stream over claims all
//! that is pending, from the oldest on. The stream is the producers' and does not expire; what was refused is put into a
//! second one, bounded and with an end.

mod consumers;
mod entries;
mod hold;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::{ClientLike as _, TransactionInterface as _};
use fred::types::config::Options as CallOptions;
use fred::types::{ClusterHash, CustomCommand, Value};
use metrics::Counter;
use pix_stream_ports::error::Error;
use pix_stream_ports::intake::{Depth, Entry, Intake, Taken};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::answer;
use crate::caller::Caller;
use crate::connection::{self, Tasks};
use crate::error;
use crate::metrics::{INTAKE_CLAIMED, INTAKE_GROUPS};
use crate::options::{Options, Topology};

/// One wait for entries; longer ones are several. Shorter than what makes a connection count as dead.
const WAIT_SLICE: Duration = Duration::from_millis(900);
/// Refused entries that are kept, about.
const REFUSED_MAX: &str = "10000";
/// How long they are kept after the last of them came.
const REFUSED_LIFE: Duration = Duration::from_hours(7 * 24);
/// How often a node asks whether it may hold the stream.
const POLL: Duration = Duration::from_millis(300);
/// The fewest waits in the time after which a hold ends: each asks, and so keeps it.
const WAITS_IN_HOLD: u32 = 3;

/// Which stream, and as whom.
#[derive(Debug, Clone)]
pub struct IntakeOptions {
    /// The stream's key, as it is: producers write it.
    pub stream: String,
    /// The consumer group of all nodes.
    pub group: String,
    /// This node, by a name that no other living node has.
    pub consumer: String,
    /// After how long without a request of the node that holds the stream another one may.
    pub claim_after: Duration,
}

/// The Intake of a node.
pub struct RedisIntake {
    /// For commands that answer at once.
    caller: Caller,
    /// For waits.
    reads: Client,
    stream: String,
    refused: String,
    holder: String,
    group: String,
    consumer: String,
    claim_after: Duration,
    command_timeout: Duration,
    standing: Mutex<Standing>,
    tidied: AtomicBool,
    claimed: Counter,
    groups: Counter,
    _tasks: Tasks,
}

/// Where this node stands in the stream.
#[derive(Default)]
struct Standing {
    /// Holds so far.
    holds: u64,
    /// It held the stream when it asked last.
    is_held: bool,
    /// Where the claim of what is pending goes on; `None`: all of that was handed out in this hold.
    cursor: Option<String>,
    /// Entries that were claimed in this hold.
    claimed: u64,
}

/// What to do when there were no entries.
enum Then {
    /// Nothing: another node holds the stream.
    Stop,
    /// Ask again: that was what is pending.
    AskAgain,
    /// Wait for one behind this one.
    WaitBehind(String),
}

impl RedisIntake {
    /// Connects, or begins to try. Waits for at most the command timeout.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the options contradict themselves.
    pub async fn start(options: &Options, intake: IntakeOptions) -> Result<Self, Error> {
        let builder = connection::builder(options).map_err(|error| Error::Damaged(error.to_string()))?;
        let mut tasks = Tasks::default();
        let client = connection::commands(&builder, "intake", &mut tasks)?;
        let reads = connection::commands(&builder, "intake_reads", &mut tasks)?;
        tokio::join!(
            connection::stands(&client, "intake", options.command_timeout),
            connection::stands(&reads, "intake_reads", options.command_timeout),
        );
        let is_cluster = matches!(options.topology, Topology::Cluster { .. });
        Ok(Self {
            caller: Caller::new(client, options.command_timeout),
            reads,
            refused: key_beside(&intake.stream, "refused", is_cluster),
            holder: key_beside(&intake.stream, "holder", is_cluster),
            stream: intake.stream,
            group: intake.group,
            consumer: intake.consumer,
            claim_after: intake.claim_after,
            command_timeout: options.command_timeout,
            standing: Mutex::default(),
            tidied: AtomicBool::new(false),
            claimed: metrics::counter!(INTAKE_CLAIMED),
            groups: metrics::counter!(INTAKE_GROUPS),
            _tasks: tasks,
        })
    }

    /// Sends a command that answers at once; a missing stream or group is made, and the command sent again.
    async fn send(&self, name: &'static str, words: &[&str]) -> Result<Value, Error> {
        for _ in 0..2 {
            let call = self.caller.client.custom::<Value, _>(self.command(name), values(words));
            match self.caller.run_raw(None, call).await? {
                Ok(value) => return Ok(value),
                Err(failed) if error::is_no_group(&failed) => self.make_group().await?,
                Err(failed) => return Err(error::of(&failed)),
            }
        }
        Err(Error::Unavailable("the intake's group disappears all the time".to_owned()))
    }

    fn command(&self, name: &'static str) -> CustomCommand {
        CustomCommand::new_static(name, ClusterHash::from(self.stream.as_str()), false)
    }

    /// Makes the group, and the stream when there is none, to begin with the oldest entry.
    async fn make_group(&self) -> Result<(), Error> {
        let words = ["CREATE", &self.stream, &self.group, "0", "MKSTREAM"];
        let call = self.caller.client.custom::<Value, _>(self.command("XGROUP"), values(&words));
        match self.caller.run_raw(None, call).await? {
            Ok(_) => {
                self.groups.increment(1);
                tracing::info!(stream = self.stream, group = self.group, "made the intake's group");
                Ok(())
            }
            // Another node was faster.
            Err(failed) if failed.details().starts_with("BUSYGROUP") => Ok(()),
            Err(failed) => Err(error::of(&failed)),
        }
    }

    /// Asks once for entries, and so keeps or takes the hold; what to do when there are none.
    async fn ask(&self, standing: &mut Standing, limit: u32) -> Result<(Taken, Then), Error> {
        // Whatever becomes of this, what was handed out may not arrive.
        let was_held = std::mem::take(&mut standing.is_held);
        let cursor = if was_held { standing.cursor.as_deref().unwrap_or_default() } else { entries::START };
        let (life, count) = (self.claim_after.as_millis().to_string(), limit.to_string());
        let words =
            [hold::TAKE, "2", &self.stream, &self.holder, &self.consumer, &life, &self.group, &count, cursor];
        let answer = hold::read(self.send("EVAL", &words).await?)?;
        let hold::Answer::Held { is_new, cursor, entries, last } = answer else {
            return Ok((Taken::default(), Then::Stop));
        };
        let is_anew = is_new || !was_held;
        if is_anew {
            standing.holds += 1;
            standing.claimed = 0;
        }
        let is_claim = is_anew || standing.cursor.is_some();
        if is_claim {
            self.note_claimed(standing, entries.len() as u64, cursor.is_none());
        }
        standing.is_held = true;
        standing.cursor = cursor;
        let then = if is_claim { Then::AskAgain } else { Then::WaitBehind(last) };
        Ok((Taken { hold: Some(standing.holds), entries }, then))
    }

    fn note_claimed(&self, standing: &mut Standing, entries: u64, is_last: bool) {
        self.claimed.increment(entries);
        standing.claimed += entries;
        if is_last && standing.claimed > 0 {
            tracing::info!(entries = standing.claimed, "took over intake entries that were not finished");
        }
    }

    /// Waits until there is something behind the entry `last`, for at most `wait`.
    async fn wait(&self, last: &str, wait: Duration) -> Result<(), Error> {
        // One entry comes along, and is read again: waiting is the exception where entries are many.
        let block = wait.as_millis().max(1).to_string();
        let words = ["COUNT", "1", "BLOCK", &block, "STREAMS", &self.stream, last];
        let options = CallOptions {
            timeout: Some(wait + self.command_timeout),
            max_attempts: Some(1),
            ..CallOptions::default()
        };
        let client = self.reads.with_options(&options);
        match client.custom::<Value, _>(self.command("XREAD"), values(&words)).await {
            Ok(_) => Ok(()),
            Err(failed) if error::is_no_group(&failed) => Ok(()),
            Err(failed) => Err(error::of(&failed)),
        }
    }

    /// Removes consumers of nodes that are gone for good: their names would stay in the group for ever.
    async fn tidy(&self) -> Result<(), Error> {
        if self.tidied.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let gone_after = consumers::GONE_AFTER.as_millis().to_string();
        let words = [consumers::FORGET, "1", &self.stream, &self.group, &gone_after, &self.consumer];
        self.send("EVAL", &words).await.map(drop)
    }

    /// Sends commands that are carried out together or not at all.
    async fn send_together(&self, commands: Vec<(&'static str, Vec<Value>)>) -> Result<(), Error> {
        let transaction = self.caller.client.multi();
        self.caller
            .run(None, async {
                for (name, words) in commands {
                    transaction.custom::<(), _>(self.command(name), words).await?;
                }
                transaction.exec::<Value>(true).await.map(drop)
            })
            .await
    }

    /// The commands after which entries are not handed out again.
    fn removal(&self, ids: &[Box<str>]) -> [(&'static str, Vec<Value>); 2] {
        let with_ids = |mut words: Vec<Value>| {
            words.extend(ids.iter().map(|id| Value::from(&**id)));
            words
        };
        [
            ("XACK", with_ids(values(&[&self.stream, &self.group]))),
            ("XDEL", with_ids(values(&[&self.stream]))),
        ]
    }
}

fn values(words: &[&str]) -> Vec<Value> {
    words.iter().map(|word| Value::from(*word)).collect()
}

/// A key of ours that belongs to the stream; in a cluster it must share the slot.
fn key_beside(stream: &str, what: &str, is_cluster: bool) -> String {
    match is_cluster && !stream.contains('{') {
        true => format!("{{{stream}}}:{what}"),
        false => format!("{stream}:{what}"),
    }
}

impl Intake for RedisIntake {
    async fn take(&self, limit: u32, wait: Duration) -> Result<Taken, Error> {
        let until = Instant::now() + wait;
        let mut standing = self.standing.lock().await;
        self.tidy().await?;
        loop {
            let (taken, then) = self.ask(&mut standing, limit).await?;
            let left = until.saturating_duration_since(Instant::now());
            match then {
                _ if limit == 0 || !taken.entries.is_empty() => return Ok(taken),
                // A claim comes to its end, and what is new behind it.
                Then::AskAgain => {}
                Then::Stop | Then::WaitBehind(_) if left.is_zero() => return Ok(taken),
                Then::Stop => sleep(left.min(POLL)).await,
                Then::WaitBehind(last) => {
                    let slice = WAIT_SLICE.min(self.claim_after / WAITS_IN_HOLD);
                    self.wait(&last, left.min(slice)).await?;
                }
            }
        }
    }

    async fn fetch(&self, ids: Vec<Box<str>>) -> Result<Vec<Entry>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut words = vec![&*self.stream, &self.group, &self.consumer, "0"];
        words.extend(ids.iter().map(|id| &**id));
        entries::read_entries(self.send("XCLAIM", &words).await?)
    }

    async fn release(&self) -> Result<(), Error> {
        let mut standing = self.standing.lock().await;
        standing.is_held = false;
        self.send("EVAL", &[hold::RELEASE, "1", &self.holder, &self.consumer]).await.map(drop)
    }

    async fn acknowledge(&self, ids: Vec<Box<str>>) -> Result<(), Error> {
        if ids.is_empty() { Ok(()) } else { self.send_together(self.removal(&ids).into()).await }
    }

    async fn refuse(&self, entry: Entry, reason: &str) -> Result<(), Error> {
        let Entry { id, ispb, producer, xml } = entry;
        let mut put = values(&[&self.refused, "MAXLEN", "~", REFUSED_MAX, "*"]);
        put.extend(values(&["id", &id, "reason", reason, "ispb", &ispb, "producer", &producer, "xml"]));
        put.push(Value::Bytes(xml));
        let life = values(&[&self.refused, &REFUSED_LIFE.as_millis().to_string()]);
        let mut commands = vec![("XADD", put), ("PEXPIRE", life)];
        commands.extend(self.removal(std::slice::from_ref(&id)));
        self.send_together(commands).await
    }

    async fn depth(&self) -> Result<Depth, Error> {
        let all = self.send("XLEN", &[&self.stream]).await?;
        let pending = entries::read_pending(self.send("XPENDING", &[&self.stream, &self.group]).await?)?;
        // Whoever is finished with an entry removes it, so what is there and not pending waits.
        let waiting = answer::number(&all, "a length")?.saturating_sub(pending);
        Ok(Depth { waiting, pending })
    }
}

impl fmt::Debug for RedisIntake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisIntake")
            .field("stream", &self.stream)
            .field("group", &self.group)
            .field("consumer", &self.consumer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_stream_share_its_slot() {
        assert_eq!(key_beside("in", "refused", false), "in:refused");
        assert_eq!(key_beside("in", "holder", true), "{in}:holder");
        assert_eq!(key_beside("{in}x", "refused", true), "{in}x:refused");
    }
}
