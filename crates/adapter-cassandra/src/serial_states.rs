//! Stream states by serial writes, for as long as Redis is out of reach. Not the fallback itself: that decides when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pix_stream_cql::{Consistency, Options, Row, Serial, Session, Statement, Value};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::version::{Incarnation, Version};
use pix_stream_ports::entropy::Entropy;
use pix_stream_ports::error::Error;
use pix_stream_ports::serial_states::{SerialState, SerialStates, Survey};

use crate::fault::store_error;
use crate::register::{Register, Seen, Swap, Token};

/// How long a node that cannot reach Redis counts as needy, in seconds.
pub const NEED_LIFE_SECONDS: i32 = 5;
/// How often a change is tried again because the row, but not the state, is another one: after a hand-over or a fence.
const ATTEMPTS: u32 = 16;
/// Rows of one page of a survey.
const PAGE: u32 = 1_000;
/// Participants whose last token is remembered, so that a change needs no read before it.
const REMEMBERED_MAX: usize = 16_384;
/// The one partition of needy nodes.
const NODES_ID: i32 = 0;

/// The states of one keyspace. Clones share what they remember.
#[derive(Clone)]
pub struct CassandraSerialStates {
    session: Session,
    states: Register,
    remembered: Arc<Mutex<HashMap<Ispb, (Version, Token)>>>,
    survey: Statement,
    needy: Statement,
    claim: Statement,
}

impl CassandraSerialStates {
    /// Of a keyspace that was migrated.
    #[must_use]
    pub fn new(session: &Session, keyspace: &str, entropy: &Arc<dyn Entropy>) -> Self {
        let columns: (&[&str], &[&str]) = (&["ispb"], &["incarnation", "counter", "state", "is_over"]);
        let table = format!("{keyspace}.pix_states");
        Self {
            session: session.clone(),
            states: Register::new(session, entropy, Serial::Local, &table, columns),
            remembered: Arc::default(),
            survey: Statement::new(format!("SELECT ispb, incarnation, counter, is_over FROM {table}")),
            needy: Statement::new(format!("SELECT node FROM {keyspace}.pix_fallback_nodes WHERE id = ?")),
            claim: Statement::new(format!(
                "INSERT INTO {keyspace}.pix_fallback_nodes (id, node) VALUES (?, ?) USING TTL ?"
            ))
            .idempotent(),
        }
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<Ispb, (Version, Token)>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, ispb: Ispb, version: Version, token: Option<Token>) {
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        match token {
            Some(token) => drop(remembered.insert(ispb, (version, token))),
            None => drop(remembered.remove(&ispb)),
        }
    }

    fn forget(&self, ispb: Ispb) {
        self.remembered().remove(&ispb);
    }

    /// What is kept, and the token of its row. Where only a fence was written nothing is kept.
    async fn find(&self, ispb: Ispb) -> Result<(Option<SerialState>, Option<Token>), Error> {
        let Some(Seen { row, token }) = self.states.find(&[key(ispb)]).await? else {
            return Ok((None, None));
        };
        let Some(bytes) = row.blob("state").map_err(store_error)? else { return Ok((None, token)) };
        let state = StreamState::decode(&bytes)
            .map_err(|error| Error::Damaged(format!("the kept state of {ispb}: {error}")))?;
        let is_over = row.bool("is_over").map_err(store_error)?.unwrap_or(false);
        self.remember(ispb, state.version(), token);
        Ok((Some(SerialState { state, is_over }), token))
    }

    /// Writes a state over the row with this token.
    async fn write(
        &self,
        ispb: Ispb,
        (state, is_over): (&StreamState, bool),
        seen: Option<Token>,
    ) -> Result<Swap, Error> {
        let Version { incarnation, counter } = state.version();
        let (Ok(incarnation), Ok(counter)) = (i32::try_from(incarnation.value()), i64::try_from(counter))
        else {
            return Err(Error::Damaged(format!("a version of {ispb} is beyond what is kept")));
        };
        let columns = vec![incarnation.into(), counter.into(), Value::from(state.encode()), is_over.into()];
        let result = self.states.swap(&[key(ispb)], columns, seen).await;
        match &result {
            Ok(Swap::Done(token)) => self.remember(ispb, state.version(), Some(*token)),
            Ok(Swap::Lost) | Err(_) => self.forget(ispb),
        }
        result
    }

