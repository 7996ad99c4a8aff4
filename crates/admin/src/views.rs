//! JSON on the wire of the admin API: these types and no others, converted by hand from those of the core.
//!
//! Times are milliseconds since 1970.

mod made;

use schemars::JsonSchema;
use serde::Serialize;

use crate::hooks;

/// Seconds of a day.
pub(crate) const DAY_S: u64 = 24 * 3600;

/// A participant as the operator knows it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Participant")]
pub(crate) struct ParticipantView<'a> {
    ispb: &'a str,
    name: &'a str,
    created_at_unix_ms: u64,
    limits: LimitsView,
    /// Whether it may neither read nor be published for.
    offboarded: bool,
    /// For how many days its messages are kept; null is the configuration's.
    retention_days: Option<u64>,
    /// Whether all of its messages are under legal hold.
    held: bool,
    /// Times of publishing that are under legal hold.
    holds: Vec<RangeView>,
    /// The replay session that was opened last and not closed; it ends by itself.
    replay: Option<SessionView>,
    /// Rises with every change.
    revision: u64,
}

/// Limits of its own; null is the configuration's.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Limits")]
struct LimitsView {
    requests_per_second: Option<u32>,
    backlog_high_water: Option<u64>,
}

/// A span of time, its end excluded.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TimeRange")]
struct RangeView {
    from_unix_ms: u64,
    to_unix_ms: u64,
}

/// A replay session.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReplaySession")]
pub(crate) struct SessionView {
    session: u64,
    /// The first sequence number.
    from: u64,
    /// The last sequence number.
    to: u64,
    opened_unix_ms: u64,
    expires_unix_ms: u64,
}

/// The replay session of a participant; null without one. It ends by itself.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Replay")]
pub(crate) struct ReplayView {
    pub(crate) replay: Option<SessionView>,
}

/// A replay session that was opened, or would be.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReplayOpened")]
pub(crate) struct OpenedView {
    pub(crate) dry_run: bool,
    /// Whether it is new: the same range again answers with the session that is open.
    pub(crate) changed: bool,
    #[serde(flatten)]
    pub(crate) session: SessionView,
    /// Sequence numbers in it.
    pub(crate) messages: u64,
    /// The token to begin with; null after a dry run.
    pub(crate) token: Option<String>,
    /// What the participant gets on the API listener, with its own certificate; null after a dry run.
    pub(crate) path: Option<String>,
}

/// All participants, by ISPB.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Participants")]
pub(crate) struct ListView<'a> {
    pub(crate) participants: Vec<ParticipantView<'a>>,
}

/// A participant with its streams.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ParticipantStatus")]
pub(crate) struct StatusView<'a> {
    #[serde(flatten)]
    participant: ParticipantView<'a>,
    /// How far this server got with keeping what is stored from expiring; null when neither a legal hold nor a retention
    /// of the participant's own asks for that.
    keeping: Option<KeepingView>,
    paused: bool,
    /// How many streams it may hold open.
    cap: u8,
    streams: Vec<StreamView>,
    /// The oldest message that is kept.
    first: u64,
    /// The next sequence number.
    head: u64,
    /// The next sequence number that was never handed out.
    frontier: u64,
    /// Everything up to here is confirmed.
    watermark: u64,
    /// Messages that are not confirmed.
    unconfirmed: u64,
    /// Messages that wait to be delivered again.
    redelivery: u64,
}

/// How far one server got with what is stored and must not expire by itself.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Keeping")]
struct KeepingView {
    /// Nothing of it does any more, also not what servers published that learnt of the change late.
    through: bool,
    /// Messages that are still to be looked at in this lap; null before the first one began on this server.
    left: Option<u64>,
}

/// One live stream.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Stream")]
struct StreamView {
    slot: u8,
    /// The number of its current batch.
    pull: u64,
    /// Messages it holds unconfirmed.
    held: u64,
    /// When it counts as abandoned.
    deadline_unix_ms: u64,
}

/// What became of a participant's own properties.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ParticipantSaved")]
pub(crate) struct SavedView<'a> {
    pub(crate) dry_run: bool,
    /// Whether anything changed, or would.
    pub(crate) changed: bool,
    /// The participant as it is now; after a dry run, as it would be.
    pub(crate) participant: ParticipantView<'a>,
}

/// What became of a change of a participant's streams.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StreamsChanged")]
pub(crate) struct ChangedView<'a> {
    dry_run: bool,
    /// Whether anything changed, or would.
    changed: bool,
    /// Whether a live stream was ended by it, or would be.
    released: bool,
    watermark_before: u64,
    watermark: u64,
    /// Messages that will be delivered again.
    redeliver: u64,
    /// Messages that will not be delivered.
    skipped: u64,
    /// After it; after a dry run, as it is still.
    participant: StatusView<'a>,
}

