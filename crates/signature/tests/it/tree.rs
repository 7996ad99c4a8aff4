//! A small tree of elements with two writers: a spelling of it as a message may have it, and its canonical form.
//!
//! The second one is what the tests sign, and shares nothing with the crate: it knows that there are two namespaces,
//! each with one prefix, and declares them where they are first used.

use std::fmt::Write as _;

/// The two namespaces of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    Message,
    Signature,
}

const MESSAGE: &str = "https://www.bcb.gov.br/pi/pacs.008/1.16";
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Element(Element),
    Text(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) space: Space,
    pub(crate) name: &'static str,
    /// In canonical order.
    pub(crate) attributes: Vec<(&'static str, String)>,
    pub(crate) children: Vec<Node>,
}

impl Element {
    pub(crate) fn new(space: Space, name: &'static str) -> Self {
        Self { space, name, attributes: Vec::new(), children: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.attributes.push((name, value.to_owned()));
        self
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.children.push(Node::Text(text.to_owned()));
        self
    }

    pub(crate) fn child(mut self, child: Self) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    /// Puts `gap` around the children of each element that holds only elements.
    pub(crate) fn spaced(mut self, gap: &str) -> Self {
        let of_elements = self.children.iter().all(|child| matches!(child, Node::Element(_)));
        if gap.is_empty() || self.children.is_empty() || !of_elements {
            return self;
        }
        let mut children = vec![Node::Text(gap.to_owned())];
        for child in std::mem::take(&mut self.children) {
            let Node::Element(child) = child else { continue };
            children.extend([Node::Element(child.spaced(gap)), Node::Text(gap.to_owned())]);
        }
        Self { children, ..self }
    }
}

/// How a message is spelled. What does not show in the canonical form is chosen when it is written.
#[derive(Debug, Clone)]
pub(crate) struct Spelling {
    pub(crate) message_prefix: &'static str,
    pub(crate) signature_prefix: &'static str,
    /// Declares both namespaces at the root.
    pub(crate) declared_at_root: bool,
    /// Between elements.
    pub(crate) gap: &'static str,
    pub(crate) line_end: &'static str,
    pub(crate) quote: char,
    /// Attributes in the opposite order, declarations last.
    pub(crate) turned: bool,
    /// Letters of text as references and CDATA.
    pub(crate) references: bool,
    /// Elements without content as one tag.
    pub(crate) one_tag: bool,
    /// Comments between characters of text and between elements.
    pub(crate) comments: bool,
}

impl Default for Spelling {
    fn default() -> Self {
        Self {
            message_prefix: "",
            signature_prefix: "ds",
            declared_at_root: false,
            gap: "",
            line_end: "\n",
            quote: '"',
            turned: false,
            references: false,
            one_tag: true,
            comments: false,
        }
    }
}

impl Spelling {
    fn prefix(&self, space: Space) -> &'static str {
        match space {
            Space::Message => self.message_prefix,
            Space::Signature => self.signature_prefix,
        }
    }

    fn qualified(&self, element: &Element) -> String {
        match self.prefix(element.space) {
            "" => element.name.to_owned(),
            prefix => format!("{prefix}:{}", element.name),
        }
    }

    fn declaration(&self, space: Space) -> (String, String) {
        let uri = match space {
            Space::Message => MESSAGE,
            Space::Signature => SIGNATURE,
        };
        match self.prefix(space) {
            "" => ("xmlns".to_owned(), uri.to_owned()),
            prefix => (format!("xmlns:{prefix}"), uri.to_owned()),
        }
    }

    /// The canonical form of an element that stands by itself in the output.
    pub(crate) fn canonical(&self, element: &Element) -> String {
        let mut out = String::new();
        self.write_canonical(element, &mut Vec::new(), &mut out);
        out
    }

    fn write_canonical(&self, element: &Element, declared: &mut Vec<Space>, out: &mut String) {
        let name = self.qualified(element);
        let _ = write!(out, "<{name}");
        let length = declared.len();
        // Our elements never return to an outer default namespace, so declared once is declared below.
        if !declared.contains(&element.space) {
            declared.push(element.space);
            let (name, uri) = self.declaration(element.space);
            let _ = write!(out, " {name}=\"{uri}\"");
        }
        for (name, value) in &element.attributes {
            let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
            let _ = write!(out, " {name}=\"{}\"", value.replace('\t', "&#x9;").replace('\n', "&#xA;"));
        }
        out.push('>');
        for child in &element.children {
            match child {
                Node::Element(child) => self.write_canonical(child, declared, out),
                Node::Text(text) => {
                    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                    out.push_str(&text.replace('\r', "&#xD;"));
                }
            }
        }
        declared.truncate(length);
        let _ = write!(out, "</{name}>");
    }

    /// The whole message.
    pub(crate) fn message(&self, root: &Element) -> String {
        let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned();
        self.write(root, &mut Vec::new(), &mut out);
        out
    }

    fn write(&self, element: &Element, declared: &mut Vec<Space>, out: &mut String) {
        let (name, length) = (self.qualified(element), declared.len());
        let mut declarations = Vec::new();
        if declared.is_empty() && self.declared_at_root {
            declared.extend([Space::Message, Space::Signature]);
            declarations.extend([Space::Message, Space::Signature].map(|space| self.declaration(space)));
        } else if !declared.contains(&element.space) {
            declared.push(element.space);
            declarations.push(self.declaration(element.space));
        }
        let attributes = element.attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let mut all: Vec<_> = declarations.into_iter().chain(attributes).collect();
        if self.turned {
            all.reverse();
        }
        let blank = if self.turned { "\n\t" } else { " " };
        let _ = write!(out, "<{name}");
        for (name, value) in all {
            let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('\t', "&#9;");
            let value = value.replace('\n', "&#10;").replace('"', "&#34;").replace('\'', "&apos;");
            let _ = write!(out, "{blank}{name}={}{value}{}", self.quote, self.quote);
        }
        if element.children.is_empty() && self.one_tag {
            out.push_str("/>");
        } else {
            out.push('>');
            for child in &element.children {
                match child {
                    Node::Element(child) => self.write(child, declared, out),
                    Node::Text(text) => self.write_text(text, out),
                }
            }
            let _ = write!(out, "</{name}>");
        }
        declared.truncate(length);
    }

    fn write_text(&self, text: &str, out: &mut String) {
        let is_gap = text.trim().is_empty();
        for (at, c) in text.chars().enumerate() {
            if self.comments && at == 1 {
                out.push_str("<!-- 1 < 2 -->");
            }
            match c {
                '\n' => out.push_str(self.line_end),
                '\r' => out.push_str("&#13;"),
                '&' => out.push_str("&amp;"),
                '<' if self.references => out.push_str("<![CDATA[<]]>"),
                '<' => out.push_str("&lt;"),
                c if self.references && !is_gap && at % 3 == 0 => {
                    let _ = write!(out, "&#x{:x};", u32::from(c));
                }
                c if self.references && !is_gap && at % 3 == 1 && c.is_ascii_alphanumeric() => {
                    let _ = write!(out, "<![CDATA[{c}]]>");
                }
                c => out.push(c),
            }
        }
    }
}
