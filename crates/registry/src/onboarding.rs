//! Onboarding, offboarding, limits and retention of a participant.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_calls::store::READ_DEADLINE;
use pix_stream_calls::{AdminRefusal, Error};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::{Limits, NAME_MAX, Participant, RETENTION_MAX, RETENTION_MIN};
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::coordinator::News;

use crate::{Actor, Recorded, Registry, refused};

/// The highest request rate that a participant may be given, a second.
pub const REQUESTS_PER_SECOND_MAX: u32 = 100_000;

/// What a new participant is onboarded with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// A name for people; may be empty.
    pub name: String,
    /// Limits of its own.
    pub limits: Limits,
    /// How long its messages are kept, if not as long as is configured.
    pub retention: Option<Duration>,
}

impl<P: Ports> Registry<P> {
    /// Onboards a participant. The same again changes nothing.
    ///
    /// # Errors
    /// `Refused` when it exists with other properties or a value is out of bounds, `Unavailable`.
    pub async fn onboard(
        self: &Arc<Self>,
        ispb: Ispb,
        properties: Properties,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        self.audit.wait_for_room(READ_DEADLINE).await?;
        let Properties { name, limits, retention } = properties;
        check_limits(&limits)?;
        check_retention(retention)?;
        if name.chars().count() > NAME_MAX {
            return Err(refused(format!("name: at most {NAME_MAX} characters")));
        }
        if let Some(known) = self.look_up(ispb).await? {
            let is_same = known.name == name && known.limits == limits && known.retention == retention;
            return match is_same {
                true => Ok(Recorded { participant: known, changed: false }),
                false => Err(Error::Refused(AdminRefusal::Exists)),
            };
        }
        let now = self.ports.clock().now();
        let participant = Participant { name, limits, retention, ..Participant::new(ispb, now) };
        if dry_run {
            return Ok(Recorded { participant: Arc::new(participant), changed: true });
        }
        let detail = format!("not onboarded -> onboarded; limits {limits:?}; retention {retention:?}");
        let participant = self.save(participant).await?;
        self.note(Some(ispb), "participant.create", Ok(&detail), actor).await;
        Ok(Recorded { participant, changed: true })
    }

    /// Replaces a participant's own limits. When it returns, the other nodes were told.
    ///
    /// # Errors
    /// `NotOnboarded`, `Refused`, `Unavailable`.
    pub async fn set_limits(
        self: &Arc<Self>,
        ispb: Ispb,
        limits: Limits,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        check_limits(&limits)?;
        let change = |participant: &mut Participant| {
            participant.limits = limits;
            Ok(())
        };
        let recorded = self.change(ispb, change, ("participant.limits", dry_run, actor)).await?;
        if recorded.changed && !dry_run && self.is_shared {
            let Participant { ispb, limits, revision, .. } = *recorded.participant;
            self.announce(News::Limits { ispb, limits, revision }).await;
        }
        Ok(recorded)
    }

    /// Says whether a participant may read and be published for. What it has stays.
    ///
    /// # Errors
    /// `NotOnboarded`, `Refused`, `Unavailable`.
    pub async fn set_offboarded(
        self: &Arc<Self>,
        ispb: Ispb,
        offboarded: bool,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        let command = if offboarded { "participant.offboard" } else { "participant.onboard" };
        let change = |participant: &mut Participant| {
            participant.offboarded = offboarded;
            Ok(())
        };
        self.change(ispb, change, (command, dry_run, actor)).await
    }

    /// Says how long a participant's messages are kept; `None` for as long as is configured. When it returns, the change
    /// survives a crash, and this node goes by it; the others follow within seconds, and what is stored for a shorter
    /// time is kept from expiring by rounds ([`Registry::keep_round`]).
    ///
    /// # Errors
    /// `NotOnboarded`, `Refused`, `Unavailable`.
    pub async fn set_retention(
        self: &Arc<Self>,
        ispb: Ispb,
        retention: Option<Duration>,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        check_retention(retention)?;
        let change = |participant: &mut Participant| {
            participant.retention = retention;
            Ok(())
        };
        self.change(ispb, change, ("participant.retention", dry_run, actor)).await
    }
}

fn check_limits(limits: &Limits) -> Result<(), Error> {
    if limits.requests_per_second.is_some_and(|rate| !(1..=REQUESTS_PER_SECOND_MAX).contains(&rate)) {
        return Err(refused(format!("requests_per_second: from 1 to {REQUESTS_PER_SECOND_MAX}")));
    }
    if limits.backlog_high_water == Some(0) {
        return Err(refused("backlog_high_water: at least 1".to_owned()));
    }
    Ok(())
}

fn check_retention(retention: Option<Duration>) -> Result<(), Error> {
    let days = |span: Duration| span.as_secs() / (24 * 3600);
    if retention.is_some_and(|retention| !(RETENTION_MIN..=RETENTION_MAX).contains(&retention)) {
        let (least, most) = (days(RETENTION_MIN), days(RETENTION_MAX));
        return Err(refused(format!("retention: from {least} to {most} days")));
    }
    Ok(())
}
