//! Masking: messages with marked people in them, and the look for these in everything that the servers said (protocol,
//! section 6: what never leaves).
//!
//! What is looked at: the servers' logs, their metrics, the answers of errors, the audit files, the status page, what the
//! admin API tells, and the report itself. What is looked for, and in which spellings, is `pix-stream-leaks`' business.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use color_eyre::eyre::Result;
use pix_stream_domain::ispb::Ispb;
use pix_stream_leaks::{Kind, Leak, Scanner, Secrets, Source, documents};

use crate::site::Site;
use crate::wire::{Connection, Identity};

/// People who occur in the messages of a run.
const PEOPLE: u64 = 48;
/// Tokens that are looked for.
const TOKENS_MAX: usize = 2_000;
/// Bytes of answers that are looked at.
const ANSWERS_MAX: usize = 4 * 1024 * 1024;
/// Markup that only a message has.
const MARKUP: [&str; 4] = ["<CdtTrfTxInf>", "<DbtrAcct>", "</AppHdr>", "<OrgnlEndToEndId>"];
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

/// A person who does not exist.
struct Person {
    name: String,
    cpf: String,
    cnpj: String,
    account: String,
    remark: String,
}

fn person(n: u64) -> Person {
    let base = format!("{:09}", 900_000_001 + n * 7_919 % 99_999_998);
    let cpf = base.as_bytes().try_into().map(documents::with_check_digits).unwrap_or_default();
    let base = format!("{:012}", 712_345_670_001 + n * 104_729 % 1_000_000_007);
    let cnpj = base.as_bytes().try_into().map(documents::cnpj_with_check_digits).unwrap_or_default();
    let letter = |n: u64| char::from(b'A' + u8::try_from(n % 26).unwrap_or(0));
    let sign: String = [letter(n), letter(n / 26), 'q'].into_iter().collect();
    Person {
        name: format!("Zulmira Ávila Sigilosa {sign}"),
        cpf,
        cnpj,
        account: format!("CONTAMARCADA{n:08}"),
        remark: format!("Segredo bancário {sign}"),
    }
}

/// Puts a marked person into a message, where it has people; otherwise it stays as it is.
pub(crate) fn mark(message: Bytes, n: u64) -> Bytes {
    let Ok(text) = std::str::from_utf8(&message) else { return message };
    if !text.contains("<Nm>") {
        return message;
    }
    let Person { name, cpf, cnpj, account, remark } = person(n % PEOPLE);
    let mut text = text.to_owned();
    for (before, value) in [
        ("<Dbtr><Nm>", &name),
        ("</Nm><Id><PrvtId><Othr><Id>", &cpf),
        ("<DbtrAcct><Id><Othr><Id>", &account),
        ("<Cdtr><Id><PrvtId><Othr><Id>", &cnpj),
        ("<CdtrAcct><Id><Othr><Id>", &account),
        ("<Prxy><Id>", &cpf),
        ("<RmtInf><Ustrd>", &remark),
    ] {
        let Some(at) = text.find(before).map(|at| at + before.len()) else { continue };
        let end = text[at..].find('<').map_or(at, |len| at + len);
        text.replace_range(at..end, value);
    }
    text.into()
}

/// What was seen and done in a run that must not be seen elsewhere.
#[derive(Default)]
pub(crate) struct Masking(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    tokens: Vec<String>,
    answers: Vec<u8>,
}

/// What the look showed.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    pub(crate) outputs: usize,
    pub(crate) bytes: u64,
    pub(crate) values: usize,
    pub(crate) leaks: Vec<Leak>,
}

impl Looked {
    fn look(&mut self, scanner: &Scanner, name: &str, content: &[u8], source: Source) {
        self.outputs += 1;
        self.bytes += content.len() as u64;
        self.values = scanner.values();
        self.leaks.extend(scanner.scan(name, content, source));
    }
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
        for Person { name, cpf, cnpj, account, remark } in (0..PEOPLE).map(person) {
            secrets.add(Kind::Name, name.as_bytes());
            secrets.add(Kind::Document, cpf.as_bytes());
            secrets.add(Kind::Document, cnpj.as_bytes());
            secrets.add(Kind::Account, account.as_bytes());
            secrets.add(Kind::Message, remark.as_bytes());
        }
        MARKUP.iter().for_each(|markup| secrets.add(Kind::Message, markup.as_bytes()));
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
    let Person { name, cpf, .. } = person(0);
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

    use super::*;

    fn message() -> Bytes {
        Generator::new("pacs.008", "99999001".parse().unwrap(), 1).unwrap().next().unwrap().bytes
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
        let plain = message();
        let marked = mark(plain.clone(), 5);
        let text = std::str::from_utf8(&marked).unwrap();
        let Person { name, cpf, cnpj, account, remark } = person(5);
        for (value, times) in [(&name, 1), (&cpf, 2), (&cnpj, 1), (&account, 2), (&remark, 1)] {
            assert_eq!(text.matches(value.as_str()).count(), times, "{value}");
        }
        assert!(documents::is_document(cpf.as_bytes()) && documents::is_document(cnpj.as_bytes()));
        let other = Generator::new("pacs.002", "99999001".parse().unwrap(), 1).unwrap().next().unwrap().bytes;
        assert_eq!(mark(other.clone(), 5), other);
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
        let folder = folder_with(&mark(message(), 3));
        assert!(leaks(&masking, folder.path()).len() >= 4, "a whole message");
        let (seen, report) = (masking.seen().tokens.len(), format!("<pre>{}", person(1).name));
        assert_eq!((seen, masking.look_at_report(folder.path(), &report).unwrap().len()), (1, 1));
    }
}
