//! The look for what must never leave the messages in everything that the servers said (protocol, section 6): logs,
//! metrics, answers of errors, audit files, the admin API, the report. What is looked for is `pix-stream-leaks`' business.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use color_eyre::eyre::Result;
use pix_stream_domain::ispb::Ispb;
pub(crate) use pix_stream_leaks::{Leak, Looked, people::mark};
use pix_stream_leaks::{Secrets, Source, people};

use crate::site::Site;
use crate::wire::{Connection, Identity};

/// Tokens that are looked for.
const TOKENS_MAX: usize = 2_000;
/// Bytes of answers that are looked at.
const ANSWERS_MAX: usize = 4 * 1024 * 1024;
/// How deep folders of a run are looked through.
const DEPTH_MAX: usize = 6;
/// What the admin API tells without being asked for one thing.
const ADMIN: [&str; 10] = [
    "/",
    "/health/ready",
    "/openapi.json",
    "/admin/v1/participants",
    "/admin/v1/catalog",
    "/admin/v1/quarantine",
    "/admin/v1/keys",
    "/admin/v1/audit/head",
    "/admin/v1/slow",
    "/admin/v1/node",
];

/// What was seen and done in a run that must not be seen elsewhere.
#[derive(Default)]
pub(crate) struct Masking(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    tokens: Vec<String>,
    answers: Vec<u8>,
}

impl Masking {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that a client was given.
    pub(crate) fn note_token(&self, token: &str) {
        let mut seen = self.seen();
        if seen.tokens.len() < TOKENS_MAX {
            seen.tokens.push(token.to_owned());
        }
    }

    /// The answer of an error.
    pub(crate) fn note_answer(&self, body: &[u8]) {
        let mut seen = self.seen();
        if seen.answers.len() + body.len() < ANSWERS_MAX {
            seen.answers.extend_from_slice(body);
            seen.answers.push(b'\n');
        }
    }

    /// What must not be seen anywhere.
    pub(crate) fn secrets(&self, site: &Path) -> Secrets {
        let mut secrets = Secrets::new();
        people::add_all(&mut secrets);
        self.seen().tokens.iter().for_each(|token| secrets.add_token(token));
        for folder in ["tls", "clients", "keys"] {
            for path in files(&site.join(folder), 1, |name| folder == "keys" || name.ends_with(".key")) {
                secrets.add_pem(&std::fs::read_to_string(path).unwrap_or_default());
            }
        }
        secrets
    }

    /// Looks through everything that the servers of a run said, and what was written of it.
    pub(crate) async fn look(
        &self,
        folder: &Path,
        site: &Site,
        metrics: &[(String, String)],
    ) -> Result<Looked> {
        let scanner = self.secrets(&site.dir).scanner()?;
        let mut looked = Looked::default();
        for (server, text) in metrics {
            looked.look(&scanner, &format!("metrics of {server}"), text.as_bytes(), Source::Metrics);
        }
        for (name, body) in told(site).await? {
            looked.look(&scanner, &name, &body, Source::Text);
        }
        let answers = self.seen().answers.clone();
        looked.look(&scanner, "answers of errors", &answers, Source::Text);
        let is_said =
            |name: &str| (name.starts_with("server") || name.starts_with("audit-")) && name.ends_with(".log");
        for path in files(folder, DEPTH_MAX, is_said) {
            let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            looked.look(&scanner, &name, &std::fs::read(&path)?, Source::Text);
        }
        Ok(looked)
    }

    /// Looks through the report of a run.
    pub(crate) fn look_at_report(&self, site: &Path, report: &str) -> Result<Vec<Leak>> {
        Ok(self.secrets(site).scanner()?.scan("the report", report.as_bytes(), Source::Metrics))
    }
}

/// Asks for what must be refused, in ways that tempt a server to say what it was asked: names and documents in paths,
/// headers and messages.
pub(crate) async fn tempt(masking: &Masking, site: &Site, ispb: Ispb) -> Result<()> {
    let people::Person { name, cpf, .. } = people::person(0);
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let identity = Identity::load(&site.dir, &format!("psp-{ispb}"))?;
    let admin = Identity::load(&site.dir, "admin")?;
    let producer = Identity::load(&site.dir, "producer")?;
    let get = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {name}\r\nUser-Agent: {cpf}\r\nConnection: close\r\n\r\n"
        )
    };
    let body = format!("<Envelope><Nm>{name}</Nm><Id>{cpf}</Id>");
    let publish = format!(
        "POST /api/v1/out/{ispb}/msgs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/xml; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    for server in site.servers() {
        let api = server.address().to_owned();
        let mut requests = vec![
            (api.clone(), &identity, get(&format!("/api/v1/out/{ispb}/stream/{encoded}"))),
            (api.clone(), &identity, get(&format!("/api/v1/out/{cpf}/stream/start"))),
            (api, &producer, publish.clone()),
        ];
        if let Some(url) = server.admin() {
            requests.push((url.to_owned(), &admin, get(&format!("/admin/v1/participants/{encoded}"))));
        }
        for (url, identity, request) in requests {
            // A server that closes the connection has said nothing, either.
            if let Ok(mut connection) = Connection::open(&url, identity).await
                && let Ok(answer) = connection.exchange(&request).await
            {
                masking.note_answer(&answer.body);
            }
        }
    }
    Ok(())
}

