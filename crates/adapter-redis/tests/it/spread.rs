//! What nodes tell each other and leave for each other, how long it is kept, and who may connect.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pix_stream_adapter_redis::{Credentials, Options, RedisCoordinator};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Limits;
use pix_stream_domain::rate::Rule;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::{Incarnation, Version};
use pix_stream_ports::coordinator::{Chunk, Coordinator as _, Expected, Held, Listener, News, Swap};
use pix_stream_stores::redis::{Reply, User};
use pix_stream_stores::{TlsFiles, test};

use crate::started::{Started, prefix, single, start, until};

const SOON: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Head(Ispb, Sequence),
    Chunk(Ispb, Range),
    Change(Ispb, Version),
    Limits(Ispb, Limits, u64),
    Registry,
}

#[derive(Default)]
struct Ears(Mutex<Vec<Heard>>);

impl Ears {
    fn has(&self, heard: Heard) -> bool {
        self.0.lock().unwrap().contains(&heard)
    }

    fn count(&self, heard: Heard) -> usize {
        self.0.lock().unwrap().iter().filter(|known| **known == heard).count()
    }
}

impl Listener for Ears {
    fn on_head(&self, ispb: Ispb, head: Sequence) {
        self.0.lock().unwrap().push(Heard::Head(ispb, head));
    }

    fn on_chunk(&self, ispb: Ispb, range: Range) {
        self.0.lock().unwrap().push(Heard::Chunk(ispb, range));
    }

    fn on_change(&self, ispb: Ispb, version: Version) {
        self.0.lock().unwrap().push(Heard::Change(ispb, version));
    }

    fn on_limits(&self, ispb: Ispb, limits: Limits, revision: u64) {
        self.0.lock().unwrap().push(Heard::Limits(ispb, limits, revision));
    }

    fn on_registry(&self) {
        self.0.lock().unwrap().push(Heard::Registry);
    }
}

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

fn range(first: u64, len: u64) -> Range {
    Range::new(Sequence::new(first), Sequence::new(first + len))
}

fn head(range: Range, bytes: Option<Vec<u8>>) -> News {
    let chunk = bytes.map(|bytes| Chunk { range, bytes: Bytes::from(bytes) });
    News::Head { ispb: ispb(), head: range.end(), chunk }
}

