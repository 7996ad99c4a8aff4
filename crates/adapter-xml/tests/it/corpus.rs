//! Whole files: our own fixtures, and the gathered samples of real messages where they are at hand (C.2; issue 5).
//!
//! The samples' README states a verdict for each of them. Here every file gets that verdict, from the schemas that lie
//! beside the samples and, where both cover a version, from our own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pix_stream_adapter_xml::{Options, SchemaFile, Schemas, Unsigned, XmlCodec};
use pix_stream_ports::codec::{Codec as _, Examined, Invalid, Rule};

use crate::message::{lenient, strictest};

/// Where the gathered samples and schemas lie beside a checkout; they are not part of the repository.
const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/xml");

fn files_below(root: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn has_folder(path: &Path, name: &str) -> bool {
    path.components().any(|c| c.as_os_str() == name)
}

/// A folder of the gathered files, or none with a line that nobody overlooks.
fn shared(name: &str) -> Option<PathBuf> {
    let root = Path::new(SHARED).join(name);
    if root.is_dir() {
        return Some(root);
    }
    println!("SKIPPED: the gathered {name} are not beside this checkout; only fixtures were tried");
    None
}

/// The samples, if they are there.
pub(crate) fn samples() -> Vec<(PathBuf, Vec<u8>)> {
    let Some(root) = shared("spi-samples") else { return Vec::new() };
    let read = |path: PathBuf| (path.clone(), std::fs::read(path).unwrap());
    files_below(&root, "xml").into_iter().map(read).collect()
}

/// The gathered schemas, as an operator's folder is read: recursively, names from its root.
pub(crate) fn gathered_schemas() -> Option<Schemas> {
    let root = shared("spi-xsd")?;
    let file = |path: PathBuf| SchemaFile {
        name: path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
        bytes: std::fs::read(path).unwrap(),
    };
    Some(Schemas::with_folder(&files_below(&root, "xsd").into_iter().map(file).collect::<Vec<_>>()).unwrap())
}

/// What the README says of a sample.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Valid,
    /// Valid but for its empty `Sgntr`.
    Unsigned,
    /// This element may not stand where it does.
    Unexpected(String),
    /// There is no schema for its version.
    Unknown,
}

impl Verdict {
    #[track_caller]
    fn parse(text: &str) -> Self {
        if let Some(rest) = text.strip_prefix("**invalid** against its own XSD: element '") {
            return Self::Unexpected(rest.split('\'').next().unwrap().to_owned());
        }
        match text {
            "valid" | "valid, but for libxml2's 24-digit limit on X509SerialNumber" => Self::Valid,
            "valid once signed (only error: empty Sgntr)" => Self::Unsigned,
            "no XSD for this version" => Self::Unknown,
            _ => panic!("the README states no verdict that is known here: {text}"),
        }
    }
}

/// A sample: its type and verdict as the README's tables state them, and its bytes.
struct Sample {
    name: String,
    message_type: String,
    verdict: Verdict,
    xml: Vec<u8>,
}

/// Every row of the README's tables: `| file | type | source | verdict |` below `## folder (count)`.
fn judged_samples() -> Vec<Sample> {
    let Some(root) = shared("spi-samples") else { return Vec::new() };
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (mut folder, mut found) = (String::new(), Vec::new());
    for line in readme.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.split(' ').next().unwrap().clone_into(&mut folder);
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let &[file, message_type, _, verdict] = &cells[..] else { continue };
        if !file.ends_with(".xml") {
            continue;
        }
        found.push(Sample {
            name: format!("{folder}/{file}"),
            message_type: message_type.to_owned(),
            verdict: Verdict::parse(verdict),
            xml: std::fs::read(root.join(&folder).join(file)).unwrap(),
        });
    }
    let listed: BTreeSet<PathBuf> = found.iter().map(|sample| root.join(&sample.name)).collect();
    assert_eq!(listed, files_below(&root, "xml").into_iter().collect(), "the tables list every file");
    found
}

/// One codec that demands a signature and one that does not.
struct Codecs {
    refusing: XmlCodec,
    accepting: XmlCodec,
}

impl Codecs {
    fn new(schemas: impl Fn() -> Schemas) -> Self {
        let accept = Options { unsigned: Unsigned::Accept, ..Options::default() };
        Self {
            refusing: XmlCodec::new(Options::default(), schemas()),
            accepting: XmlCodec::new(accept, schemas()),
        }
    }

    fn covers(&self, message_type: &str) -> bool {
        self.refusing.catalog().iter().any(|known| known == message_type)
    }
}

