//! What of Cassandra's own settings makes acknowledged messages less safe, as far as it can be seen: at the node that
//! answers, if this user may look. docs/deploy.md says what every node should have.

use pix_stream_cql::{Consistency, Options, Session, Statement, Value};

/// The first version that has a commit log which is written past the page cache on disk when it says so
/// (CASSANDRA-20692).
const SYNCS_DIRECTLY: Version = Version(5, 0, 5);

/// Major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

impl Version {
    /// Out of `5.0.9` or `5.0-rc1`; what is not there counts as zero.
    fn parse(text: &str) -> Option<Self> {
        let numbers = text.split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        let major = parts.next()??;
        let mut rest = || parts.next().flatten().unwrap_or_default();
        Some(Self(major, rest(), rest()))
    }
}

/// A setting that is looked at.
struct Advice {
    name: &'static str,
    wanted: &'static str,
    consequence: &'static str,
    is_fine: fn(value: &str, version: Version) -> bool,
}

const ADVICE: [Advice; 3] = [
    Advice {
        name: "commitlog_sync",
        wanted: "batch",
        consequence: "a node that is killed forgets what it acknowledged in the last seconds",
        // With `group` a write waits for the disk just as well, only longer.
        is_fine: |value, _| matches!(value, "batch" | "group"),
    },
    Advice {
        name: "commitlog_disk_access_mode",
        wanted: "direct on Cassandra 5.0.5 or later, legacy before",
        consequence: "a machine that loses power forgets what was acknowledged: this version does not sync what it \
                      writes directly",
        is_fine: |value, version| !matches!(value, "direct" | "auto") || version >= SYNCS_DIRECTLY,
    },
    Advice {
        name: "paxos_variant",
        wanted: "v2",
        consequence: "conditional writes take twice as long and fail under contention",
        is_fine: |value, _| value == "v2",
    },
];

/// Warns of each setting that should be another.
pub(crate) async fn warn_of_settings(session: Session) {
    let setting = Statement::new("SELECT value FROM system_views.settings WHERE name = ?");
    let release = Statement::new("SELECT release_version FROM system.local");
    let ask = async |statement: &Statement, values: Vec<Value>, column: &str| {
        let found = session.execute(statement, values, &Options::new(Consistency::LocalOne)).await.ok()?;
        found.first()?.text(column).ok().flatten()
    };
    let version = ask(&release, Vec::new(), "release_version").await;
    let Some(version) = version.as_deref().and_then(Version::parse) else { return };
    for Advice { name, wanted, consequence, is_fine } in ADVICE {
        let value = ask(&setting, vec![Value::Text(name.to_owned())], "value").await;
        if let Some(value) = value.filter(|value| !is_fine(value, version)) {
            tracing::warn!(
                name,
                value,
                wanted,
                consequence,
                "a setting of Cassandra; docs/deploy.md says more"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fine(name: &str, value: &str, version: &str) -> bool {
        let advice = ADVICE.iter().find(|advice| advice.name == name).unwrap();
        (advice.is_fine)(value, Version::parse(version).unwrap())
    }

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(Version::parse("5.0.9"), Some(Version(5, 0, 9)));
        assert_eq!(Version::parse("5.0-rc1"), Some(Version(5, 0, 0)));
        assert_eq!(Version::parse("4.1.10-SNAPSHOT"), Some(Version(4, 1, 10)));
        assert_eq!(Version::parse("trunk"), None);
        assert!(Version(5, 0, 10) > SYNCS_DIRECTLY && Version(5, 1, 0) > SYNCS_DIRECTLY);
    }

    #[test]
    fn what_loses_messages_is_not_fine() {
        assert!(!is_fine("commitlog_sync", "periodic", "5.0.9"));
        assert!(is_fine("commitlog_sync", "batch", "5.0.9") && is_fine("commitlog_sync", "group", "5.0.9"));
        for value in ["direct", "auto"] {
            assert!(is_fine("commitlog_disk_access_mode", value, "5.0.5"), "{value}");
            assert!(!is_fine("commitlog_disk_access_mode", value, "5.0.4"), "{value}");
        }
        assert!(is_fine("commitlog_disk_access_mode", "legacy", "5.0.4"));
        assert!(!is_fine("paxos_variant", "v1", "5.0.9"));
    }
}
