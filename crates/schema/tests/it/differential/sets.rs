//! The messages, and the schemas that they are held against: ours, and the gathered ones where they are at hand.

use std::path::{Path, PathBuf};

use pix_stream_schema::Source;

/// Our own schemas.
const OURS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../adapter-xml/schemas");
/// Where the gathered schemas lie beside a checkout; they are not part of the repository.
const GATHERED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/spi-xsd");
/// Of the gathered schemas, the official one first, then those that others wrote down from it.
const FOLDERS: [&str; 2] = ["official-5.13", "reconstructed-5.13"];

/// The main messages, and their versions.
const MESSAGES: [(&str, &str); 11] = [
    ("pacs.008", "1.16"),
    ("pacs.002", "1.17"),
    ("pacs.004", "1.5"),
    ("admi.002", "1.5"),
    ("admi.004", "1.2"),
    ("pibr.001", "1.3"),
    ("pibr.002", "1.3"),
    ("camt.060", "1.9"),
    ("camt.053", "1.4"),
    ("camt.052", "1.3"),
    ("camt.054", "1.16"),
];

/// One message and the schemas of one origin.
#[derive(Debug, Clone)]
pub(super) struct Set {
    /// For people, and for the names of files.
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) schema: PathBuf,
    pub(super) signature: PathBuf,
}

impl Set {
    /// The files that our engine compiles.
    pub(super) fn sources(&self) -> Vec<Source> {
        let common = self.schema.with_file_name("common.xsd");
        let files = [&self.schema, &common, &self.signature];
        let source = |path: &PathBuf| Source {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            bytes: std::fs::read(path).unwrap(),
        };
        files.into_iter().filter(|path| path.is_file()).map(source).collect()
    }

    /// A schema that imports the message's and the signature's.
    pub(super) fn wrapper(&self) -> String {
        format!(
            "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">\n\
             <xs:import namespace=\"http://www.w3.org/2000/09/xmldsig#\" schemaLocation=\"{}\"/>\n\
             <xs:import namespace=\"{}\" schemaLocation=\"{}\"/>\n</xs:schema>\n",
            self.signature.display(),
            self.namespace,
            self.schema.display(),
        )
    }
}

/// Every set that is at hand.
pub(super) fn all() -> Vec<Set> {
    let mut sets = Vec::new();
    let ours = Path::new(OURS).canonicalize().unwrap();
    let gathered = Path::new(GATHERED).canonicalize();
    for (message, version) in MESSAGES {
        let file = format!("{message}.spi.{version}.xsd");
        let namespace = format!("https://www.bcb.gov.br/pi/{message}/{version}");
        let schema = ours.join(&file);
        let signature = ours.join("xmldsig.xsd");
        sets.push(Set {
            name: format!("{message}-built-in"),
            namespace: namespace.clone(),
            schema,
            signature,
        });
        let Ok(gathered) = &gathered else { continue };
        let signature = gathered.join("official-2020-catalog-1.1/xmldsig.0.1.xsd");
        let schema =
            FOLDERS.map(|folder| gathered.join(folder).join(&file)).into_iter().find(|f| f.is_file());
        if let Some(schema) = schema {
            sets.push(Set { name: format!("{message}-gathered"), namespace, schema, signature });
        }
    }
    if gathered.is_err() {
        println!("SKIPPED: the gathered schemas are not beside this checkout; only our own were tried");
    }
    sets
}