/// Holds what the codecs say of a sample against its verdict.
#[track_caller]
fn hold(sample: &Sample, verdict: &Verdict, codecs: &Codecs) {
    let Sample { name, message_type, .. } = sample;
    let outcomes = || [&codecs.refusing, &codecs.accepting].map(|codec| codec.examine(&sample.xml, None));
    let accepted = |outcome: Result<Examined, Invalid>| match outcome {
        Ok(told) => assert_eq!((&told.message_type, told.is_validated), (message_type, true), "{name}"),
        Err(invalid) => panic!("{name}: {invalid:?}"),
    };
    let refused = |outcome: Result<Examined, Invalid>, rule: Rule, at: &str| {
        let invalid = outcome.expect_err(name);
        let told: Vec<_> = invalid.findings().map(|finding| (finding.rule, finding.path.as_str())).collect();
        assert_eq!(told.len(), 1, "{name}: {invalid:?}");
        assert!(told[0].0 == rule && told[0].1.ends_with(at), "{name}: {invalid:?}");
    };
    match verdict {
        Verdict::Valid => outcomes().into_iter().for_each(accepted),
        Verdict::Unsigned => {
            let [refusing, accepting] = outcomes();
            refused(refusing, Rule::Unsigned, "Envelope/AppHdr/Sgntr");
            accepted(accepting);
        }
        Verdict::Unexpected(element) => {
            let at = format!("/{element}");
            outcomes().into_iter().for_each(|outcome| refused(outcome, Rule::Schema, &at));
        }
        Verdict::Unknown => {
            outcomes().into_iter().for_each(|outcome| refused(outcome, Rule::UnknownType, "Envelope"));
        }
    }
}

fn counted(samples: &[Sample]) -> BTreeMap<&Verdict, usize> {
    let mut counts = BTreeMap::new();
    for sample in samples {
        *counts.entry(&sample.verdict).or_insert(0) += 1;
    }
    counts
}

#[test]
fn gathered_samples_get_the_verdict_of_their_readme_from_the_gathered_schemas() {
    let samples = judged_samples();
    if samples.is_empty() || shared("spi-xsd").is_none() {
        return;
    }
    let codecs = Codecs::new(|| gathered_schemas().unwrap());
    samples.iter().for_each(|sample| hold(sample, &sample.verdict, &codecs));
    let unexpected = |element: &str| Verdict::Unexpected(element.to_owned());
    let expected = [
        (&Verdict::Valid, 43),
        (&Verdict::Unsigned, 26),
        (&unexpected("EndToEndId"), 1),
        (&unexpected("OrgnlEndToEndId"), 1),
        (&Verdict::Unknown, 51),
    ];
    assert_eq!(counted(&samples), BTreeMap::from(expected));
    assert_eq!(samples.len(), 122);
}

#[test]
fn gathered_samples_get_the_same_verdict_from_our_own_schemas_where_both_cover_the_version() {
    let samples = judged_samples();
    if samples.is_empty() {
        return;
    }
    let codecs = Codecs::new(Schemas::built_in);
    let (covered, others): (Vec<_>, Vec<_>) =
        samples.into_iter().partition(|sample| codecs.covers(&sample.message_type));
    covered.iter().for_each(|sample| hold(sample, &sample.verdict, &codecs));
    others.iter().for_each(|sample| hold(sample, &Verdict::Unknown, &codecs));
    // Of the current catalogue all are covered: 13 examples (and the two of pacs.004 once more), 39 synthetic ones.
    let expected = [(&Verdict::Valid, 39), (&Verdict::Unsigned, 15)];
    assert_eq!(counted(&covered), BTreeMap::from(expected));
    assert_eq!(others.len(), 68);
}

#[test]
fn a_folder_replaces_our_own_schemas_and_leaves_the_rest() {
    let Some(gathered) = gathered_schemas() else { return };
    let (built_in, all) = (Schemas::built_in().message_types(), gathered.message_types());
    assert_eq!((built_in.len(), all.len()), (11, 20));
    assert!(built_in.iter().all(|own| all.contains(own)), "{all:?}");
}

#[test]
fn a_sample_without_a_schema_passes_where_its_type_may() {
    let unknown = |sample: &Sample| sample.verdict == Verdict::Unknown;
    for sample in judged_samples().iter().filter(|sample| unknown(sample)) {
        let answer = lenient().examine(&sample.xml, None).map(|told| (told.message_type, told.is_validated));
        assert_eq!(answer, Ok((sample.message_type.clone(), false)), "{}", sample.name);
    }
}

#[test]
fn fixtures_are_valid_but_for_the_hostile_and_the_invalid() {
    let root = Path::new(FIXTURES);
    assert!(root.is_dir(), "fixtures/xml is part of the repository");
    let mut accepted = Vec::new();
    for path in files_below(root, "xml") {
        let xml = std::fs::read(&path).unwrap();
        let to = if has_folder(&path, "invalid") { "99999003".parse().ok() } else { None };
        let (strict, lenient) = (strictest().examine(&xml, to), lenient().examine(&xml, to));
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let is_wrong = has_folder(&path, "hostile") || has_folder(&path, "invalid");
        if has_folder(&path, "pain.013") {
            assert_eq!(strict.map_err(|invalid| invalid.first.rule), Err(Rule::UnknownType), "{name}");
            assert_eq!(lenient.map(|told| told.is_validated), Ok(false), "{name}");
            continue;
        }
        assert_eq!(strict.is_err(), is_wrong, "{name}: {strict:?}");
        if let Ok(told) = strict {
            assert!(told.is_validated && Ok(&told) == lenient.as_ref(), "{name}");
            accepted.push(told.business_id);
        }
    }
    let ids: BTreeSet<&String> = accepted.iter().collect();
    assert_eq!(ids.len(), accepted.len(), "every BizMsgIdr occurs once");
    assert!(ids.len() >= 40, "{}", ids.len());
}
