//! From sections of the configuration to sessions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pix_stream_adapter_cassandra::anchors::CassandraAnchors;
use pix_stream_adapter_cassandra::audit::CassandraAuditArchive;
use pix_stream_adapter_cassandra::journal::{CassandraJournal, Epochs, Options as JournalOptions, Parts};
use pix_stream_adapter_cassandra::migrations::Migrations;
use pix_stream_adapter_cassandra::quarantine::CassandraQuarantine;
use pix_stream_adapter_cassandra::regions::{
    self, CassandraRegions, OnLostQuorum, Settings as RegionSettings,
};
use pix_stream_adapter_cassandra::serial_states::{CassandraSerialStates, Home};
use pix_stream_adapter_cassandra::tables::Tables;
use pix_stream_adapter_redis::{Options as RedisOptions, RedisCoordinator};
use pix_stream_config::sections::Cassandra;
use pix_stream_config::{
    Config, Fallback, LostQuorum, PublishConsistency, ReadConsistency, Takeover, Topology,
};
use pix_stream_cql::{Consistency, Credentials, Session, Settings};
use pix_stream_fallback::{Fallback as Around, Settings as FallbackSettings};
use pix_stream_ports::clock::Clock;
use pix_stream_ports::entropy::Entropy;
use rustls::ClientConfig;

use crate::Error;
use crate::advice::warn_of_settings;
use crate::coordinator::ClusterCoordinator;
use crate::tls::client_config;

/// The longest that one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Redis counts as out of reach after this long without any answer. A machine that is out of breath is silent for some
/// hundred milliseconds, and taking every participant over costs it more than waiting does.
const OUTAGE: Duration = Duration::from_millis(800);
/// A change of the schema waits for every node and its disk, far longer than a request of a bank may take. A step of
/// a migration has limits of its own, which together stay below the lease of its lock.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// A session with the Cassandra of a configuration.
///
/// # Errors
/// A file cannot be read; no contact point answers.
pub async fn session(config: &Config) -> Result<Session, Error> {
    Ok(Session::connect(settings(&config.cassandra)?).await?)
}

/// The migrations of the keyspace of a configuration.
///
/// # Errors
/// As [`session`], and a keyspace's name that cannot be.
pub async fn migrations(config: &Config) -> Result<Migrations, Error> {
    let settings = Settings { request_timeout: MIGRATION_TIMEOUT, ..settings(&config.cassandra)? };
    let session = Session::connect(settings).await?;
    let copies = config.cassandra.replication.iter();
    let replication: Vec<_> = copies.map(|copy| (copy.datacenter.clone(), copy.copies)).collect();
    Ok(Migrations::new(session, &config.cassandra.keyspace, &replication)?)
}

/// Opens the stores of a node.
///
/// # Errors
/// A file cannot be read; Cassandra cannot be reached, or its schema is not this build's.
pub async fn stores(config: &Config, means: Means) -> Result<Stores, Error> {
    let session = session(config).await?;
    let section = &config.cassandra;
    Migrations::new(session.clone(), &section.keyspace, &[])?.check().await?;
    // Nothing waits for it: a server starts no later because Cassandra is asked how it is set up.
    tokio::spawn(warn_of_settings(session.clone()));
    let regions = regions(config, &session, &means).await?;
    let tables = Tables::new(&session, &section.keyspace, &means.entropy, &regions);
    let epochs: Epochs = {
        // A batch may be sent as late as its request may take: the claim has to hold then, too.
        let (regions, within) = (regions.clone(), section.request_timeout);
        Arc::new(move |ispb| regions.epoch_for(ispb, within))
    };
    let parts = Parts {
        session: session.clone(),
        keyspace: section.keyspace.clone(),
        tables,
        clock: Arc::clone(&means.clock),
        entropy: Arc::clone(&means.entropy),
        epochs: Arc::clone(&epochs),
    };
    let options = JournalOptions {
        publish: match section.publish_consistency {
            PublishConsistency::LocalQuorum => Consistency::LocalQuorum,
            PublishConsistency::EachQuorum => Consistency::EachQuorum,
        },
        read: match section.read_consistency {
            ReadConsistency::LocalQuorum => Consistency::LocalQuorum,
            ReadConsistency::LocalOne => Consistency::LocalOne,
        },
        remember: config.publish.idempotency,
        fingerprints_max: usize::try_from(section.fingerprints).unwrap_or(usize::MAX),
        spans_regions: config.region.all.len() > 1,
        ..JournalOptions::default()
    };
    let redis = RedisCoordinator::start(&redis_options(config)?).await?;
    let coordinator = match config.coordinator.fallback {
        Fallback::None => ClusterCoordinator::Redis(Box::new(redis)),
        Fallback::Journal => {
            let home = Home::new(&config.region.name, &config.region.all, epochs);
            let serial = CassandraSerialStates::new(&session, &section.keyspace, &means.entropy, home);
            let settings = FallbackSettings { outage: OUTAGE, ..FallbackSettings::new(&*means.node) };
            ClusterCoordinator::Around(Around::new(redis, serial, settings))
        }
    };
    let quarantine = CassandraQuarantine::new(&session, &section.keyspace, &means.entropy);
    let anchors = CassandraAnchors::new(&session, &section.keyspace);
    let archive = CassandraAuditArchive::new(&session, &section.keyspace);
    Ok(Stores {
        journal: CassandraJournal::new(parts, options),
        coordinator,
        quarantine,
        anchors,
        archive,
        regions,
        session,
    })
}

