//! A Prometheus of our own: on loopback, on a folder of its own, with the scaled rules; asked which alerts fire.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use color_eyre::eyre::{OptionExt as _, Result, WrapErr as _, ensure};
use pix_stream_stores::install::{self, Program};
use pix_stream_stores::process::{Launch, View};
use pix_stream_stores::{Process, ports};
use serde::Deserialize;

/// Prometheus of the distribution.
const PROGRAM: Program = Program { name: "prometheus", package: "prometheus" };
const READY: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(5);

/// A running Prometheus.
pub struct Prometheus {
    process: Process,
    address: SocketAddr,
}

/// An alert as Prometheus has it now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Alert {
    labels: Labels,
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Labels {
    alertname: String,
}

impl Alert {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.labels.alertname
    }

    /// Whether it fires; otherwise it waits for its `for`.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.state == "firing"
    }
}

impl Prometheus {
    /// Starts it in a folder, scrapes the targets and evaluates the rules every so often.
    ///
    /// # Errors
    /// It is not there and cannot be installed; it does not start.
    pub fn start(folder: &Path, targets: &[String], rules: &str, every: Duration) -> Result<Self> {
        let program = install::bring(PROGRAM)?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("rules.yml"), rules)?;
        let (config, every) = (folder.join("prometheus.yml"), every.as_millis());
        let targets: Vec<String> = targets.iter().map(|target| format!("\"{target}\"")).collect();
        let text = format!(
            "global:\n  scrape_interval: {every}ms\n  scrape_timeout: {every}ms\n  evaluation_interval: {every}ms\nrule_files:\n  - rules.yml\nscrape_configs:\n  - job_name: pix-stream\n    static_configs:\n      - targets: [{}]\n",
            targets.join(", ")
        );
        std::fs::write(&config, text)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free_port(Ipv4Addr::LOCALHOST)?));
        let launch = Launch {
            name: "prometheus".to_owned(),
            argv: vec![
                program.display().to_string(),
                format!("--config.file={}", config.display()),
                format!("--storage.tsdb.path={}", folder.join("data").display()),
                format!("--web.listen-address={address}"),
                "--log.level=warn".to_owned(),
            ],
            cwd: folder.to_owned(),
            log: folder.join("prometheus.log"),
            stdout: None,
            pid_file: folder.join("prometheus.pid"),
            limit: READY,
        };
        let is_ready = move |_: View<'_>| request(address, "/-/ready").is_ok();
        let process = Process::start(launch, Box::new(is_ready))?;
        process.wait_ready()?;
        Ok(Self { process, address })
    }

    /// All alerts that are pending or firing.
    ///
    /// # Errors
    /// It does not answer, or in another form.
    pub fn alerts(&self) -> Result<Vec<Alert>> {
        #[derive(Deserialize)]
        struct Answer {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            alerts: Vec<Alert>,
        }
        let body = request(self.address, "/api/v1/alerts")?;
        let answer: Answer = serde_json::from_str(&body).wrap_err("Prometheus answers in another form")?;
        Ok(answer.data.alerts)
    }

    /// The first value of a query, if it has any.
    ///
    /// # Errors
    /// It does not answer, or in another form.
    pub fn query(&self, query: &str) -> Result<Option<f64>> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let body = request(self.address, &format!("/api/v1/query?query={escaped}"))?;
        let answer: serde_json::Value = serde_json::from_str(&body)?;
        let value = answer["data"]["result"][0]["value"][1].as_str();
        Ok(value.and_then(|value| value.parse().ok()))
    }

    /// Ends it.
    ///
    /// # Errors
    /// The system refuses.
    pub fn stop(&self) -> Result<()> {
        Ok(self.process.stop()?)
    }
}

/// The body of an answer 200, over HTTP/1.0: whole when the connection ends.
fn request(address: SocketAddr, path: &str) -> Result<String> {
    let mut connection = TcpStream::connect_timeout(&address, ANSWER)?;
    connection.set_read_timeout(Some(ANSWER))?;
    connection.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_eyre("an answer without a head")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(status == "200", "{path} was answered {status}");
    Ok(body.to_owned())
}
