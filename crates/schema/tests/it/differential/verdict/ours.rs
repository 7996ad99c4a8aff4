//! The engine that is tested, driven with the events of `xml-rs` as the codec does.

use pix_stream_schema::{Attribute, Fault, Prefixes, Schemas, Source, Validator};
use xml::ParserConfig;
use xml::namespace::Namespace;
use xml::reader::XmlEvent;

use super::Verdict;
use crate::differential::sets::Set;

/// Our engine with one message's schemas.
pub(crate) struct Ours(Schemas);

impl Ours {
    pub(in crate::differential) fn new(set: &Set) -> Self {
        let compiled = Schemas::compile(&set.sources(), &[]);
        Self(compiled.unwrap_or_else(|problems| panic!("{} does not compile: {problems:#?}", set.name)))
    }

    /// Our engine with one schema.
    pub(crate) fn of_file(schema: &str) -> Self {
        let source = Source { name: "t.xsd".to_owned(), bytes: schema.into() };
        let compiled = Schemas::compile(&[source], &[]);
        Self(compiled.unwrap_or_else(|problems| panic!("does not compile: {problems:#?}")))
    }

    pub(in crate::differential) fn verdict(&self, document: &str) -> Verdict {
        Verdict::of(self.faults(document).iter().map(|fault| format!("{fault:?}")).collect())
    }

    /// Everything that is wrong with a document.
    pub(crate) fn faults(&self, document: &str) -> Vec<Fault> {
        let mut validator = Validator::new(&self.0);
        let config = ParserConfig::new().cdata_to_characters(true).ignore_comments(true);
        for event in config.create_reader(document.as_bytes()) {
            match event {
                Ok(XmlEvent::StartElement { name, attributes, namespace }) => {
                    let attributes = attributes.iter().map(|attribute| Attribute {
                        namespace: attribute.name.namespace.as_deref().unwrap_or_default(),
                        local: &attribute.name.local_name,
                        value: &attribute.value,
                    });
                    let own = name.namespace.as_deref().unwrap_or_default();
                    validator.start(own, &name.local_name, attributes, &Scope(&namespace));
                }
                Ok(XmlEvent::Characters(text) | XmlEvent::Whitespace(text)) => validator.text(&text),
                Ok(XmlEvent::EndElement { .. }) => validator.end(),
                Ok(_) => {}
                Err(error) => panic!("a document is not well-formed: {error}\n{document}"),
            }
        }
        validator.take_faults()
    }
}

struct Scope<'a>(&'a Namespace);

impl Prefixes for Scope<'_> {
    fn find(&self, prefix: &str) -> Option<&str> {
        self.0.get(prefix)
    }
}
