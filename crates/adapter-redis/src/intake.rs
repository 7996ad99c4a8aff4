//! The Intake on a Redis Stream with a consumer group (requirement B.5): one entry a message, with the fields `ispb`,
//! `producer` (optional) and `xml`.
//!
//! What is handed out stays pending in the group until it is acknowledged, then it leaves the stream. What a worker
//! did not finish in time is claimed by whoever asks next. The stream is the producers' and does not expire; what was
//! refused is put into a second one, bounded and with an end.

mod consumers;
mod entries;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::{ClientLike as _, TransactionInterface as _};
use fred::types::config::Options as CallOptions;
use fred::types::{ClusterHash, CustomCommand, Value};
use metrics::Counter;
use pix_stream_ports::error::Error;
use pix_stream_ports::intake::{Depth, Entry, Intake};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};

use crate::answer;
use crate::caller::Caller;
use crate::connection::{self, Tasks};
use crate::error;
use crate::metrics::{INTAKE_CLAIMED, INTAKE_GROUPS};
use crate::options::{Options, Topology};

/// One blocking read; longer waits are several. Shorter than what makes a connection count as dead.
const READ_SLICE: Duration = Duration::from_millis(900);
/// Refused entries that are kept, about.
const REFUSED_MAX: &str = "10000";
/// How long they are kept after the last of them came.
const REFUSED_LIFE: Duration = Duration::from_hours(7 * 24);
/// Steps of one look for entries of dead workers, each over ten times as many as may be taken.
const CLAIM_STEPS: usize = 16;

/// Which stream, and as whom.
#[derive(Debug, Clone)]
pub struct IntakeOptions {
    /// The stream's key, as it is: producers write it.
    pub stream: String,
    /// The consumer group of all nodes.
    pub group: String,
    /// This node, by a name that no other living node has.
    pub consumer: String,
    /// After how long an entry that was handed out counts as not finished. Longer than any worker takes for a batch.
    pub claim_after: Duration,
}

/// The Intake; one for all workers of a node, who take turns at waiting.
pub struct RedisIntake {
    /// For commands that answer at once.
    caller: Caller,
    /// For reads that wait.
    reads: Client,
    stream: String,
    refused: String,
    group: String,
    consumer: String,
    claim_after: Duration,
    command_timeout: Duration,
    turn: Mutex<Claims>,
    tidied: AtomicBool,
    claimed: Counter,
    groups: Counter,
    _tasks: Tasks,
}

/// Where the look for entries of dead workers stands.
struct Claims {
    cursor: String,
    next: Instant,
    /// Whether the last batch was claimed, so that new entries have their turn. What a participant cannot be given now
    /// comes back again and again: without turns thousands of such entries would keep everybody's new ones waiting.
    is_turn_of_new: bool,
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
        let refused = refused_key(&intake.stream, matches!(options.topology, Topology::Cluster { .. }));
        Ok(Self {
            caller: Caller::new(client, options.command_timeout),
            reads,
            refused,
            stream: intake.stream,
            group: intake.group,
            consumer: intake.consumer,
            claim_after: intake.claim_after,
            command_timeout: options.command_timeout,
            turn: Mutex::new(Claims {
                cursor: entries::START.to_owned(),
                next: Instant::now(),
                is_turn_of_new: false,
            }),
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

    /// Takes over what other workers, or this one in an earlier life, did not finish in time.
    async fn claim(&self, claims: &mut Claims, limit: u32) -> Result<Vec<Entry>, Error> {
        let (idle, count) = (self.claim_after.as_millis().to_string(), limit.to_string());
        for _ in 0..CLAIM_STEPS {
            if claims.next > Instant::now() {
                break;
            }
            let words = [&*self.stream, &self.group, &self.consumer, &idle, &claims.cursor, "COUNT", &count];
            let (cursor, taken) = entries::read_claim(self.send("XAUTOCLAIM", &words).await?)?;
            if cursor == entries::START {
                claims.next = Instant::now() + self.claim_after / 4;
            }
            claims.cursor = cursor;
            if !taken.is_empty() {
                self.claimed.increment(taken.len() as u64);
                tracing::info!(entries = taken.len(), "took over intake entries that nobody finished");
                return Ok(taken);
            }
        }
        Ok(Vec::new())
    }

    /// Reads entries that nobody was handed yet; waits for some for at most `wait`.
    async fn read(&self, limit: u32, wait: Duration) -> Result<Vec<Entry>, Error> {
        let (count, block) = (limit.to_string(), wait.as_millis().to_string());
        let mut words = vec!["GROUP", &*self.group, &self.consumer, "COUNT", &count];
        if !wait.is_zero() {
            words.extend(["BLOCK", &*block]);
        }
        words.extend(["STREAMS", &self.stream, ">"]);
        let timeout = Some(wait + self.command_timeout);
        // Not sent again by the driver: an answer that was lost holds entries, which are claimed later.
        let options = CallOptions { timeout, max_attempts: Some(1), ..CallOptions::default() };
        let client = self.reads.with_options(&options);
        match client.custom::<Value, _>(self.command("XREADGROUP"), values(&words)).await {
            Ok(value) => entries::read_new(value),
            Err(failed) if error::is_no_group(&failed) => self.make_group().await.map(|()| Vec::new()),
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

    async fn turn(&self, until: Instant) -> Option<MutexGuard<'_, Claims>> {
        // A turn that is free is taken also by who does not want to wait.
        match self.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(_) => timeout_at(until, self.turn.lock()).await.ok(),
        }
    }
}

fn values(words: &[&str]) -> Vec<Value> {
    words.iter().map(|word| Value::from(*word)).collect()
}

/// The stream of what was refused; in a cluster it must share the slot.
fn refused_key(stream: &str, is_cluster: bool) -> String {
    match is_cluster && !stream.contains('{') {
        true => format!("{{{stream}}}:refused"),
        false => format!("{stream}:refused"),
    }
}

impl Intake for RedisIntake {
    async fn take(&self, limit: u32, wait: Duration) -> Result<Vec<Entry>, Error> {
        let until = Instant::now() + wait;
        let Some(mut claims) = self.turn(until).await else { return Ok(Vec::new()) };
        self.tidy().await?;
        if std::mem::take(&mut claims.is_turn_of_new) {
            let new = self.read(limit, Duration::ZERO).await?;
            if !new.is_empty() {
                return Ok(new);
            }
        }
        loop {
            let claimed = self.claim(&mut claims, limit).await?;
            if !claimed.is_empty() {
                claims.is_turn_of_new = true;
                return Ok(claimed);
            }
            let left = until.saturating_duration_since(Instant::now());
            let new = self.read(limit, left.min(READ_SLICE)).await?;
            if !new.is_empty() || until <= Instant::now() {
                return Ok(new);
            }
        }
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
    fn what_is_refused_shares_the_streams_slot() {
        assert_eq!(refused_key("in", false), "in:refused");
        assert_eq!(refused_key("in", true), "{in}:refused");
        assert_eq!(refused_key("{in}x", true), "{in}x:refused");
    }
}
