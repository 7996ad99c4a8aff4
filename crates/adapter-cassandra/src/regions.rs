//! Which region gives a participant's messages their order (design, section 8; docs/regions.md).
//!
//! `claims` concludes from what was read, `keeper` reads and renews in the background, `command` does what an
//! operator says, `store` knows the tables, `takeovers` are those without a majority. A question of the core costs a
//! lock and a hash.

mod claims;
mod command;
mod hash;
mod keeper;
mod store;
mod takeovers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use pix_stream_cql::Session;
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::clock::Clock;
use pix_stream_ports::entropy::Entropy;
use pix_stream_ports::error::Error;
use pix_stream_ports::regions::{Regions, Sequencing};
use tokio::time::Instant;

use claims::{Claims, Moment, Round, Row, Terms};
use store::{Owners, Store};
use takeovers::Record;

/// What is configured of regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// This region.
    pub name: String,
    /// All of them, in the same order on every node; new ones at the end.
    pub all: Vec<String>,
    /// How long a renewal lasts, and by how much less at home and more abroad: see [`Settings::margin`].
    pub lease: Duration,
    /// This region stops `margin` before the lease is over; others wait `margin` longer. Less than half of `lease`.
    pub margin: Duration,
    /// Who takes over.
    pub takeover: Takeover,
    /// What a region does that cannot renew.
    pub on_lost_quorum: OnLostQuorum,
}

/// Who gives the participants of a lost region to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// An operator, by [`CassandraRegions::take_over`].
    Command,
    /// The regions that are left, after so long a silence; at least lease and margin.
    Automatic(Duration),
}

/// What a region does when there is no majority to renew its claims with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLostQuorum {
    /// It stops when its lease is over.
    Stop,
    /// With copies in two data centres: it goes on with what it was certain to hold, until copies of its own say
    /// otherwise. For whoever rules out that both live, do not see each other, and one is taken over. The same in all
    /// regions.
    Continue,
}

/// A take-over that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    /// Whose participants.
    pub region: String,
    /// The epoch from now on.
    pub epoch: u32,
    /// Whether a majority agreed; otherwise it rests on the operator's word.
    pub by_majority: bool,
    /// Whether it is served only after the lease and the margin, because a region that goes on without a majority may
    /// not have heard of it yet.
    pub waits: bool,
}

/// A region as this node knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Whose participants.
    pub region: String,
    /// Who serves them.
    pub holder: String,
    /// In which epoch.
    pub epoch: u32,
    /// Whether that is this region, for certain.
    pub is_here: bool,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is one region alone.
    #[error("there is one region alone; set [region] name and all")]
    Alone,
    /// No such region.
    #[error("there is no region {0:?}")]
    Unknown(String),
    /// It renews its claims.
    #[error("region {0} lives: it renewed its claim while it was watched. Stop it first")]
    Alive(String),
    /// There is no majority of data centres, and more than two of them: then nobody may decide alone.
    #[error("there is no majority of data centres: {0}")]
    NoMajority(String),
    /// A take-over without a majority is not known to all sides yet.
    #[error("the take-over of region {0} is not known to all sides yet; try again in a moment")]
    NotMerged(String),
    /// Others are faster.
    #[error("others change the same at the same time; try again")]
    Contended,
    /// The store failed.
    #[error(transparent)]
    Store(Error),
}

/// What this node knows of the regions. Clones share it; what it does in the background ends with the last one.
#[derive(Clone)]
pub struct CassandraRegions(Option<Arc<Shared>>);

struct Shared {
    terms: Terms,
    on_lost_quorum: OnLostQuorum,
    /// Copies in exactly two data centres: none of them alone is a majority.
    has_two_sides: bool,
    store: Store,
    clock: Arc<dyn Clock>,
    began: Instant,
    claims: RwLock<Claims>,
    owners: Mutex<Owners>,
    /// In which epoch each claim was last renewed by agreement with the other side, by this process.
    proven: Mutex<BTreeMap<Box<str>, u32>>,
    turn: tokio::sync::Mutex<()>,
}

impl CassandraRegions {
    /// A cluster in one place: everything is sequenced here, in epoch zero.
    #[must_use]
    pub const fn alone() -> Self {
        Self(None)
    }

    /// Makes the rows of regions that are missing, reads what there is and goes on doing so in the background. While
    /// nothing can be read nobody is served here; that is no error.
    ///
    /// # Errors
    /// The configured regions are not those that the cluster knows.
    pub async fn start(
        settings: &Settings,
        (session, keyspace): (&Session, &str),
        entropy: &Arc<dyn Entropy>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let terms = settings.terms()?;
        let store = Store::new(session, keyspace, entropy);
        let datacenters = store.count_datacenters().await?;
        let shared = Arc::new(Shared {
            claims: RwLock::new(Claims::new(terms.clone())),
            terms,
            on_lost_quorum: settings.on_lost_quorum,
            has_two_sides: datacenters == 2,
            store,
            clock,
            began: Instant::now(),
            owners: Mutex::default(),
            proven: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
        });
        let first = async {
            shared.make_rows().await?;
            shared.run().await;
            Ok(())
        };
        match tokio::time::timeout(keeper::FIRST_ROUND_MAX, first).await {
            Ok(Err(error @ Error::Damaged(_))) => return Err(error),
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the regions were not read yet"),
            Err(_) => tracing::warn!("the regions were not read yet: it takes too long"),
        }
        tokio::spawn(keeper::keep(Arc::downgrade(&shared)));
        Ok(Self(Some(shared)))
    }

