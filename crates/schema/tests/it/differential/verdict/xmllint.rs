//! `xmllint --schema` over many files at once: one process for each schema and batch.

use std::path::Path;
use std::process::Command;

use super::Verdict;
use crate::differential::sets::Set;

/// The file that holds the wrapper schema.
const WRAPPER: &str = "wrapper.xsd";

pub(super) fn verdicts(set: &Set, folder: &Path, documents: &[&str]) -> Vec<Verdict> {
    std::fs::write(folder.join(WRAPPER), set.wrapper()).unwrap();
    let names: Vec<String> = (0..documents.len()).map(|at| format!("{at}.xml")).collect();
    for (name, document) in names.iter().zip(documents) {
        std::fs::write(folder.join(name), document).unwrap();
    }
    let mut command = Command::new("xmllint");
    command.args(["--nonet", "--noout", "--schema", WRAPPER]).args(&names).current_dir(folder);
    let output = command.output().unwrap_or_else(|error| {
        panic!("xmllint does not start ({error}): it is in the package libxml2-utils (apt-get install libxml2-utils)")
    });
    // The schema's own problems come before any file; what is told of a document may hold any character.
    let told = String::from_utf8_lossy(&output.stderr);
    let mut verdicts: Vec<Option<Verdict>> = vec![None; documents.len()];
    let mut reasons: Vec<Vec<String>> = vec![Vec::new(); documents.len()];
    let mut last = None;
    for line in told.lines() {
        let Some((at, rest)) = file_of(line, documents.len()) else {
            // A value that is quoted may have several lines.
            if let Some(reason) = last.and_then(|at: usize| reasons[at].last_mut()) {
                reason.push('\n');
                reason.push_str(line);
            }
            continue;
        };
        last = Some(at);
        match rest {
            " validates" => verdicts[at] = Some(Verdict::Valid),
            " fails to validate" => verdicts[at] = Some(Verdict::of(std::mem::take(&mut reasons[at]))),
            _ if rest.starts_with(':') => reasons[at].push(rest.to_owned()),
            _ => {}
        }
    }
    let all = verdicts.into_iter().enumerate();
    all.map(|(at, verdict)| {
        verdict.unwrap_or_else(|| {
            let own: Vec<&str> = told.lines().filter(|line| line.starts_with(&names[at])).collect();
            panic!("xmllint has no verdict of {}, but {own:?}:\n{}", names[at], documents[at])
        })
    })
    .collect()
}

/// The number of the file that a line is about, and what it says.
fn file_of(line: &str, documents: usize) -> Option<(usize, &str)> {
    let (name, rest) = line.split_once(".xml")?;
    let at = name.parse().ok().filter(|at| *at < documents)?;
    Some((at, rest))
}
