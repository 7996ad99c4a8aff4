//! A node of a cluster: its stores, opened as the configuration says.

mod regions;

use std::path::PathBuf;
use std::sync::Arc;

use pix_stream_adapter_cassandra::anchors::CassandraAnchors;
use pix_stream_adapter_cassandra::audit::CassandraAuditArchive;
use pix_stream_adapter_cassandra::journal::CassandraJournal;
use pix_stream_adapter_cassandra::quarantine::CassandraQuarantine;
use pix_stream_adapter_cassandra::regions::CassandraRegions;
use pix_stream_adapter_redis::{IntakeOptions, RedisIntake};
use pix_stream_app::{App, Ports};
use pix_stream_cluster::{ClusterCoordinator, Error, Means, Stores, metrics, ship};
use pix_stream_config::Config;
use pix_stream_cql::Session;
use pix_stream_domain::audit::ChainId;
use pix_stream_intake as intake;

use crate::failure::Failure;
use crate::node_ports;
use crate::system::{SystemClock, SystemEntropy};

impl node_ports::Stores for Stores {
    type Journal = CassandraJournal;
    type Coordinator = ClusterCoordinator;
    type Quarantine = CassandraQuarantine;
    type Regions = CassandraRegions;
    type Anchors = CassandraAnchors;

    fn journal(&self) -> &CassandraJournal {
        &self.journal
    }

    fn coordinator(&self) -> &ClusterCoordinator {
        &self.coordinator
    }

    fn quarantine(&self) -> &CassandraQuarantine {
        &self.quarantine
    }

    fn regions(&self) -> &CassandraRegions {
        &self.regions
    }

    fn anchors(&self) -> &CassandraAnchors {
        &self.anchors
    }

    fn audit_archive(&self) -> Option<CassandraAuditArchive> {
        Some(self.archive.clone())
    }
}

/// Opens the stores of a node.
///
/// # Errors
/// Cassandra cannot be reached, or its schema is not this build's; the message says what to do.
pub async fn open(config: &Config) -> Result<Stores, Failure> {
    pix_stream_cluster::stores(config, means()).await.map_err(failure)
}

/// What stores get from this process.
#[must_use]
pub fn means() -> Means {
    Means {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::new()),
        node: format!("{:016x}", SystemEntropy::new().number()),
    }
}

/// Why a store of a cluster cannot be had, and what to do.
#[must_use]
pub fn failure(error: Error) -> Failure {
    match error {
        // It says what to run.
        Error::Unfit(_) => Failure::new(error),
        Error::File { .. }
        | Error::Password(_)
        | Error::NoAuthority { .. }
        | Error::Cassandra(_)
        | Error::Store(_)
        | Error::Migrations(_) => {
            Failure::new(error).next("start the store, or correct [cassandra], [redis] and [region]")
        }
    }
}

/// What a node of a cluster does beside answering: taking messages in from a Redis Stream, copying its audit log.
pub struct Background {
    session: Session,
    archive: CassandraAuditArchive,
    regions: CassandraRegions,
    audit_folder: PathBuf,
    intake: Option<(RedisIntake, intake::Settings)>,
}

impl Background {
    /// As a configuration says.
    ///
    /// # Errors
    /// Redis cannot be used as it is configured.
    pub async fn new(config: &Config, stores: &Stores) -> Result<Self, Failure> {
        let section = &config.intake;
        let intake = if section.stream.is_empty() {
            None
        } else {
            let options = IntakeOptions {
                stream: section.stream.clone(),
                group: section.group.clone(),
                consumer: means().node,
                claim_after: section.claim_after,
            };
            let redis = pix_stream_cluster::redis_options(config).map_err(failure)?;
            let queue = RedisIntake::start(&redis, options).await.map_err(Failure::new)?;
            let workers = usize::try_from(section.workers).unwrap_or(1);
            Some((queue, intake::Settings { batch: section.batch, workers }))
        };
        Ok(Self {
            session: stores.session.clone(),
            archive: stores.archive.clone(),
            regions: stores.regions.clone(),
            audit_folder: config.audit.directory.clone(),
            intake,
        })
    }

    /// Begins; it ends with the process, the intake with the drain.
    pub fn begin<P: Ports>(self, app: &App<P>, chain: ChainId) {
        tokio::spawn(metrics::measure(self.session));
        tokio::spawn(regions::follow(self.regions, app.clone()));
        tokio::spawn(ship::run(self.archive, (chain, self.audit_folder), means().clock));
        if let Some((queue, settings)) = self.intake {
            tokio::spawn(intake::run(app.clone(), Arc::new(queue), settings));
        }
    }
}
