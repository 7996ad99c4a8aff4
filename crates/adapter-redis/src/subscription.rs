//! Hearing what other nodes tell: one connection of its own, subscribed again whenever it was made anew.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use fred::clients::SubscriberClient;
use fred::interfaces::{EventInterface as _, PubsubInterface as _};
use fred::types::{ClusterHash, Message, Value};
use metrics::Counter;
use pix_stream_ports::coordinator::Listener;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::caller::patient_ping;
use crate::connection::Tasks;
use crate::metrics::{NEWS, NEWS_MISSED};
use crate::news::{self, Heard, NodeId};

/// Pause before a subscription that failed is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// How often the connection is asked for a sign of life: a server that froze says nothing, and nor does a quiet one.
const PROBE: Duration = Duration::from_millis(500);

/// Who listens on this node.
#[derive(Clone, Default)]
pub(crate) struct Listeners(Arc<RwLock<Vec<Arc<dyn Listener>>>>);

impl Listeners {
    pub(crate) fn add(&self, listener: Arc<dyn Listener>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    pub(crate) fn tell(&self, heard: Heard) {
        let listeners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().for_each(|listener| heard.tell(&**listener));
    }
}

/// Begins to listen to the channel; the client is connected afterwards.
pub(crate) fn listen(
    client: &SubscriberClient,
    channel: String,
    this_node: NodeId,
    listeners: Listeners,
    tasks: &mut Tasks,
) {
    let (news, missed) = (metrics::counter!(NEWS), metrics::counter!(NEWS_MISSED));
    let hearing = Hearing { this_node, listeners, news, missed };
    tasks.spawn(hearing.clone().hear(client.message_rx()));
    let (probed, hash) = (client.clone(), ClusterHash::from(channel.as_str()));
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(PROBE).await;
            // An answer that does not come, and nothing written meanwhile, makes the driver close the connection.
            let _ = patient_ping(&probed, hash.clone()).await;
        }
    });
    let client = client.clone();
    tasks.spawn(async move {
        // Told on every connection, the first one included.
        let mut connections = client.reconnect_rx();
        loop {
            match connections.recv().await {
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
            while client.subscribe(channel.as_str()).await.is_err() {
                tokio::time::sleep(RETRY).await;
            }
            // Heads are compared with the Journal each second anyway; participants are not.
            hearing.may_have_missed();
        }
    });
}

#[derive(Clone)]
struct Hearing {
    this_node: NodeId,
    listeners: Listeners,
    news: Counter,
    missed: Counter,
}

impl Hearing {
    async fn hear(self, mut messages: Receiver<Message>) {
        loop {
            match messages.recv().await {
                Ok(message) => self.take(&message.value),
                Err(RecvError::Lagged(_)) => self.may_have_missed(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn take(&self, value: &Value) {
        // This node's listeners were told before the others.
        let told = value.as_bytes().and_then(news::decode).filter(|(sender, _)| *sender != self.this_node);
        if let Some((_, heard)) = told {
            self.news.increment(1);
            self.listeners.tell(heard);
        }
    }

    fn may_have_missed(&self) {
        self.missed.increment(1);
        self.listeners.tell(Heard::Registry);
    }
}
