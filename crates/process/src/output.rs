//! Results on stdout, everything else on stderr; colour only on a terminal and never against `NO_COLOR`.
//!
//! Log lines do not pass here: see `telemetry`.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use serde::Serialize;

use crate::environment;

/// Writes one line of result to stdout, at once.
///
/// # Errors
/// Stdout is closed or full.
pub fn line(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Writes one JSON object as one line to stdout, at once.
///
/// # Errors
/// Stdout is closed or full, or the value cannot be JSON.
pub fn json(value: &impl Serialize) -> io::Result<()> {
    line(serde_json::to_string(value)?)
}

/// Writes text that already ends its lines to stdout.
///
/// # Errors
/// Stdout is closed or full.
pub fn text(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Tells the user something on stderr.
pub fn note(text: impl Display) {
    to_stderr(format_args!("{text}"));
}

/// Says on stderr what went wrong.
pub fn error(text: impl Display) {
    to_stderr(format_args!("{} {text}", paint(Style::Error, "error:", stderr_has_color())));
}

/// Says on stderr what to do next.
pub fn hint(text: impl Display) {
    to_stderr(format_args!("{} {text}", paint(Style::Hint, "hint:", stderr_has_color())));
}

/// Replaces the line that moves on the terminal of stderr; an empty text takes it away.
pub fn live(text: impl Display) {
    let mut err = io::stderr().lock();
    // When stderr is gone there is nobody left to tell.
    let _ = write!(err, "\r\u{1b}[2K{text}");
    let _ = err.flush();
}

fn to_stderr(text: std::fmt::Arguments<'_>) {
    // When stderr is gone there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// How a piece of text stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Red and bold.
    Error,
    /// Cyan.
    Hint,
    /// Bold.
    Strong,
    /// Grey.
    Faint,
}

/// The text in this style, or as it is without colour.
#[must_use]
pub fn paint(style: Style, text: &str, color: bool) -> String {
    let code = match style {
        Style::Error => "31;1",
        Style::Hint => "36",
        Style::Strong => "1",
        Style::Faint => "2",
    };
    if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Whether stdout takes colour and moving lines.
#[must_use]
pub fn stdout_has_color() -> bool {
    io::stdout().is_terminal() && !color_is_refused()
}

/// Whether stderr takes colour and moving lines.
#[must_use]
pub fn stderr_has_color() -> bool {
    io::stderr().is_terminal() && !color_is_refused()
}

/// Whether stderr takes a line that moves.
#[must_use]
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

fn color_is_refused() -> bool {
    static REFUSED: OnceLock<bool> = OnceLock::new();
    *REFUSED.get_or_init(|| environment::of_process().refuses_color())
}
