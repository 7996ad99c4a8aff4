//! What a session is told: where the cluster is, who we are, and every limit. Reads no files and no environment.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use zeroize::Zeroizing;

/// How to reach a cluster, and within which limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `host:port` of nodes to ask first. A host is a name or an address; the rest of the cluster is found.
    pub contact_points: Vec<String>,
    /// Only nodes of this data centre are sent statements. Empty: every node of the cluster.
    pub datacenter: String,
    /// Name and password; `None` when the cluster asks for none.
    pub credentials: Option<Credentials>,
    /// TLS, or `None` for plain TCP. A certificate must name the contact point's host as it is written there, or
    /// the node's address when the node was found through another one.
    pub tls: Option<Arc<ClientConfig>>,
    /// Connections to each node, at least 1.
    pub connections_per_node: u32,
    /// Limit of one attempt to connect: TCP, TLS and handshake together.
    pub connect_timeout: Duration,
    /// Limit of a whole call of [`Session::execute`](crate::Session::execute) that names none of its own. Keep it below
    /// the 1.8 s after which a coordinator gives up on a conditional write.
    pub request_timeout: Duration,
    /// How often a node is probed, and how long a probe may take.
    pub heartbeat: Duration,
    /// Requests that may wait for an answer on one connection.
    pub in_flight_max: usize,
    /// Requests of one connection that nobody waits for any longer and whose answer has not come. One more, and
    /// the connection is replaced.
    pub orphans_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            contact_points: vec!["127.0.0.1:9042".to_owned()],
            datacenter: String::new(),
            credentials: None,
            tls: None,
            connections_per_node: 2,
            connect_timeout: Duration::from_secs(1),
            request_timeout: Duration::from_millis(1_500),
            heartbeat: Duration::from_secs(2),
            in_flight_max: 1_024,
            orphans_max: 128,
        }
    }
}

/// A name and a password for `PasswordAuthenticator` (SASL PLAIN).
#[derive(Clone)]
pub struct Credentials {
    /// The role's name.
    pub username: String,
    /// Its password. Never shown by `Debug`.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let credentials = Credentials { username: "app".to_owned(), password: "s3cret".to_owned().into() };
        assert!(!format!("{credentials:?}").contains("s3cret"));
    }
}
