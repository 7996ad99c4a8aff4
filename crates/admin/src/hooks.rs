//! What the admin API needs of the process around it, as object-safe traits; the server wires them.
//!
//! Nothing of HTTP is here and nothing of files: how a key is stored or a log level is set is for who implements it.
//! The structs are what a caller of the API sees, so their names are the names of fields in JSON. A hook that is
//! missing takes its routes away: they answer 404 and are not in the OpenAPI document.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc;

/// What a hook is waiting for.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a hook says.
pub type Said<T> = Result<T, HookError>;

/// Why a hook did not do it. The texts are shown to the caller: they name no path of this machine, no secret and
/// nothing of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// There is no such thing: 404.
    #[error("{0}")]
    Missing(String),
    /// What was asked for makes no sense: 400.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be done as things are: 409.
    #[error("{0}")]
    Conflict(String),
    /// It cannot be done now, and may be later: 503. What happened is for the log.
    #[error("{0}")]
    Unavailable(String),
}

/// The hooks that a server has.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Files that the configuration names, read again.
    pub reload: Option<Arc<dyn Reload>>,
    /// The signing keys of tokens.
    pub keys: Option<Arc<dyn KeyFiles>>,
    /// What is logged.
    pub log: Option<Arc<dyn LogLevel>>,
    /// Requests that were slow.
    pub slow: Option<Arc<dyn SlowRing>>,
    /// The audit chain, and what it proves.
    pub evidence: Option<Arc<dyn Evidence>>,
    /// This node.
    pub node: Option<Arc<dyn Node>>,
}

/// Reads files again, as SIGHUP does.
pub trait Reload: Send + Sync {
    /// Reads again whatever can be; what cannot be read stays as it was. As a dry run everything is read, and nothing
    /// put in force.
    fn reload(&self, dry_run: bool) -> Waiting<'_, Reloaded>;
}

/// What was read again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reloaded {
    /// What is in force anew: `certificates`, `schemas`, `token keys`.
    pub reloaded: Vec<String>,
    /// Why the rest is not, one line each; of that, what was in force before stays.
    #[serde(skip)]
    pub problems: Vec<String>,
}

/// The signing keys of tokens. No method ever gives a key away.
pub trait KeyFiles: Send + Sync {
    /// The live keys.
    fn list(&self) -> Waiting<'_, Said<Keys>>;

    /// Makes a new key. It signs at once, or with `stage` only after [`Self::sign`], so that all nodes of a cluster
    /// know it before a token needs it.
    ///
    /// [`HookError::Conflict`] while there are two live keys.
    fn rotate(&self, stage: bool, dry_run: bool) -> Waiting<'_, Said<KeysChanged>>;

    /// Signs with a live key from now on. Again the same changes nothing.
    ///
    /// [`HookError::Missing`] without such a key.
    fn sign(&self, id: u8, dry_run: bool) -> Waiting<'_, Said<KeysChanged>>;

    /// Removes a key: its tokens are refused from now on. One that is gone already changes nothing.
    ///
    /// [`HookError::Conflict`] for the key that signs.
    fn retire(&self, id: u8, dry_run: bool) -> Waiting<'_, Said<KeysChanged>>;
}

/// The live keys, never their secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Keys {
    /// The key that signs.
    pub signing: u8,
    /// The newest first.
    pub keys: Vec<Key>,
}

/// One live key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Key {
    /// Its number, which is in every token that it signed.
    pub id: u8,
    /// When it was made, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// Whole days since.
    pub age_days: u64,
    /// Whether it signs.
    pub signing: bool,
    /// Whether it should be replaced: it signs, and is as old as the policy allows (90 days).
    pub due: bool,
}

/// What became of the keys, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysChanged {
    /// Whether anything changed, or would.
    pub changed: bool,
    /// The keys before.
    pub before: Keys,
    /// The keys after.
    pub after: Keys,
}

/// What is logged.
pub trait LogLevel: Send + Sync {
    /// What is logged now.
    fn current(&self) -> LogState;

    /// Logs by this filter for so many minutes, then by the configuration's again.
    ///
    /// [`HookError::Invalid`] for a filter that cannot be read; the text says where.
    fn set(&self, level: &str, minutes: u32, dry_run: bool) -> Said<LogState>;
}

/// A filter in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LogState {
    /// The filter in force, like `info,pix_stream_app=debug`.
    pub level: String,
    /// The configuration's.
    pub configured: String,
    /// When the configuration's comes back, in milliseconds since 1970; null while it is in force.
    pub until_unix_ms: Option<u64>,
}

/// Requests that were slow, as many as are remembered.
pub trait SlowRing: Send + Sync {
    /// The latest first.
    fn recent(&self) -> Vec<SlowRequest>;
}

/// A request that was slow. Nothing of a message is in it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SlowRequest {
    /// When it was answered, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// Its `X-Request-Id`.
    pub request_id: String,
    /// The trace it belongs to, when there is one.
    pub trace_id: Option<String>,
    /// Its route, as in the metrics.
    pub route: String,
    /// The participant, when it names one.
    pub ispb: Option<String>,
    /// Work in milliseconds: its waits for messages and bodies left out.
    pub work_ms: f64,
    /// Milliseconds in each store, by the store's name.
    pub store_ms: BTreeMap<String, f64>,
    /// The answer.
    pub status: u16,
}

