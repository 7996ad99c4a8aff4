//! The wiring: which adapter stands behind which port, and what the configuration tells each part.

use std::path::Path;
use std::sync::Arc;

use pix_stream_adapter_cassandra::audit::CassandraAuditArchive;
use pix_stream_adapter_embedded::audit_log::{self, FileAuditLog};
use pix_stream_adapter_embedded::{EmbeddedJournal, LocalCoordinator, journal};
use pix_stream_adapter_xml::signature::{Certificates, Verifier};
use pix_stream_adapter_xml::{Limits as XmlLimits, Options as XmlOptions, Unsigned as XmlUnsigned, XmlCodec};
use pix_stream_app::{App, PressureSettings, QuarantineLimits, QuarantineSettings, Settings};
use pix_stream_config::{Config, Holder, IspbSource, Scope, Subject, Unsigned, VerifySignature};
use pix_stream_delivery::{Render, Wire};
use pix_stream_development::init::Means;
use pix_stream_domain::audit::ChainId;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::limits::Rules;
use pix_stream_domain::participant::Participant;
use pix_stream_listener::Refuse;
use pix_stream_listener::config::{CertificateFiles, ListenerSettings, TlsSettings};
use pix_stream_listener::identity::{self, IdentityRules, Match, Role, RoleRule};
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::entropy::Entropy as _;
use pix_stream_ports::journal::Journal as _;
use pix_stream_ports::regions::OneRegion;

use crate::failure::Failure;
use crate::node_ports::{NodePorts, Stores};
use crate::system::{self, SystemClock, SystemEntropy};
use crate::token_keys;
use pix_stream_offline::folder;

/// The stores of one machine: everything embedded.
pub struct EmbeddedStores {
    journal: EmbeddedJournal,
    coordinator: LocalCoordinator,
}

impl Stores for EmbeddedStores {
    type Journal = EmbeddedJournal;
    type Coordinator = LocalCoordinator;
    type Quarantine = EmbeddedJournal;
    type Regions = OneRegion;
    type Anchors = EmbeddedJournal;

    fn journal(&self) -> &EmbeddedJournal {
        &self.journal
    }

    fn coordinator(&self) -> &LocalCoordinator {
        &self.coordinator
    }

    fn quarantine(&self) -> &EmbeddedJournal {
        &self.journal
    }

    fn regions(&self) -> &OneRegion {
        &OneRegion
    }

    fn anchors(&self) -> &EmbeddedJournal {
        &self.journal
    }

    fn audit_archive(&self) -> Option<CassandraAuditArchive> {
        None
    }
}

/// Opens the embedded stores that a configuration names.
///
/// # Errors
/// A folder is in use by another process, or a file is damaged or of a newer build; the message says what to do.
pub fn embedded_stores(config: &Config) -> Result<EmbeddedStores, Failure> {
    Ok(EmbeddedStores { journal: open_journal(config)?, coordinator: LocalCoordinator::new() })
}

/// Puts what every server has around its stores.
///
/// # Errors
/// The schemas, the signers' certificates or the audit log cannot be read; the message says what to do.
pub fn ports<S: Stores>(config: &Config, stores: S) -> Result<NodePorts<S>, Failure> {
    let fresh_name = ChainId(SystemEntropy::new().number().to_be_bytes());
    let audit = audit_log::Options { segment_bytes: config.audit.rotate_bytes.bytes() as u64, fresh_name };
    Ok(NodePorts {
        stores: Arc::new(stores),
        codec: codec(config)?,
        audit_log: FileAuditLog::open(&config.audit.directory, &audit, SystemClock.now())
            .map_err(Failure::new)?,
        clock: SystemClock,
        entropy: SystemEntropy::new(),
    })
}

/// The codec, with the schemas and the check of signatures that a configuration asks for.
///
/// # Errors
/// Every problem of the schemas' folder or of the certificates', a line each.
pub fn codec(config: &Config) -> Result<XmlCodec, Failure> {
    let options = XmlOptions {
        limits: XmlLimits { message_bytes: config.limits.message_bytes.bytes(), ..XmlLimits::default() },
        unsigned: match config.schemas.unsigned {
            Unsigned::Refuse => XmlUnsigned::Refuse,
            Unsigned::Accept => XmlUnsigned::Accept,
        },
        unvalidated: config.schemas.unvalidated.clone(),
    };
    let schemas = folder::load(config.schemas.directory.as_deref())
        .map_err(|problems| Failure::new(problems.join("\n")))?;
    let codec = XmlCodec::new(options, schemas);
    codec.replace_verifier(verifier(config).map_err(|problems| Failure::new(problems.join("\n")))?);
    Ok(codec)
}

