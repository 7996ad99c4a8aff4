//! Servers to speak to: one on an embedded journal, or two on a real Redis and a real Cassandra.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pix_stream_development::generate::Generator;
use pix_stream_domain::ispb::Ispb;
use pix_stream_stores::{Redis, redis, test};
use pix_stream_testkit::http::{Ask, Reply};
use tempfile::TempDir;

use crate::ask::ask_server;
use crate::expect::{pix_stream, transcript};
use crate::server::{Server, copy};

/// How long a read waits for a message: long enough that a test which relies on waking shows when nothing wakes.
const LONG_POLL: &str = "4s";
/// How long a stream lives without a read; the cases that wait for its end are few.
pub(crate) const IDLE: Duration = Duration::from_millis(6_000);
/// How often a request is repeated that a busy machine could not serve in time.
const RETRIES_MAX: usize = 30;
/// The Redis Stream of the intake.
const QUEUE: &str = "pix-stream:intake";

/// A site and everything that ends with it.
pub(crate) struct Site {
    nodes: Vec<Node>,
    folder: PathBuf,
    turn: AtomicUsize,
    redis: Option<Redis>,
    parent: TempDir,
}

struct Node {
    api: SocketAddr,
    admin: SocketAddr,
    _server: Server,
}

fn ispb(number: usize) -> String {
    format!("{:08}", 99_990_001 + number)
}

impl Site {
    /// One server with `banks` participants.
    pub(crate) fn on_one_machine(banks: usize) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let folder = init(parent.path(), banks);
        let node = Node::start(&folder, &parent.path().join("0.err"), &[]);
        Self { nodes: vec![node], folder, turn: AtomicUsize::new(0), redis: None, parent }
    }

    /// Two servers on the shared Cassandra, in a keyspace of their own, and on a Redis of their own.
    pub(crate) fn on_two_nodes(banks: usize) -> Option<Self> {
        let cassandra = test::cassandra()?;
        let parent = tempfile::tempdir().unwrap();
        let redis = Redis::start(&redis::Options::new(parent.path().join("redis"))).unwrap();
        let folder = init(parent.path(), banks);
        let settings = [
            ("JOURNAL_KIND", "cassandra".to_owned()),
            ("CASSANDRA_CONTACT_POINTS", cassandra.to_string()),
            ("CASSANDRA_KEYSPACE", format!("pix_conformance_{}", std::process::id())),
            ("CASSANDRA_REPLICATION", "dc1:1".to_owned()),
            ("COORDINATOR_KIND", "redis".to_owned()),
            ("REDIS_NODES", redis.address().to_string()),
            ("INTAKE_STREAM", QUEUE.to_owned()),
        ];
        finish(
            with_settings(pix_stream().arg("migrate").arg("up"), &settings)
                .arg("--config")
                .arg(file(&folder)),
        );
        let other = parent.path().join("other");
        copy(&folder, &other);
        let nodes = [&folder, &other].map(|folder| {
            let err = parent.path().join(format!("{}.err", folder.file_name().unwrap().display()));
            Node::start(folder, &err, &settings)
        });
        let site =
            Self { nodes: nodes.into(), folder, turn: AtomicUsize::new(0), redis: Some(redis), parent };
        (0..banks).for_each(|number| site.onboard(&ispb(number)));
        Some(site)
    }

    pub(crate) fn onboard(&self, ispb: &str) {
        let admin = self.folder.join("clients").join("admin");
        let url = format!("https://{}", self.node().admin);
        let mut command = pix_stream();
        command.args(["admin", "--url", &url, "--ca"]).arg(self.folder.join("tls/ca.pem"));
        command.arg("--cert").arg(admin.with_extension("pem")).arg("--key").arg(admin.with_extension("key"));
        finish(command.args(["participants", "create", ispb]));
    }

    /// Leaves messages in the queue, as producers that wait for nothing do. `false` where there is no queue.
    pub(crate) fn leave(&self, ispb: &str, messages: &[&str]) -> bool {
        let Some(redis) = &self.redis else { return false };
        for xml in messages {
            let entry = ["XADD", QUEUE, "*", "ispb", ispb, "producer", "conformance", "xml", xml];
            redis.first().command(&entry).unwrap();
        }
        true
    }

    /// The node whose turn it is: never the same twice in a row, if there are two.
    fn node(&self) -> &Node {
        &self.nodes[self.turn.fetch_add(1, Ordering::Relaxed) % self.nodes.len()]
    }

    /// The ends of the servers' logs.
    pub(crate) fn logs(&self) -> String {
        let mut logs = String::new();
        for entry in std::fs::read_dir(self.parent.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "err") {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let last = &lines[lines.len().saturating_sub(40)..];
                writeln!(logs, "--- {}\n{}", path.display(), last.join("\n")).unwrap();
            }
        }
        logs
    }
}

