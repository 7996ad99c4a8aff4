//! `[listen]` and `[tls]`: where the server is reached and how both sides prove who they are.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::section::{Key, Section, Visitor};
use crate::config::value::{Certificate, IspbSource};

/// `[listen]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The address of the API.
    pub api: SocketAddr,
    /// The address of the admin listener.
    pub admin: SocketAddr,
    /// Whether health and metrics are served on plain HTTP too.
    pub plain_health: bool,
    /// The address for that; on loopback.
    pub plain_health_listen: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            api: loopback(8443),
            admin: loopback(9443),
            plain_health: false,
            plain_health_listen: loopback(9080),
        }
    }
}

impl Section for Listen {
    const NAME: &'static str = "listen";
    const ABOUT: &'static str = "Where the server is reached. Both listeners ask for client certificates.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::new("api", "Address of the API: streams, catalogue, publishing. `0.0.0.0:8443` listens on every interface."),
            &mut self.api,
        );
        visitor.key(
            Key::new("admin", "Address of the admin listener: health, metrics, participants. Keep it on an internal network."),
            &mut self.admin,
        );
        visitor.key(
            Key::new(
                "plain_health",
                "Also serves `/health/live`, `/health/ready` and `/metrics`, and nothing else, on plain HTTP at \
                 `plain_health_listen`, for probes and scrapers without certificates.",
            ),
            &mut self.plain_health,
        );
        visitor.key(
            Key::new("plain_health_listen", "Address for `plain_health`. Only loopback is allowed."),
            &mut self.plain_health_listen,
        );
    }
}

/// `[tls]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The authorities whose client certificates are trusted.
    pub ca: Vec<PathBuf>,
    /// The server's own certificates.
    pub certificates: Vec<Certificate>,
    /// Revocation lists.
    pub crl: Vec<PathBuf>,
    /// Where the ISPB is looked for, in this order.
    pub ispb_from: Vec<IspbSource>,
}

impl Default for Tls {
    fn default() -> Self {
        let certificate = |name: &str| Certificate {
            chain: PathBuf::from(format!("tls/{name}.pem")),
            key: PathBuf::from(format!("tls/{name}.key")),
        };
        Self {
            ca: vec![PathBuf::from("tls/ca.pem")],
            certificates: vec![certificate("server"), certificate("server-rsa")],
            crl: Vec::new(),
            ispb_from: vec![IspbSource::Ou, IspbSource::Cn],
        }
    }
}

impl Section for Tls {
    const NAME: &'static str = "tls";
    const ABOUT: &'static str = "Mutual TLS, always. SIGHUP reads all of these files again.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::new("ca", "PEM files with the authorities whose client certificates are trusted."),
            &mut self.ca,
        );
        visitor.key(
            Key::new(
                "certificates",
                "The server's certificates with their keys. With one P-256 and one RSA the server offers both: old \
                 clients know only RSA.",
            ),
            &mut self.certificates,
        );
        visitor.key(
            Key::new("crl", "Revocation lists, PEM or DER. A revoked client is refused, and its open connections are closed."),
            &mut self.crl,
        );
        visitor.key(
            Key::new(
                "ispb_from",
                "Where the ISPB of a client certificate is looked for, in this order: `ou` is an OU of the form \
                 `ISPB-nnnnnnnn`, `cn` a CN of eight characters.",
            ),
            &mut self.ispb_from,
        );
    }
}