    /// The token of the row, if this node knows that it holds the expected state.
    fn known(&self, ispb: Ispb, expected: Option<Version>) -> Option<Token> {
        let (version, token) = self.remembered().get(&ispb).copied()?;
        (Some(version) == expected).then_some(token)
    }
}

impl SerialStates for CassandraSerialStates {
    async fn load(&self, ispb: Ispb) -> Result<Option<SerialState>, Error> {
        Ok(self.find(ispb).await?.0)
    }

    async fn swap(
        &self,
        ispb: Ispb,
        expected: Option<Version>,
        next: &StreamState,
    ) -> Result<Result<(), Option<SerialState>>, Error> {
        for _ in 0..ATTEMPTS {
            let seen = match self.known(ispb, expected) {
                Some(token) => Some(token),
                None => {
                    let (kept, token) = self.find(ispb).await?;
                    if kept.as_ref().map(|kept| kept.state.version()) != expected {
                        return Ok(Err(kept));
                    }
                    token
                }
            };
            match self.write(ispb, (next, false), seen).await? {
                Swap::Done(_) => return Ok(Ok(())),
                Swap::Lost => {}
            }
        }
        Err(Error::Unavailable(format!("too many others write the row of {ispb} at the same time")))
    }

    async fn hand_over(&self, ispb: Ispb, expected: Version) -> Result<bool, Error> {
        for _ in 0..ATTEMPTS {
            let (kept, token) = self.find(ispb).await?;
            let Some(SerialState { state, is_over }) = kept.filter(|kept| kept.state.version() == expected)
            else {
                return Ok(false);
            };
            if is_over {
                return Ok(true);
            }
            match self.write(ispb, (&state, true), token).await? {
                Swap::Done(_) => return Ok(true),
                Swap::Lost => {}
            }
        }
        Err(Error::Unavailable(format!("too many others write the row of {ispb} at the same time")))
    }

    /// Reads the whole table, which has one row a participant. A change that is being made is seen or not; one that
    /// was answered is seen.
    async fn survey(&self) -> Result<Survey, Error> {
        let mut survey = Survey::default();
        let mut from = None;
        loop {
            let options = Options::new(Consistency::LocalQuorum).page(PAGE, from);
            let rows = self.session.execute(&self.survey, Vec::new(), &options).await.map_err(store_error)?;
            for row in &rows {
                survey.states.extend(going_on(row)?);
            }
            from = rows.paging_state();
            if from.is_none() {
                break;
            }
        }
        let options = Options::new(Consistency::LocalQuorum);
        let rows = self.session.execute(&self.needy, vec![NODES_ID.into()], &options).await;
        for row in &rows.map_err(store_error)? {
            survey.needy.extend(row.text("node").map_err(store_error)?);
        }
        Ok(survey)
    }

    async fn claim_need(&self, node: &str) -> Result<(), Error> {
        let values = vec![NODES_ID.into(), node.into(), NEED_LIFE_SECONDS.into()];
        let options = Options::new(Consistency::LocalQuorum);
        self.session.execute(&self.claim, values, &options).await.map(drop).map_err(store_error)
    }
}

/// The participant of a row whose state is not over.
fn going_on(row: &Row) -> Result<Option<(Ispb, Version)>, Error> {
    let incarnation = row.int("incarnation").map_err(store_error)?.and_then(|n| u32::try_from(n).ok());
    let counter = row.bigint("counter").map_err(store_error)?.and_then(|n| u64::try_from(n).ok());
    let is_over = row.bool("is_over").map_err(store_error)?.unwrap_or(true);
    let ispb = row.text("ispb").map_err(store_error)?.unwrap_or_default();
    let ispb: Ispb = ispb.parse().map_err(|_| Error::Damaged(format!("a kept state of {ispb:?}")))?;
    let version = incarnation.map(Incarnation::new).zip(counter);
    let version = version.map(|(incarnation, counter)| Version { incarnation, counter });
    Ok(version.filter(|_| !is_over).map(|version| (ispb, version)))
}

fn key(ispb: Ispb) -> Value {
    Value::from(ispb.to_string())
}
