//! One row that changes by conditional writes alone, and the settling of writes whose outcome is unknown.
//!
//! Every write leaves a token of its own in the column `writer` and is conditional on the token before it. So a write
//! of which no answer came is found again by a serial read, and one that may still land is fenced: once the row has
//! another token, its condition never holds again. The streams of messages do the same with a batch of their own.

mod mark;

use std::sync::Arc;
use std::time::Duration;

use pix_stream_cql::{Consistency, Error as Failure, Options, Row, Rows, Serial, Session, Statement, Value};
use pix_stream_ports::entropy::Entropy;
use pix_stream_ports::error::Error;

use crate::fault::store_error;
pub(crate) use mark::Mark;

/// What stands in the column `writer`: random, never used twice, perhaps with a [`Mark`].
pub(crate) type Token = [u8; 16];

/// How often an unknown outcome is looked into before the answer is that it is unknown.
const SETTLE_ATTEMPTS: u32 = 4;
/// What is waited before the second of them; then twice as long each.
const SETTLE_PAUSE: Duration = Duration::from_millis(50);

/// The rows of one table.
#[derive(Clone)]
pub(crate) struct Register {
    session: Session,
    entropy: Arc<dyn Entropy>,
    serial: Serial,
    read: Statement,
    write: Statement,
    fence: Statement,
}

/// A row as a serial read sees it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Its columns; all null where only a fence was written.
    pub(crate) row: Row,
    /// The token of the write that made it.
    pub(crate) token: Option<Token>,
}

/// What became of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swap {
    /// It was carried out, with this token.
    Done(Token),
    /// It was not, and never will be: another token is there.
    Lost,
}

/// What a look at the row says of a write of which no answer came.
enum Verdict {
    Done,
    Lost,
    /// It may still land.
    Open,
}

impl Register {
    /// The rows of `table`, named with its keyspace, whose key is `keys`; a write sets all of `columns`.
    pub(crate) fn new(
        session: &Session,
        entropy: &Arc<dyn Entropy>,
        serial: Serial,
        table: &str,
        (keys, columns): (&[&str], &[&str]),
    ) -> Self {
        let one = keys.iter().map(|key| format!("{key} = ?")).collect::<Vec<_>>().join(" AND ");
        let set = columns.iter().map(|column| format!("{column} = ?, ")).collect::<String>();
        let read = format!("SELECT {}, writer FROM {table} WHERE {one}", columns.join(", "));
        let write = format!("UPDATE {table} SET {set}writer = ? WHERE {one} IF writer = ?");
        let fence = format!("UPDATE {table} SET writer = ? WHERE {one} IF writer = ?");
        Self {
            session: session.clone(),
            entropy: Arc::clone(entropy),
            serial,
            read: Statement::new(read),
            write: Statement::new(write),
            fence: Statement::new(fence),
        }
    }

    /// Sees every write that was ever carried out.
    pub(crate) async fn find(&self, key: &[Value]) -> Result<Option<Seen>, Error> {
        let row = self.look(key).await.map_err(store_error)?;
        row.map(|row| Ok(Seen { token: token_of(&row).map_err(store_error)?, row })).transpose()
    }

    /// A conditional batch of [`Register::swap`] and of other statements of the same partition.
    pub(crate) fn batch(&self, others: &[String]) -> Statement {
        let others: String = others.iter().map(|other| format!("{other}; ")).collect();
        Statement::new(format!("BEGIN BATCH {}; {others}APPLY BATCH", self.write.text()))
    }

    /// Sets the columns if the row still has the token `seen` (`None`: there is no row).
    ///
    /// An error means that it is unknown whether this was done: it was overtaken before that could be found out, or
    /// the store is out of reach. While it is out of reach the write may still land.
    pub(crate) async fn swap(
        &self,
        key: &[Value],
        columns: Vec<Value>,
        seen: Option<Token>,
    ) -> Result<Swap, Error> {
        self.swap_batch(&self.write, key, (columns, Vec::new()), seen).await
    }

    /// As [`Register::swap`], with a mark of who writes.
    pub(crate) async fn swap_marked(
        &self,
        key: &[Value],
        columns: Vec<Value>,
        seen: Option<Token>,
        mark: Option<Mark>,
    ) -> Result<Swap, Error> {
        let ours = self.token();
        let ours = mark.map_or(ours, |mark| mark.on(ours));
        self.change(&self.write, key, (columns, Vec::new()), (ours, seen)).await
    }