/// What checks signatures at publish, if anything does.
///
/// # Errors
/// Every problem of the folder of certificates.
pub fn verifier(config: &Config) -> Result<Option<Verifier>, Vec<String>> {
    match config.publish.verify_signature {
        VerifySignature::Off => Ok(None),
        VerifySignature::Digest => Ok(Some(Verifier::digest())),
        VerifySignature::Full => {
            let folder = config.publish.certificates.as_deref().ok_or_else(|| {
                vec!["publish.verify_signature is \"full\"; name a folder in publish.certificates".to_owned()]
            })?;
            let certificates = Certificates::from_files(folder::certificates(folder)?);
            certificates
                .map(|certificates| Some(Verifier::full(certificates)))
                .map_err(|problems| problems.iter().map(ToString::to_string).collect())
        }
    }
}

fn open_journal(config: &Config) -> Result<EmbeddedJournal, Failure> {
    let options =
        journal::Options { cache_bytes: config.journal.cache_bytes.bytes(), ..journal::Options::default() };
    EmbeddedJournal::open(&config.journal.directory, options).map_err(Failure::new)
}

/// Starts the core on a choice of ports.
///
/// # Errors
/// The journal cannot be read, or a key is missing.
pub async fn start_app<P: Ports>(config: &Config, ports: P) -> Result<App<P>, Failure> {
    App::start(ports, token_keys::keyring(config)?, settings(config)).await.map_err(Failure::new)
}

/// What the core is told.
#[must_use]
pub fn settings(config: &Config) -> Settings {
    let (stream, limits) = (&config.stream, &config.limits);
    Settings {
        rules: Rules {
            batch_max: small(stream.batch_max),
            streams_max: small(stream.streams_max),
            idle: stream.idle,
            token_life: stream.token_life,
            ..Rules::default()
        },
        long_poll: stream.long_poll,
        checkpoint: stream.checkpoint,
        checkpoint_debt: limits.checkpoint_debt.into(),
        seats: count(limits.seats),
        part_metadata: stream.part_metadata,
        hot_bytes: limits.hot_bytes.bytes() as u64,
        hot_bytes_per_participant: limits.hot_bytes_per_participant.bytes() as u64,
        waiting_reads: count(limits.waiting_reads),
        backlog_high_water: limits.backlog_high_water.into(),
        requests_per_second: config.rate.requests_per_second,
        pressure: pressure(config),
        rate_window: config.rate.window,
        idempotency: config.publish.idempotency,
        retention: config.journal.retention,
        quarantine: QuarantineSettings {
            retention: config.quarantine.retention,
            limits: QuarantineLimits {
                entries: config.quarantine.entries.into(),
                bytes: config.quarantine.bytes.bytes_u64(),
            },
        },
        audit_queue: count(limits.audit_queue),
        region: region(config),
        ..Settings::default()
    }
}

/// From which delays on anybody is slowed down.
fn pressure(config: &Config) -> Option<PressureSettings> {
    let pressure = &config.backpressure;
    pressure.enabled.then_some(PressureSettings {
        queue_delay: pressure.queue_delay,
        store_latency: pressure.store_latency,
        shed_factor: pressure.shed_factor,
        refused_hold: pressure.refused_hold,
    })
}

/// The number of this region in tokens: its place among all of them, from 1; zero for one region alone.
fn region(config: &Config) -> u16 {
    let place = config.region.all.iter().position(|name| *name == config.region.name);
    place.map_or(0, |place| u16::try_from(place + 1).unwrap_or(u16::MAX))
}

/// What the wire is told.
#[must_use]
pub fn wire(config: &Config) -> Wire {
    Wire {
        strict: config.wire.strict,
        problem_type_base: config.wire.problem_type_base.clone(),
        message_bytes: config.limits.message_bytes.bytes(),
        publish_bytes: config.limits.publish_bytes.bytes(),
        publish_bytes_in_flight: Wire::in_flight_for(config.limits.publish_bytes.bytes()),
        body_timeout: config.limits.body_timeout,
    }
}

/// What mutual TLS is told.
#[must_use]
pub fn tls(config: &Config) -> TlsSettings {
    let certificates = config.tls.certificates.iter();
    let files =
        |c: &pix_stream_config::Certificate| CertificateFiles { chain: c.chain.clone(), key: c.key.clone() };
    TlsSettings {
        ca: config.tls.ca.clone(),
        certificates: certificates.map(files).collect(),
        crl: config.tls.crl.clone(),
        fresh_crl: config.tls.fresh_crl,
        identity: identity_rules(config),
    }
}

