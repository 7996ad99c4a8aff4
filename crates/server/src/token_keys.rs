//! The token keys of this node: read from their folder, put in force, changed on request, watched as they age.
//!
//! One turn at a time reads the folder and sets the ring, so that an older state of the folder never replaces a newer.
//! How keys are kept in files is `pix_stream_keys`'.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pix_stream_admin::hooks::{HookError, Key, KeyFiles, Keys, KeysChanged, Said, Waiting};
use pix_stream_app::{App, Ports};
use pix_stream_config::{Config, CoordinatorKind};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::token::Keyring;
use pix_stream_keys::{AGE_DUE, Changed, Error, KEY_LEN, Live};
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::entropy::Entropy as _;
use tokio::sync::Mutex;

use crate::failure::Failure;
use crate::metrics::KEY_AGE;
use crate::system::{SystemClock, SystemEntropy};

/// How often the key's age is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(60);
/// How often it is told that a key should be replaced.
const WARN_EVERY: Duration = Duration::from_secs(24 * 3600);
const DAY_MILLIS: u128 = 86_400_000;

/// The ring of the keys in the folder that a configuration names.
///
/// # Errors
/// There is no key, there are too many, or one cannot be read.
pub fn keyring(config: &Config) -> Result<Keyring, Failure> {
    let live = pix_stream_keys::load(&config.keys.directory).map_err(Failure::new)?;
    ring(&live).ok_or_else(|| Failure::new("there is no token signing key"))
}

/// `None` never happens for keys that were read: `signing` names one of them.
fn ring(live: &Live) -> Option<Keyring> {
    let of = |key: &pix_stream_keys::Key| (key.id, key.secret());
    Some(Keyring::new(of(live.signer()?), live.other().map(of)))
}

/// The keys of a running server.
pub struct NodeKeys<P: Ports> {
    directory: PathBuf,
    app: App<P>,
    /// Whether other nodes must know a key before it signs.
    has_peers: bool,
    turn: Mutex<()>,
}

impl<P: Ports> NodeKeys<P> {
    /// The keys that `app` was started with.
    #[must_use]
    pub fn new(config: &Config, app: &App<P>) -> Arc<Self> {
        Arc::new(Self {
            directory: config.keys.directory.clone(),
            app: app.clone(),
            has_peers: config.coordinator.kind == CoordinatorKind::Redis,
            turn: Mutex::new(()),
        })
    }

    /// Reads the folder again and puts what is there in force.
    ///
    /// # Errors
    /// It cannot be used; what was in force stays. The text is for the log and for operators.
    pub async fn read_again(&self) -> Result<(), String> {
        let _turn = self.turn.lock().await;
        let live = self.with_files(pix_stream_keys::load).await.map_err(|error| error.to_string())?;
        self.put_in_force(&live);
        Ok(())
    }

    fn put_in_force(&self, live: &Live) {
        if let Some(ring) = ring(live) {
            tracing::info!(keys = ?ring, signing = live.signing, "token keys are in force");
            self.app.set_keyring(ring);
        }
        measure(live, SystemClock.now());
    }

    /// Files wait for a disk, and requests should not wait for that.
    async fn with_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let directory = self.directory.clone();
        let fallen = self.directory.clone();
        let working = tokio::task::spawn_blocking(move || work(&directory)).await;
        working
            .unwrap_or_else(|fault| Err(Error::File { path: fallen, source: std::io::Error::other(fault) }))
    }

    /// Changes files and puts what is there then in force. Goes on to its end when nobody waits for it any more.
    async fn change(
        self: Arc<Self>,
        dry_run: bool,
        work: impl FnOnce(&Path) -> Result<Changed, Error> + Send + 'static,
    ) -> Said<KeysChanged> {
        let changing = tokio::spawn(async move {
            let _turn = self.turn.lock().await;
            let changed = self.with_files(work).await.map_err(|error| told(&error))?;
            if !dry_run {
                self.put_in_force(&changed.after);
            }
            let now = SystemClock.now();
            let is_change = changed.is_change();
            let after = view(&changed.after, now);
            let before = changed.before.as_ref().map_or_else(|| after.clone(), |live| view(live, now));
            Ok(KeysChanged { changed: is_change, before, after })
        });
        changing.await.unwrap_or_else(|fault| {
            tracing::error!(%fault, "a defect while token keys were changed");
            Err(HookError::Unavailable("the change of keys ended by a defect; see the log".to_owned()))
        })
    }
}

