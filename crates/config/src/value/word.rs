//! Values that are one of a few words.

use serde_json::{Value as Json, json};

use super::{Value, wrong_type};
use crate::node::Node;

/// A type whose values are words.
pub(crate) trait Word: Copy + PartialOrd + 'static {
    /// Every value and its word.
    const WORDS: &'static [(Self, &'static str)];
    /// Words that are known but not served by this build, and why.
    const LATER: &'static [(&'static str, &'static str)] = &[];
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
        if let Some((value, _)) = T::WORDS.iter().find(|(_, word)| word == text) {
            return Ok(*value);
        }
        match T::LATER.iter().find(|(word, _)| word == text) {
            Some((_, why)) => Err(format!("\"{text}\" {why}")),
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
}

impl Word for JournalKind {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Embedded, "embedded")];
    const LATER: &'static [(&'static str, &'static str)] =
        &[("cassandra", "comes with the cluster build; this build has \"embedded\"")];
}

/// Which store holds what nodes must agree on right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoordinatorKind {
    /// The memory of this process.
    Local,
}

impl Word for CoordinatorKind {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Local, "local")];
    const LATER: &'static [(&'static str, &'static str)] =
        &[("redis", "comes with the cluster build; this build has \"local\"")];
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
