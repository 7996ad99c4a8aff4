//! Passwords and TLS of the stores: one password each, and no file that silently does nothing.

use std::path::PathBuf;

use crate::Config;
use crate::read::Findings;
use crate::sections::Redis;
use crate::value::Secret;

/// Reports every rule that the configuration breaks.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let (cassandra, redis) = (&config.cassandra, &config.redis);
    let stores = [
        Store {
            keys: Keys {
                username: "cassandra.username",
                secret: "cassandra.password_secret",
                file: "cassandra.password_file",
                tls: "cassandra.tls",
                ca: "cassandra.ca",
            },
            username: &cassandra.username,
            secret: &cassandra.password_secret,
            file: cassandra.password_file.as_ref(),
            tls: cassandra.tls,
            ca: cassandra.ca.as_ref(),
        },
        Store {
            keys: Keys {
                username: "redis.username",
                secret: "redis.password_secret",
                file: "redis.password_file",
                tls: "redis.tls",
                ca: "redis.ca",
            },
            username: &redis.username,
            secret: &redis.password_secret,
            file: redis.password_file.as_ref(),
            tls: redis.tls,
            ca: redis.ca.as_ref(),
        },
    ];
    for store in &stores {
        password(store, findings);
        authorities(store, findings);
    }
    password(&sentinels(redis), findings);
    // Redis knows a password without a user: that of the default one.
    let [store, _] = &stores;
    if store.username.is_empty() && store.has_password() {
        findings.report(
            &[store.keys.username, store.keys.file, store.keys.secret],
            format!("there is a password, and {} is empty", store.keys.username),
            "Cassandra knows no password without a user",
        );
    }
    client_certificate(
        ["cassandra.certificate", "cassandra.key", "cassandra.tls"],
        (cassandra.certificate.as_ref(), cassandra.key.as_ref()),
        cassandra.tls,
        findings,
    );
    client_certificate(
        ["redis.certificate", "redis.key", "redis.tls"],
        (redis.certificate.as_ref(), redis.key.as_ref()),
        redis.tls,
        findings,
    );
}

/// Sentinels have a password of their own, and the TLS of the servers.
fn sentinels(redis: &Redis) -> Store<'_> {
    Store {
        keys: Keys {
            username: "redis.sentinel_username",
            secret: "redis.sentinel_password_secret",
            file: "redis.sentinel_password_file",
            tls: "redis.tls",
            ca: "redis.ca",
        },
        username: &redis.sentinel_username,
        secret: &redis.sentinel_password_secret,
        file: redis.sentinel_password_file.as_ref(),
        tls: redis.tls,
        ca: redis.ca.as_ref(),
    }
}

/// What both stores have.
struct Store<'a> {
    keys: Keys,
    username: &'a str,
    secret: &'a Secret,
    file: Option<&'a PathBuf>,
    tls: bool,
    ca: Option<&'a PathBuf>,
}

struct Keys {
    username: &'static str,
    secret: &'static str,
    file: &'static str,
    tls: &'static str,
    ca: &'static str,
}

impl Store<'_> {
    const fn has_password(&self) -> bool {
        self.file.is_some() || !self.secret.is_empty()
    }
}

fn password(store: &Store<'_>, findings: &mut Findings) {
    let keys = &store.keys;
    if store.file.is_some() && !store.secret.is_empty() {
        findings.report(
            &[keys.file, keys.secret],
            format!("there are two passwords: in this file, and in {}", keys.secret),
            "give one of them",
        );
    }
    if !store.username.is_empty() && !store.has_password() {
        findings.report(
            &[keys.username],
            "has no password".to_owned(),
            &format!("name a file in {}, or set {}", keys.file, keys.secret),
        );
    }
}

fn authorities(store: &Store<'_>, findings: &mut Findings) {
    let Keys { tls, ca, .. } = store.keys;
    match (store.tls, store.ca) {
        (true, None) => findings.report(
            &[tls, ca],
            "TLS needs the authorities that sign the nodes' certificates".to_owned(),
            &format!("name their PEM file in {ca}"),
        ),
        (false, Some(_)) => findings.report(
            &[ca, tls],
            format!("is not used: {tls} is false, so nothing is encrypted"),
            &format!("set {tls} = true"),
        ),
        (true, Some(_)) | (false, None) => {}
    }
}

/// The keys of a certificate of our own: `certificate`, `key`, and the switch without which neither does anything.
type CertificateKeys = [&'static str; 3];

fn client_certificate(
    [certificate, key, tls]: CertificateKeys,
    files: (Option<&PathBuf>, Option<&PathBuf>),
    is_encrypted: bool,
    findings: &mut Findings,
) {
    let (given, needed) = match files {
        (Some(_), None) => (certificate, key),
        (None, Some(_)) => (key, certificate),
        (Some(_), Some(_)) if !is_encrypted => {
            return findings.report(
                &[certificate, tls],
                format!("is not used: {tls} is false"),
                &format!("set {tls} = true"),
            );
        }
        (Some(_), Some(_)) | (None, None) => return,
    };
    findings.report(
        &[given, needed],
        format!("needs {needed}: a certificate and its key go together"),
        "name both files, or none",
    );
}
