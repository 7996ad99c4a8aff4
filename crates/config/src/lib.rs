//! The configuration: one typed file, overridden by the environment, overridden by flags (requirement A.4).
//!
//! The types of [`sections`] are the one source: reading, printing, the JSON Schema, `docs/CONFIGURATION.md` and
//! `deploy/config.example.toml` all walk them. Files that the configuration names are not opened here, and what the
//! parts of the server make of it is not known here. Password files are the exception: see [`Credentials`].

mod check;
mod credentials;
mod describe;
mod document;
mod environment;
mod node;
mod problem;
mod read;
mod section;
pub mod sections;
mod value;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use section::{Section, Visitor};
use sections::{
    Audit, Backpressure, Cassandra, Coordinator, Intake, Journal, Keys, Limits, Listen, Log, Publish,
    Quarantine, Rate, Redis, Region, Roles, Schemas, Stream, Tls, Traces, Wire,
};

pub use check::level_fault;
pub use credentials::{Credentials, PasswordError};
pub use environment::{Environment, PREFIX};
pub use problem::{Origin, Problem, Problems};
pub use value::{
    Certificate, CoordinatorKind, Endpoint, Fallback, Holder, IspbSource, JournalKind, LogFormat, LostQuorum,
    Producer, PublishConsistency, ReadConsistency, Replicas, Scope, Secret, Size, Subject, Takeover,
    Topology, Unsigned, VerifySignature,
};

/// The whole configuration. After [`load`], every path is absolute.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// `[listen]`: where the server is reached.
    pub listen: Listen,
    /// `[tls]`: certificates, trust, revocation.
    pub tls: Tls,
    /// `[roles]`: who may publish, administer, operate, audit.
    pub roles: Roles,
    /// `[stream]`: how participants read.
    pub stream: Stream,
    /// `[wire]`: how closely requests are held to ICOM.
    pub wire: Wire,
    /// `[limits]`: the ends of queues, bodies and waits.
    pub limits: Limits,
    /// `[rate]`: the pace of one participant.
    pub rate: Rate,
    /// `[backpressure]`: what is done when the node or a store cannot keep up.
    pub backpressure: Backpressure,
    /// `[schemas]`: what a message must look like.
    pub schemas: Schemas,
    /// `[publish]`: how producers publish.
    pub publish: Publish,
    /// `[quarantine]`: what was refused and waits for an operator.
    pub quarantine: Quarantine,
    /// `[journal]`: what must never be lost.
    pub journal: Journal,
    /// `[coordinator]`: what must be agreed on right now.
    pub coordinator: Coordinator,
    /// `[keys]`: token signing keys.
    pub keys: Keys,
    /// `[audit]`: the audit log.
    pub audit: Audit,
    /// `[log]`: what operators see.
    pub log: Log,
    /// `[traces]`: requests that a collector is told of.
    pub traces: Traces,
    /// `[cassandra]`: the shared Journal.
    pub cassandra: Cassandra,
    /// `[redis]`: the shared Coordinator.
    pub redis: Redis,
    /// `[intake]`: messages from a Redis Stream.
    pub intake: Intake,
    /// `[region]`: which of several regions this is.
    pub region: Region,
}

/// Values given by command-line flags; they override everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--listen`, overrides `listen.api`.
    pub listen: Option<SocketAddr>,
    /// `--admin-listen`, overrides `listen.admin`.
    pub admin_listen: Option<SocketAddr>,
}

impl Config {
    /// Shows every section and every key to a visitor, in the order of the documentation.
    fn visit(&mut self, visitor: &mut impl Visitor) {
        fn one<S: Section>(section: &mut S, visitor: &mut impl Visitor) {
            visitor.section(S::NAME, S::ABOUT);
            section.visit(visitor);
        }
        one(&mut self.listen, visitor);
        one(&mut self.tls, visitor);
        one(&mut self.roles, visitor);
        one(&mut self.stream, visitor);
        one(&mut self.wire, visitor);
        one(&mut self.limits, visitor);
        one(&mut self.rate, visitor);
        one(&mut self.backpressure, visitor);
        one(&mut self.schemas, visitor);
        one(&mut self.publish, visitor);
        one(&mut self.quarantine, visitor);
        one(&mut self.journal, visitor);
        one(&mut self.coordinator, visitor);
        one(&mut self.keys, visitor);
        one(&mut self.audit, visitor);
        one(&mut self.log, visitor);
        one(&mut self.traces, visitor);
        one(&mut self.cassandra, visitor);
        one(&mut self.redis, visitor);
        one(&mut self.intake, visitor);
        one(&mut self.region, visitor);
    }

