//! `xs:unique` and `xs:key`, with the part of XPath that XSD has for them (XSD, part 1, section 3.11.6).

use super::compiler::Compiler;
use super::names::{Part, is_local_name};
use crate::tables::{NO_NAMESPACE, NamespaceId, Path, Step, Unique};
use pix_stream_xsd::SPACES;

impl<'s> Compiler<'s> {
    /// The constraints of an element.
    pub(super) fn identities(&mut self, part: Part<'s>) -> Vec<Unique> {
        let constraints = part.children().filter(|child| child.is("unique") || child.is("key"));
        constraints.filter_map(|child| self.identity(child)).collect()
    }

    fn identity(&mut self, part: Part<'s>) -> Option<Unique> {
        let name = self.declared_name(part)?;
        self.keep_identity_name(part, name);
        let Some(selector) = part.child(&["selector"]) else {
            self.missing(part, "a selector");
            return None;
        };
        let selector = self.paths(selector, false);
        let fields: Vec<Part<'s>> = part.children().filter(|child| child.is("field")).collect();
        if fields.is_empty() {
            self.missing(part, "a field");
        }
        let fields: Option<Vec<_>> = fields.into_iter().map(|field| self.paths(field, true)).collect();
        Some(Unique { name: name.into(), is_key: part.is("key"), selector: selector?, fields: fields? })
    }

    /// The alternatives of an `xpath`.
    fn paths(&mut self, part: Part<'s>, is_field: bool) -> Option<Vec<Path>> {
        let Some(text) = part.attribute("xpath") else {
            self.missing(part, "an xpath");
            return None;
        };
        let paths: Result<Vec<Path>, String> =
            text.split('|').map(|path| self.path(part, path.trim_matches(SPACES), is_field)).collect();
        paths.map_err(|reason| self.problems.add(part.place(), format!("xpath \"{text}\": {reason}"))).ok()
    }

    fn path(&mut self, part: Part<'s>, text: &str, is_field: bool) -> Result<Path, String> {
        let (anywhere, mut rest) = match text.strip_prefix('.').map(|rest| rest.trim_start_matches(SPACES)) {
            Some(rest) if rest.starts_with("//") => (true, &rest[2..]),
            Some(_) | None => (false, text),
        };
        let mut path = Path { anywhere, steps: Vec::new(), attribute: None };
        loop {
            let (step, later) =
                rest.split_once('/').map_or((rest, None), |(step, later)| (step, Some(later)));
            let step = step.trim_matches(SPACES);
            match step.strip_prefix('@') {
                Some(_) if !is_field => return Err("a selector finds elements, no attributes".to_owned()),
                Some(_) if later.is_some() => return Err("an attribute has no children".to_owned()),
                Some(name) => match self.name_test(part, name.trim_matches(SPACES))? {
                    Step::Name(namespace, local) => path.attribute = Some((namespace, local)),
                    Step::Any(_) => return Err("@* is not supported".to_owned()),
                },
                None if step == "." => {}
                None => path.steps.push(self.name_test(part, step)?),
            }
            match later {
                Some(later) => rest = later,
                None => return Ok(path),
            }
        }
    }

    /// A name or `*`. Names without a prefix are in no namespace: XPath knows no default one.
    fn name_test(&mut self, part: Part<'s>, text: &str) -> Result<Step, String> {
        let (prefix, local) = match text.split_once(':') {
            Some((prefix, local)) => (Some(prefix), local),
            None => (None, text),
        };
        let namespace: Option<NamespaceId> = match prefix {
            None => None,
            Some(prefix) => match part.node.scope.get(prefix) {
                Some(name) if is_local_name(prefix) => Some(self.namespaces.number(name)),
                Some(_) | None => return Err(format!("prefix {prefix} is not declared")),
            },
        };
        match local {
            "*" => Ok(Step::Any(namespace)),
            _ if is_local_name(local) => Ok(Step::Name(namespace.unwrap_or(NO_NAMESPACE), local.into())),
            _ => {
                Err("only child steps, `.//` in front and @name at the end of a field are supported"
                    .to_owned())
            }
        }
    }
}