/// The audit chain, and what it proves.
pub trait Evidence: Send + Sync {
    /// What is known about one message: who published it and when, which tokens carried it, when it was confirmed.
    ///
    /// [`HookError::Missing`] for a message that nobody knows, [`HookError::Invalid`] for something that is no
    /// PI-ResourceId.
    fn message<'a>(&'a self, resource_id: &'a str) -> Waiting<'a, Said<MessageEvidence>>;

    /// Where the chain ends, and what of it is anchored.
    fn head(&self) -> Waiting<'_, Said<ChainHead>>;

    /// Reads the chain from its beginning and compares it with its anchors.
    fn verify(&self) -> Waiting<'_, Said<ChainVerified>>;

    /// The messages of a participant in a range with their proof, one line of JSON each: the sections of the audit
    /// chains that hold them, behind each publish a line for each of its messages, at last a line that covers all
    /// before it (docs/compliance.md). Nothing of a message but its digest. `pix-stream audit verify` checks it.
    ///
    /// Lines carry their line feed. An error among them ends the answer: the caller sees that the proof is missing.
    fn export(&self, ispb: Ispb, range: ExportRange) -> Waiting<'_, Said<mpsc::Receiver<Said<Bytes>>>>;
}

/// Which messages of a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportRange {
    /// By sequence number, both ends included.
    Sequences {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// By the time of publication in milliseconds since 1970, the end excluded.
    Times {
        /// From here on.
        since_unix_ms: u64,
        /// Up to here.
        until_unix_ms: u64,
    },
}

/// What is known about one message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MessageEvidence {
    /// Its PI-ResourceId.
    pub resource_id: String,
    /// The participant that it is for.
    pub ispb: String,
    /// Its place in the participant's stream.
    pub sequence: u64,
    /// SHA-256 of the message, in hexadecimal; null once it was erased.
    pub sha256: Option<String>,
    /// When it was published, in milliseconds since 1970.
    pub published_unix_ms: Option<u64>,
    /// Who published it: the name in the certificate.
    pub publisher: Option<String>,
    /// Requests that repeated its publishing and stored nothing.
    pub repeats: Vec<Recorded>,
    /// Each time it was handed out, the first one first.
    pub deliveries: Vec<Delivery>,
    /// When it was confirmed first; null if it was not.
    pub confirmed_unix_ms: Option<u64>,
    /// What confirmed it; more than once only after it was handed out again.
    pub confirmations: Vec<Recorded>,
    /// Closes of streams that gave it back.
    pub returned: Vec<Recorded>,
    /// Operators' commands that moved the participant's position: rewind, advance.
    pub moves: Vec<Recorded>,
    /// The chains that this was read from, of all nodes.
    pub chains: Vec<ChainRead>,
    /// Whether all of them hold, and their anchors.
    pub verified: bool,
    /// What does not hold, one line each.
    pub findings: Vec<String>,
}

/// Something that the audit log says of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Recorded {
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The chain of the node that recorded it.
    pub chain: String,
    /// The record in it.
    pub record: u64,
    /// The request in which it happened.
    pub request_id: String,
    /// SHA-256 of the token that did it, in hexadecimal; null where no token did.
    pub token_sha256: Option<String>,
    /// Who did it: the name in the certificate; null where a token did.
    pub actor: Option<String>,
    /// What: `read` or `close` confirmed it, `participant.rewind to 7` moved the position.
    pub what: String,
}

/// A chain that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChainRead {
    /// Its name.
    pub chain: String,
    /// The first record that was read.
    pub first: u64,
    /// The last record that was read.
    pub last: u64,
    /// The digest that covers everything up to it, in hexadecimal.
    pub head: String,
    /// Whether it holds, and its anchor.
    pub holds: bool,
}

/// A message handed out once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Delivery {
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The chain of the node that recorded it.
    pub chain: String,
    /// The record in it.
    pub record: u64,
    /// SHA-256 of the token that came with it, in hexadecimal.
    pub token_sha256: String,
    /// SHA-256 of the token that was presented; null where the stream was opened.
    pub presented_sha256: Option<String>,
    /// Whether the same answer was given again.
    pub replay: bool,
    /// The replay session in which it was read; null on the live stream.
    pub session: Option<u64>,
    /// The request that took it.
    pub request_id: String,
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChainHead {
    /// Records so far.
    pub records: u64,
    /// The digest that covers all of them, in hexadecimal.
    pub head: String,
    /// The last head that was written into the Journal; null before the first.
    pub anchor: Option<Anchor>,
}

/// A head that is kept where the audit log is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Anchor {
    /// Records that it covers.
    pub records: u64,
    /// Its digest, in hexadecimal.
    pub head: String,
    /// When it was written, in milliseconds since 1970.
    pub at_unix_ms: u64,
}

/// What reading the whole chain showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChainVerified {
    /// Whether chain and anchors hold.
    pub verified: bool,
    /// Records that were read.
    pub records: u64,
    /// Anchors that were compared.
    pub anchors: u64,
    /// What does not hold, one line each.
    pub findings: Vec<String>,
}

/// This node.
pub trait Node: Send + Sync {
    /// What it is and how it does.
    fn facts(&self) -> NodeFacts;

    /// Begins the end of this process, as SIGTERM does; returns at once. Again changes nothing.
    fn drain(&self);
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NodeFacts {
    /// The version that runs.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Seconds since it began.
    pub uptime_s: u64,
    /// The region it is in; null without regions.
    pub region: Option<String>,
    /// Whether it is about to end.
    pub draining: bool,
    /// Whether streams are kept in the Journal for want of Redis.
    pub fallback: bool,
    /// The configuration in force, with secrets masked.
    pub config: serde_json::Value,
}
