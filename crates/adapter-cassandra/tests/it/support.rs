//! A keyspace of its own for each test, on the Cassandra that all suites share.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use pix_stream_adapter_cassandra::migrations::Migrations;
use pix_stream_cql::{Consistency, Options, Rows, Session, Settings, Statement, Value};
use pix_stream_ports::entropy::Entropy;

/// A keyspace with all tables, dropped by [`Space::drop`]; one of a failed test stays, to be looked at.
pub(crate) struct Space {
    pub(crate) session: Session,
    pub(crate) keyspace: String,
}

impl Space {
    /// A keyspace with the tables of this build, unless no Cassandra is named.
    pub(crate) async fn migrated(name: &str) -> Option<Self> {
        let space = Self::unmade(name).await?;
        space.migrations().up(|_| ()).await.unwrap();
        Some(space)
    }

    /// A name for a keyspace, unless no Cassandra is named.
    pub(crate) async fn unmade(name: &str) -> Option<Self> {
        let address = pix_stream_stores::test::cassandra()?;
        let settings = Settings { contact_points: vec![address.to_string()], ..Settings::default() };
        let session = Session::connect(settings).await.unwrap();
        Some(Self { session, keyspace: format!("t{}_{name}", std::process::id()) })
    }

    pub(crate) fn migrations(&self) -> Migrations {
        Migrations::new(self.session.clone(), &self.keyspace, &[("dc1".to_owned(), 1)]).unwrap()
    }

    /// Executes a statement in which `{k}` stands for the keyspace.
    pub(crate) async fn execute(&self, text: &str, values: Vec<Value>) -> Rows {
        let statement = Statement::new(text.replace("{k}", &self.keyspace));
        let options = Options::new(Consistency::LocalQuorum).timeout(Duration::from_secs(20));
        self.session.execute(&statement, values, &options).await.unwrap()
    }

    /// Empties tables.
    pub(crate) async fn truncate(&self, tables: &[&str]) {
        for table in tables {
            self.execute(&format!("TRUNCATE {{k}}.{table}"), Vec::new()).await;
        }
    }

    /// Removes the keyspace.
    pub(crate) async fn drop(self) {
        self.execute("DROP KEYSPACE IF EXISTS {k}", Vec::new()).await;
    }
}

/// Entropy that differs from call to call and from test to test: tokens are never used twice.
pub(crate) fn entropy() -> Arc<dyn Entropy> {
    Arc::new(Random)
}

struct Random;

impl Entropy for Random {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = RandomState::new().hash_one(0).to_ne_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
