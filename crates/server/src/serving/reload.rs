//! A reload: certificates, trust, revocation lists, token keys, schemas and signers' certificates, each taken whole or left as it was.

use std::sync::Arc;

use pix_stream_adapter_xml::{Schemas, XmlCodec};
use pix_stream_admin::audit_reload;
use pix_stream_admin::hooks::{Reload, Reloaded, Waiting};
use pix_stream_app::{Actor, App, Ports};
use pix_stream_config::Config;
use pix_stream_listener::tls::TlsStore;
use tokio::sync::Mutex;

use crate::compose;
use crate::token_keys::{self, NodeKeys};
use pix_stream_offline::folder;

const CERTIFICATES: &str = "certificates";
const KEYS: &str = "token keys";
const SCHEMAS: &str = "schemas";
const SIGNERS: &str = "signers' certificates";

/// What a reload reads, and where it puts it. The paths are those that the server was started with.
pub(super) struct Reloader<P: Ports> {
    config: Config,
    tls: Arc<TlsStore>,
    app: App<P>,
    codec: XmlCodec,
    keys: Arc<NodeKeys<P>>,
    /// Two at a time could leave the older files in force.
    turn: Mutex<()>,
}

impl<P: Ports> Reloader<P> {
    pub(super) fn new(
        config: &Config,
        tls: &Arc<TlsStore>,
        app: &App<P>,
        codec: XmlCodec,
        keys: Arc<NodeKeys<P>>,
    ) -> Self {
        let (config, tls, app) = (config.clone(), Arc::clone(tls), app.clone());
        Self { config, tls, app, codec, keys, turn: Mutex::new(()) }
    }

    /// Reads everything again, says in the log what came of it, and gives the same.
    async fn run(&self) -> Reloaded {
        let _turn = self.turn.lock().await;
        let mut outcome = Reloaded::default();
        match self.tls.reload(&compose::tls(&self.config)) {
            Ok(()) => {
                super::expiry::warn(&self.tls);
                outcome.reloaded.push(CERTIFICATES.to_owned());
            }
            Err(problems) => refuse(&mut outcome, CERTIFICATES, lines(&problems)),
        }
        match self.keys.read_again().await {
            Ok(()) => outcome.reloaded.push(KEYS.to_owned()),
            Err(problem) => refuse(&mut outcome, KEYS, vec![problem]),
        }
        match self.load_schemas().await {
            Ok(schemas) => {
                tracing::info!(types = schemas.message_types().len(), "schemas were read again");
                self.codec.replace_schemas(schemas);
                outcome.reloaded.push(SCHEMAS.to_owned());
            }
            Err(problems) => refuse(&mut outcome, SCHEMAS, problems),
        }
        match compose::verifier(&self.config) {
            Ok(None) => {}
            Ok(verifier) => {
                self.codec.replace_verifier(verifier);
                outcome.reloaded.push(SIGNERS.to_owned());
            }
            Err(problems) => refuse(&mut outcome, SIGNERS, problems),
        }
        outcome
    }

    /// Reads everything again and puts nothing of it in force.
    async fn try_out(&self) -> Reloaded {
        let mut outcome = Reloaded::default();
        let mut note = |what: &str, problems: Vec<String>| match &problems[..] {
            [] => outcome.reloaded.push(what.to_owned()),
            _ => outcome.problems.extend(problems),
        };
        let problems = TlsStore::load(&compose::tls(&self.config)).err();
        note(CERTIFICATES, problems.map(|problems| lines(&problems)).unwrap_or_default());
        let problem = token_keys::keyring(&self.config).err();
        note(KEYS, problem.map(|failure| failure.message).into_iter().collect());
        note(SCHEMAS, self.load_schemas().await.err().unwrap_or_default());
        match compose::verifier(&self.config) {
            Ok(None) => {}
            Ok(Some(_)) => note(SIGNERS, Vec::new()),
            Err(problems) => note(SIGNERS, problems),
        }
        outcome
    }

    /// The same, for whoever may send signals to the process.
    pub(super) async fn run_for_a_signal(&self) {
        let actor = Actor { name: "SIGHUP", request_id: "", reason: "" };
        audit_reload(&self.app, &self.run().await, false, actor).await;
    }

    async fn load_schemas(&self) -> Result<Schemas, Vec<String>> {
        let directory = self.config.schemas.directory.clone();
        // Compiling takes a core for longer than a connection should wait.
        let loading = tokio::task::spawn_blocking(move || folder::load(directory.as_deref()));
        loading.await.unwrap_or_else(|fault| Err(vec![format!("a defect: {fault}")]))
    }
}

/// For the admin API. A request that is given up does not stop it half way.
pub(super) struct ReloadHook<P: Ports>(pub(super) Arc<Reloader<P>>);

impl<P: Ports> Reload for ReloadHook<P> {
    fn reload(&self, dry_run: bool) -> Waiting<'_, Reloaded> {
        let reloader = Arc::clone(&self.0);
        Box::pin(async move {
            let reloading =
                tokio::spawn(
                    async move { if dry_run { reloader.try_out().await } else { reloader.run().await } },
                );
            reloading.await.unwrap_or_else(|fault| Reloaded {
                reloaded: Vec::new(),
                problems: vec![format!("a defect: {fault}")],
            })
        })
    }
}

fn lines(problems: &impl ToString) -> Vec<String> {
    problems.to_string().lines().map(str::to_owned).collect()
}

/// What is in force stays.
fn refuse(outcome: &mut Reloaded, what: &'static str, problems: Vec<String>) {
    for problem in &problems {
        tracing::error!(what, problem, "not reloaded; the old ones stay");
    }
    outcome.problems.extend(problems);
}
