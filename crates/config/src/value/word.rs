//! Values that are one of a few words.

use serde_json::{Value as Json, json};

use super::{Value, wrong_type};
use crate::node::Node;

/// A type whose values are words.
pub(crate) trait Word: Copy + PartialOrd + 'static {
    /// Every value and its word.
    const WORDS: &'static [(Self, &'static str)];
}

impl<T: Word> Value for T {
    fn form() -> String {
        let words: Vec<_> = T::WORDS.iter().map(|(_, word)| format!("\"{word}\"")).collect();
        words.join(" or ")
    }

    fn schema() -> Json {
        json!({ "enum": T::WORDS.iter().map(|(_, word)| *word).collect::<Vec<_>>() })
    }

    fn read(node: &Node) -> Result<Self, String> {
        let Node::Text(text) = node else { return Err(wrong_type::<Self>(node)) };
        match T::WORDS.iter().find(|(_, word)| word == text) {
            Some((value, _)) => Ok(*value),
            None => Err(format!("takes {}, this is \"{text}\"", T::form())),
        }
    }

    fn write(&self) -> Option<String> {
        T::WORDS.iter().find(|(value, _)| value == self).map(|(_, word)| format!("\"{word}\""))
    }
}

/// Where in a client certificate the ISPB is looked for (protocol, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IspbSource {
    /// An `OU` of the form `ISPB-nnnnnnnn`.
    Ou,
    /// The `CN`, when it is eight characters.
    Cn,
}

impl Word for IspbSource {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Ou, "ou"), (Self::Cn, "cn")];
}

/// What happens to a published message without a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsigned {
    /// It is refused as not valid.
    Refuse,
    /// It is taken like any other.
    Accept,
}

impl Word for Unsigned {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Refuse, "refuse"), (Self::Accept, "accept")];
}

/// Whether signatures are verified at publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VerifySignature {
    /// They are carried, not verified: that is the receiving participant's duty.
    Off,
    /// The digests of what is signed recompute.
    Digest,
    /// The signature holds by a known certificate as well.
    Full,
}

impl Word for VerifySignature {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Off, "off"), (Self::Digest, "digest"), (Self::Full, "full")];
}

/// Which store holds what must never be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JournalKind {
    /// One file on this machine.
    Embedded,
    /// Cassandra, shared by all nodes.
    Cassandra,
}

impl Word for JournalKind {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Embedded, "embedded"), (Self::Cassandra, "cassandra")];
}

/// Which store holds what nodes must agree on right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoordinatorKind {
    /// The memory of this process.
    Local,
    /// Redis, shared by all nodes.
    Redis,
}

impl Word for CoordinatorKind {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Local, "local"), (Self::Redis, "redis")];
}

/// What stands in for the Coordinator while it is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fallback {
    /// The Journal, by serial writes.
    Journal,
    /// Nothing: reads are answered 503.
    None,
}

impl Word for Fallback {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Journal, "journal"), (Self::None, "none")];
}

/// When a published message counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PublishConsistency {
    /// On most copies of this data centre.
    LocalQuorum,
    /// On most copies of every data centre.
    EachQuorum,
}

impl Word for PublishConsistency {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::LocalQuorum, "local_quorum"), (Self::EachQuorum, "each_quorum")];
}

/// How many copies a read of messages asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReadConsistency {
    /// Most copies of this data centre.
    LocalQuorum,
    /// One copy of this data centre.
    LocalOne,
}

impl Word for ReadConsistency {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::LocalQuorum, "local_quorum"), (Self::LocalOne, "local_one")];
}

/// How Redis is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topology {
    /// One server.
    Single,
    /// A server with replicas, watched over by sentinels.
    Sentinel,
    /// Redis Cluster.
    Cluster,
}

impl Word for Topology {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Single, "single"), (Self::Sentinel, "sentinel"), (Self::Cluster, "cluster")];
}

/// Who gives the participants of a lost region to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Takeover {
    /// An operator.
    Command,
    /// The regions that are left.
    Automatic,
}

impl Word for Takeover {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Command, "command"), (Self::Automatic, "automatic")];
}

/// What a region does that cannot renew its ownership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LostQuorum {
    /// It gives no more sequence numbers once its lease is over.
    Stop,
    /// It goes on: an operator rules out that the other side lives.
    Continue,
}

impl Word for LostQuorum {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Stop, "stop"), (Self::Continue, "continue")];
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Human,
}

impl Word for LogFormat {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Auto, "auto"), (Self::Json, "json"), (Self::Human, "human")];
}
