//! The types a key can have: how each is read, written and described.
//!
//! Ranges and rules between keys are not known here; see `section` and `check`.

mod cluster;
mod list;
mod roles;
mod scalar;
mod word;

use std::path::Path;

use serde_json::Value as Json;

use crate::node::Node;

pub use cluster::{Endpoint, Replicas, Secret};
pub use roles::{Holder, Producer, Scope, Subject};
pub use scalar::Size;
pub use word::{
    CoordinatorKind, Fallback, IspbSource, JournalKind, LogFormat, LostQuorum, PublishConsistency,
    ReadConsistency, Takeover, Topology, Unsigned, VerifySignature,
};

pub(crate) use cluster::is_name;
pub use list::Certificate;

/// A type that a key can have.
pub(crate) trait Value: Sized + PartialOrd {
    /// What it takes, with its article: `a duration such as "5s"`.
    fn form() -> String;

    /// Its JSON Schema.
    fn schema() -> Json;

    /// Reads a value, or says what is wrong with it.
    fn read(node: &Node) -> Result<Self, String>;

    /// What a text from the environment or a flag stands for. Types that are not texts override this.
    fn node_of_text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    /// The value in TOML; `None` when it is not set.
    fn write(&self) -> Option<String>;

    /// Makes relative paths start at `base`.
    fn rebase(&mut self, _base: &Path) {}
}

/// A text in TOML, quoted and escaped.
pub(crate) fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The complaint about a value of the wrong type.
fn wrong_type<T: Value>(node: &Node) -> String {
    format!("takes {}, this is {}", T::form(), node.kind())
}
