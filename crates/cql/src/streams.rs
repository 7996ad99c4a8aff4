//! Stream ids of one connection. An id is given out again only after its answer has come, however late: an answer
//! can never reach another request (C1, C2). Pure bookkeeping: no sockets, no clock.

/// The protocol has ids from 0 to 32,767 (v4, section 2.3).
const IDS_MAX: usize = 32_768;

/// The ids of one connection and who waits for which.
#[derive(Debug)]
pub(crate) struct Streams<W> {
    slots: Vec<Slot<W>>,
    free: Vec<usize>,
    /// Ids that are queued, cancelled in the queue, or sent and waited for.
    live: usize,
    live_max: usize,
    orphans: usize,
    serial: u64,
    is_closed: bool,
}

#[derive(Debug)]
enum Slot<W> {
    Free,
    /// Not yet handed to the socket.
    Queued(u64, W),
    /// Given up while queued: never handed to the socket.
    Cancelled,
    /// Handed to the socket, in part or whole.
    Sent(u64, W),
    /// Handed to the socket, and nobody waits any longer.
    Orphan,
}

/// A reserved id. The serial number tells it from a later use of the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    slot: usize,
    serial: u64,
}

impl Ticket {
    /// The id on the wire.
    pub(crate) fn id(self) -> i16 {
        i16::try_from(self.slot).unwrap_or(i16::MAX)
    }
}

/// Why no id was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    Closed,
}

/// What giving up an id found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abandoned {
    /// It never reached the socket, and will not.
    NotSent,
    /// It may have reached the server; the id waits for its answer.
    Orphan,
    /// Its answer had come, or the connection had ended.
    Settled,
}

/// What an answer's id belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answered<W> {
    Waiter(W),
    /// Of an orphan: the answer is dropped, the id is free again.
    Late,
    /// Of nothing we sent: the server, or something between, is confused.
    Unexpected,
}

impl<W> Streams<W> {
    /// So many requests at once; besides them up to `orphans_max` ids may wait for late answers.
    pub(crate) fn new(live_max: usize, orphans_max: usize) -> Self {
        let live_max = live_max.clamp(1, IDS_MAX.saturating_sub(orphans_max + 1).max(1));
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            live: 0,
            live_max,
            orphans: 0,
            serial: 0,
            is_closed: false,
        }
    }

    /// An id for a request that is about to be queued.
    pub(crate) fn reserve(&mut self, waiter: W) -> Result<Ticket, Refusal> {
        if self.is_closed {
            return Err(Refusal::Closed);
        }
        if self.live >= self.live_max {
            return Err(Refusal::Full);
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots.len() < IDS_MAX => {
                self.slots.push(Slot::Free);
                self.slots.len() - 1
            }
            None => return Err(Refusal::Full),
        };
        self.serial += 1;
        self.live += 1;
        self.slots[slot] = Slot::Queued(self.serial, waiter);
        Ok(Ticket { slot, serial: self.serial })
    }

    /// The request leaves the queue: whether it is to be handed to the socket.
    pub(crate) fn begin(&mut self, ticket: Ticket) -> bool {
        match std::mem::replace(&mut self.slots[ticket.slot], Slot::Free) {
            Slot::Queued(serial, waiter) => {
                self.slots[ticket.slot] = Slot::Sent(serial, waiter);
                true
            }
            Slot::Cancelled => {
                self.live -= 1;
                self.free.push(ticket.slot);
                false
            }
            other @ (Slot::Free | Slot::Sent(..) | Slot::Orphan) => {
                self.slots[ticket.slot] = other;
                false
            }
        }
    }

    /// Nobody waits for this request any longer.
    pub(crate) fn abandon(&mut self, ticket: Ticket) -> Abandoned {
        match &self.slots[ticket.slot] {
            Slot::Queued(serial, _) if *serial == ticket.serial => {
                self.slots[ticket.slot] = Slot::Cancelled;
                Abandoned::NotSent
            }
            Slot::Sent(serial, _) if *serial == ticket.serial => {
                self.slots[ticket.slot] = Slot::Orphan;
                self.live -= 1;
                self.orphans += 1;
                Abandoned::Orphan
            }
            Slot::Free | Slot::Queued(..) | Slot::Cancelled | Slot::Sent(..) | Slot::Orphan => {
                Abandoned::Settled
            }
        }
    }

    /// An answer with this id has come.
    pub(crate) fn answer(&mut self, id: i16) -> Answered<W> {
        let Some(slot) = usize::try_from(id).ok().filter(|slot| *slot < self.slots.len()) else {
            return Answered::Unexpected;
        };
        match std::mem::replace(&mut self.slots[slot], Slot::Free) {
            Slot::Sent(_, waiter) => {
                self.live -= 1;
                self.free.push(slot);
                Answered::Waiter(waiter)
            }
            Slot::Orphan => {
                self.orphans -= 1;
                self.free.push(slot);
                Answered::Late
            }
            other @ (Slot::Free | Slot::Queued(..) | Slot::Cancelled) => {
                self.slots[slot] = other;
                Answered::Unexpected
            }
        }
    }

    /// The connection ended: who still waits, and whether the request had been handed to the socket.
    pub(crate) fn close(&mut self) -> Vec<(W, bool)> {
        self.is_closed = true;
        self.live = 0;
        self.orphans = 0;
        self.free.clear();
        let slots = self.slots.iter_mut().map(|slot| std::mem::replace(slot, Slot::Free));
        slots
            .filter_map(|slot| match slot {
                Slot::Queued(_, waiter) => Some((waiter, false)),
                Slot::Sent(_, waiter) => Some((waiter, true)),
                Slot::Free | Slot::Cancelled | Slot::Orphan => None,
            })
            .collect()
    }

    /// Ids that wait for an answer that nobody waits for.
    pub(crate) const fn orphans(&self) -> usize {
        self.orphans
    }

    /// Requests that somebody waits for.
    pub(crate) const fn live(&self) -> usize {
        self.live
    }
}

#[cfg(test)]
mod tests;