/// What the admin API and the status page of each server tell.
async fn told(site: &Site) -> Result<Vec<(String, Vec<u8>)>> {
    let admin = Identity::load(&site.dir, "admin")?;
    let mut all = Vec::new();
    for server in site.servers() {
        let Some(url) = server.admin() else { continue };
        for path in ADMIN {
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            if let Ok(mut connection) = Connection::open(url, &admin).await
                && let Ok(answer) = connection.exchange(&request).await
            {
                all.push((format!("{path} of {}", server.name()), answer.body));
            }
        }
    }
    Ok(all)
}

/// Files below a folder whose names are wanted; data of stores is left out.
fn files(folder: &Path, depth: usize, is_wanted: impl Fn(&str) -> bool + Copy) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let is_store = ["cassandra", "redis", "sentinel"].iter().any(|store| name.starts_with(store));
        if path.is_dir() && !is_store && depth > 1 {
            found.extend(files(&path, depth - 1, is_wanted));
        } else if path.is_file() && is_wanted(&name) {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use pix_stream_development::generate::Generator;

    use pix_stream_leaks::people::{Person, person};

    use super::*;

    fn message(kind: &str) -> String {
        let bytes = Generator::new(kind, "99999001".parse().unwrap(), 1).unwrap().next().unwrap().bytes;
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    fn folder_with(log: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("site/data/audit")).unwrap();
        std::fs::write(folder.path().join("site/data/audit/audit-000000000001.log"), "{\"n\":1}\n").unwrap();
        std::fs::write(folder.path().join("server.log"), log).unwrap();
        folder
    }

    fn leaks(masking: &Masking, folder: &Path) -> Vec<String> {
        let scanner = masking.secrets(&folder.join("site")).scanner().unwrap();
        let mut looked = Looked::default();
        for path in files(folder, DEPTH_MAX, |name| name.ends_with(".log")) {
            looked.look(&scanner, "log", &std::fs::read(path).unwrap(), Source::Text);
        }
        assert_eq!(looked.outputs, 2, "the log and the audit file");
        looked.leaks.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_marked_message_has_its_person_everywhere_and_no_other() {
        let plain = message("pacs.008");
        let marked = mark(&plain, 5).unwrap();
        let Person { name, cpf, cnpj, account, remark } = person(5);
        for (value, times) in [(&name, 1), (&cpf, 2), (&cnpj, 1), (&account, 2), (&remark, 1)] {
            assert_eq!(marked.matches(value.as_str()).count(), times, "{value}");
        }
        let is_document = pix_stream_leaks::documents::is_document;
        assert!(is_document(cpf.as_bytes()) && is_document(cnpj.as_bytes()));
        assert_eq!(mark(&message("pacs.002"), 5), None, "a message without people stays as it is");
    }

    #[test]
    fn a_planted_leak_is_found_whatever_it_is_and_a_clean_run_has_none() {
        let masking = Masking::default();
        let token = "AQEBOTk5OTkwMDEAAAAAAAAAAQAAAAIAAAAAAAAAAwAAAAAAAAAEqLm4c0Jx9Qw2";
        masking.note_token(token);
        let clean = "{\"level\":\"INFO\",\"token\":\"AQEBOTk5\u{2026}\",\"ispb\":\"99999001\"}\n";
        assert_eq!(leaks(&masking, folder_with(clean.as_bytes()).path()), [""; 0]);
        let Person { name, cpf, account, .. } = person(7);
        for planted in [name, cpf, account, token.to_owned(), "who: 11144477735".to_owned()] {
            let folder = folder_with(format!("{clean}WARN refused {planted}\n").as_bytes());
            let found = leaks(&masking, folder.path());
            assert_eq!(found.len(), 1, "{planted}: {found:?}");
            assert!(found[0].starts_with("log, line 2: ") && !found[0].contains(&planted), "{found:?}");
        }
        let folder = folder_with(mark(&message("pacs.008"), 3).unwrap().as_bytes());
        assert!(leaks(&masking, folder.path()).len() >= 4, "a whole message");
        let (seen, report) = (masking.seen().tokens.len(), format!("<pre>{}", person(1).name));
        assert_eq!((seen, masking.look_at_report(folder.path(), &report).unwrap().len()), (1, 1));
    }
}
