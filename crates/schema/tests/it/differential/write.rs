//! A tree as text, in one of the many ways that XML allows: prefixes, references, sections, comments, blanks.

use std::fmt::Write as _;
use std::sync::Arc;

use super::seed::Random;
use super::tree::{Element, Name, Node, Value};
use super::xsd::{Complex, Content, Grammar, Type};

/// How a document is written. Percentages, but for the blanks.
struct Style {
    /// What stands between elements where only elements stand.
    blanks: &'static [&'static str],
    prefixed: usize,
    redeclared: usize,
    references: usize,
    sections: usize,
    comments: usize,
    single_quotes: usize,
    declaration: bool,
}

/// What may stand between elements; a style keeps to one of these.
const BLANKS: [&[&str]; 3] = [&[""], &["\n  "], &["", " ", "\n", "\t", "\r\n", "&#32;", "\n\n   "]];

/// Writes a document.
pub(super) fn document(root: &Element, grammar: &Grammar, random: &mut Random) -> String {
    let plain = random.chance(40);
    let of = |random: &mut Random, percent: usize| if plain { 0 } else { random.below(percent + 1) };
    let style = Style {
        blanks: BLANKS[random.below(BLANKS.len())],
        prefixed: *random.pick(&[0, 0, 50, 100]),
        redeclared: of(random, 6),
        references: of(random, 8),
        sections: of(random, 8),
        comments: of(random, 4),
        single_quotes: of(random, 100),
        declaration: random.chance(60),
    };
    let mut writer = Writer { grammar, random, style, text: String::new(), scope: Vec::new(), prefixes: 0 };
    if writer.style.declaration {
        writer.text.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    }
    writer.comment();
    writer.element(root);
    writer.comment();
    writer.text
}

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Element,
    Attribute,
    /// A name that is the value of an attribute.
    Value,
}

struct Writer<'a> {
    grammar: &'a Grammar,
    random: &'a mut Random,
    style: Style,
    text: String,
    /// Prefixes and namespaces, the innermost declaration last.
    scope: Vec<(String, Arc<str>)>,
    prefixes: usize,
}

