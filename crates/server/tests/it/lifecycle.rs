//! A server's life: ready line, second server, signals, killing and starting again (cli.md; requirements B.4, E.1).

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use pix_stream_development::generate::Generator;
use rustix::process::Signal;
use serde_json::Value;
use tokio::time::Instant;

use crate::expect::transcript;
use crate::server::{Folder, ISPB, Process, Server, json_lines, texts, wait_for};

/// Times that the server is killed while messages go both ways.
const KILLS: usize = 5;
/// Messages that are published meanwhile.
const MESSAGES: usize = 900;

#[test]
fn the_ready_line_names_both_listeners_and_is_kept_while_it_runs() {
    let folder = Folder::new();
    let began = Instant::now();
    let server = folder.serve();
    // Printed for the record: a busy machine must not fail a test that is about something else.
    println!("ready after {:?}", began.elapsed());
    let file = folder.dir().join("data/ready.json");
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept, server.ready);
    assert_eq!(kept["event"], "ready");
    assert_eq!(kept["dir"], folder.dir().display().to_string());
    assert!(kept["api"].as_str().unwrap().starts_with("https://127.0.0.1:") && kept["api"] != kept["admin"]);
    let (_, status) = server.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(!file.exists());
}

#[test]
fn a_second_server_on_the_folder_is_refused_and_the_first_goes_on() {
    let folder = Folder::new();
    let _server = folder.serve();
    let output = folder.serve_command().output().unwrap();
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(output.stdout.is_empty() && shown.contains("in use by another pix-stream process"), "{shown}");
    assert_eq!(folder.lines("publish", &["--generate", "3"]).len(), 3);
}

#[test]
fn a_taken_port_is_named_with_its_key() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = crate::expect::pix_stream();
    command.args(["serve", "--config"]).arg(folder.dir().join("pix-stream.toml"));
    command.env("PIX_STREAM_LISTEN_API", &address).env("PIX_STREAM_LISTEN_ADMIN", "127.0.0.1:0");
    let output = command.output().unwrap();
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains(&format!("cannot listen on {address} (listen.api)")), "{shown}");
}

#[test]
fn the_environment_overrides_the_file_and_flags_override_both() {
    let folder = Folder::new();
    let mut command = crate::expect::pix_stream();
    command.args(["serve", "--config"]).arg(folder.dir().join("pix-stream.toml"));
    command.args(["--admin-listen", "127.0.0.1:0"]);
    command.env("PIX_STREAM_LISTEN_API", "127.0.0.1:0").env("PIX_STREAM_LISTEN_ADMIN", "192.0.2.1:1");
    let server = Server::start(command, &folder.beside("serve.err")).unwrap();
    assert!(!server.ready["api"].as_str().unwrap().ends_with(":8443"));
    assert!(server.ready["admin"].as_str().unwrap().starts_with("https://127.0.0.1:"));
}

#[test]
fn problems_of_the_configuration_are_all_told_before_anything_starts() {
    let folder = Folder::new();
    let mut command = folder.serve_command();
    command.env("PIX_STREAM_STREAM_LONG_POLL", "1m").env("PIX_STREAM_STREAM_BATCH_MAX", "99");
    let output = command.output().unwrap();
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    for name in ["PIX_STREAM_STREAM_LONG_POLL", "PIX_STREAM_STREAM_BATCH_MAX"] {
        assert!(shown.contains(name), "{shown}");
    }
}

/// A publisher and a consumer with six streams, both for as long as the test.
struct Traffic {
    files: Vec<String>,
    publish: Process,
    pull: Process,
    published: PathBuf,
    pulled: PathBuf,
    pull_said: PathBuf,
    save: PathBuf,
}

impl Traffic {
    /// Files are published one request after the other, so that their order is the order of the arguments.
    fn start(folder: &Folder, seed: u64) -> Self {
        let outbox = folder.beside("outbox");
        std::fs::create_dir(&outbox).unwrap();
        let messages = Generator::new("pacs.002", ISPB.parse().unwrap(), seed).unwrap().take(MESSAGES);
        let files: Vec<String> = messages
            .enumerate()
            .map(|(number, message)| {
                let file = outbox.join(format!("{number:05}.xml"));
                std::fs::write(&file, message.bytes).unwrap();
                file.display().to_string()
            })
            .collect();
        let [published, publish_said, pulled, pull_said, save] =
            ["published", "publish.err", "pulled", "pull.err", "inbox"].map(|name| folder.beside(name));
        let mut command = folder.command("publish");
        command.args(["--ispb", ISPB, "--json", "--rate", "300"]).args(&files);
        let publish = Process::spawn_into(&mut command, &published, &publish_said);
        let mut command = folder.command("pull");
        command.args(["--ispb", ISPB, "--json", "--streams", "6", "--follow", "--save"]).arg(&save);
        let pull = Process::spawn_into(&mut command, &pulled, &pull_said);
        Self { files, publish, pull, published, pulled, pull_said, save }
    }