/// A refusal.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(crate) struct ErrorView<'a> {
    pub(crate) error: FaultView<'a>,
}

/// What went wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Fault")]
pub(crate) struct FaultView<'a> {
    /// For programs.
    pub(crate) code: &'a str,
    /// For people.
    pub(crate) message: &'a str,
    /// What else there is to say, a line each.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) details: &'a [String],
}

/// That the process answers.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Live")]
pub(crate) struct LiveView {
    pub(crate) status: &'static str,
}

/// Whether the node can do its work.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Ready")]
pub(crate) struct ReadyView {
    /// `ready`, `degraded` or `not_ready`.
    pub(crate) status: &'static str,
    pub(crate) version: &'static str,
    pub(crate) draining: bool,
    /// What is wrong; a node that still serves reads is ready in spite of it.
    pub(crate) reasons: Vec<String>,
    pub(crate) dependencies: Vec<DependencyView>,
}

/// What a node needs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Dependency")]
pub(crate) struct DependencyView {
    pub(crate) name: &'static str,
    /// `ok`, `degraded` or `failed`.
    pub(crate) status: &'static str,
}

/// All message types that are loaded or have a switch.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MessageTypes")]
pub(crate) struct TypesView<'a> {
    pub(crate) types: Vec<TypeView<'a>>,
}

/// A message type.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MessageType")]
pub(crate) struct TypeView<'a> {
    #[serde(rename = "type")]
    message_type: &'a str,
    /// Whether there is a schema for it.
    loaded: bool,
    /// For those without a switch of their own.
    enabled: bool,
    participants: Vec<OwnView<'a>>,
}

/// A participant's own switch.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OwnSwitch")]
struct OwnView<'a> {
    ispb: &'a str,
    enabled: bool,
}

/// What became of a switch.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MessageTypeSwitched")]
pub(crate) struct SwitchedView<'a> {
    pub(crate) dry_run: bool,
    /// Whether anything is other than this node knew it, or would be.
    pub(crate) changed: bool,
    #[serde(flatten)]
    pub(crate) status: TypeView<'a>,
}

/// A page of the quarantine, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QuarantinePage")]
pub(crate) struct PageView<'a> {
    pub(crate) entries: Vec<EntryView<'a>>,
    /// What `after` takes for the next page; null after the last.
    pub(crate) next: Option<String>,
    pub(crate) usage: UsageView,
}

/// How much the quarantine holds, and how much it may.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QuarantineUsage")]
pub(crate) struct UsageView {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) entries_max: u64,
    pub(crate) bytes_max: u64,
}

/// A message that was refused.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QuarantineEntry")]
pub(crate) struct EntryView<'a> {
    id: String,
    ispb: &'a str,
    at_unix_ms: u64,
    /// Who published it.
    producer: &'a str,
    /// How it came.
    intake: &'a str,
    /// The rule that the first finding breaks.
    rule: &'static str,
    /// What is wrong, without what the message says.
    findings: &'a [String],
    bytes: u32,
    /// How often it came.
    attempts: u32,
}

/// What became of a release.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QuarantineReleased")]
pub(crate) struct ReleasedView {
    dry_run: bool,
    /// The PI-ResourceId under which it is delivered; null after a dry run.
    resource_id: Option<String>,
}

/// What was dropped, or would be.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QuarantineDropped")]
pub(crate) struct DroppedView<'a> {
    pub(crate) dry_run: bool,
    pub(crate) entry: EntryView<'a>,
}

/// What became of the keys.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KeysChanged")]
pub(crate) struct KeysView {
    pub(crate) dry_run: bool,
    /// Whether anything changed, or would.
    pub(crate) changed: bool,
    /// The keys after it; after a dry run, as they would be.
    #[serde(flatten)]
    pub(crate) keys: hooks::Keys,
}

/// Slow requests, the latest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SlowRequests")]
pub(crate) struct SlowView {
    pub(crate) requests: Vec<hooks::SlowRequest>,
}

/// What became of the log's filter.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LogChanged")]
pub(crate) struct LogView {
    pub(crate) dry_run: bool,
    /// Whether anything changed, or would.
    pub(crate) changed: bool,
    /// The filter after it; after a dry run, as it would be.
    #[serde(flatten)]
    pub(crate) state: hooks::LogState,
}

/// What was read again, or could be.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Reloaded")]
pub(crate) struct ReloadedView {
    pub(crate) dry_run: bool,
    /// `certificates`, `token keys`, `schemas`, `signers' certificates`.
    pub(crate) reloaded: Vec<String>,
}

/// What became of a drain.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DrainBegun")]
pub(crate) struct DrainView {
    pub(crate) dry_run: bool,
    /// Whether it began now, or would; not when it had begun before.
    pub(crate) changed: bool,
    pub(crate) draining: bool,
}
