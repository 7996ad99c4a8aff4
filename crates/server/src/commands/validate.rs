//! `pix-stream validate`: messages judged offline, one verdict a file, in the order of the arguments.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pix_stream_adapter_xml::{Options, XmlCodec};
use pix_stream_ports::codec::{Finding, Invalid};
use serde::Serialize;

use crate::cli::ValidateArgs;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::shutdown::Shutdown;
use pix_stream_offline::folder;
use pix_stream_offline::verdicts::{self, Verdict};

use super::serve::runtime;

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    valid: bool,
    #[serde(rename = "type")]
    message_type: Option<&'a str>,
    line: Option<u64>,
    column: Option<u64>,
    path: Option<&'a str>,
    reason: Option<&'a str>,
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<Vec<Place>>,
}

/// A finding behind the first.
#[derive(Serialize)]
struct Place {
    line: u64,
    column: u64,
    path: String,
    reason: String,
    rule: &'static str,
}

/// Runs the command.
///
/// # Errors
/// A file is not valid or cannot be read, the schemas cannot be used (all is said), or an interrupt.
pub fn run(args: &ValidateArgs) -> Result<(), Failure> {
    let schemas = folder::load(args.schemas.as_deref()).map_err(|problems| refused(&problems))?;
    // As the defaults of a server, for nobody in particular.
    let codec = XmlCodec::new(Options::default(), schemas);
    let (files, unusable) = files(&args.files);
    let mut printer = Printer {
        json: args.json,
        all: args.all,
        total: files.len() as u64,
        valid: 0,
        invalid: 0,
        progress: None,
    };
    runtime()?.block_on(async {
        let mut draining = Shutdown::listen().map_err(Failure::new)?.draining();
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let mut validating = tokio::task::spawn_blocking(move || {
            printer.progress = Some(Progress::new());
            let shown = verdicts::run(&codec, files, &stopping, |file, verdict| printer.print(file, verdict));
            printer.end(shown, stopping.load(Ordering::Relaxed))
        });
        tokio::select! {
            ended = &mut validating => ended.map_err(Failure::new)?,
            () = draining.begun() => {
                stop.store(true, Ordering::Relaxed);
                validating.await.map_err(Failure::new)?
            }
        }
    })?;
    if unusable { Err(Failure::silent()) } else { Ok(()) }
}

fn refused(problems: &[String]) -> Failure {
    for problem in problems {
        output::error(problem);
    }
    Failure::silent()
}

/// The files that the arguments mean, and whether a folder could not be used: one stands for the XML files in it and
/// its subfolders.
fn files(arguments: &[PathBuf]) -> (Vec<PathBuf>, bool) {
    let (mut files, mut problems) = (Vec::with_capacity(arguments.len()), Vec::new());
    for argument in arguments {
        if !argument.is_dir() {
            files.push(argument.clone());
            continue;
        }
        let found = folder::find_files(argument, "xml", &mut problems);
        if found.is_empty() {
            problems.push(format!("{}: holds no files *.xml", argument.display()));
        }
        files.extend(found);
    }
    problems.iter().for_each(output::error);
    (files, !problems.is_empty())
}

/// Writes a line a file, and counts.
struct Printer {
    json: bool,
    all: bool,
    total: u64,
    valid: u64,
    invalid: u64,
    progress: Option<Progress>,
}

impl Printer {
    fn print(&mut self, file: &Path, verdict: Verdict) -> std::io::Result<()> {
        *(if matches!(verdict, Verdict::Valid(_)) { &mut self.valid } else { &mut self.invalid }) += 1;
        let name = file.display().to_string();
        match &verdict {
            Verdict::Valid(message_type) if self.json => output::json(&of_type(&name, message_type))?,
            Verdict::Valid(message_type) => output::line(format_args!("{name}: valid {message_type}"))?,
            Verdict::Invalid(invalid) => self.print_invalid(&name, invalid)?,
            Verdict::Unreadable(error) => {
                let reason = format!("cannot be read: {error}");
                if self.json {
                    output::json(&unreadable(&name, &reason))?;
                } else {
                    // In the form of every verdict: there is no place in what could not be read.
                    output::line(format_args!("{name}: invalid 1:1 / {reason}"))?;
                }
            }
        }
        let (done, total) = (self.valid + self.invalid, self.total);
        if let Some(progress) = self.progress.as_mut().filter(|progress| progress.is_due()) {
            let rate = grouped(progress.rate(done));
            progress.show(format_args!("{} of {} files ({rate}/s)", grouped(done), grouped(total)));
        }
        Ok(())
    }

    fn print_invalid(&self, name: &str, invalid: &Invalid) -> std::io::Result<()> {
        let more = || invalid.more.iter().filter(|_| self.all);
        if self.json {
            let Finding { line, column, rule, .. } = &invalid.first;
            let (path, reason) = (invalid.first.path_with_value(), invalid.first.reason_with_value());
            return output::json(&Line {
                line: Some(*line),
                column: Some(*column),
                path: Some(&path),
                reason: Some(&reason),
                rule: Some(rule.code()),
                message_type: invalid.message_type.as_deref(),
                more: self.all.then(|| more().map(place).collect()),
                ..of_file(name, false)
            });
        }
        let shown = |finding: &Finding| {
            let (path, reason) = (finding.path_with_value(), finding.reason_with_value());
            format!("{}:{} {path} {reason}", finding.line, finding.column)
        };
        let mut text = format!("{name}: invalid {}", shown(&invalid.first));
        for finding in more() {
            text.push_str("\n  ");
            text.push_str(&shown(finding));
        }
        output::line(text)
    }

    /// How it ends, once nothing more is shown.
    fn end(mut self, shown: std::io::Result<()>, is_stopped: bool) -> Result<(), Failure> {
        let done = self.valid + self.invalid;
        let rate = self.progress.as_mut().map_or(0, |progress| {
            progress.clear();
            progress.rate(done)
        });
        shown?;
        let files = if self.total == 1 { "file" } else { "files" };
        output::note(format_args!(
            "{} {files}: {} valid, {} invalid, {} files/s",
            grouped(done),
            grouped(self.valid),
            grouped(self.invalid),
            grouped(rate)
        ));
        match (is_stopped, self.invalid) {
            (true, _) => Err(Failure::interrupted()),
            (false, 0) => Ok(()),
            (false, _) => Err(Failure::silent()),
        }
    }
}

const fn of_file(file: &str, valid: bool) -> Line<'_> {
    Line {
        file,
        valid,
        message_type: None,
        line: None,
        column: None,
        path: None,
        reason: None,
        rule: None,
        more: None,
    }
}

fn of_type<'a>(file: &'a str, message_type: &'a str) -> Line<'a> {
    Line { message_type: Some(message_type), ..of_file(file, true) }
}

fn unreadable<'a>(file: &'a str, reason: &'a str) -> Line<'a> {
    Line { line: Some(1), column: Some(1), path: Some("/"), reason: Some(reason), ..of_file(file, false) }
}

fn place(finding: &Finding) -> Place {
    Place {
        line: finding.line,
        column: finding.column,
        path: finding.path_with_value(),
        reason: finding.reason_with_value(),
        rule: finding.rule.code(),
    }
}

/// A number with a comma between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(
            [0, 999, 1_000, 12_345, 1_234_567].map(grouped),
            ["0", "999", "1,000", "12,345", "1,234,567"]
        );
    }
}