    /// This configuration as a commented TOML file. Secrets are not masked: this is for files of our own making.
    #[must_use]
    pub fn to_commented_toml(&self) -> String {
        document::commented_toml(&describe::describe(self))
    }

    /// This configuration as plain TOML with every key, secrets shown as `***`: `config print`.
    #[must_use]
    pub fn to_masked_toml(&self) -> String {
        document::masked_toml(&describe::describe(self))
    }

    /// The same as [`Self::to_masked_toml`], as JSON.
    #[must_use]
    pub fn to_masked_json(&self) -> serde_json::Value {
        // What was just written as TOML is TOML.
        toml::from_str(&self.to_masked_toml()).unwrap_or_default()
    }

    /// Files that the configuration names and that cannot be found: each key with the path. Those of stores that are
    /// not used count, too: somebody means to use them.
    #[must_use]
    pub fn missing_files(&self) -> Vec<(&'static str, PathBuf)> {
        let certificates =
            self.tls.certificates.iter().flat_map(|certificate| [&certificate.chain, &certificate.key]);
        let named = self
            .tls
            .ca
            .iter()
            .map(|path| ("tls.ca", path))
            .chain(certificates.map(|path| ("tls.certificates", path)))
            .chain(self.tls.crl.iter().map(|path| ("tls.crl", path)))
            .chain(self.schemas.directory.iter().map(|path| ("schemas.directory", path)))
            .chain(self.publish.certificates.iter().map(|path| ("publish.certificates", path)))
            .chain([("keys.directory", &self.keys.directory)])
            .chain(self.files_of_others());
        named.filter(|(_, path)| !path.exists()).map(|(key, path)| (key, path.clone())).collect()
    }

    fn files_of_others(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let (cassandra, redis) = (&self.cassandra, &self.redis);
        let named = [
            ("cassandra.password_file", &cassandra.password_file),
            ("cassandra.ca", &cassandra.ca),
            ("cassandra.certificate", &cassandra.certificate),
            ("cassandra.key", &cassandra.key),
            ("redis.password_file", &redis.password_file),
            ("redis.sentinel_password_file", &redis.sentinel_password_file),
            ("redis.ca", &redis.ca),
            ("traces.headers_file", &self.traces.headers_file),
            ("traces.ca", &self.traces.ca),
        ];
        named.into_iter().filter_map(|(key, path)| Some((key, path.as_ref()?)))
    }
}

/// Reads the file at `path` and puts the environment and the flags on top.
///
/// Relative paths, wherever they come from, start at the folder of the file.
///
/// # Errors
/// Everything that is wrong, at once: unreadable file, syntax, unknown keys, wrong types, values out of range,
/// values that contradict each other.
pub fn load(path: &Path, environment: &Environment, flags: Flags) -> Result<Config, Problems> {
    let whole_file = |message: String, hint: &str| {
        let mut problems = Problems::default();
        let origin = Origin::file(path, None);
        problems.push(Problem { origin, key: String::new(), message, hint: hint.to_owned() });
        problems
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        whole_file(
            format!("cannot be read: {error}"),
            "`pix-stream init --dir DIR` writes a complete one to DIR/pix-stream.toml",
        )
    })?;
    let file = std::path::absolute(path).map_err(|error| {
        whole_file(format!("its folder cannot be found: {error}"), "give an absolute path")
    })?;
    let base = file.parent().unwrap_or(&file);
    read::read(&read::Source { path, base, text: &text }, environment, flags)
}

/// The JSON Schema of the file: `config schema`.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    document::json_schema(&describe::describe(&Config::default()))
}

/// The reference documentation: `docs/CONFIGURATION.md`.
#[must_use]
pub fn markdown() -> String {
    document::markdown(&describe::describe(&Config::default()))
}

#[cfg(test)]
mod tests;
