//! Parameters of paths and queries: how each reads, for the server and for the document.

use std::str::FromStr;

use pix_stream_app::EntryId;
use pix_stream_delivery::edge::{Code, Problem};
use pix_stream_domain::ispb::Ispb;
use serde_json::{Value, json};

use crate::requests::REASON_MAX;
use crate::routes::decoded;
use crate::shape::PLAIN;

/// The largest whole number that every reader of JSON keeps exactly.
pub(crate) const NUMBER_MAX: u64 = (1 << 53) - 1;

/// A parameter of a query.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Which values it takes.
    pub form: Form,
}

/// Which values a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An ISPB.
    Ispb,
    /// The id of an entry of the quarantine.
    Entry,
    /// A `PI-ResourceId`, with `-` for `+` and `_` for `/`.
    ResourceId,
    /// A message type.
    MessageType,
    /// `true` or `false`.
    Flag,
    /// A whole number from one bound to the other.
    Number(u64, u64),
    /// Text for people, percent-encoded.
    Text(u64),
}

/// Whether a change is only tried.
pub(crate) const DRY_RUN: Parameter =
    Parameter { name: "dry_run", about: "Only says what the change would come to.", form: Form::Flag };

/// Why something is handed out: what changes something has it in its body.
pub(crate) const REASON: Parameter =
    Parameter { name: "reason", about: "Why: kept in the audit log.", form: Form::Text(REASON_MAX) };

/// Parameters of paths.
pub(crate) const OF_PATHS: [Parameter; 6] = [
    Parameter { name: "ispb", about: "The participant.", form: Form::Ispb },
    Parameter { name: "slot", about: "The slot of a stream.", form: Form::Number(1, 6) },
    Parameter { name: "type", about: "A message type, like `pacs.008.spi.1.16`.", form: Form::MessageType },
    Parameter { name: "entry", about: "An entry of the quarantine.", form: Form::Entry },
    Parameter { name: "key", about: "The number of a key.", form: Form::Number(0, 255) },
    Parameter {
        name: "resource_id",
        about: "The PI-ResourceId of a message, with `-` for `+` and `_` for `/`.",
        form: Form::ResourceId,
    },
];

impl Form {
    /// Its JSON Schema.
    #[must_use]
    pub fn schema(self) -> Value {
        match self {
            Self::Ispb => json!({ "type": "string", "pattern": "^[0-9A-Z]{8}$" }),
            // Both begin with the bytes `PI`.
            Self::Entry | Self::ResourceId => {
                json!({ "type": "string", "pattern": "^UE[k-n][0-9A-Za-z_-]{29}$" })
            }
            Self::MessageType => json!({ "type": "string", "pattern": "^[0-9A-Za-z.]{1,64}$" }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Number(from, to) => json!({ "type": "integer", "minimum": from, "maximum": to }),
            Self::Text(max) => json!({ "type": "string", "maxLength": max, "pattern": PLAIN }),
        }
    }

    /// What it takes, in words.
    fn text(self) -> String {
        match self {
            Self::Ispb => "an ISPB of eight characters, digits and capital letters".to_owned(),
            Self::Entry => "the id of an entry".to_owned(),
            Self::ResourceId => "a PI-ResourceId".to_owned(),
            Self::MessageType => "a message type".to_owned(),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Number(from, to) => format!("a whole number from {from} to {to}"),
            Self::Text(max) => format!("percent-encoded text of at most {max} characters, none of control"),
        }
    }

    fn takes(self, text: &str) -> bool {
        match self {
            Self::Ispb => text.parse::<Ispb>().is_ok(),
            Self::Entry => text.parse::<EntryId>().is_ok(),
            Self::ResourceId | Self::MessageType => !text.is_empty(),
            Self::Flag => matches!(text, "true" | "false"),
            Self::Number(from, to) => text.parse().is_ok_and(|number: u64| (from..=to).contains(&number)),
            Self::Text(max) => spelled_out(text).is_some_and(|text| {
                text.chars().count() as u64 <= max && !text.chars().any(char::is_control)
            }),
        }
    }
}

/// The text of a value, in which `+` is a space as forms have it.
fn spelled_out(value: &str) -> Option<String> {
    decoded(&value.replace('+', " "))
}

/// A query, of which every value has the form that its parameter asks for. Values are ISPBs, ids, numbers and words:
/// nothing that would be percent-encoded, but for [`Form::Text`].
#[derive(Debug, Default)]
pub(crate) struct Query<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Query<'a> {
    /// Reads a query.
    ///
    /// # Errors
    /// 400: something that is not known here, twice the same, or of another form.
    pub(crate) fn parse(query: Option<&'a str>, known: &[Parameter]) -> Result<Self, Problem> {
        let mut values: Vec<(&'static str, &'a str)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
                let name: String = name.chars().take(64).collect();
                return Err(invalid(format!("`{name}` in the query is not known here{}", offer(known))));
            };
            if values.iter().any(|(known, _)| *known == name) {
                return Err(invalid(format!("the query says `{}` twice", parameter.name)));
            }
            if !parameter.form.takes(value) {
                let form = parameter.form.text();
                return Err(invalid(format!("`{}` in the query must be {form}", parameter.name)));
            }
            values.push((parameter.name, value));
        }
        Ok(Self(values))
    }

    /// A value that is there.
    pub(crate) fn find<T: FromStr>(&self, name: &str) -> Option<T> {
        self.0.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.parse().ok())
    }
}

impl Query<'_> {
    /// A text that is there.
    pub(crate) fn find_text(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| *known == name).and_then(|(_, value)| spelled_out(value))
    }
}

fn offer(known: &[Parameter]) -> String {
    if known.is_empty() {
        return String::new();
    }
    let names: Vec<_> = known.iter().map(|parameter| format!("`{}`", parameter.name)).collect();
    format!("; there is {}", names.join(", "))
}

fn invalid(message: String) -> Problem {
    Problem::new(Code::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Parameter = Parameter { name: "limit", about: "", form: Form::Number(1, 500) };

    fn dry_run(query: &str) -> Result<bool, Problem> {
        Query::parse(Some(query), &[DRY_RUN]).map(|query| query.find("dry_run").unwrap_or(false))
    }

    #[test]
    fn a_command_may_be_tried() {
        assert_eq!(Query::parse(None, &[DRY_RUN]).unwrap().find::<bool>("dry_run"), None);
        for (query, expected) in [("", false), ("dry_run=true", true), ("dry_run=false", false)] {
            assert_eq!(dry_run(query), Ok(expected), "{query}");
        }
        for query in [
            "dry_run=yes",
            "dry_run=",
            "dry_run",
            "dryrun=true",
            "dry_run=true&dry_run=false",
            "dry_run=true&now=1",
        ] {
            assert!(dry_run(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_value_of_another_form_is_refused_by_its_name_and_what_it_may_be() {
        for (query, told) in [
            ("limit=x", "`limit` in the query must be a whole number from 1 to 500"),
            ("limit=501", "`limit` in the query must be a whole number from 1 to 500"),
            ("after=1", "`after` in the query is not known here; there is `limit`"),
        ] {
            assert_eq!(Query::parse(Some(query), &[LIMIT]).unwrap_err().title, told);
        }
    }
}
