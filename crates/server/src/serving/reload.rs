//! A reload: certificates, trust, revocation lists, token keys, schemas and signers' certificates, each taken whole or left as it was.

use std::sync::Arc;

use pix_stream_adapter_xml::XmlCodec;
use pix_stream_app::{Actor, App, Ports};
use pix_stream_config::Config;
use pix_stream_delivery::{Reload, Reloaded};
use pix_stream_listener::tls::TlsStore;
use tokio::sync::Mutex;

use crate::compose;
use pix_stream_offline::folder;

/// What a reload reads, and where it puts it. The paths are those that the server was started with.
pub(super) struct Reloader<P: Ports> {
    config: Config,
    tls: Arc<TlsStore>,
    app: App<P>,
    codec: XmlCodec,
    /// Two at a time could leave the older files in force.
    turn: Mutex<()>,
}

impl<P: Ports> Reloader<P> {
    pub(super) fn new(config: &Config, tls: &Arc<TlsStore>, app: &App<P>, codec: XmlCodec) -> Self {
        let (config, tls, app) = (config.clone(), Arc::clone(tls), app.clone());
        Self { config, tls, app, codec, turn: Mutex::new(()) }
    }

    /// For the admin API. A request that is given up does not stop it half way.
    pub(super) fn hook(self: &Arc<Self>) -> Reload {
        let reloader = Arc::clone(self);
        Arc::new(move || {
            let reloader = Arc::clone(&reloader);
            Box::pin(async move {
                let reloading = tokio::spawn(async move { reloader.run().await });
                reloading.await.unwrap_or_else(|fault| Reloaded {
                    reloaded: Vec::new(),
                    problems: vec![format!("a defect: {fault}")],
                })
            })
        })
    }

    /// Reads everything again, says in the log what came of it, and gives the same.
    pub(super) async fn run(self: &Arc<Self>) -> Reloaded {
        let _turn = self.turn.lock().await;
        let mut outcome = Reloaded::default();
        match self.tls.reload(&compose::tls(&self.config)) {
            Ok(()) => {
                super::warn_of_expiry(&self.tls);
                outcome.reloaded.push("certificates".to_owned());
            }
            Err(problems) => {
                tracing::error!(%problems, "certificates were not reloaded; the old ones stay");
                outcome.problems.extend(problems.to_string().lines().map(str::to_owned));
            }
        }
        match compose::keyring(&self.config) {
            Ok(keyring) => {
                tracing::info!(keys = ?keyring, "token keys were read again");
                self.app.set_keyring(keyring);
                outcome.reloaded.push("token keys".to_owned());
            }
            Err(failure) => {
                tracing::error!(error = failure.message, "token keys were not reloaded; the old ones stay");
                outcome.problems.push(failure.message);
            }
        }
        self.schemas(&mut outcome).await;
        match compose::verifier(&self.config) {
            Ok(None) => {}
            Ok(verifier) => {
                self.codec.replace_verifier(verifier);
                outcome.reloaded.push("signers' certificates".to_owned());
            }
            Err(problems) => refuse(&mut outcome, "signers' certificates", problems),
        }
        outcome
    }

    /// The same, for whoever may send signals to the process.
    pub(super) async fn run_for_a_signal(self: &Arc<Self>) {
        let actor = Actor { name: "SIGHUP", request_id: "", reason: "" };
        self.run().await.audit(&self.app, actor).await;
    }

    async fn schemas(&self, outcome: &mut Reloaded) {
        let directory = self.config.schemas.directory.clone();
        // Compiling takes a core for longer than a connection should wait.
        let loading = tokio::task::spawn_blocking(move || folder::load(directory.as_deref()));
        match loading.await.unwrap_or_else(|fault| Err(vec![format!("a defect: {fault}")])) {
            Ok(schemas) => {
                tracing::info!(types = schemas.message_types().len(), "schemas were read again");
                self.codec.replace_schemas(schemas);
                outcome.reloaded.push("schemas".to_owned());
            }
            Err(problems) => refuse(outcome, "schemas", problems),
        }
    }
}

/// What is in force stays.
fn refuse(outcome: &mut Reloaded, what: &'static str, problems: Vec<String>) {
    for problem in &problems {
        tracing::error!(what, problem, "not reloaded; the old ones stay");
    }
    outcome.problems.extend(problems);
}