/// What this node knows of the regions of a configuration.
///
/// # Errors
/// The regions are not those that the cluster knows.
pub async fn regions(config: &Config, session: &Session, means: &Means) -> Result<CassandraRegions, Error> {
    let section = &config.region;
    if section.name.is_empty() {
        return Ok(CassandraRegions::alone());
    }
    let settings = RegionSettings {
        name: section.name.clone(),
        all: section.all.clone(),
        lease: section.lease,
        margin: section.margin,
        takeover: match section.takeover {
            Takeover::Command => regions::Takeover::Command,
            Takeover::Automatic => regions::Takeover::Automatic(section.takeover_after),
        },
        on_lost_quorum: match section.on_lost_quorum {
            LostQuorum::Stop => OnLostQuorum::Stop,
            LostQuorum::Continue => OnLostQuorum::Continue,
        },
    };
    let place = (session, &*config.cassandra.keyspace);
    Ok(CassandraRegions::start(&settings, place, &means.entropy, Arc::clone(&means.clock)).await?)
}

/// What the stores of a node get from their process.
pub struct Means {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The name of this node, which no other living node has.
    pub node: String,
}

/// The stores of a node of a cluster.
pub struct Stores {
    /// What must never be lost.
    pub journal: CassandraJournal,
    /// What must be agreed on right now.
    pub coordinator: ClusterCoordinator,
    /// What was refused.
    pub quarantine: CassandraQuarantine,
    /// Where audit chains are anchored.
    pub anchors: CassandraAnchors,
    /// Where audit chains are copied to.
    pub archive: CassandraAuditArchive,
    /// Which region serves whom.
    pub regions: CassandraRegions,
    /// The way to Cassandra.
    pub session: Session,
}

/// How Redis is reached, for the Coordinator and the Intake.
///
/// # Errors
/// A file cannot be read.
pub fn redis_options(config: &Config) -> Result<RedisOptions, Error> {
    let section = &config.redis;
    let nodes: Vec<String> = section.nodes.iter().map(ToString::to_string).collect();
    let topology = match section.topology {
        Topology::Single => {
            pix_stream_adapter_redis::Topology::Single { node: nodes.into_iter().next().unwrap_or_default() }
        }
        Topology::Sentinel => pix_stream_adapter_redis::Topology::Sentinel {
            name: section.sentinel_name.clone(),
            sentinels: nodes,
        },
        Topology::Cluster => pix_stream_adapter_redis::Topology::Cluster { nodes },
    };
    let credentials = |found: Option<pix_stream_config::Credentials>| {
        found.map(|found| pix_stream_adapter_redis::Credentials {
            username: Some(found.username).filter(|name| !name.is_empty()),
            password: found.password.expose().to_owned().into(),
        })
    };
    let own = section.certificate.as_deref().zip(section.key.as_deref());
    Ok(RedisOptions {
        credentials: credentials(section.find_credentials()?),
        sentinel_credentials: credentials(section.find_sentinel_credentials()?),
        tls: tls("redis", section.tls, section.ca.as_deref(), own)?,
        prefix: section.prefix.clone(),
        command_timeout: section.command_timeout,
        state_life: section.state_life,
        fresh_life: section.fresh_life,
        fresh_bytes_per_participant: section.fresh_bytes_per_participant.bytes_u64(),
        ..RedisOptions::new(topology)
    })
}

fn settings(section: &Cassandra) -> Result<Settings, Error> {
    let credentials = section.find_credentials()?.map(|found| Credentials {
        username: found.username,
        password: found.password.expose().to_owned().into(),
    });
    let own = section.certificate.as_deref().zip(section.key.as_deref());
    Ok(Settings {
        contact_points: section.contact_points.iter().map(ToString::to_string).collect(),
        datacenter: section.datacenter.clone(),
        credentials,
        tls: tls("cassandra", section.tls, section.ca.as_deref(), own)?,
        connections_per_node: section.connections,
        connect_timeout: CONNECT_TIMEOUT,
        request_timeout: section.request_timeout,
        ..Settings::default()
    })
}

fn tls(
    section: &'static str,
    is_on: bool,
    ca: Option<&Path>,
    own: Option<(&Path, &Path)>,
) -> Result<Option<Arc<ClientConfig>>, Error> {
    match (is_on, ca) {
        (false, _) => Ok(None),
        (true, Some(ca)) => Ok(Some(client_config(ca, own)?)),
        (true, None) => Err(Error::NoAuthority { section }),
    }
}
