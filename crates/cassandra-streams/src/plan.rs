//! What becomes of the requests of one group: which messages are stored, which are repeats, which requests are
//! refused. Decided from what is known, without I/O, and again from the start when a batch was refused.

use std::collections::HashMap;
use std::time::Duration;

use pix_stream_domain::digest::Digest;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::journal::{Appended, Known, MessageKey, NewMessage};

/// A stored message with a business id that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Earlier {
    pub(crate) sequence: u64,
    pub(crate) resource_id: ResourceId,
    pub(crate) digest: Digest,
    pub(crate) published_at: Timestamp,
}

impl Earlier {
    /// What it means for a message that comes now; `None` when it is too old to count.
    pub(crate) fn known_to(&self, key: &MessageKey, window: Duration) -> Option<Known> {
        (key.published_at.since(self.published_at) < window).then(|| Known {
            sequence: Sequence::new(self.sequence),
            resource_id: self.resource_id,
            is_same: self.digest == key.digest,
        })
    }
}

/// The stored messages with the business ids of a group, of each id the newest one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found(HashMap<Box<str>, Earlier>);

impl Found {
    /// Adds a stored message; an older one with the same business id no longer counts.
    pub(crate) fn add(&mut self, business_id: Box<str>, earlier: Earlier) {
        match self.0.entry(business_id) {
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                if entry.get().sequence < earlier.sequence {
                    entry.insert(earlier);
                }
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(earlier);
            }
        }
    }

    /// The newest stored message with a business id.
    pub(crate) fn find(&self, business_id: &str) -> Option<&Earlier> {
        self.0.get(business_id)
    }
}

/// What becomes of one request: the places of its messages, or the index of the first that conflicts.
pub(crate) type Answer = Result<Vec<Appended>, usize>;

/// What becomes of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// By request.
    pub(crate) answers: Vec<Answer>,
    /// What is stored from the head on, in order: request and message.
    pub(crate) inserts: Vec<(usize, usize)>,
}

/// Decides on a group whose first message would get the sequence number `next`.
pub(crate) fn plan<'a>(
    requests: impl IntoIterator<Item = (&'a [NewMessage], Duration)>,
    found: &Found,
    next: u64,
) -> Plan {
    let mut plan = Plan { answers: Vec::new(), inserts: Vec::new() };
    let mut fresh: HashMap<&'a str, Earlier> = HashMap::new();
    for (request, (messages, window)) in requests.into_iter().enumerate() {
        let start = next + plan.inserts.len() as u64;
        let answer = decide(messages, window, start, (&mut fresh, found));
        if let Ok(answers) = &answer {
            let stored = answers.iter().enumerate().filter(|(_, answer)| !answer.is_repeat);
            plan.inserts.extend(stored.map(|(index, _)| (request, index)));
        }
        plan.answers.push(answer);
    }
    plan
}

fn decide<'a>(
    messages: &'a [NewMessage],
    window: Duration,
    start: u64,
    (fresh, found): (&mut HashMap<&'a str, Earlier>, &Found),
) -> Answer {
    let mut answers: Vec<Appended> = Vec::with_capacity(messages.len());
    let mut own: HashMap<&'a str, Earlier> = HashMap::new();
    let mut next = start;
    for (index, message) in messages.iter().enumerate() {
        let key = &message.key;
        let within = |earlier: &Earlier| earlier.known_to(key, window);
        // Within one request the rule holds whatever the times.
        let known = match own.get(&*key.business_id) {
            Some(earlier) => earlier.known_to(key, Duration::MAX),
            None => match fresh.get(&*key.business_id) {
                Some(earlier) => within(earlier),
                None => found.find(&key.business_id).and_then(within),
            },
        };
        match known {
            Some(known) if !known.is_same => return Err(index),
            Some(known) => answers.push(Appended {
                sequence: known.sequence,
                resource_id: known.resource_id,
                is_repeat: true,
            }),
            None => {
                let earlier = Earlier {
                    sequence: next,
                    resource_id: message.resource_id,
                    digest: key.digest,
                    published_at: key.published_at,
                };
                own.insert(&key.business_id, earlier);
                answers.push(Appended {
                    sequence: Sequence::new(next),
                    resource_id: message.resource_id,
                    is_repeat: false,
                });
                next += 1;
            }
        }
    }
    // Only now: a refused request leaves nothing behind.
    fresh.extend(own);
    Ok(answers)
}

#[cfg(test)]
mod tests;
