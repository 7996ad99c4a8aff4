//! The text of `redis.conf`, for servers and sentinels. Nothing is written or started here.

use std::net::Ipv4Addr;

use super::{Options, User, secured};

/// Where to listen.
pub(super) fn listen(host: Ipv4Addr, port: u16) -> Vec<String> {
    // No password is asked for by default, and loopback is no secret to the machine's own users.
    vec![format!("bind {host}"), format!("port {port}"), "protected-mode no".to_owned()]
}

/// A server's settings, alike in all topologies.
pub(super) fn server(options: &Options, port: u16, tls_port: Option<u16>) -> Vec<String> {
    let mut lines = listen(options.host, port);
    lines.extend(["save \"\"", "tcp-keepalive 5"].map(str::to_owned));
    match &options.secured {
        // The last line counts: the port of the first ones is closed.
        Some(secured) => {
            lines.extend(secured::listen(secured, port));
            lines.extend(secured::replication(secured));
        }
        // Drills freeze and slow a server down by DEBUG.
        None => lines.push("enable-debug-command yes".to_owned()),
    }
    if options.is_durable {
        lines.extend(["appendonly yes", "appendfsync always"].map(str::to_owned));
    } else {
        lines.push("appendonly no".to_owned());
    }
    if let (Some(tls), Some(port)) = (&options.tls, tls_port) {
        let ask = if tls.ask_clients { "yes" } else { "no" };
        lines.extend([
            format!("tls-port {port}"),
            format!("tls-ca-cert-file \"{}\"", tls.ca.display()),
            format!("tls-cert-file \"{}\"", tls.certificate.display()),
            format!("tls-key-file \"{}\"", tls.key.display()),
            format!("tls-auth-clients {ask}"),
        ]);
    }
    if let Some(user) = &options.user {
        lines.extend(acl(user));
    }
    lines
}

/// One user who may do everything, nobody else anything; replicas come as that user.
fn acl(user: &User) -> Vec<String> {
    let User { name, password } = user;
    let mut lines = vec![format!("user {name} on >{password} ~* &* +@all")];
    if name != "default" {
        lines.push("user default off".to_owned());
        lines.push(format!("masteruser {name}"));
    }
    lines.push(format!("masterauth {password}"));
    lines
}

/// What a replica is told.
pub(super) fn replica_of(host: Ipv4Addr, port: u16) -> Vec<String> {
    vec![format!("replicaof {host} {port}"), "repl-diskless-sync-delay 0".to_owned()]
}

/// What a sentinel is told. It takes a master for gone after a second: drills have no patience.
pub(super) fn sentinel(name: &str, options: &Options, port: u16, quorum: u8) -> Vec<String> {
    let mut lines = vec![
        format!("sentinel monitor {name} {} {port} {quorum}", options.host),
        format!("sentinel down-after-milliseconds {name} 1000"),
        format!("sentinel failover-timeout {name} 5000"),
        format!("sentinel parallel-syncs {name} 1"),
    ];
    if let Some(secured) = &options.secured {
        lines.extend(secured::sentinel(secured, name));
    }
    if let Some(user) = &options.user {
        if user.name != "default" {
            lines.push(format!("sentinel auth-user {name} {}", user.name));
        }
        lines.push(format!("sentinel auth-pass {name} {}", user.password));
    }
    lines
}

/// What a master of a cluster is told. It serves its own slots also while another's are lost.
pub(super) fn cluster(bus_port: u16) -> Vec<String> {
    vec![
        "cluster-enabled yes".to_owned(),
        "cluster-config-file nodes.conf".to_owned(),
        format!("cluster-port {bus_port}"),
        "cluster-node-timeout 2000".to_owned(),
        "cluster-require-full-coverage no".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TlsFiles;

    #[test]
    fn a_plain_server_keeps_nothing_and_listens_on_loopback() {
        let lines = server(&Options::new("x"), 7000, None);
        assert!(lines.contains(&"bind 127.0.0.1".to_owned()));
        assert!(lines.contains(&"port 7000".to_owned()));
        assert!(lines.contains(&"save \"\"".to_owned()));
        assert!(lines.contains(&"appendonly no".to_owned()));
        assert!(!lines.iter().any(|line| line.starts_with("tls") || line.starts_with("user")));
    }

    #[test]
    fn a_named_user_switches_the_default_one_off() {
        let user = User { name: "pix".to_owned(), password: "secret".to_owned() };
        let lines = server(&Options { user: Some(user), ..Options::new("x") }, 7000, None);
        assert!(lines.contains(&"user pix on >secret ~* &* +@all".to_owned()));
        assert!(lines.contains(&"user default off".to_owned()));
        assert!(lines.contains(&"masteruser pix".to_owned()));
    }

    #[test]
    fn the_default_user_may_get_a_password() {
        let user = User { name: "default".to_owned(), password: "secret".to_owned() };
        let options = Options { user: Some(user), ..Options::new("x") };
        assert!(!server(&options, 7000, None).contains(&"user default off".to_owned()));
        let lines = sentinel("m", &options, 7000, 2);
        assert!(lines.contains(&"sentinel monitor m 127.0.0.1 7000 2".to_owned()));
        assert!(lines.contains(&"sentinel auth-pass m secret".to_owned()));
        assert!(!lines.iter().any(|line| line.contains("auth-user")));
    }

    #[test]
    fn tls_is_a_second_port() {
        let files = TlsFiles {
            ca: "a b/ca.pem".into(),
            certificate: "c.pem".into(),
            key: "k.pem".into(),
            ask_clients: false,
        };
        let lines = server(&Options { tls: Some(files), ..Options::new("x") }, 7000, Some(7001));
        assert!(lines.contains(&"port 7000".to_owned()));
        assert!(lines.contains(&"tls-port 7001".to_owned()));
        assert!(lines.contains(&"tls-ca-cert-file \"a b/ca.pem\"".to_owned()));
        assert!(lines.contains(&"tls-auth-clients no".to_owned()));
    }
}
