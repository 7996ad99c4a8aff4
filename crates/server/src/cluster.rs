//! A node of a cluster: its stores, opened as the configuration says.

use std::sync::Arc;

use pix_stream_adapter_cassandra::journal::CassandraJournal;
use pix_stream_adapter_cassandra::quarantine::CassandraQuarantine;
use pix_stream_adapter_cassandra::regions::CassandraRegions;
use pix_stream_cluster::{ClusterCoordinator, Error, Means, Stores};
use pix_stream_config::Config;

use crate::failure::Failure;
use crate::node_ports;
use crate::system::{SystemClock, SystemEntropy};

impl node_ports::Stores for Stores {
    type Journal = CassandraJournal;
    type Coordinator = ClusterCoordinator;
    type Quarantine = CassandraQuarantine;
    type Regions = CassandraRegions;

    fn journal(&self) -> &CassandraJournal {
        &self.journal
    }

    fn coordinator(&self) -> &ClusterCoordinator {
        &self.coordinator
    }

    fn quarantine(&self) -> &CassandraQuarantine {
        &self.quarantine
    }

    fn regions(&self) -> &CassandraRegions {
        &self.regions
    }
}

/// Opens the stores of a node.
///
/// # Errors
/// Cassandra cannot be reached, or its schema is not this build's; the message says what to do.
pub async fn open(config: &Config) -> Result<Stores, Failure> {
    let means = Means {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::new()),
        node: format!("{:016x}", SystemEntropy::new().number()),
    };
    pix_stream_cluster::stores(config, means).await.map_err(|error| match error {
        // It says what to run.
        Error::Unfit(_) => Failure::new(error),
        Error::File { .. }
        | Error::Password(_)
        | Error::NoAuthority { .. }
        | Error::Cassandra(_)
        | Error::Store(_)
        | Error::Migrations(_) => {
            Failure::new(error).next("start the store, or correct [cassandra] and [redis]")
        }
    })
}
