//! The schemas that messages are held against: those in the binary, and an operator's folder over them.

use std::collections::{BTreeMap, HashSet};

pub use pix_stream_schema::{Problem as SchemaProblem, Source as SchemaFile};

use crate::catalog;

/// Attributes of XML Schema's instance namespace and of XML, which no schema declares.
const INSTANCE_NAMES: [&str; 6] =
    ["type", "nil", "schemaLocation", "noNamespaceSchemaLocation", "lang", "space"];
/// The root of every message.
const ROOT: &str = "Envelope";

/// Our own schemas (`docs/schemas.md`), by file name.
const BUILT_IN: [(&str, &str); 13] = [
    ("admi.002.spi.1.5.xsd", include_str!("../schemas/admi.002.spi.1.5.xsd")),
    ("admi.004.spi.1.2.xsd", include_str!("../schemas/admi.004.spi.1.2.xsd")),
    ("camt.052.spi.1.3.xsd", include_str!("../schemas/camt.052.spi.1.3.xsd")),
    ("camt.053.spi.1.4.xsd", include_str!("../schemas/camt.053.spi.1.4.xsd")),
    ("camt.054.spi.1.16.xsd", include_str!("../schemas/camt.054.spi.1.16.xsd")),
    ("camt.060.spi.1.9.xsd", include_str!("../schemas/camt.060.spi.1.9.xsd")),
    ("common.xsd", include_str!("../schemas/common.xsd")),
    ("pacs.002.spi.1.17.xsd", include_str!("../schemas/pacs.002.spi.1.17.xsd")),
    ("pacs.004.spi.1.5.xsd", include_str!("../schemas/pacs.004.spi.1.5.xsd")),
    ("pacs.008.spi.1.16.xsd", include_str!("../schemas/pacs.008.spi.1.16.xsd")),
    ("pibr.001.spi.1.3.xsd", include_str!("../schemas/pibr.001.spi.1.3.xsd")),
    ("pibr.002.spi.1.3.xsd", include_str!("../schemas/pibr.002.spi.1.3.xsd")),
    ("xmldsig.xsd", include_str!("../schemas/xmldsig.xsd")),
];

/// Compiled schemas, and the message types whose namespaces they are for.
#[derive(Debug)]
pub struct Schemas {
    pub(crate) compiled: pix_stream_schema::Schemas,
    /// Message types by namespace.
    types: BTreeMap<String, String>,
    /// Local names that some schema declares.
    names: HashSet<Box<str>>,
}

impl Schemas {
    /// The schemas of the binary.
    ///
    /// # Panics
    /// They do not compile: a defect that every test would show.
    #[must_use]
    pub fn built_in() -> Self {
        match Self::with_folder(&[]) {
            Ok(schemas) => schemas,
            Err(problems) => panic!("the built-in schemas compile: {problems:?}"),
        }
    }

    /// The schemas of the binary, those of a folder's namespaces replaced by the folder's. Files without a
    /// targetNamespace take part only where others include them.
    ///
    /// # Errors
    /// Every problem of every file; nothing is usable then.
    pub fn with_folder(files: &[SchemaFile]) -> Result<Self, Vec<SchemaProblem>> {
        let file = |(name, text): (&str, &str)| SchemaFile {
            name: name.to_owned(),
            bytes: text.as_bytes().to_vec(),
        };
        let compiled = pix_stream_schema::Schemas::compile(files, &BUILT_IN.map(file))?;
        let named = |namespace: &str| Some((namespace.to_owned(), catalog::find_message_type(namespace)?));
        let types = compiled.namespaces_with(ROOT).filter_map(named).collect();
        let names = compiled.names().chain(INSTANCE_NAMES).map(Box::from).collect();
        Ok(Self { compiled, types, names })
    }

    /// The message types that can be validated, sorted.
    #[must_use]
    pub fn message_types(&self) -> Vec<String> {
        let mut types: Vec<String> = self.types.values().cloned().collect();
        types.sort();
        types
    }

    /// Whether a local name is one of the field's, and not something that a message brought along.
    pub(crate) fn knows_name(&self, local: &str) -> bool {
        self.names.contains(local)
    }

    /// Whether messages of a type can be validated.
    pub(crate) fn has_type(&self, message_type: &str) -> bool {
        self.types.values().any(|known| known == message_type)
    }

    /// The type whose messages stand in a namespace.
    pub(crate) fn find_type(&self, namespace: &str) -> Option<&str> {
        self.types.get(namespace).map(String::as_str)
    }
}
