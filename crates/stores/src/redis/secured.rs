//! A Redis that keeps strangers out, set up as `deploy/redis` says: TLS and nothing else on every port, certificates on
//! both sides, users with rights of their own.
//!
//! The lists of users are given as text, so that those that are shipped are the ones that are tried.

use super::User;
use crate::Authority;

/// What keeps strangers out.
#[derive(Clone, Debug)]
pub struct Secured {
    /// Who signs the certificates of servers and clients.
    pub authority: Authority,
    /// The access control list of the servers, as `aclfile` takes it.
    pub acl: String,
    /// The same of the sentinels.
    pub sentinel_acl: String,
    /// Who clients are, at servers and at sentinels; also whoever asks how a node is.
    pub client: User,
    /// Who replicas are at their master.
    pub replica: User,
    /// Who sentinels are, at servers and at one another.
    pub sentinel: User,
}

/// Puts passwords into a list of users: each line of a user named here gets its password in place of the digest `#…`.
#[must_use]
pub fn with_passwords(acl: &str, users: &[&User]) -> String {
    let line = |line: &str| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let user = users.iter().find(|user| words.get(1) == Some(&user.name) && words[0] == "user");
        for word in words.iter_mut().filter(|word| word.starts_with('#')) {
            if let Some(user) = user {
                *word = format!(">{}", user.password);
            }
        }
        words.join(" ") + "\n"
    };
    acl.lines().map(line).collect()
}

/// Where a node listens and what it shows: no port without TLS.
pub(super) fn listen(secured: &Secured, port: u16) -> Vec<String> {
    let files = secured.authority.store(true);
    vec![
        "port 0".to_owned(),
        format!("tls-port {port}"),
        format!("tls-ca-cert-file \"{}\"", files.ca.display()),
        format!("tls-cert-file \"{}\"", files.certificate.display()),
        format!("tls-key-file \"{}\"", files.key.display()),
        "tls-auth-clients yes".to_owned(),
        "tls-replication yes".to_owned(),
        "tls-cluster yes".to_owned(),
        "tls-protocols \"TLSv1.2 TLSv1.3\"".to_owned(),
        "aclfile users.acl".to_owned(),
    ]
}

/// Who a server is at its master.
pub(super) fn replication(secured: &Secured) -> Vec<String> {
    let User { name, password } = &secured.replica;
    vec![format!("masteruser {name}"), format!("masterauth {password}")]
}

/// Who a sentinel is, at the servers of `master` and at other sentinels.
pub(super) fn sentinel(secured: &Secured, master: &str) -> Vec<String> {
    let User { name, password } = &secured.sentinel;
    vec![
        format!("sentinel auth-user {master} {name}"),
        format!("sentinel auth-pass {master} {password}"),
        format!("sentinel sentinel-user {name}"),
        format!("sentinel sentinel-pass {password}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_take_the_place_of_digests_of_those_who_are_named() {
        let user = User { name: "app".to_owned(), password: "secret".to_owned() };
        let acl = "user default off\nuser app on #00 ~app:*\nuser replica on #00 +psync\n";
        assert_eq!(
            with_passwords(acl, &[&user]),
            "user default off\nuser app on >secret ~app:*\nuser replica on #00 +psync\n"
        );
    }
}
