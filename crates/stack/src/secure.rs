//! A stack whose stores keep strangers out: TLS with certificates on both sides, and users that may do what they need
//! and nothing else. The lists of users and rights are those of `deploy/`, so that they are tried.
//!
//! Everything secret is in one folder of the stack, `secrets`, made at the first start.

use std::path::{Path, PathBuf};

use pix_stream_stores::redis::{self, User};
use pix_stream_stores::{Authority, Cassandra, TlsFiles, cassandra::CqlUser};

use crate::Error;

const USERS: &str = include_str!("../../../deploy/redis/users.acl");
const SENTINEL_USERS: &str = include_str!("../../../deploy/redis/sentinel-users.acl");
const ROLES: &str = include_str!("../../../deploy/cassandra/roles.cql");
const GRANTS: &str = include_str!("../../../deploy/cassandra/grants.cql");

/// What servers are called at Redis and at Cassandra.
const SERVER: &str = "pix_stream";
/// Who makes tables.
const MIGRATOR: &str = "pix_stream_migrate";
/// Who makes roles.
const ADMIN: &str = "pix_admin";
/// The superuser that a new Cassandra has, and its password.
const FIRST: &str = "cassandra";

/// A password and the file that holds it.
#[derive(Clone)]
struct Password {
    file: PathBuf,
    text: String,
}

/// Certificates and passwords of a stack.
pub(crate) struct Secrets {
    authority: Authority,
    redis: Password,
    replica: Password,
    sentinel: Password,
    cassandra: Password,
    migrator: Password,
    admin: Password,
    nobody: Password,
}

impl Secrets {
    /// Those of a stack's folder; makes them where there are none.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let authority = Authority::open(&dir.join("secrets"))?;
        let password = |name| authority.password(name).map(|(file, text)| Password { file, text });
        Ok(Self {
            redis: password("redis-password")?,
            replica: password("redis-replica-password")?,
            sentinel: password("redis-sentinel-password")?,
            cassandra: password("cassandra-password")?,
            migrator: password("cassandra-migrate-password")?,
            admin: password("cassandra-admin-password")?,
            nobody: password("cassandra-nobody-password")?,
            authority,
        })
    }

    /// How Redis is started.
    pub(crate) fn redis(&self) -> redis::Secured {
        let user =
            |name: &str, password: &Password| User { name: name.to_owned(), password: password.text.clone() };
        let (client, replica, sentinel) =
            (user(SERVER, &self.redis), user("replica", &self.replica), user("sentinel", &self.sentinel));
        let all = [&client, &replica, &sentinel];
        redis::Secured {
            authority: self.authority.clone(),
            acl: redis::with_passwords(USERS, &all),
            sentinel_acl: redis::with_passwords(SENTINEL_USERS, &all),
            client,
            replica,
            sentinel,
        }
    }

    /// What nodes of Cassandra show, to clients and to one another; they ask for the same.
    pub(crate) fn cassandra(&self) -> TlsFiles {
        self.authority.store(true)
    }

    /// Makes the roles, once the nodes are there.
    pub(crate) fn make_roles(&self, cassandra: &Cassandra) -> Result<(), Error> {
        let statements = self.statements(ROLES);
        let by_first = || cassandra.carry_out(&self.user(FIRST, FIRST), &statements);
        // At the first start nobody else is there, and later that one is gone.
        Ok(cassandra.carry_out(&self.user(ADMIN, &self.admin.text), &statements).or_else(|_| by_first())?)
    }

    /// Lets the roles do what they need, once there are tables.
    pub(crate) fn grant(&self, cassandra: &Cassandra) -> Result<(), Error> {
        let admin = self.user(ADMIN, &self.admin.text);
        Ok(cassandra.carry_out(&admin, &self.statements(GRANTS))?)
    }

    /// What `migrate up` gets in its environment, beside the configuration of a server.
    pub(crate) fn of_migration(&self) -> Vec<(String, String)> {
        let file = self.migrator.file.display().to_string();
        [("USERNAME", MIGRATOR.to_owned()), ("PASSWORD_FILE", file)]
            .map(|(key, value)| (format!("PIX_STREAM_CASSANDRA_{key}"), value))
            .into()
    }

    /// Lines of `[cassandra]`.
    pub(crate) fn cassandra_lines(&self) -> String {
        format!(
            "username = \"{SERVER}\"\npassword_file = {}\n{}",
            quoted(&self.cassandra.file),
            self.tls_lines()
        )
    }

    /// Lines of `[redis]`.
    pub(crate) fn redis_lines(&self) -> String {
        let file = quoted(&self.redis.file);
        format!(
            "username = \"{SERVER}\"\npassword_file = {file}\nsentinel_username = \"{SERVER}\"\n\
             sentinel_password_file = {file}\n{}",
            self.tls_lines()
        )
    }

    fn tls_lines(&self) -> String {
        let (certificate, key) = self.authority.client();
        let [ca, certificate, key] = [&self.authority.ca(), &certificate, &key].map(|path| quoted(path));
        format!("tls = true\nca = {ca}\ncertificate = {certificate}\nkey = {key}\n")
    }

    fn user<'a>(&'a self, name: &'a str, password: &'a str) -> CqlUser<'a> {
        CqlUser { name, password, authority: Some(&self.authority) }
    }

    /// The statements of a file, with passwords in place of what says that they are to be changed.
    fn statements(&self, text: &str) -> Vec<String> {
        let placed = [
            ("CHANGE-ME-ADMIN", &self.admin),
            ("CHANGE-ME-SERVER", &self.cassandra),
            ("CHANGE-ME-MIGRATE", &self.migrator),
            ("CHANGE-ME-NOBODY", &self.nobody),
        ];
        let lines = text.lines().filter(|line| !line.starts_with("--"));
        let text = placed.iter().fold(lines.collect::<Vec<_>>().join("\n"), |text, (place, password)| {
            text.replace(place, &password.text)
        });
        text.split(';').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
    }
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_of_the_shipped_files_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(folder.path()).unwrap();
        let statements = [secrets.statements(ROLES), secrets.statements(GRANTS)].concat();
        assert_eq!(statements.len(), 9, "{statements:?}");
        assert!(!statements.concat().contains("CHANGE-ME"));
        let redis = secrets.redis();
        for acl in [&redis.acl, &redis.sentinel_acl] {
            assert!(
                !acl.contains('#') && acl.contains(&format!("user pix_stream on >{}", redis.client.password))
            );
        }
    }

    #[test]
    fn migrations_are_carried_out_by_somebody_else_than_the_servers() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(folder.path()).unwrap();
        let [name, file] = secrets.of_migration().try_into().unwrap();
        assert_eq!(name, ("PIX_STREAM_CASSANDRA_USERNAME".to_owned(), MIGRATOR.to_owned()));
        assert!(file.1.ends_with("cassandra-migrate-password"), "{file:?}");
        assert!(secrets.cassandra_lines().starts_with("username = \"pix_stream\"\n"));
    }
}
