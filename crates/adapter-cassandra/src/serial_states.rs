//! Stream states by serial writes, for as long as Redis is out of reach. Not the fallback itself: that decides when.
//!
//! With several regions `home` says whose a row is.

mod home;

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
use crate::register::{self, Register, Seen, Swap, Token};
pub use home::Home;
use home::{Here, Standing};

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
    home: Home,
    states: Register,
    remembered: Arc<Mutex<HashMap<Ispb, (Version, Token)>>>,
    survey: Statement,
    needy: Statement,
    claim: Statement,
}

impl CassandraSerialStates {
    /// Of a keyspace that was migrated, for the nodes of `home`.
    #[must_use]
    pub fn new(session: &Session, keyspace: &str, entropy: &Arc<dyn Entropy>, home: Home) -> Self {
        let columns: (&[&str], &[&str]) = (&["ispb"], &["incarnation", "counter", "state", "is_over"]);
        let table = format!("{keyspace}.pix_states");
        Self {
            session: session.clone(),
            home,
            states: Register::new(session, entropy, Serial::Local, &table, columns),
            remembered: Arc::default(),
            survey: Statement::new(format!(
                "SELECT ispb, incarnation, counter, is_over, writer FROM {table}"
            )),
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
    async fn find(&self, ispb: Ispb, here: Here) -> Result<(Option<SerialState>, Option<Token>), Error> {
        let Some(Seen { row, token }) = self.states.find(&[key(ispb)]).await? else {
            return Ok((None, None));
        };
        let Some(bytes) = row.blob("state").map_err(store_error)? else { return Ok((None, token)) };
        let state = StreamState::decode(&bytes)
            .map_err(|error| Error::Damaged(format!("the kept state of {ispb}: {error}")))?;
        let is_over = row.bool("is_over").map_err(store_error)?.unwrap_or(false);
        let is_over = is_over || here.weigh(token) == Standing::Over;
        self.remember(ispb, state.version(), token);
        Ok((Some(SerialState { state, is_over }), token))
    }

    /// Writes a state over the row with this token, if the participant is still served `here`.
    async fn write(
        &self,
        (ispb, here): (Ispb, Here),
        (state, is_over): (&StreamState, bool),
        seen: Option<Token>,
    ) -> Result<Swap, Error> {
        let Version { incarnation, counter } = state.version();
        let (Ok(incarnation), Ok(counter)) = (i32::try_from(incarnation.value()), i64::try_from(counter))
        else {
            return Err(Error::Damaged(format!("a version of {ispb} is beyond what is kept")));
        };
        // Looked at last: nothing is waited for between that and the write.
        if here == Here::Elsewhere || self.home.here(ispb) != here {
            return Err(elsewhere(ispb));
        }
        let columns = vec![incarnation.into(), counter.into(), Value::from(state.encode()), is_over.into()];
        let result = self.states.swap_marked(&[key(ispb)], columns, seen, here.mark()).await;
        match &result {
            Ok(Swap::Done(token)) => self.remember(ispb, state.version(), Some(*token)),
            Ok(Swap::Lost) | Err(_) => self.forget(ispb),
        }
        result
    }

    /// The token of the row, if this node knows that it holds the expected state, and may go on with it.
    fn known(&self, ispb: Ispb, here: Here, expected: Option<Version>) -> Option<Token> {
        let (version, token) = self.remembered().get(&ispb).copied()?;
        (Some(version) == expected && here.weigh(Some(token)) == Standing::Ours).then_some(token)
    }

    /// After the first write over a row of another region. Cassandra's order of writes is that of their times: what
    /// that one wrote at a time that has not come yet hides what was written now.
    async fn ensure_in_sight(&self, ispb: Ispb, here: Here) -> Result<(), Error> {
        let seen = self.states.find(&[key(ispb)]).await.inspect_err(|_| self.forget(ispb))?;
        if here.weigh(seen.and_then(|seen| seen.token)) == Standing::Over {
            self.forget(ispb);
            return Err(Error::Unavailable(format!("another region's clock was ahead when it wrote {ispb}")));
        }
        Ok(())
    }
}

impl SerialStates for CassandraSerialStates {
    async fn load(&self, ispb: Ispb) -> Result<Option<SerialState>, Error> {
        Ok(self.find(ispb, self.home.here(ispb)).await?.0)
    }

    async fn swap(
        &self,
        ispb: Ispb,
        expected: Option<Version>,
        next: &StreamState,
    ) -> Result<Result<(), Option<SerialState>>, Error> {
        let here = self.home.here(ispb);
        let is_step = expected.is_some_and(|before| before.incarnation == next.version().incarnation);
        for _ in 0..ATTEMPTS {
            let seen = match self.known(ispb, here, expected) {
                Some(token) => Some(token),
                None => {
                    let (kept, token) = self.find(ispb, here).await?;
                    if kept.as_ref().map(|kept| kept.state.version()) != expected {
                        return Ok(Err(kept));
                    }
                    match here.weigh(token) {
                        Standing::Over if is_step => return Ok(Err(kept)),
                        Standing::Ahead => return Err(elsewhere(ispb)),
                        Standing::Ours | Standing::Over => token,
                    }
                }
            };
            match self.write((ispb, here), (next, false), seen).await? {
                Swap::Done(_) if here.weigh(seen) == Standing::Over => {
                    return self.ensure_in_sight(ispb, here).await.map(Ok);
                }
                Swap::Done(_) => return Ok(Ok(())),
                Swap::Lost => {}
            }
        }
        Err(contended(ispb))
    }

    async fn hand_over(&self, ispb: Ispb, expected: Version) -> Result<bool, Error> {
        let here = self.home.here(ispb);
        for _ in 0..ATTEMPTS {
            let (kept, token) = self.find(ispb, here).await?;
            let Some(SerialState { state, is_over }) = kept.filter(|kept| kept.state.version() == expected)
            else {
                return Ok(false);
            };
            if is_over {
                return Ok(true);
            }
            if here.weigh(token) == Standing::Ahead {
                return Err(elsewhere(ispb));
            }
            match self.write((ispb, here), (&state, true), token).await? {
                Swap::Done(_) => return Ok(true),
                Swap::Lost => {}
            }
        }
        Err(contended(ispb))
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
                let going_on = find_going_on(row)?
                    .filter(|(ispb, _, token)| self.home.here(*ispb).weigh(*token) != Standing::Over);
                survey.states.extend(going_on.map(|(ispb, version, _)| (ispb, version)));
            }
            from = rows.paging_state();
            if from.is_none() {
                break;
            }
        }
        let options = Options::new(Consistency::LocalQuorum);
        let rows = self.session.execute(&self.needy, vec![NODES_ID.into()], &options).await;
        for row in &rows.map_err(store_error)? {
            let node = row.text("node").map_err(store_error)?.unwrap_or_default();
            survey.needy.extend(self.home.find_fellow(&node).map(ToOwned::to_owned));
        }
        Ok(survey)
    }