    /// As [`Register::swap`], by a statement that [`Register::batch`] made, with the values of the others.
    pub(crate) async fn swap_batch(
        &self,
        batch: &Statement,
        key: &[Value],
        (columns, others): (Vec<Value>, Vec<Value>),
        seen: Option<Token>,
    ) -> Result<Swap, Error> {
        self.change(batch, key, (columns, others), (self.token(), seen)).await
    }

    async fn change(
        &self,
        batch: &Statement,
        key: &[Value],
        (columns, others): (Vec<Value>, Vec<Value>),
        (ours, seen): (Token, Option<Token>),
    ) -> Result<Swap, Error> {
        match self.try_write(batch, (columns, others), (ours, key, seen)).await {
            Ok(Verdict::Done) => Ok(Swap::Done(ours)),
            Ok(Verdict::Lost | Verdict::Open) => Ok(Swap::Lost),
            Err(Failure::Unknown(why)) => self.settle(key, ours, seen, why).await,
            Err(failure) => Err(store_error(failure)),
        }
    }

    async fn settle(
        &self,
        key: &[Value],
        ours: Token,
        seen: Option<Token>,
        mut why: String,
    ) -> Result<Swap, Error> {
        let mut fences = Vec::new();
        let mut pause = SETTLE_PAUSE;
        for attempt in 0..SETTLE_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            let verdict = match self.look(key).await {
                Ok(row) => verdict(row.as_ref(), ours, seen, &fences)?,
                Err(failure) => {
                    why = failure.to_string();
                    continue;
                }
            };
            match verdict {
                Verdict::Done => return Ok(Swap::Done(ours)),
                Verdict::Lost => return Ok(Swap::Lost),
                Verdict::Open => {}
            }
            let fence = mark::fence(self.token(), seen);
            fences.push(fence);
            match self.try_write(&self.fence, (Vec::new(), Vec::new()), (fence, key, seen)).await {
                Ok(Verdict::Done) => return Ok(Swap::Lost),
                Ok(Verdict::Lost | Verdict::Open) => {}
                Err(failure) => why = failure.to_string(),
            }
        }
        Err(Error::Unavailable(format!("cassandra: outcome unknown: {why}")))
    }

    async fn look(&self, key: &[Value]) -> Result<Option<Row>, Failure> {
        let options = Options::new(Consistency::LocalQuorum).serial(self.serial);
        Ok(self.session.execute(&self.read, key.to_vec(), &options).await?.first())
    }

    /// Never [`Verdict::Open`]: an outcome that is not known is an error.
    async fn try_write(
        &self,
        statement: &Statement,
        (mut values, others): (Vec<Value>, Vec<Value>),
        (ours, key, seen): (Token, &[Value], Option<Token>),
    ) -> Result<Verdict, Failure> {
        values.push(Value::from(ours.to_vec()));
        values.extend_from_slice(key);
        values.push(seen.map(|token| token.to_vec()).into());
        values.extend(others);
        let options = Options::new(Consistency::LocalQuorum).serial(self.serial);
        let rows = self.session.execute(statement, values, &options).await?;
        match rows.applied() {
            Some(true) => Ok(Verdict::Done),
            // A coordinator that tried twice by itself may have been refused by what it wrote.
            Some(false) if holds(&rows, ours) => Ok(Verdict::Done),
            Some(false) => Ok(Verdict::Lost),
            None => Err(Failure::Unknown("the answer does not say whether it was applied".to_owned())),
        }
    }

    pub(crate) fn token(&self) -> Token {
        let mut token = Token::default();
        self.entropy.fill(&mut token);
        token
    }
}

fn holds(rows: &Rows, token: Token) -> bool {
    rows.first().filter(|row| row.has("writer")).is_some_and(|row| token_of(&row) == Ok(Some(token)))
}

/// The token of a row that was read.
pub(crate) fn token_of(row: &Row) -> Result<Option<Token>, Failure> {
    Ok(row.blob("writer")?.and_then(|bytes| Token::try_from(bytes.as_ref()).ok()))
}

/// Ours was conditional on `seen`. So it was done if the row has our token, it was not if a fence of ours came first,
/// and if somebody else's token is there, it may have been done before that: nobody can tell.
fn verdict(row: Option<&Row>, ours: Token, seen: Option<Token>, fences: &[Token]) -> Result<Verdict, Error> {
    match row.map(token_of).transpose().map_err(store_error)?.flatten() {
        now if now == Some(ours) => Ok(Verdict::Done),
        now if now == seen => Ok(Verdict::Open),
        Some(now) if fences.contains(&now) => Ok(Verdict::Lost),
        Some(_) | None => {
            Err(Error::Unavailable("cassandra: outcome unknown: somebody else changed it since".to_owned()))
        }
    }
}
