//! `[log]` and `[roles]`: what operators see, and who may do what.

use crate::config::section::{Key, Section, Visitor};
use crate::config::value::{LogFormat, Producer, Scope, Subject};

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// What is logged: a level, or directives by module.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

impl Section for Log {
    const NAME: &'static str = "log";
    const ABOUT: &'static str =
        "Logs go to stderr. They hold no message content, no personal data and no whole token.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::new(
                "level",
                "`error`, `warn`, `info`, `debug`, `trace` or `off`; also by module, such as `info,pix_stream_app=debug`.",
            ),
            &mut self.level,
        );
        visitor.key(
            Key::new("format", "`json` is one object a line, `human` is for people, `auto` is `human` on a terminal and `json` elsewhere."),
            &mut self.format,
        );
    }
}

/// `[roles]`. Participants need no entry: their certificate carries an ISPB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// Who may publish, and for whom.
    pub producers: Vec<Producer>,
    /// Who may change participants and streams.
    pub admins: Vec<Subject>,
    /// Who may look at everything and change nothing.
    pub auditors: Vec<Subject>,
}

impl Default for Roles {
    fn default() -> Self {
        let named = |name: &str| Subject::CommonName(name.to_owned());
        Self {
            producers: vec![Producer { subject: named("producer"), publish: Scope::All }],
            admins: vec![named("admin")],
            auditors: vec![named("auditor")],
        }
    }
}

impl Section for Roles {
    const NAME: &'static str = "roles";
    const ABOUT: &'static str = "Which trusted certificates are producers, admins and auditors. Participants need no entry: their \
         certificate carries the ISPB. A name is compared with the subject's CN exactly; where an authority outside \
         your control issues certificates, use fingerprints (`openssl x509 -in F -noout -fingerprint -sha256`).";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::new("producers", "Who may publish, and for which ISPBs (`\"*\"`: for every one)."),
            &mut self.producers,
        );
        visitor.key(Key::new("admins", "Who may use the whole admin listener."), &mut self.admins);
        visitor.key(
            Key::new("auditors", "Who may read the admin listener: metrics, participants, audit."),
            &mut self.auditors,
        );
    }
}