    async fn claim_need(&self, node: &str) -> Result<(), Error> {
        let values = vec![NODES_ID.into(), self.home.sign(node).as_str().into(), NEED_LIFE_SECONDS.into()];
        let options = Options::new(Consistency::LocalQuorum);
        self.session.execute(&self.claim, values, &options).await.map(drop).map_err(store_error)
    }
}

/// The participant of a row that does not say that its state is over, and the row's token.
fn find_going_on(row: &Row) -> Result<Option<(Ispb, Version, Option<Token>)>, Error> {
    let incarnation = row.int("incarnation").map_err(store_error)?.and_then(|n| u32::try_from(n).ok());
    let counter = row.bigint("counter").map_err(store_error)?.and_then(|n| u64::try_from(n).ok());
    let is_over = row.bool("is_over").map_err(store_error)?.unwrap_or(true);
    let ispb = row.text("ispb").map_err(store_error)?.unwrap_or_default();
    let ispb: Ispb = ispb.parse().map_err(|_| Error::Damaged(format!("a kept state of {ispb:?}")))?;
    let version = incarnation.map(Incarnation::new).zip(counter);
    let version = version.map(|(incarnation, counter)| Version { incarnation, counter });
    let token = register::token_of(row).map_err(store_error)?;
    Ok(version.filter(|_| !is_over).map(|version| (ispb, version, token)))
}

fn elsewhere(ispb: Ispb) -> Error {
    Error::Unavailable(format!(
        "{ispb} is not served in this region, or not in the epoch that this node knows"
    ))
}

fn contended(ispb: Ispb) -> Error {
    Error::Unavailable(format!("too many others write the row of {ispb} at the same time"))
}

fn key(ispb: Ispb) -> Value {
    Value::from(ispb.to_string())
}