/// What the admin API is given: the keys behind a pointer that a change can keep.
pub struct KeyHook<P: Ports>(pub Arc<NodeKeys<P>>);

impl<P: Ports> KeyFiles for KeyHook<P> {
    fn list(&self) -> Waiting<'_, Said<Keys>> {
        Box::pin(async move {
            let live = self.0.with_files(pix_stream_keys::load).await.map_err(|error| told(&error))?;
            Ok(view(&live, SystemClock.now()))
        })
    }

    fn rotate(&self, stage: bool, dry_run: bool) -> Waiting<'_, Said<KeysChanged>> {
        let keys = Arc::clone(&self.0);
        Box::pin(async move {
            if keys.has_peers && !stage {
                return Err(HookError::Conflict(
                    "other nodes would refuse tokens of a key that they do not have: stage it, copy the folder of \
                     [keys] to all nodes, reload each, then have it sign on each"
                        .to_owned(),
                ));
            }
            let mut secret = [0; KEY_LEN];
            SystemEntropy::new().fill(&mut secret);
            let now = SystemClock.now();
            keys.change(dry_run, move |directory| {
                pix_stream_keys::make(directory, secret, now, !stage, dry_run)
            })
            .await
        })
    }

    fn sign(&self, id: u8, dry_run: bool) -> Waiting<'_, Said<KeysChanged>> {
        let keys = Arc::clone(&self.0);
        Box::pin(keys.change(dry_run, move |directory| pix_stream_keys::sign(directory, id, dry_run)))
    }

    fn retire(&self, id: u8, dry_run: bool) -> Waiting<'_, Said<KeysChanged>> {
        let keys = Arc::clone(&self.0);
        Box::pin(keys.change(dry_run, move |directory| pix_stream_keys::retire(directory, id, dry_run)))
    }
}

/// What a caller of the admin API is told: no path of this machine, which the log has.
fn told(error: &Error) -> HookError {
    match error {
        Error::Full(..) | Error::Signs(_) => HookError::Conflict(error.to_string()),
        Error::Unknown(_) => HookError::Missing(error.to_string()),
        Error::File { .. }
        | Error::None(_)
        | Error::TooMany { .. }
        | Error::Name(_)
        | Error::Content(_)
        | Error::Signing { .. } => {
            tracing::error!(%error, "token keys cannot be read or changed; those in force stay");
            HookError::Unavailable("the key files cannot be read or changed; the log says why".to_owned())
        }
    }
}

fn view(live: &Live, now: Timestamp) -> Keys {
    let key = |key: &pix_stream_keys::Key| {
        let signing = key.id == live.signing;
        Key {
            id: key.id,
            created_unix_ms: key.created.unix_millis(),
            age_days: u64::try_from(key.age(now).as_millis() / DAY_MILLIS).unwrap_or(u64::MAX),
            signing,
            due: signing && live.is_due(now),
        }
    };
    Keys { signing: live.signing, keys: live.keys.iter().map(key).collect() }
}

/// Measures the age of the key that signs, and tells at once and every day when it should be replaced. Never ends.
pub async fn watch<P: Ports>(keys: Arc<NodeKeys<P>>) {
    let mut every = tokio::time::interval(MEASURE_EVERY);
    let mut warned: Option<Timestamp> = None;
    loop {
        every.tick().await;
        // A folder that cannot be read is told when somebody reads it for use.
        let Ok(live) = keys.with_files(pix_stream_keys::load).await else { continue };
        let now = SystemClock.now();
        measure(&live, now);
        if live.is_due(now) && warned.is_none_or(|at| now.since(at) >= WARN_EVERY) {
            warned = Some(now);
            let days = live.signer().map_or(0, |key| key.age(now).as_secs() / 86_400);
            let due_days = AGE_DUE.as_secs() / 86_400;
            tracing::warn!(
                key = live.signing,
                days,
                due_days,
                "the token key is due to be replaced: admin keys rotate"
            );
        }
    }
}

fn measure(live: &Live, now: Timestamp) {
    if let Some(key) = live.signer() {
        metrics::gauge!(KEY_AGE).set(key.age(now).as_secs_f64());
    }
}