impl Writer<'_> {
    fn element(&mut self, element: &Element) {
        let outer = self.scope.len();
        let mut tag = String::new();
        let name = self.name(&element.name, Role::Element, &mut tag);
        for (attribute, value) in &element.attributes {
            let attribute = self.name(attribute, Role::Attribute, &mut tag);
            let value = match value {
                Value::Text(text) => text.clone(),
                Value::Name(name) => self.name(name, Role::Value, &mut tag),
            };
            self.attribute(&attribute, &value, &mut tag);
        }
        let gap = if self.random.chance(self.style.comments) { "\n " } else { "" };
        if element.children.is_empty() && self.random.chance(50) {
            let _ = write!(self.text, "<{name}{tag}{gap}/>");
        } else {
            let _ = write!(self.text, "<{name}{tag}{gap}>");
            self.children(element);
            let _ = write!(self.text, "</{name}{gap}>");
        }
        self.scope.truncate(outer);
    }

    fn children(&mut self, element: &Element) {
        let only_elements = match element.type_at.map(|at| &self.grammar.types[at]) {
            Some(Type::Complex(Complex { content: Content::Elements(_), .. })) => true,
            Some(Type::Complex(_) | Type::Simple(_)) | None => false,
        };
        for child in &element.children {
            if only_elements {
                let blank = *self.random.pick(self.style.blanks);
                self.text.push_str(blank);
                self.comment();
            }
            match child {
                Node::Element(element) => self.element(element),
                Node::Text(text) => self.characters(text),
                Node::Section(text) => self.section(text),
                Node::Comment(text) => {
                    let _ = write!(self.text, "<!--{text}-->");
                }
                Node::Instruction(target) => {
                    let _ = write!(self.text, "<?{target}?>");
                }
            }
        }
        if only_elements {
            let blank = *self.random.pick(self.style.blanks);
            self.text.push_str(blank);
        }
    }

    fn comment(&mut self) {
        if self.random.chance(self.style.comments) {
            let any = ["<!-- ã 😀 <&> -->", "<?note a=\"b\"?>", "<!---->"];
            let one = *self.random.pick(&any);
            self.text.push_str(one);
        }
    }

    /// A name with a prefix for its namespace, declared in `tag` if none is in scope.
    fn name(&mut self, name: &Name, role: Role, tag: &mut String) -> String {
        if role == Role::Attribute && name.namespace.is_empty() {
            return name.local.to_string();
        }
        let prefix = self.prefix(&name.namespace, role, tag);
        if prefix.is_empty() { name.local.to_string() } else { format!("{prefix}:{}", name.local) }
    }

    fn prefix(&mut self, namespace: &Arc<str>, role: Role, tag: &mut String) -> String {
        if role == Role::Value && namespace.is_empty() {
            // Whatever the default namespace makes of it: a declaration now could change the element's name.
            return String::new();
        }
        let known: Vec<String> = self.scope.iter().map(|(prefix, _)| prefix.clone()).collect();
        let is_usable = |prefix: &String| {
            let bound = self.scope.iter().rev().find(|(one, _)| one == prefix);
            bound.is_some_and(|(_, found)| found == namespace)
                && !(role == Role::Attribute && prefix.is_empty())
        };
        let found: Vec<&String> = known.iter().filter(|prefix| is_usable(prefix)).collect();
        if !found.is_empty() && !self.random.chance(self.style.redeclared) {
            return (*self.random.pick(&found)).clone();
        }
        if namespace.is_empty() && self.scope.iter().all(|(prefix, _)| !prefix.is_empty()) {
            return String::new();
        }
        let default_is_free = !tag.contains("xmlns=");
        // A default namespace that is declared after the element's name was written would change that name.
        let wants_prefix =
            role != Role::Element || self.random.chance(self.style.prefixed) || !default_is_free;
        let prefix = if namespace.is_empty() || !wants_prefix {
            String::new()
        } else {
            self.prefixes += 1;
            format!("{}{}", self.random.pick(&["p", "env", "ds", "Ä_"]), self.prefixes)
        };
        let attribute = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        self.attribute(&attribute, namespace, tag);
        self.scope.push((prefix.clone(), Arc::clone(namespace)));
        prefix
    }

    fn attribute(&mut self, name: &str, value: &str, tag: &mut String) {
        let quote = if self.random.chance(self.style.single_quotes) { '\'' } else { '"' };
        let _ = write!(tag, " {name}={quote}");
        for c in value.chars() {
            match c {
                '"' if quote == '"' => tag.push_str("&quot;"),
                '\'' if quote == '\'' => tag.push_str("&apos;"),
                // Written as they are, these would be read as spaces.
                '\t' | '\n' | '\r' => {
                    let _ = write!(tag, "&#{};", u32::from(c));
                }
                other => self.character(other, tag),
            }
        }
        tag.push(quote);
    }

    fn character(&mut self, c: char, into: &mut String) {
        match c {
            '<' => into.push_str("&lt;"),
            '&' => into.push_str("&amp;"),
            '>' => into.push_str("&gt;"),
            '\r' => into.push_str("&#13;"),
            c if self.random.chance(self.style.references) => {
                let code = u32::from(c);
                let _ = if code % 2 == 0 { write!(into, "&#{code};") } else { write!(into, "&#x{code:X};") };
            }
            c => into.push(c),
        }
    }

    fn characters(&mut self, text: &str) {
        if self.random.chance(self.style.sections) && !text.contains('\r') && !text.contains("]]>") {
            return self.section(text);
        }
        let mut written = String::new();
        for c in text.chars() {
            self.character(c, &mut written);
            if self.random.chance(self.style.comments) && self.random.chance(10) {
                written.push_str("<!--in a value-->");
            }
        }
        self.text.push_str(&written);
    }

    fn section(&mut self, text: &str) {
        let text = text.replace("]]>", "]]").replace('\r', "\n");
        let _ = write!(self.text, "<![CDATA[{text}]]>");
    }
}
