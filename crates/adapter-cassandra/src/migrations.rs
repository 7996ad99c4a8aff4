//! The schema and its numbered changes, forward only (requirements, B.1).
//!
//! The files of `migrations/cassandra` are part of this build. [`Migrations::up`] carries out what is missing, one
//! statement after the other, and records each; after a crash the next run goes on where the last one was. Servers
//! change nothing: they ask [`Migrations::check`] whether the schema is the one that they know.

pub(crate) mod files;
mod lease;
mod lock;
mod records;
mod run;
mod schema;

use std::time::Duration;

use pix_stream_cql::{Consistency, Error as Failure, Session};
use pix_stream_domain::time::Timestamp;

use lease::Lease;
use records::{Record, Records};

/// How long a runner waits for another one.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// Longest name of a keyspace (Cassandra's own limit).
const KEYSPACE_MAX: usize = 48;

/// The migrations of one keyspace.
#[derive(Clone)]
pub struct Migrations {
    session: Session,
    keyspace: String,
    replication: Vec<(String, u32)>,
    run_by: String,
    lease: Lease,
    wait_max: Duration,
}

/// One step of [`Migrations::up`], as it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Somebody else migrates; it is waited for.
    Waiting {
        /// Who.
        by: String,
    },
    /// The keyspace was made.
    Keyspace,
    /// A statement of a migration was carried out.
    Statement {
        /// The migration's name.
        name: &'static str,
        /// The statement's number in it, from 1.
        number: usize,
        /// How many it has.
        of: usize,
    },
    /// A migration is done.
    Done {
        /// Its name.
        name: &'static str,
    },
}

/// A migration, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its number.
    pub number: i32,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: State,
}

/// How a migration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Done.
    Applied {
        /// When, by the cluster's clock.
        at: Timestamp,
        /// By whom.
        by: String,
    },
    /// Begun, not done.
    Half {
        /// Statements that were carried out.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// Not begun.
    Pending,
    /// Done, or begun, with a file that was another one.
    Changed,
    /// Done by a newer build: this one does not have it.
    Newer,
}

/// What is wrong with a schema whose migrations are recorded as done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A migration is not done.
    #[error("migration {0} is not done; run `pix-stream migrate up`")]
    NotDone(String),
    /// A file is not the one that was carried out.
    #[error("migration {0} was carried out with another content than this build has")]
    Changed(String),
    /// A newer build was here.
    #[error("migration {0} is of a newer build")]
    Newer(String),
    /// A table is missing that a migration made.
    #[error("table {0} is missing, though its migration is recorded as done: restore it from a backup")]
    TableMissing(String),
}

/// Why a server cannot run on a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Migrations are missing.
    #[error(
        "the schema of keyspace {keyspace} is older than this build: {missing} of its migrations are missing; \
             run `pix-stream migrate up --config FILE` with the server's configuration"
    )]
    Older {
        /// The keyspace.
        keyspace: String,
        /// How many are missing.
        missing: usize,
    },
    /// A newer build has migrated.
    #[error(
        "the schema of keyspace {keyspace} is newer than this build ({newest}): run the newer build of \
             pix-stream here, too; `pix-stream migrate status --config FILE` shows what it has"
    )]
    Newer {
        /// The keyspace.
        keyspace: String,
        /// The newest migration.
        newest: String,
    },
    /// A migration was carried out with another content.
    #[error(
        "the schema of keyspace {keyspace} is not the one of this build: {name} was carried out with another \
             content; `pix-stream migrate verify --config FILE` says more"
    )]
    Changed {
        /// The keyspace.
        keyspace: String,
        /// The migration.
        name: String,
    },
    /// Nobody knows.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Why a migration was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The store gave no answer.
    #[error("cassandra: {0}")]
    Store(#[from] Failure),
    /// A name that Cassandra or we do not take.
    #[error("keyspace name {0:?}: lower-case letters, digits and _, a letter first, at most {KEYSPACE_MAX}")]
    Keyspace(String),
    /// No copies are named, so the keyspace cannot be made.
    #[error("there is no keyspace yet, and no replication is given to make it with")]
    NoReplication,
    /// Somebody else migrates.
    #[error("somebody else migrates: {by}")]
    Locked {
        /// Who.
        by: String,
    },
    /// This runner was silent for longer than its lease, and somebody else may migrate now.
    #[error("the lock expired, or somebody else took it over; run it again")]
    LockLost,
    /// A step may have been carried out, or may still be. The lock is not released: it expires after that is over.
    #[error(
        "nobody knows whether a step was carried out ({why}), and it may still be: wait {} s, then run \
             `pix-stream migrate up` again", wait.as_secs()
    )]
    Unsettled {
        /// Why nobody knows.
        why: String,
        /// How long until the lock has expired, at most.
        wait: Duration,
    },
    /// The nodes have different schemas.
    #[error("the nodes do not agree on the schema ({versions} versions); are all of them up?")]
    NoAgreement {
        /// How many there are.
        versions: usize,
    },
    /// What is recorded does not fit this build.
    #[error(transparent)]
    Unfit(#[from] Box<Problem>),
    /// An answer that cannot be.
    #[error("cassandra: {0}")]
    Damaged(String),
}

