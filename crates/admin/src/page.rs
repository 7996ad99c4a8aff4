//! What a person or a scraper reads: the status page and the metrics.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, Response, StatusCode};
use pix_stream_app::{Ports, Status};
use pix_stream_delivery::Shared;
use pix_stream_delivery::edge::escape_into;
use pix_stream_listener::identity::Scope;

use crate::answer::{self, Body};

/// The most participants of one page; more are counted only.
const ROWS_MAX: usize = 200;
const COLUMNS: [&str; 8] =
    ["ISPB", "Name", "State", "Streams", "Unconfirmed", "To redeliver", "Watermark", "Head"];

/// The media type of metrics.
pub(crate) const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The media types of the status page.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// All metrics as Prometheus text.
pub(crate) fn metrics(text: String) -> Response<Body> {
    page(METRICS, text)
}

/// Participants and their lag: HTML for browsers, text for everything else.
pub(crate) async fn status<P: Ports>(shared: &Shared<P>, takes_html: bool, scope: &Scope) -> Response<Body> {
    let mut participants = shared.app().participants();
    participants.retain(|participant| scope.covers(participant.ispb));
    let mut rows = Vec::new();
    for participant in participants.iter().take(ROWS_MAX) {
        // A store that does not answer is said so in its row.
        let status = shared.app().status(participant.ispb).await.ok();
        rows.push(row(participant.ispb.as_str(), &participant.name, status.as_ref()));
    }
    let state = if shared.app().is_draining() { "draining" } else { "serving" };
    let title = format!("pix-stream {} · {state} · {} participants", shared.version(), participants.len());
    if takes_html { page(HTML, html(&title, &rows)) } else { page(TEXT, plain(&title, &rows)) }
}

type Row = [String; COLUMNS.len()];

fn row(ispb: &str, name: &str, status: Option<&Status>) -> Row {
    let Some(status) = status else {
        let unknown = || "?".to_owned();
        return std::array::from_fn(|column| match column {
            0 => ispb.to_owned(),
            1 => name.to_owned(),
            _ => unknown(),
        });
    };
    [
        ispb.to_owned(),
        name.to_owned(),
        if status.paused { "paused" } else { "open" }.to_owned(),
        format!("{}/{}", status.streams.len(), status.cap),
        status.unconfirmed.to_string(),
        status.redelivery.to_string(),
        status.watermark.to_string(),
        status.head.to_string(),
    ]
}

fn plain(title: &str, rows: &[Row]) -> String {
    let header: Row = COLUMNS.map(str::to_owned);
    let lines = || std::iter::once(&header).chain(rows);
    let widths: [usize; COLUMNS.len()] = std::array::from_fn(|column| {
        lines().map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    let mut text = format!("{title}\n\n");
    for row in lines() {
        for (cell, width) in row.iter().zip(widths) {
            // Writing into a text can't fail.
            let _written = write!(text, "{cell:<width$}  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn html(title: &str, rows: &[Row]) -> String {
    let mut text = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>pix-stream</title>\
         <style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}\
         th,td{padding:.25rem .75rem;text-align:right;border-bottom:1px solid #8884}\
         th:nth-child(-n+3),td:nth-child(-n+3){text-align:left}</style><h1>",
    );
    escape_into(&mut text, title);
    text.push_str("</h1><table><tr>");
    for column in COLUMNS {
        let _written = write!(text, "<th>{column}</th>");
    }
    text.push_str("</tr>");
    for row in rows {
        text.push_str("<tr>");
        for cell in row {
            text.push_str("<td>");
            escape_into(&mut text, cell);
            text.push_str("</td>");
        }
        text.push_str("</tr>");
    }
    text.push_str("</table></html>\n");
    text
}

fn page(content_type: &'static str, text: String) -> Response<Body> {
    let mut answered = answer::bytes(StatusCode::OK, content_type, Bytes::from(text));
    let policy =
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    answered.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    answered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_bring_markup() {
        let text = html("t", &[row("99999001", "<script>alert(1)</script>", None)]);
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;"));
    }

    #[test]
    fn text_columns_are_aligned() {
        let text = plain("t", &[row("99999001", "Bank", None)]);
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(lines[0].find("Name"), lines[1].find("Bank"));
    }
}