impl Node {
    fn start(folder: &Path, err: &Path, settings: &[(&str, String)]) -> Self {
        let mut command = pix_stream();
        with_settings(&mut command, settings);
        command.env("PIX_STREAM_STREAM_LONG_POLL", LONG_POLL);
        command.env("PIX_STREAM_STREAM_IDLE", format!("{}ms", IDLE.as_millis()));
        command.args(["serve", "--config"]).arg(file(folder));
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        let server = Server::start(command, err)
            .unwrap_or_else(|| panic!("no ready line: {}", std::fs::read_to_string(err).unwrap_or_default()));
        let address =
            |name: &str| server.ready[name].as_str().unwrap().trim_start_matches("https://").parse().unwrap();
        Self { api: address("api"), admin: address("admin"), _server: server }
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("pix-stream.toml")
}

fn with_settings<'c>(command: &'c mut Command, settings: &[(&str, String)]) -> &'c mut Command {
    for (key, value) in settings {
        command.env(format!("PIX_STREAM_{key}"), value);
    }
    command
}

fn finish(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", transcript(&output));
}

/// A folder of `init` with this many participants, and one more that is not onboarded where a cluster asks.
fn init(parent: &Path, banks: usize) -> PathBuf {
    let folder = parent.join("d");
    let mut command = pix_stream();
    command.args(["init", "--dir"]).arg(&folder);
    (0..banks).for_each(|number| {
        command.args(["--participant", &ispb(number)]);
    });
    finish(&mut command);
    folder
}

/// The participant of one case, and who publishes for it.
#[derive(Clone)]
pub(crate) struct Bank {
    pub(crate) site: Arc<Site>,
    pub(crate) ispb: String,
    seed: u64,
}

impl Bank {
    pub(crate) fn new(site: &Arc<Site>, number: usize) -> Self {
        Self { site: Arc::clone(site), ispb: ispb(number), seed: 7 + number as u64 }
    }

    /// A request of the participant, to the node whose turn it is.
    pub(crate) async fn ask(&self, ask: Ask) -> Reply {
        self.ask_as(&format!("psp-{}", self.ispb), |node| node.api, ask).await
    }

    /// A request of the producer.
    pub(crate) async fn ask_producer(&self, ask: Ask) -> Reply {
        self.ask_as("producer", |node| node.api, ask).await
    }

    /// A request of the operator, to the admin listener.
    pub(crate) async fn ask_admin(&self, ask: Ask) -> Reply {
        self.ask_as("admin", |node| node.admin, ask).await
    }

    /// As protocol section 6 tells clients: 503 `unavailable` means the same URL again after `Retry-After`. A busy machine
    /// gives it when stores do not answer in time, and no cursor has moved.
    async fn ask_as(&self, client: &str, address: impl Fn(&Node) -> SocketAddr, ask: Ask) -> Reply {
        for _ in 0..RETRIES_MAX {
            let reply = ask_server(&self.site.folder, address(self.site.node()), client, &ask).await;
            if reply.status != 503 || !reply.text().contains("/unavailable<") {
                return reply;
            }
            let pause = reply.header("Retry-After").parse().unwrap();
            tokio::time::sleep(Duration::from_secs(pause)).await;
        }
        panic!("unavailable {RETRIES_MAX} times in a row");
    }

    /// This many messages of its own, the same ones each time.
    pub(crate) fn messages(&self, count: usize) -> Vec<String> {
        let to: Ispb = self.ispb.parse().unwrap();
        let generator = Generator::new("pacs.008", to, self.seed).unwrap();
        generator.take(count).map(|made| String::from_utf8(made.bytes.to_vec()).unwrap()).collect()
    }

    /// Publishes messages in one request; the ids that came back.
    pub(crate) async fn publish(&self, messages: &[String]) -> Vec<String> {
        let reply = self.try_publish(messages).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.header("PI-ResourceId").split(',').map(|id| id.trim().to_owned()).collect()
    }

    pub(crate) async fn try_publish(&self, messages: &[String]) -> Reply {
        const BOUNDARY: &str = "conformance-boundary-0123456789";
        let mut body = String::new();
        for message in messages {
            write!(body, "--{BOUNDARY}\r\nContent-Type: application/xml; charset=utf-8\r\n\r\n{message}\r\n")
                .unwrap();
        }
        write!(body, "--{BOUNDARY}--\r\n").unwrap();
        let content_type = format!("multipart/mixed; boundary={BOUNDARY}");
        self.ask_producer(Ask::publish(&self.ispb, &content_type, body)).await
    }

    /// Opens a stream and reads many.
    pub(crate) async fn start(&self) -> Reply {
        self.ask(Ask::start(&self.ispb).many()).await
    }

    /// Reads on from an answer.
    pub(crate) async fn read_on(&self, reply: &Reply) -> Reply {
        self.ask(Ask::get(reply.next()).many()).await
    }

    /// Closes the stream of an answer.
    pub(crate) async fn close(&self, reply: &Reply) -> Reply {
        self.ask(Ask::new("DELETE", reply.next())).await
    }

    /// Reads a stream to its first 204, and closes it; all messages in the order in which they came.
    pub(crate) async fn drain(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut reply = self.start().await;
        while reply.status == 200 {
            all.extend(reply.messages());
            reply = self.read_on(&reply).await;
        }
        assert_eq!(reply.status, 204, "{}", reply.text());
        assert_eq!(self.close(&reply).await.status, 200);
        all
    }
}

/// The ids of an answer's parts.
pub(crate) fn ids(reply: &Reply) -> Vec<String> {
    reply.text().split("PI-ResourceId: ").skip(1).map(|rest| rest[..32].to_owned()).collect()
}