    /// The name of this region; empty for a cluster in one place.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.as_ref().map_or("", |shared| &shared.terms.name)
    }

    /// In which epoch this region gives a participant's messages their order; `None` while it does not. Costs no I/O.
    /// It rises whenever another region takes over, so that what was decided before is told from what comes after.
    #[must_use]
    pub fn epoch(&self, ispb: Ispb) -> Option<u32> {
        self.epoch_for(ispb, Duration::ZERO)
    }

    /// As [`CassandraRegions::epoch`], if this region surely does so for `span` from now on, too: what is sent within
    /// `span` is sent under a claim that holds.
    #[must_use]
    pub fn epoch_for(&self, ispb: Ispb, span: Duration) -> Option<u32> {
        match &self.0 {
            None => Some(0),
            Some(shared) => shared.claims().epoch_for(ispb, shared.now(), span),
        }
    }

    /// All regions, and who serves their participants as far as this node knows.
    #[must_use]
    pub fn holdings(&self) -> Vec<Holding> {
        let Some(shared) = &self.0 else { return Vec::new() };
        let (claims, now) = (shared.claims(), shared.now());
        let held: BTreeMap<&str, u32> = claims.held(now).collect();
        let holding = |row: Row| Holding {
            is_here: held.contains_key(&*row.region),
            epoch: held.get(&*row.region).copied().unwrap_or(row.epoch),
            region: row.region.into(),
            holder: row.holder.into(),
        };
        claims.rows().into_iter().map(holding).collect()
    }

    fn shared(&self) -> Result<&Shared, CommandError> {
        self.0.as_deref().ok_or(CommandError::Alone)
    }
}

impl Regions for CassandraRegions {
    fn sequencing(&self, ispb: Ispb) -> Sequencing {
        match &self.0 {
            None => Sequencing::Here,
            Some(shared) => shared.claims().sequencing(ispb, shared.now()),
        }
    }
}

impl Settings {
    fn terms(&self) -> Result<Terms, Error> {
        let all: Vec<Box<str>> = self.all.iter().map(|region| region.as_str().into()).collect();
        if !all.iter().any(|region| **region == *self.name) {
            return Err(Error::Damaged(format!("region {:?} is not among all regions", self.name)));
        }
        if self.margin * 2 >= self.lease {
            return Err(Error::Damaged("the margin of regions is not below half of their lease".to_owned()));
        }
        let takeover_after = match self.takeover {
            Takeover::Command => None,
            Takeover::Automatic(after) => Some(after),
        };
        let name = self.name.as_str().into();
        Ok(Terms { name, all, lease: self.lease, margin: self.margin, takeover_after })
    }
}

impl Shared {
    /// Makes what is missing, and checks that every node lists the regions in the same order.
    async fn make_rows(&self) -> Result<(), Error> {
        for (place, region) in (0..).zip(&self.terms.all) {
            let mut found = self.store.find_row(region).await?;
            if found.is_none() {
                self.store.make_row(region, place).await?;
                found = self.store.find_row(region).await?;
            }
            if let Some((_, other)) = found.filter(|(_, stored)| *stored != place) {
                return Err(Error::Damaged(format!(
                    "region {region} is number {place} of [region] all here, and number {other} on other nodes: \
                     the list must be the same everywhere, with new regions at its end"
                )));
            }
        }
        Ok(())
    }

    fn now(&self) -> Moment {
        let wall = Duration::from_millis(self.clock.now().unix_millis());
        Moment { steady: self.began.elapsed(), wall }
    }

    fn claims(&self) -> RwLockReadGuard<'_, Claims> {
        self.claims.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, round: Round) {
        self.claims.write().unwrap_or_else(PoisonError::into_inner).apply(round);
    }

    fn know_records(&self, records: &[Record]) {
        self.claims.write().unwrap_or_else(PoisonError::into_inner).see_records(records.to_vec());
    }

    fn known_owners(&self) -> Owners {
        lock(&self.owners).clone()
    }

    fn know_owners(&self, owners: Owners) {
        *lock(&self.owners) = owners;
    }

    fn proven(&self) -> BTreeMap<Box<str>, u32> {
        lock(&self.proven).clone()
    }

    fn prove(&self, renewed: &[(Box<str>, u32)]) {
        *lock(&self.proven) = renewed.iter().cloned().collect();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
