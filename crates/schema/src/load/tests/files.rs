//! Whole files: those gathered from the central bank's schemas where they are at hand, our own, and mutants of one.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{compiled_all, file, listed, raw};
use crate::load::{Source, target_namespace};
use crate::tables::Schemas;

/// Where the gathered schemas lie beside a checkout; they are not part of the repository.
const GATHERED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/spi-xsd");
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../adapter-xml/schemas");

fn sources_below(root: &Path) -> Vec<Source> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "xsd") {
                found.push(path);
            }
        }
    }
    found.sort();
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    found.iter().map(|path| Source { name: name(path), bytes: std::fs::read(path).unwrap() }).collect()
}

#[test]
fn gathered_schemas_compile() {
    let root = Path::new(GATHERED);
    if !root.is_dir() {
        println!("SKIPPED: the gathered schemas are not beside this checkout");
        return;
    }
    let sources = sources_below(root);
    let schemas = compiled_all(&sources, &[]);
    let messages = schemas.namespaces_with("Envelope").count();
    println!("{} files, {messages} namespaces with an Envelope", sources.len());
    assert!(messages >= 10, "{messages}");
    assert_eq!(
        schemas.namespaces_with("Signature").collect::<Vec<_>>(),
        ["http://www.w3.org/2000/09/xmldsig#"]
    );
    let wrappers = sources.iter().filter(|source| target_namespace(source) == Ok(None));
    assert!(
        wrappers.clone().count() > 10 && wrappers.clone().all(|source| source.name.starts_with("validate/"))
    );
}

#[test]
fn own_schemas_compile_alone_and_under_the_gathered_ones() {
    let root = Path::new(OWN);
    assert!(root.is_dir(), "adapter-xml/schemas is part of the repository");
    let own = sources_below(root);
    let schemas = compiled_all(&[], &own);
    println!(
        "{} files, {} namespaces with an Envelope",
        own.len(),
        schemas.namespaces_with("Envelope").count()
    );
    if Path::new(GATHERED).is_dir() {
        compiled_all(&sources_below(Path::new(GATHERED)), &own);
    }
}

/// A schema with at least one of every construct that is supported.
const EVERYTHING: &str = r###"<xs:element name="Root" type="Derived"><xs:key name="k"><xs:selector xpath="t:A|.//*"/>
<xs:field xpath="@id"/></xs:key></xs:element>
<xs:complexType name="Base" mixed="false"><xs:sequence minOccurs="0"><xs:element ref="A" maxOccurs="3"/>
<xs:choice maxOccurs="unbounded"><xs:element name="B" type="Text" nillable="true"/><xs:element name="C" default="x" type="xs:string"/>
</xs:choice></xs:sequence><xs:attribute name="id" type="xs:ID" use="required"/></xs:complexType>
<xs:complexType name="Derived"><xs:complexContent><xs:extension base="Base"><xs:sequence>
<xs:any namespace="##other" processContents="lax"/></xs:sequence><xs:anyAttribute/></xs:extension></xs:complexContent></xs:complexType>
<xs:complexType name="Narrow"><xs:complexContent><xs:restriction base="Base"><xs:sequence>
<xs:element ref="A"/><xs:choice><xs:element name="B" type="Text"/></xs:choice></xs:sequence>
<xs:attribute name="id" type="xs:ID" use="required"/></xs:restriction></xs:complexContent></xs:complexType>
<xs:element name="A"><xs:complexType><xs:simpleContent><xs:extension base="Amount">
<xs:attribute name="Ccy" fixed="BRL" type="Text"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>
<xs:simpleType name="Text"><xs:restriction base="xs:string"><xs:minLength value="1"/><xs:pattern value="[A-Z]{3}"/></xs:restriction></xs:simpleType>
<xs:simpleType name="Amount"><xs:restriction base="xs:decimal"><xs:totalDigits value="18"/><xs:minInclusive value="0"/></xs:restriction></xs:simpleType>
<xs:element name="All"><xs:complexType><xs:all><xs:element name="X"/><xs:element name="Y" minOccurs="0"/></xs:all></xs:complexType></xs:element>"###;

#[test]
fn the_schema_that_is_mutated_compiles() {
    compiled_all(&[file("t.xsd", EVERYTHING)], &[]);
}

/// Pieces that a mutant gets in place of others.
const PIECES: [&str; 20] = [
    "Base",
    "Derived",
    "Narrow",
    "Text",
    "A",
    "B",
    "xs:decimal",
    "xs:ID",
    "0",
    "unbounded",
    "##other",
    "##local",
    "name",
    "ref",
    "xs:sequence",
    "xs:all",
    "xs:choice",
    "xs:extension",
    "xs:restriction",
    "t:",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutants_are_compiled_or_refused_but_never_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>()), 1..6)
    ) {
        let mut words: Vec<String> = EVERYTHING
            .split_inclusive(|c: char| " \"<>=/".contains(c)).map(str::to_owned).collect();
        for (at, piece, is_swap) in edits {
            let at = at.index(words.len());
            if is_swap {
                let other = piece.index(words.len());
                words.swap(at, other);
            } else {
                let last = words[at].chars().last().filter(|c| " \"<>=/".contains(*c));
                words[at] = format!("{}{}", PIECES[piece.index(PIECES.len())], last.map(String::from).unwrap_or_default());
            }
        }
        let source = file("t.xsd", &words.concat());
        if let Err(problems) = Schemas::compile(std::slice::from_ref(&source), &[]) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|p| p.file == "t.xsd" && p.line > 0 && p.column > 0), "{}", listed(&problems));
        }
    }

    #[test]
    fn mutants_of_bytes_never_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)
    ) {
        let mut source = file("t.xsd", EVERYTHING);
        for (at, byte) in edits {
            let at = at.index(source.bytes.len());
            source.bytes[at] = byte;
        }
        let _ = Schemas::compile(std::slice::from_ref(&source), &[]);
        let _ = target_namespace(&source);
    }
}

#[test]
fn the_target_namespace_is_told_whatever_the_file_declares() {
    assert_eq!(target_namespace(&file("t.xsd", "<unknown/>")), Ok(Some("urn:t".to_owned())));
    let none = raw("n.xsd", "<!-- none --><s:schema xmlns:s=\"http://www.w3.org/2001/XMLSchema\"/>");
    assert_eq!(target_namespace(&none), Ok(None));
    let problem = target_namespace(&raw("x.xsd", "<a/>")).unwrap_err();
    assert_eq!(problem.to_string(), "x.xsd:1:1 the root is not an xs:schema");
    assert!(target_namespace(&raw("x.xsd", "")).is_err());
}