    fn published(&self) -> Vec<Value> {
        json_lines(&std::fs::read_to_string(&self.published).unwrap())
    }

    fn pulled(&self) -> Vec<Value> {
        json_lines(&std::fs::read_to_string(&self.pulled).unwrap())
    }

    /// Waits until both have got on by so many messages, or publishing is over.
    fn progress(&mut self, messages: usize) {
        let (published, pulled) = (self.published().len() + messages, self.pulled().len() + messages);
        wait_for("progress both ways", || {
            let on = self.published().len() >= published && self.pulled().len() >= pulled;
            (on || self.publish.has_ended()).then_some(())
        });
    }

    /// Waits for everything to be published and delivered, and ends the consumer.
    fn finish(&mut self) {
        assert_eq!(self.publish.end("publish").code(), Some(0));
        wait_for("all deliveries", || (self.pulled().len() >= MESSAGES).then_some(()));
        self.pull.signal(Signal::TERM);
        assert_eq!(self.pull.end("pull").code(), Some(0), "{}", self.pull_said());
    }

    fn pull_said(&self) -> String {
        std::fs::read_to_string(&self.pull_said).unwrap()
    }

    /// Nothing is lost, ids are those of the acknowledgement, bytes those of the files, in the order of publishing.
    fn check(&self, folder: &Folder) {
        let (published, pulled) = (self.published(), self.pulled());
        let resource_ids = |lines: &[Value]| {
            let pairs =
                lines.iter().map(|line| (line["message_id"].to_string(), line["resource_id"].to_string()));
            pairs.collect::<HashMap<_, _>>()
        };
        assert_eq!((published.len(), pulled.len()), (MESSAGES, MESSAGES), "each once");
        assert_eq!(resource_ids(&pulled), resource_ids(&published));
        for (file, line) in self.files.iter().zip(&published) {
            let saved = self.save.join(format!("{}.xml", line["message_id"].as_str().unwrap()));
            assert_eq!(std::fs::read(saved).unwrap(), std::fs::read(file).unwrap(), "{file}");
        }
        let mut command = folder.command("admin");
        let output = command.args(["participants", "rewind", ISPB, "--to", "1"]).output().unwrap();
        assert!(output.status.success(), "{}", transcript(&output));
        let again = folder.lines("pull", &[]);
        assert_eq!(texts(&again, "resource_id"), texts(&published, "resource_id"), "the order stays");
    }
}

#[test]
fn killed_again_and_again_it_loses_nothing_that_was_acknowledged() {
    let folder = Folder::new();
    let mut server = folder.serve();
    let mut traffic = Traffic::start(&folder, 41);
    for _ in 0..KILLS {
        traffic.progress(40);
        let ready = server.kill();
        server = folder.serve_again(&ready);
    }
    traffic.finish();
    traffic.check(&folder);
    println!("{KILLS} kills; the consumer: {}", traffic.pull_said().lines().last().unwrap_or_default());
}

#[test]
fn after_a_drain_nothing_comes_again() {
    let folder = Folder::new();
    let server = folder.serve();
    let mut traffic = Traffic::start(&folder, 42);
    traffic.progress(100);
    let (ready, status) = server.terminate();
    assert_eq!(status.code(), Some(0));
    let _server = folder.serve_again(&ready);
    traffic.finish();
    assert!(!traffic.pull_said().contains("known already"), "{}", traffic.pull_said());
    traffic.check(&folder);
}

#[test]
fn a_killed_servers_folder_is_told_apart_from_a_running_ones() {
    let folder = Folder::new();
    folder.serve().kill();
    assert!(folder.dir().join("data/ready.json").exists());
    let output = folder.command("pull").args(["--ispb", ISPB]).output().unwrap();
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(
        shown.contains("the last one was killed") && shown.contains("pix-stream serve --config"),
        "{shown}"
    );
}

#[test]
fn messages_and_their_confirmations_outlive_a_restart() {
    let folder = Folder::new();
    let server = folder.serve();
    let published = folder.lines("publish", &["--generate", "50", "--seed", "9"]);
    let before = folder.lines("pull", &["--count", "20"]);
    assert_eq!(server.terminate().1.code(), Some(0));
    let _server = folder.serve();
    let after = folder.lines("pull", &["--streams", "3"]);
    let ids = |lines: &[Value]| texts(lines, "resource_id").into_iter().collect::<HashSet<_>>();
    assert_eq!((before.len(), after.len()), (20, 30));
    assert_eq!(&ids(&before) | &ids(&after), ids(&published));
}