impl Migrations {
    /// Of `keyspace`, which [`Migrations::up`] makes with these copies (data centre, number) when it is missing.
    ///
    /// # Errors
    /// [`Error::Keyspace`].
    pub fn new(session: Session, keyspace: &str, replication: &[(String, u32)]) -> Result<Self, Error> {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let starts_well = keyspace.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts_well || !keyspace.chars().all(is_word) || keyspace.len() > KEYSPACE_MAX {
            return Err(Error::Keyspace(keyspace.to_owned()));
        }
        let (keyspace, replication) = (keyspace.to_owned(), replication.to_vec());
        let run_by = "pix-stream".to_owned();
        Ok(Self { session, keyspace, replication, run_by, lease: Lease::default(), wait_max: WAIT_MAX })
    }

    /// Records who runs them: the host and the process, for example.
    #[must_use]
    pub fn by(mut self, run_by: &str) -> Self {
        run_by.clone_into(&mut self.run_by);
        self
    }

    /// With another lease of the lock, in whole seconds, and another limit of waiting for it. The limits of the steps
    /// change in proportion to the lease; by default it is 60 s, and a change of the schema may take 20 s.
    #[must_use]
    pub fn lock_terms(mut self, lease: Duration, wait_max: Duration) -> Self {
        (self.lease, self.wait_max) = (Lease::of(lease), wait_max);
        self
    }

    /// Carries out what is missing, and tells each step. Safe to run twice, and at once from several places.
    ///
    /// # Errors
    /// What stands recorded does not fit this build; the store failed: run it again, it goes on where it was, after
    /// [`Error::Unsettled`] not before the time that it names.
    pub async fn up(&self, progress: impl FnMut(Step)) -> Result<(), Error> {
        run::up(self, progress).await
    }

    /// All migrations that this build or the keyspace has, by number.
    ///
    /// # Errors
    /// The store failed.
    pub async fn status(&self) -> Result<Vec<Status>, Error> {
        self.status_at(Consistency::LocalQuorum).await
    }

    async fn status_at(&self, consistency: Consistency) -> Result<Vec<Status>, Error> {
        let records = self.load_records(consistency).await?;
        let known = files::ALL.iter().map(|migration| Status {
            number: migration.number,
            name: migration.name.to_owned(),
            state: state(migration, records.get(&migration.number)),
        });
        let newest = files::ALL.last().map_or(0, |migration| migration.number);
        let newer = records.range(newest + 1..).map(|(number, record)| Status {
            number: *number,
            name: record.name.clone(),
            state: State::Newer,
        });
        Ok(known.chain(newer).collect())
    }

    /// Everything that is wrong: migrations that are not done, changed or unknown, and tables that are missing.
    ///
    /// # Errors
    /// The store failed.
    pub async fn verify(&self) -> Result<Vec<Problem>, Error> {
        let statuses = self.status().await?;
        let mut problems: Vec<Problem> = statuses.iter().filter_map(Status::problem).collect();
        let tables = schema::tables(&self.session, &self.keyspace).await?;
        let is_done = |number| {
            let status = statuses.iter().find(|status| status.number == number);
            status.is_some_and(|status| matches!(status.state, State::Applied { .. } | State::Changed))
        };
        let done = files::ALL.iter().filter(|migration| is_done(migration.number));
        let missing = done.flat_map(files::Migration::tables).filter(|table| !tables.contains(table));
        problems.extend(missing.map(Problem::TableMissing));
        Ok(problems)
    }

    /// Whether a server of this build can run on this schema.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub async fn check(&self) -> Result<(), Unfit> {
        let keyspace = || self.keyspace.clone();
        let statuses = self.status().await?;
        if let Some(newest) = statuses.iter().rfind(|status| status.state == State::Newer) {
            return Err(Unfit::Newer { keyspace: keyspace(), newest: newest.name.clone() });
        }
        if let Some(changed) = statuses.iter().find(|status| status.state == State::Changed) {
            return Err(Unfit::Changed { keyspace: keyspace(), name: changed.name.clone() });
        }
        match statuses.iter().filter(|status| status.problem().is_some()).count() {
            0 => Ok(()),
            missing => Err(Unfit::Older { keyspace: keyspace(), missing }),
        }
    }

    /// None at all where the table is not there yet.
    async fn load_records(&self, consistency: Consistency) -> Result<Records, Error> {
        let tables = schema::tables(&self.session, &self.keyspace).await?;
        if !tables.contains("pix_migrations") {
            return Ok(Records::new());
        }
        records::load(&self.session, &self.keyspace, consistency).await
    }
}

impl Status {
    fn problem(&self) -> Option<Problem> {
        let name = || self.name.clone();
        match self.state {
            State::Applied { .. } => None,
            State::Half { .. } | State::Pending => Some(Problem::NotDone(name())),
            State::Changed => Some(Problem::Changed(name())),
            State::Newer => Some(Problem::Newer(name())),
        }
    }
}

fn state(migration: &files::Migration, record: Option<&Record>) -> State {
    let Some(record) = record else { return State::Pending };
    if record.checksum != migration.checksum().0 {
        return State::Changed;
    }
    match record.finished_at {
        Some(at) => State::Applied { at, by: record.run_by.clone() },
        None => State::Half { done: record.statements_done, of: migration.statements("").len() },
    }
}