fn identity_rules(config: &Config) -> IdentityRules {
    let source = |source: &IspbSource| match source {
        IspbSource::Ou => identity::IspbSource::Ou,
        IspbSource::Cn => identity::IspbSource::Cn,
    };
    let subject = |subject: &Subject| match subject {
        Subject::CommonName(name) => Match::Name(name.clone()),
        Subject::Fingerprint(digest) => Match::Fingerprint(pix_stream_domain::digest::Digest(*digest)),
    };
    let scope = |scope: &Scope| match scope {
        Scope::All => identity::Scope::All,
        Scope::Only(list) => identity::Scope::Some(list.iter().copied().collect()),
    };
    let roles = &config.roles;
    let producers = roles.producers.iter().map(|producer| RoleRule {
        subject: subject(&producer.subject),
        role: Role::Publish(scope(&producer.publish)),
    });
    let holders = |holders: &[Holder], role: fn(identity::Scope) -> Role| -> Vec<RoleRule> {
        let rule = |holder: &Holder| RoleRule {
            subject: subject(&holder.subject),
            role: role(scope(&holder.participants)),
        };
        holders.iter().map(rule).collect()
    };
    let admins = holders(&roles.admins, Role::Admin);
    let operators = holders(&roles.operators, Role::Operator);
    let auditors = holders(&roles.auditors, Role::Auditor);
    IdentityRules {
        ispb_from: config.tls.ispb_from.iter().map(source).collect(),
        roles: producers.chain(admins).chain(operators).chain(auditors).collect(),
    }
}

/// What a listener is told.
#[must_use]
pub fn listener(config: &Config, name: &'static str, refuse: Refuse) -> ListenerSettings {
    let limits = &config.limits;
    ListenerSettings {
        name,
        connections: count(limits.connections),
        connections_per_participant: count(limits.connections_per_participant),
        handshakes: count(limits.handshakes),
        handshake_timeout: limits.handshake_timeout,
        head_timeout: limits.head_timeout,
        idle_timeout: limits.idle_timeout,
        head_bytes: limits.head_bytes.bytes(),
        refuse,
        ..ListenerSettings::default()
    }
}

/// Connections of the admin listener at a time: people, probes and scrapers.
pub const ADMIN_CONNECTIONS: usize = 256;
/// Of one participant: its certificate opens this listener too, and must not keep others from it.
const ADMIN_CONNECTIONS_PER_PARTICIPANT: usize = 8;

/// What the admin listener is told.
#[must_use]
pub fn admin_listener(config: &Config, refuse: Refuse) -> ListenerSettings {
    ListenerSettings {
        connections: ADMIN_CONNECTIONS.min(count(config.limits.connections)),
        connections_per_participant: ADMIN_CONNECTIONS_PER_PARTICIPANT,
        ..listener(config, "admin", refuse)
    }
}

/// What `init` needs from this machine: the time, a random key, the journal.
#[must_use]
pub fn means() -> Means<'static> {
    let mut signing_key = [0; pix_stream_keys::KEY_LEN];
    SystemEntropy::new().fill(&mut signing_key);
    Means { now: system::time_of_day(), signing_key, onboard: &onboard }
}

/// Onboards participants into the journal of a folder that `init` makes; those known already stay as they are.
///
/// # Errors
/// The journal cannot be opened or written, as text for people.
pub fn onboard(data_root: &Path, participants: &[Ispb]) -> Result<(), String> {
    let journal = EmbeddedJournal::open(&data_root.join("data"), journal::Options::default());
    let journal = journal.map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        for ispb in participants {
            let participant = Participant::new(*ispb, SystemClock.now());
            // `false`: it is onboarded already.
            journal.save_participant(participant).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    })
}

/// The metrics of this process: where they are counted and how they are shown.
///
/// # Errors
/// A recorder is installed already.
pub fn metrics() -> Result<(Render, metrics_exporter_prometheus::PrometheusHandle), Failure> {
    use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
    let built = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_messages".to_owned()), &COUNTS))
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_requests".to_owned()), &COUNTS))
        .map(PrometheusBuilder::build_recorder)
        .map_err(Failure::new)?;
    let handle = built.handle();
    metrics::set_global_recorder(built)
        .map_err(|_| Failure::new("metrics are counted by somebody else already"))?;
    let rendering = handle.clone();
    Ok((Arc::new(move || rendering.render()), handle))
}

/// Buckets of durations: the service level is 200 ms.
const SECONDS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0];
/// Buckets of counts: batches and groups.
const COUNTS: [f64; 10] = [1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 16.0, 32.0, 64.0, 128.0];

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A number that the configuration keeps under 255.
fn small(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use pix_stream_config::Size;

    use super::*;

    #[test]
    fn a_few_publish_bodies_of_the_largest_size_fit_at_once() {
        let mut config = Config::default();
        assert_eq!(wire(&config).publish_bytes_in_flight, 64 * 1024 * 1024);
        config.limits.publish_bytes = Size::from_bytes(256 * 1024 * 1024);
        assert_eq!(wire(&config).publish_bytes_in_flight, 1024 * 1024 * 1024);
    }

    #[test]
    fn no_participant_can_take_all_places_of_the_admin_listener() {
        let admin = admin_listener(&Config::default(), Refuse::default());
        assert_eq!(admin.connections, ADMIN_CONNECTIONS);
        assert!(admin.connections_per_participant <= ADMIN_CONNECTIONS / 16, "{admin:?}");
    }

    #[test]
    fn turns_at_handshakes_are_the_configured_ones() {
        let mut config = Config::default();
        config.limits.handshakes = 7;
        assert_eq!(listener(&config, "api", Refuse::default()).handshakes, 7);
    }
}
