//! Views made of the types of the core.

use pix_stream_app::{Changed, EntryId, Keeping, Released, Status, StreamStatus, Summary, TypeStatus};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::{Limits, Participant};
use pix_stream_domain::replay::ReplaySession;
use pix_stream_domain::time::TimeRange;

use super::{
    ChangedView, DAY_S, EntryView, KeepingView, LimitsView, OwnView, ParticipantView, RangeView,
    ReleasedView, SessionView, StatusView, StreamView, TypeView,
};

impl<'a> From<&'a Participant> for ParticipantView<'a> {
    fn from(participant: &'a Participant) -> Self {
        let Limits { requests_per_second, backlog_high_water } = participant.limits;
        Self {
            ispb: participant.ispb.as_str(),
            name: &participant.name,
            created_at_unix_ms: participant.created_at.unix_millis(),
            limits: LimitsView { requests_per_second, backlog_high_water },
            offboarded: participant.offboarded,
            retention_days: participant.retention.map(|time| time.as_secs() / DAY_S),
            held: participant.held,
            holds: participant.holds.iter().map(RangeView::from).collect(),
            replay: participant.replay.as_ref().map(SessionView::from),
            revision: participant.revision,
        }
    }
}

impl From<TimeRange> for RangeView {
    fn from(range: TimeRange) -> Self {
        Self { from_unix_ms: range.from().unix_millis(), to_unix_ms: range.to().unix_millis() }
    }
}

impl From<&ReplaySession> for SessionView {
    fn from(session: &ReplaySession) -> Self {
        Self {
            session: session.id,
            from: session.range.start().value(),
            to: session.range.end().value().saturating_sub(1),
            opened_unix_ms: session.opened_at.unix_millis(),
            expires_unix_ms: session.expires_at.unix_millis(),
        }
    }
}

impl<'a> From<&'a Status> for StatusView<'a> {
    fn from(status: &'a Status) -> Self {
        let stream = |s: &StreamStatus| StreamView {
            slot: s.slot,
            pull: s.pull,
            held: s.held,
            deadline_unix_ms: s.deadline_unix_ms,
        };
        Self {
            participant: ParticipantView::from(&status.participant),
            keeping: status
                .keeping
                .map(|Keeping { is_through, left }| KeepingView { through: is_through, left }),
            paused: status.paused,
            cap: status.cap,
            streams: status.streams.iter().map(stream).collect(),
            first: status.first.value(),
            head: status.head.value(),
            frontier: status.frontier.value(),
            watermark: status.watermark.value(),
            unconfirmed: status.unconfirmed,
            redelivery: status.redelivery,
        }
    }
}

impl<'a> From<&'a Changed> for ChangedView<'a> {
    fn from(changed: &'a Changed) -> Self {
        Self {
            dry_run: changed.dry_run,
            changed: changed.changed,
            released: changed.released,
            watermark_before: changed.watermark_before.value(),
            watermark: changed.watermark.value(),
            redeliver: changed.redeliver,
            skipped: changed.skipped,
            participant: StatusView::from(&changed.status),
        }
    }
}

impl<'a> TypeView<'a> {
    /// A type as far as somebody may know whose switches there are.
    pub(crate) fn of(status: &'a TypeStatus, knows: impl Fn(Ispb) -> bool) -> Self {
        let own = status.own.iter().filter(|(ispb, _)| knows(*ispb));
        Self {
            message_type: &status.message_type,
            loaded: status.is_loaded,
            enabled: status.on,
            participants: own.map(|(ispb, on)| OwnView { ispb: ispb.as_str(), enabled: *on }).collect(),
        }
    }
}

impl<'a> From<&'a Summary> for EntryView<'a> {
    fn from(summary: &'a Summary) -> Self {
        Self {
            id: EntryId::to_string(&summary.id),
            ispb: summary.ispb.as_str(),
            at_unix_ms: summary.at.unix_millis(),
            producer: &summary.producer,
            intake: &summary.intake,
            rule: summary.rule.code(),
            findings: &summary.findings,
            bytes: summary.bytes,
            attempts: summary.attempts,
        }
    }
}

impl From<&Released> for ReleasedView {
    fn from(released: &Released) -> Self {
        let resource_id = released.published.as_ref().map(|published| published.resource_id.to_string());
        Self { dry_run: released.dry_run, resource_id }
    }
}
