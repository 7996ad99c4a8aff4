//! What the writer's thread is asked: a change, how it is applied, and where its answer goes.

use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::switches::Switches;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::anchors::Anchor;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::{Appended, Checkpoint, NewMessage};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::anchors;
use super::changes::Conflict;
use super::fault::Fault;
use super::quarantine::Change;
use super::store::Tables;

/// Which messages are removed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    /// All that come before.
    Below(Sequence),
    /// These, and none before them.
    Between(Range),
}

/// A change, and where its answer goes.
pub(crate) enum Request {
    Append {
        ispb: Ispb,
        messages: Vec<NewMessage>,
        window: Duration,
        reply: Reply<Result<Vec<Appended>, Conflict>>,
        /// Its share of the bytes that may wait.
        room: OwnedSemaphorePermit,
    },
    Remove {
        ispb: Ispb,
        what: What,
        limit: u32,
        reply: Reply<u32>,
        /// The bytes that it freed in the file, once applied.
        freed: u64,
    },
    Checkpoints {
        checkpoints: Vec<(Ispb, Checkpoint)>,
        reply: Reply<()>,
    },
    Raise {
        ispb: Ispb,
        reply: Reply<Incarnation>,
    },
    Participant {
        participant: Box<Participant>,
        reply: Reply<bool>,
    },
    Switches {
        switches: Box<Switches>,
        reply: Reply<bool>,
    },
    Anchor {
        anchor: Anchor,
        reply: Reply<()>,
    },
    Quarantine(Change),
    Check {
        reply: Reply<()>,
    },
}

/// Where an answer goes once the commit is on disk.
pub(crate) struct Reply<T> {
    sender: oneshot::Sender<Result<T, Error>>,
    value: Option<T>,
}

impl<T> Reply<T> {
    pub(crate) fn new(sender: oneshot::Sender<Result<T, Error>>) -> Self {
        Self { sender, value: None }
    }

    pub(crate) fn hold(&mut self, value: T) {
        self.value = Some(value);
    }

    pub(crate) fn send(self, result: &Result<(), Error>) {
        let lost = || Error::Unavailable("the change was not applied".to_owned());
        let answer = result.clone().and_then(|()| self.value.ok_or_else(lost));
        // Whoever asked may have stopped waiting; the change stands all the same.
        let _ = self.sender.send(answer);
    }
}

impl Request {
    pub(crate) fn messages(&self) -> usize {
        match self {
            Self::Append { messages, .. } => messages.len(),
            Self::Checkpoints { checkpoints, .. } => checkpoints.len(),
            Self::Remove { .. }
            | Self::Raise { .. }
            | Self::Participant { .. }
            | Self::Switches { .. }
            | Self::Anchor { .. }
            | Self::Quarantine(_)
            | Self::Check { .. } => 1,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Append { messages, .. } => messages.iter().map(|message| message.xml.len()).sum(),
            Self::Quarantine(change) => change.bytes(),
            Self::Checkpoints { .. }
            | Self::Remove { .. }
            | Self::Raise { .. }
            | Self::Participant { .. }
            | Self::Switches { .. }
            | Self::Anchor { .. }
            | Self::Check { .. } => 0,
        }
    }

    pub(crate) fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), Fault> {
        match self {
            Self::Append { ispb, messages, window, reply, .. } => {
                reply.hold(tables.append(*ispb, messages, *window)?);
            }
            Self::Remove { ispb, what, limit, reply, freed } => {
                let removed = match what {
                    What::Below(below) => tables.remove_below(*ispb, *below, *limit)?,
                    What::Between(range) => tables.remove_between(*ispb, *range, *limit)?,
                };
                *freed = removed.bytes;
                reply.hold(removed.messages);
            }
            Self::Checkpoints { checkpoints, reply } => {
                for (ispb, checkpoint) in &*checkpoints {
                    tables.save_checkpoint(*ispb, checkpoint)?;
                }
                reply.hold(());
            }
            Self::Raise { ispb, reply } => reply.hold(tables.raise_incarnation(*ispb)?),
            Self::Participant { participant, reply } => reply.hold(tables.save_participant(participant)?),
            Self::Switches { switches, reply } => reply.hold(tables.save_switches(switches)?),
            Self::Anchor { anchor, reply } => reply.hold(anchors::save(tables, anchor)?),
            Self::Quarantine(change) => change.apply(tables)?,
            Self::Check { reply } => reply.hold(()),
        }
        Ok(())
    }

    pub(crate) fn answer(self, result: &Result<(), Error>) {
        match self {
            Self::Append { reply, room, .. } => {
                drop(room);
                reply.send(result);
            }
            Self::Remove { reply, .. } => reply.send(result),
            Self::Checkpoints { reply, .. } => reply.send(result),
            Self::Raise { reply, .. } => reply.send(result),
            Self::Participant { reply, .. } => reply.send(result),
            Self::Switches { reply, .. } => reply.send(result),
            Self::Anchor { reply, .. } => reply.send(result),
            Self::Quarantine(change) => change.answer(result),
            Self::Check { reply } => reply.send(result),
        }
    }

    pub(crate) fn freed(&self) -> u64 {
        match self {
            Self::Remove { freed, .. } => *freed,
            Self::Quarantine(change) => change.freed(),
            Self::Append { .. }
            | Self::Checkpoints { .. }
            | Self::Raise { .. }
            | Self::Participant { .. }
            | Self::Switches { .. }
            | Self::Anchor { .. }
            | Self::Check { .. } => 0,
        }
    }

    pub(crate) fn is_check(&self) -> bool {
        matches!(self, Self::Check { .. })
    }

    /// Whether it may use the room that is kept: it needs little, and reading needs it or it makes room.
    pub(crate) fn is_small(&self) -> bool {
        match self {
            Self::Append { .. } | Self::Switches { .. } | Self::Check { .. } => false,
            Self::Quarantine(change) => change.is_small(),
            Self::Remove { .. }
            | Self::Checkpoints { .. }
            | Self::Raise { .. }
            | Self::Anchor { .. }
            | Self::Participant { .. } => true,
        }
    }
}
