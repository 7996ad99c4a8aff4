//! `[listen]`, `[tls]` and `[roles]`: where the server is reached, how both sides prove who they are, who may do what.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::section::section;
use crate::value::{Certificate, Holder, IspbSource, Producer, Scope, Subject};

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn certificate(name: &str) -> Certificate {
    Certificate {
        chain: PathBuf::from(format!("tls/{name}.pem")),
        key: PathBuf::from(format!("tls/{name}.key")),
    }
}

fn named(name: &str) -> Subject {
    Subject::CommonName(name.to_owned())
}

section! {
    /// Where the server is reached. Both listeners ask for client certificates.
    listen Listen {
        /// Address of the API: streams, catalogue, publishing. `0.0.0.0:8443` listens on every interface.
        api: SocketAddr = loopback(8443);
        /// Address of the admin listener: health, metrics, participants. Keep it on an internal network.
        admin: SocketAddr = loopback(9443);
        /// Also serves `/health/live`, `/health/ready` and `/metrics`, and nothing else, on plain HTTP at
        /// `plain_health_listen`, for probes and scrapers without certificates.
        plain_health: bool = false;
        /// Address for `plain_health`. Only loopback is allowed.
        plain_health_listen: SocketAddr = loopback(9080);
    }
}

section! {
    /// Mutual TLS, always. SIGHUP reads all of these files again.
    tls Tls {
        /// PEM files with the authorities whose client certificates are trusted.
        ca: Vec<PathBuf> = vec![PathBuf::from("tls/ca.pem")];
        /// The server's certificates with their keys. With one P-256 and one RSA the server offers both: old
        /// clients know only RSA.
        certificates: Vec<Certificate> = vec![certificate("server"), certificate("server-rsa")];
        /// Revocation lists, PEM or DER. A revoked client is refused, and its open connections are closed.
        crl: Vec<PathBuf> = Vec::new();
        /// Whether a revocation list past its next update refuses every certificate of its authority until there is a
        /// newer one. Without it the old list goes on counting, with a warning.
        fresh_crl: bool = false;
        /// Where the ISPB of a client certificate is looked for, in this order: `ou` is an OU of the form
        /// `ISPB-nnnnnnnn`, `cn` a CN of eight characters.
        ispb_from: Vec<IspbSource> = vec![IspbSource::Ou, IspbSource::Cn];
    }
}

section! {
    /// Which trusted certificates are producers, admins, operators and auditors. Participants need no entry: their
    /// certificate carries the ISPB. A role of the admin listener is for all participants, or for those that a table
    /// names: then it is good for what names one of them, and for nothing else. A name is compared with the subject's CN exactly; where an authority outside
    /// your control issues certificates, use fingerprints (`openssl x509 -in F -noout -fingerprint -sha256`).
    roles Roles {
        /// Who may publish, and for which ISPBs (`"*"`: for every one).
        producers: Vec<Producer> = vec![Producer { subject: named("producer"), publish: Scope::All }];
        /// Who may do everything on the admin listener.
        admins: Vec<Holder> = vec![Holder::of_all(named("admin"))];
        /// Who may do the day-to-day work on the admin listener: pause, resume, limits, rewind, advance, slots, the
        /// catalogue, the quarantine, log level, drain, reload. Neither onboard, hold, replay nor touch keys, and no
        /// message's bytes.
        operators: Vec<Holder> = vec![Holder::of_all(named("operator"))];
        /// Who may read the admin listener and the audit log, and change nothing.
        auditors: Vec<Holder> = vec![Holder::of_all(named("auditor"))];
    }
}
