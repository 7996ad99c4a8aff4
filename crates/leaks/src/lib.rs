//! Finds what must never leave the messages in what a server said (protocol, section 6: what never leaves).
//!
//! Two ways at once. [`Secrets`] are the values of a run - names, documents, accounts, tokens, keys, parts of messages -
//! and are looked for in every spelling in which something that logs, escapes or encodes would show them ([`forms`]).
//! And whatever is not known: numbers with the form and the check digits of a CPF or CNPJ ([`documents`]).
//!
//! A [`Leak`] says where and of what kind, never the value: reports of leaks must not leak. Where output comes from is not
//! known here.

pub mod documents;
pub mod forms;
pub mod people;

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};

use forms::Form;

/// Shorter values are found everywhere by chance.
const VALUE_MIN: usize = 6;
/// Of a token its first characters may be told (protocol, section 6).
const TOKEN_HEAD: usize = 8;
/// The part of a token or key that counts as one.
const PART: usize = 16;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A person's name.
    Name,
    /// A CPF or CNPJ.
    Document,
    /// An account's number or a Pix key.
    Account,
    /// Text or markup of a message.
    Message,
    /// A token beyond what may be told of it.
    Token,
    /// A private or signing key.
    Key,
}

/// How a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Text of any kind.
    Text,
    /// Prometheus metrics: the numbers at the ends of lines are measurements, and no documents.
    Metrics,
}

/// The values that must not be seen.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    values: BTreeSet<(Kind, Vec<u8>)>,
}

/// Looks for them.
#[derive(Debug)]
pub struct Scanner {
    /// Spellings without case, for those in which letters may change it.
    folded: AhoCorasick,
    folded_means: Vec<(Kind, Form)>,
    exact: AhoCorasick,
    exact_means: Vec<(Kind, Form)>,
    values: usize,
}

/// The values cannot be looked for: there are too many.
#[derive(Debug, thiserror::Error)]
#[error("the values cannot be looked for: {0}")]
pub struct TooMany(#[from] aho_corasick::BuildError);

/// Something that was seen and must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Where: the name of the output.
    pub source: String,
    /// The line in it, from 1.
    pub line: usize,
    /// What.
    pub kind: Kind,
    /// In which spelling; `None`: it is no value of the run, but looks like one.
    pub form: Option<Form>,
}

/// What a look through many outputs showed.
#[derive(Debug, Default)]
pub struct Looked {
    /// How many outputs there were.
    pub outputs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Values that were looked for.
    pub values: usize,
    /// What was seen and must not be.
    pub leaks: Vec<Leak>,
}

impl Looked {
    /// Looks through one more.
    pub fn look(&mut self, scanner: &Scanner, name: &str, content: &[u8], source: Source) {
        self.outputs += 1;
        self.bytes += content.len() as u64;
        self.values = scanner.values();
        self.leaks.extend(scanner.scan(name, content, source));
    }
}

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Kind::Name => "a name",
            Kind::Document => "a CPF or CNPJ",
            Kind::Account => "an account",
            Kind::Message => "a part of a message",
            Kind::Token => "a token",
            Kind::Key => "a key",
        };
        write!(f, "{}, line {}: {kind}", self.source, self.line)?;
        match self.form {
            Some(form) => write!(f, " of the run, {}", form.name()),
            None => write!(f, " by its form and check digits"),
        }
    }
}

impl Secrets {
    /// No values yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A value that must not be seen. Too short ones, which are found everywhere by chance, are left out.
    pub fn add(&mut self, kind: Kind, value: &[u8]) {
        if value.len() >= VALUE_MIN {
            self.values.insert((kind, value.to_vec()));
        }
    }

    /// A token, in parts: any of them beyond its first characters is too much.
    pub fn add_token(&mut self, token: &str) {
        let bytes = token.as_bytes().get(TOKEN_HEAD..).unwrap_or_default();
        bytes.chunks_exact(PART).for_each(|part| self.add(Kind::Token, part));
    }

    /// A file with a private key in PEM: each of its lines.
    pub fn add_pem(&mut self, pem: &str) {
        let lines = pem.lines().filter(|line| line.len() >= PART && !line.starts_with("-----"));
        lines.for_each(|line| self.add(Kind::Key, line.as_bytes()));
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Prepares to look for all of them.
    ///
    /// # Errors
    /// There are too many.
    pub fn scanner(&self) -> Result<Scanner, TooMany> {
        let (mut folded, mut exact) = (Vec::new(), Vec::new());
        for (kind, value) in &self.values {
            for (form, pattern) in forms::of(value) {
                let list = if form.is_folded() { &mut folded } else { &mut exact };
                list.push((pattern, (*kind, form)));
            }
        }
        let build = |patterns: &[(Vec<u8>, (Kind, Form))], fold: bool| {
            AhoCorasick::builder()
                .ascii_case_insensitive(fold)
                .match_kind(MatchKind::Standard)
                .build(patterns.iter().map(|(pattern, _)| pattern))
        };
        Ok(Scanner {
            folded: build(&folded, true)?,
            exact: build(&exact, false)?,
            folded_means: folded.into_iter().map(|(_, means)| means).collect(),
            exact_means: exact.into_iter().map(|(_, means)| means).collect(),
            values: self.values.len(),
        })
    }
}

impl Scanner {
    /// How many values it looks for.
    #[must_use]
    pub fn values(&self) -> usize {
        self.values
    }

    /// What is seen in an output and must not be: each kind once a line.
    #[must_use]
    pub fn scan(&self, name: &str, content: &[u8], source: Source) -> Vec<Leak> {
        let mut leaks = Vec::new();
        for (line, text) in (1..).zip(content.split(|byte| *byte == b'\n')) {
            let mut kinds = BTreeSet::new();
            let mut found = |kind, form| {
                if kinds.insert(kind) {
                    leaks.push(Leak { source: name.to_owned(), line, kind, form });
                }
            };
            for (automaton, means) in [(&self.folded, &self.folded_means), (&self.exact, &self.exact_means)] {
                for hit in automaton.find_iter(text) {
                    let (kind, form) = means[hit.pattern().as_usize()];
                    found(kind, Some(form));
                }
            }
            let words = match source {
                Source::Text => text,
                Source::Metrics => labels(text),
            };
            if documents::holds_one(words) {
                found(Kind::Document, None);
            }
        }
        leaks
    }
}

/// A line of metrics without its measurement.
fn labels(line: &[u8]) -> &[u8] {
    if line.starts_with(b"#") {
        return line;
    }
    let end = line.iter().rposition(|byte| *byte == b'}').map_or(0, |at| at + 1);
    &line[..end]
}

#[cfg(test)]
mod tests;
