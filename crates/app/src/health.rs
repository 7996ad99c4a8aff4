//! What a load balancer is told of a node: each dependency, and what is wrong with it.

use std::sync::Arc;

use pix_stream_ports::Ports;
use pix_stream_ports::audit_log::AuditLog as _;
use pix_stream_ports::coordinator::Coordinator as _;
use pix_stream_ports::error::Error as StoreError;

use crate::api::Dependency;
use crate::core::Core;

impl<P: Ports> Core<P> {
    /// Each dependency, and what is wrong with it. Answers within a second.
    pub(crate) async fn dependencies(self: &Arc<Self>) -> Vec<Dependency> {
        let (journal, coordinator) = pix_stream_calls::check(&*self.ports).await;
        let dependency = |name, error: Option<StoreError>, serves_reads| Dependency {
            name,
            serves_reads: error.is_none() || serves_reads,
            fault: error.map(|error| error.to_string()),
        };
        let journal = journal.err();
        // What is in memory is read on without the Journal for a while; with one that is full, for as long as it lasts.
        let serves_reads = matches!(journal, Some(StoreError::Full(_))) || self.serves_without_journal();
        let fault = self.audit.fault();
        let mut all = vec![
            dependency("journal", journal, serves_reads),
            self.coordinator(coordinator.err()),
            Dependency { name: "audit", serves_reads: fault.is_none(), fault },
        ];
        let finding = self.ports.audit_log().finding();
        all.extend(finding.map(|finding| Dependency {
            name: "audit_anchor",
            serves_reads: true,
            fault: Some(finding),
        }));
        all.extend(self.region());
        all
    }

    fn coordinator(&self, error: Option<StoreError>) -> Dependency {
        let serves_reads = error.is_none();
        let degraded = || self.ports.coordinator().degraded().map(str::to_owned);
        Dependency {
            name: "coordinator",
            fault: error.map(|e| e.to_string()).or_else(degraded),
            serves_reads,
        }
    }

    /// Whether reads go on although the Journal is out of reach: other nodes' memory is no better, and whoever is over
    /// the debt is told so.
    fn serves_without_journal(&self) -> bool {
        self.is_shared && self.seats().iter().all(|seat| self.refuse_over_debt(seat).is_ok())
    }

    /// What is wrong with this region's claims, if anything is.
    fn region(&self) -> Option<Dependency> {
        let participants = self.participants();
        let why = participants.iter().filter_map(|participant| self.unclaimed(participant.ispb));
        let mut why = why.collect::<Vec<_>>();
        let serves_reads = why.len() < participants.len();
        let (count, first) = (why.len(), why.drain(..).next()?);
        let fault = Some(format!("{count} participants are served in no region now: {first}"));
        Some(Dependency { name: "region", fault, serves_reads })
    }
}
