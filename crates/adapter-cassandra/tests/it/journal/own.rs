//! A Cassandra of one's own: to be measured, or killed.

use pix_stream_adapter_cassandra::migrations::Migrations;
use pix_stream_cql::{Session, Settings};
use pix_stream_stores::cassandra::{Cassandra, Options};
use tempfile::TempDir;

use crate::support::Space;

/// One node; it ends when this is dropped.
pub(super) struct Own {
    pub(super) cassandra: Cassandra,
    _directory: TempDir,
}

impl Own {
    /// Starts it with this heap, in MiB; takes seconds.
    pub(super) async fn start(heap_mib: u32) -> Self {
        let start = move || {
            let directory = tempfile::tempdir().unwrap();
            let options = Options { heap_mib, is_fresh: true, ..Options::new(directory.path()) };
            Self { cassandra: Cassandra::start(&options).unwrap(), _directory: directory }
        };
        tokio::task::spawn_blocking(start).await.unwrap()
    }

    /// A keyspace on it, with all tables.
    pub(super) async fn space(&self, keyspace: &str) -> Space {
        let contact_points = vec![self.cassandra.address().to_string()];
        let settings = Settings { contact_points, ..Settings::default() };
        let session = Session::connect(settings).await.unwrap();
        let migrations = Migrations::new(session.clone(), keyspace, &[("dc1".to_owned(), 1)]).unwrap();
        migrations.up(|_| ()).await.unwrap();
        Space { session, keyspace: keyspace.to_owned() }
    }
}