/// A node and what it hears, once it does hear.
async fn with_ears(options: &Options) -> (RedisCoordinator, Arc<Ears>) {
    let (node, ears) = (RedisCoordinator::start(options).await.unwrap(), Arc::new(Ears::default()));
    node.subscribe(ears.clone());
    let caller = RedisCoordinator::start(options).await.unwrap();
    until("it listens", SOON, async || {
        caller.announce(News::Registry).await.unwrap();
        ears.has(Heard::Registry)
    })
    .await;
    (node, ears)
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_hear_of_heads_chunks_changes_and_participants() {
    let Some(address) = test::redis() else { return };
    let options = single(address, &prefix());
    let ((here, ours), (there, theirs)) = (with_ears(&options).await, with_ears(&options).await);
    let (seven, version) = (range(7, 3), Version { incarnation: Incarnation::new(1), counter: 9 });
    here.announce(head(seven, Some(b"seven".to_vec()))).await.unwrap();
    assert!(ours.has(Heard::Head(ispb(), seven.end())), "this node is told at once");
    until("the chunk is told", SOON, async || theirs.has(Heard::Chunk(ispb(), seven))).await;
    assert_eq!(there.fetch(ispb(), seven.start()).await, Ok(Some(Bytes::from_static(b"seven"))));
    assert_eq!(there.fetch(ispb(), Sequence::new(8)).await, Ok(None));
    there.announce(head(range(10, 1), None)).await.unwrap();
    until("the head is told", SOON, async || ours.has(Heard::Head(ispb(), Sequence::new(11)))).await;
    here.announce(News::Change { ispb: ispb(), version }).await.unwrap();
    until("the change is told", SOON, async || theirs.has(Heard::Change(ispb(), version))).await;
    let limits = Limits { requests_per_second: Some(7), backlog_high_water: None };
    here.announce(News::Limits { ispb: ispb(), limits, revision: 3 }).await.unwrap();
    until("limits are told", SOON, async || theirs.has(Heard::Limits(ispb(), limits, 3))).await;
    let before = theirs.count(Heard::Registry);
    here.announce(News::Registry).await.unwrap();
    until("participants changed", SOON, async || theirs.count(Heard::Registry) > before).await;
    assert_eq!(ours.count(Heard::Head(ispb(), seven.end())), 1, "not again by Redis");
    let state = StreamState::new(Incarnation::new(1), Sequence::FIRST);
    let swapped = there.swap(ispb(), Expected::Nothing, &state).await.unwrap();
    assert_eq!((swapped.swap, swapped.head), (Swap::Done, Some(Sequence::new(11))), "a swap tells the head");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_broke_is_made_again_and_says_that_it_may_have_missed_something() {
    let Some(started) = start(|_| {}) else { return };
    let options = single(started.redis.address(), "pix-test");
    let ((here, _), (_there, theirs)) = (with_ears(&options).await, with_ears(&options).await);
    let before = theirs.count(Heard::Registry);
    started.redis.first().process().restart().unwrap();
    until("it says so", SOON, async || theirs.count(Heard::Registry) > before).await;
    until("news come again", SOON, async || {
        let _ = here.announce(head(range(1, 1), None)).await;
        theirs.has(Heard::Head(ispb(), Sequence::new(2)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_has_a_bounded_share_of_fresh_bytes() {
    let Some(started) = start(|_| {}) else { return };
    let mut options = single(started.redis.address(), "pix-test");
    options.fresh_bytes_per_participant = 10_000;
    let node = RedisCoordinator::start(&options).await.unwrap();
    let (_there, theirs) = with_ears(&single(started.redis.address(), "pix-test")).await;
    for n in 0..5 {
        node.announce(head(range(10 * n + 1, 10), Some(vec![0; 4_000]))).await.unwrap();
    }
    until("all heads are told", SOON, async || theirs.has(Heard::Head(ispb(), Sequence::new(51)))).await;
    let chunks = (0..5).filter(|n| theirs.has(Heard::Chunk(ispb(), range(10 * n + 1, 10))));
    assert_eq!(chunks.collect::<Vec<_>>(), [0, 1], "over the share only heads are told");
    assert_eq!(node.fetch(ispb(), Sequence::new(21)).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_expires() {
    let Some(started) = start(|_| {}) else { return };
    let node = started.node().await;
    let state = StreamState::new(Incarnation::new(1), Sequence::FIRST);
    assert_eq!(node.swap(ispb(), Expected::Nothing, &state).await.unwrap().swap, Swap::Done);
    node.announce(head(range(1, 1), Some(vec![1; 100]))).await.unwrap();
    let rule = Rule { limit: 10, window: Duration::from_secs(1) };
    for _ in 0..3 {
        assert!(
            node.admit(ispb(), rule, Timestamp::from_unix_millis(1_800_000_000_000)).await.unwrap().admitted
        );
    }
    let keys = keys(&started);
    assert!(keys.len() >= 4, "{keys:?}");
    for key in keys {
        let left = started.redis.first().command(&["PTTL", &key]).unwrap();
        let Reply::Number(left) = left else { panic!("{left:?}") };
        assert!(left > 0, "{key} does not expire: {left}");
    }
}

fn keys(started: &Started) -> Vec<String> {
    let keys = started.redis.first().command(&["KEYS", "*"]).unwrap();
    keys.text().lines().map(str::to_owned).collect()
}

/// Files of an authority and of a server at 127.0.0.1.
fn tls_files(directory: &std::path::Path) -> (TlsFiles, Arc<rustls::ClientConfig>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    let server_key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let server = server.signed_by(&server_key, &issuer).unwrap();
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let files = TlsFiles {
        ca: write("ca.pem", ca.pem()),
        certificate: write("server.pem", server.pem()),
        key: write("server.key", server_key.serialize_pem()),
        ask_clients: false,
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (files, Arc::new(config))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_user_comes_in_by_tls_and_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let (files, trusting) = tls_files(directory.path());
    let user = User { name: "pix".to_owned(), password: "s3cret".to_owned() };
    let Some(started) = start(|options| {
        options.tls = Some(files);
        options.user = Some(user);
    }) else {
        return;
    };
    let mut options = single(started.redis.tls_address().unwrap(), "pix-test");
    options.tls = Some(trusting);
    let pix = |password: &str| {
        Some(Credentials { username: Some("pix".to_owned()), password: password.to_owned().into() })
    };
    options.credentials = pix("s3cret");
    let node = RedisCoordinator::start(&options).await.unwrap();
    assert_eq!(node.check().await, Ok(()));
    assert_eq!(node.load(ispb()).await, Ok(Held::Nothing));
    with_ears(&options).await;

    options.credentials = pix("wrong");
    let wrong = RedisCoordinator::start(&options).await.unwrap();
    assert!(wrong.check().await.is_err(), "a wrong password");
    options.credentials = None;
    let nobody = RedisCoordinator::start(&options).await.unwrap();
    assert!(nobody.check().await.is_err(), "no user at all");
    options.credentials = pix("s3cret");
    let (_, stranger) = tls_files(directory.path());
    options.tls = Some(stranger);
    let distrusting = RedisCoordinator::start(&options).await.unwrap();
    assert!(distrusting.check().await.is_err(), "a certificate of another authority");
}

/// What `docs/adr/0018-redis.md` says an access control list must allow is enough.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_needs_no_more_rights_than_documented() {
    let Some(started) = start(|_| {}) else { return };
    let rights = "+@read +@write +@scripting +@pubsub +@connection +@transaction +info";
    let mut words = vec!["ACL", "SETUSER", "pix", "reset", "on", ">s3cret", "~pix-test:*", "&pix-test:*"];
    words.extend(rights.split(' '));
    started.redis.first().command(&words).unwrap();
    let mut options = single(started.redis.address(), "pix-test");
    options.credentials =
        Some(Credentials { username: Some("pix".to_owned()), password: "s3cret".to_owned().into() });
    let (node, _ears) = with_ears(&options).await;
    assert_eq!(node.check().await, Ok(()));
    let state = StreamState::new(Incarnation::new(1), Sequence::FIRST);
    assert_eq!(node.swap(ispb(), Expected::Nothing, &state).await.unwrap().swap, Swap::Done);
    node.announce(head(range(1, 1), Some(vec![1; 100]))).await.unwrap();
    assert!(node.fetch(ispb(), Sequence::FIRST).await.unwrap().is_some());
    let rule = Rule { limit: 2, window: Duration::from_secs(1) };
    for _ in 0..3 {
        node.admit(ispb(), rule, Timestamp::from_unix_millis(1_800_000_000_000)).await.unwrap();
    }
    assert!(keys(&started).iter().any(|key| key.contains(":r:")), "requests are counted there");
    options.prefix = "another".to_owned();
    let stranger = RedisCoordinator::start(&options).await.unwrap();
    assert!(stranger.load(ispb()).await.is_err(), "keys of others are out of reach");
}
