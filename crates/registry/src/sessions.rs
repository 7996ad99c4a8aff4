//! Replay sessions: which may be read now, and how operators open and close them. What is read is
//! `pix-stream-replay`'s.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_calls::store::{JOURNAL_EXTENT, JOURNAL_FIND_SINCE, READ_DEADLINE, RETRY_AFTER};
use pix_stream_calls::{AdminRefusal, Error};
use pix_stream_domain::audit::{Event, Record};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::replay::ReplaySession;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::{TimeRange, Timestamp};
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::journal::Journal as _;

use crate::{Actor, Recorded, Registry, refused, told};

/// The shortest time for which a session may be open.
pub const REPLAY_VALID_MIN: Duration = Duration::from_secs(60);
/// The longest.
pub const REPLAY_VALID_MAX: Duration = Duration::from_secs(24 * 3600);

/// What a replay session is to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayRange {
    /// The messages from one sequence number up to another, both included.
    Sequences {
        /// The first.
        from: Sequence,
        /// The last.
        to: Sequence,
    },
    /// The messages that were published in a range of time.
    Times(TimeRange),
}

impl<P: Ports> Registry<P> {
    /// Opens a replay session over what is stored of a range now; a participant has at most one. While one is open, the
    /// same range again answers with that one. Returns it with the record.
    ///
    /// # Errors
    /// `NotOnboarded`; `Refused` when nothing is stored of the range, `valid` is out of bounds, another session is open,
    /// or somebody else changed the participant at the same time; `Unavailable`.
    #[expect(clippy::too_many_arguments, reason = "of whom, what, for how long, whether for real, by whom")]
    pub async fn open_session(
        self: &Arc<Self>,
        ispb: Ispb,
        range: ReplayRange,
        valid: Duration,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<(Recorded, ReplaySession), Error> {
        if !(REPLAY_VALID_MIN..=REPLAY_VALID_MAX).contains(&valid) {
            let minutes = |span: Duration| span.as_secs() / 60;
            let (least, most) = (minutes(REPLAY_VALID_MIN), minutes(REPLAY_VALID_MAX));
            return Err(refused(format!("a replay session may be open for {least} to {most} minutes")));
        }
        self.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        let range = self.resolve(ispb, range).await?;
        let now = self.ports.clock().now();
        let change = |participant: &mut Participant| open(participant, range, (now, valid));
        let recorded = self.change(ispb, change, ("replay.open", dry_run, actor)).await?;
        let session = recorded.participant.replay;
        let session =
            session.ok_or_else(|| Error::Internal("the session that was opened is not there".into()))?;
        Ok((recorded, session))
    }

    /// Closes the replay session of a participant; without one nothing changes.
    ///
    /// # Errors
    /// `NotOnboarded`, `Refused` when somebody else changed the participant at the same time, `Unavailable`.
    pub async fn close_session(
        self: &Arc<Self>,
        ispb: Ispb,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        let change = |participant: &mut Participant| {
            participant.replay = None;
            Ok(())
        };
        self.change(ispb, change, ("replay.close", dry_run, actor)).await
    }

    /// The participant itself ends its session, by DELETE on a token of it.
    ///
    /// # Errors
    /// `Gone` when it is not open, `Unavailable`.
    pub async fn end_session(self: &Arc<Self>, ispb: Ispb, id: u64, request_id: &str) -> Result<(), Error> {
        self.find_session(ispb, id).await?;
        let known = self.find(ispb).ok_or(Error::Gone)?;
        let mut next = (*known).clone();
        next.replay = None;
        next.revision += 1;
        let detail = told(&known, &next);
        match self.save(next).await {
            // Somebody changed the participant meanwhile, and perhaps closed the session: the same request again tells.
            Err(Error::Refused(_)) => Err(unavailable("the participant was changed at the same time")),
            Err(error) => Err(error),
            Ok(_) => {
                let (at, request_id) = (self.ports.clock().now(), request_id.into());
                let event = Event::System { command: "replay.close".into(), detail: detail.into() };
                self.audit.record(Record { at, request_id, ispb: Some(ispb), event }).await;
                Ok(())
            }
        }
    }

    /// The open session of this name. Another node may just have opened it.
    ///
    /// # Errors
    /// `Gone` when it was closed or its time is over; `Unavailable`, also while this node is behind the one that opened it.
    pub async fn find_session(&self, ispb: Ispb, id: u64) -> Result<ReplaySession, Error> {
        let is_known = |known: Option<&Participant>| {
            known.is_some_and(|known| {
                known.replay.is_some_and(|session| session.id == id) || known.revision > id
            })
        };
        let known = self.look_for(ispb, is_known).await?.ok_or(Error::Gone)?;
        if known.revision < id {
            // It was opened a moment ago, and this node has just looked: a client that is told "gone" would start a stream.
            return Err(unavailable("the session is not known here yet"));
        }
        let now = self.ports.clock().now();
        let session = known.replay.filter(|session| session.id == id && session.is_open(now));
        session.ok_or(Error::Gone)
    }

    /// Where the messages of a range lie, as far as they are stored.
    async fn resolve(&self, ispb: Ispb, range: ReplayRange) -> Result<Range, Error> {
        let journal = self.ports.journal();
        let extent = JOURNAL_EXTENT.run(READ_DEADLINE, journal.extent(ispb)).await?;
        let asked = match range {
            ReplayRange::Sequences { from, to } => Range::new(from, to.plus(1)),
            ReplayRange::Times(times) => {
                let find =
                    |at: Timestamp| JOURNAL_FIND_SINCE.run(READ_DEADLINE, journal.find_since(ispb, at));
                Range::new(find(times.from()).await?, find(times.to()).await?)
            }
        };
        let stored = Range::new(asked.start().max(extent.first), asked.end().min(extent.next));
        if stored.is_empty() {
            let (first, last) = (extent.first, extent.next.previous());
            let what = if first > last {
                "nothing is".to_owned()
            } else {
                format!("messages {first} to {last} are")
            };
            return Err(refused(format!("no message of that range is stored: {what}")));
        }
        Ok(stored)
    }
}

fn unavailable(cause: &str) -> Error {
    Error::Unavailable { retry_after: RETRY_AFTER, cause: cause.to_owned() }
}

fn open(
    participant: &mut Participant,
    range: Range,
    (now, valid): (Timestamp, Duration),
) -> Result<(), AdminRefusal> {
    match participant.replay.filter(|session| session.is_open(now)) {
        Some(session) if session.range == range => Ok(()),
        Some(session) => Err(AdminRefusal::SessionOpen { expires_at: session.expires_at }),
        None => {
            // The revision that the record will have.
            let id = participant.revision + 1;
            let expires_at = now.after(valid);
            participant.replay = Some(ReplaySession { id, range, opened_at: now, expires_at });
            Ok(())
        }
    }
}
