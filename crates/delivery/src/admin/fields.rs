//! The fields of a command's JSON body: each is taken by name, and one that nobody took is refused.

use serde_json::{Map, Value};

use crate::error::{Code, Problem};

/// The longest reason, in characters.
pub(super) const REASON_MAX: usize = 200;

/// A JSON object that is taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    left: Map<String, Value>,
    /// The names of nested objects around this one, each with a dot.
    within: &'static str,
}

impl Fields {
    /// An object; no bytes count as an empty one.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(left)) => Ok(Self { left, within: "" }),
            Ok(_) => Err(invalid("the body is not a JSON object".to_owned())),
            Err(fault) => Err(invalid(format!("the body is not JSON: {fault}"))),
        }
    }

    /// A whole number; absent and `null` are the same.
    pub(super) fn take_number(&mut self, name: &str) -> Result<Option<u64>, Problem> {
        match self.left.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) if number.is_u64() => Ok(number.as_u64()),
            Some(_) => Err(self.fault(name, "must be a whole number, not negative")),
        }
    }

    /// A number that fits 32 bits.
    pub(super) fn take_u32(&mut self, name: &str) -> Result<Option<u32>, Problem> {
        let number = self.take_number(name)?;
        number.map(u32::try_from).transpose().map_err(|_| self.fault(name, "is too large"))
    }

    /// A number that must be there.
    pub(super) fn require_number(&mut self, name: &str) -> Result<u64, Problem> {
        self.take_number(name)?.ok_or_else(|| self.fault(name, "is missing"))
    }

    /// A text without control characters.
    pub(super) fn take_text(&mut self, name: &str, longest: usize) -> Result<Option<String>, Problem> {
        match self.left.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.chars().count() > longest => {
                Err(self.fault(name, &format!("has more than {longest} characters")))
            }
            Some(Value::String(text)) if text.chars().any(char::is_control) => {
                Err(self.fault(name, "holds a control character"))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(name, "must be a text")),
        }
    }

    /// An object within this one; absent and `null` are an empty one.
    pub(super) fn take_object(&mut self, name: &str, within: &'static str) -> Result<Self, Problem> {
        match self.left.remove(name) {
            None | Some(Value::Null) => Ok(Self { left: Map::new(), within }),
            Some(Value::Object(left)) => Ok(Self { left, within }),
            Some(_) => Err(self.fault(name, "must be an object")),
        }
    }

    /// Refuses what nobody took.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.left.keys().next() {
            Some(name) => Err(self.fault(name, "is not known here")),
            None => Ok(()),
        }
    }

    pub(super) fn fault(&self, name: &str, what: &str) -> Problem {
        let name: String = name.chars().take(64).collect();
        invalid(format!("`{}{name}` {what}", self.within))
    }
}

fn invalid(message: String) -> Problem {
    Problem::new(Code::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(result: Result<impl std::fmt::Debug, Problem>) -> String {
        result.unwrap_err().title.into_owned()
    }

    #[test]
    fn fields_are_taken_by_name_and_type() {
        let mut fields =
            Fields::parse(br#"{"to": 7, "reason": "x", "limits": {"a": 1}, "none": null}"#).unwrap();
        assert_eq!(fields.require_number("to"), Ok(7));
        assert_eq!(fields.take_text("reason", 5), Ok(Some("x".to_owned())));
        assert_eq!(fields.take_number("none"), Ok(None));
        let mut limits = fields.take_object("limits", "limits.").unwrap();
        assert_eq!(limits.take_u32("a"), Ok(Some(1)));
        assert_eq!((limits.finish(), fields.finish()), (Ok(()), Ok(())));
        assert_eq!(Fields::parse(b" \n"), Ok(Fields::default()));
    }

    #[test]
    fn a_fault_names_its_field() {
        let body =
            br#"{"to": -1, "cap": 4294967296, "reason": "a\nb", "name": "long", "limits": {"b": 1}, "x": 1}"#;
        let mut fields = Fields::parse(body).unwrap();
        assert_eq!(title(fields.take_number("to")), "`to` must be a whole number, not negative");
        assert_eq!(title(fields.take_u32("cap")), "`cap` is too large");
        assert_eq!(title(fields.take_text("reason", 5)), "`reason` holds a control character");
        assert_eq!(title(fields.take_text("name", 3)), "`name` has more than 3 characters");
        assert_eq!(title(fields.require_number("at")), "`at` is missing");
        assert_eq!(
            title(fields.take_object("limits", "limits.").unwrap().finish()),
            "`limits.b` is not known here"
        );
        assert_eq!(title(fields.finish()), "`x` is not known here");
    }
}
