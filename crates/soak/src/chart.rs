//! Line charts as SVG text: nothing to load, nothing to run.

use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 12.0;
const COLOURS: [&str; 6] = ["#1f6feb", "#d1570c", "#2da44e", "#8250df", "#bf3989", "#57606a"];
/// Points of a line; more are thinned out.
const POINTS_MAX: usize = 1_200;

/// A line: its name and its points, in seconds of the run and units of the chart.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A time in which something was broken.
pub(crate) struct Mark {
    pub(crate) name: String,
    pub(crate) from: f64,
    pub(crate) until: f64,
}

/// Draws lines over the time of a run.
pub(crate) fn draw(title: &str, unit: &str, seconds: f64, lines: &[Line], marks: &[Mark]) -> String {
    let most = lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(0.0, f64::max);
    let top = nice(most);
    let seconds = seconds.max(1.0);
    let x = |at: f64| LEFT + (WIDTH - LEFT - 8.0) * (at / seconds).clamp(0.0, 1.0);
    let y = |value: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (value / top).clamp(0.0, 1.0));
    let mut svg =
        format!("<figure><figcaption>{} <small>{}</small></figcaption>", escape(title), escape(unit));
    let _ = write!(svg, r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#, escape(title));
    for mark in marks {
        let (from, until) = (x(mark.from), x(mark.until.max(mark.from)));
        let _ = write!(
            svg,
            r#"<rect x="{from:.1}" y="{TOP}" width="{:.1}" height="{:.1}" class="fault"><title>{} ({:.1}–{:.1} s)</title></rect>"#,
            (until - from).max(1.5),
            HEIGHT - TOP - BOTTOM,
            escape(&mark.name),
            mark.from,
            mark.until,
        );
    }
    for step in 0..=4 {
        let value = top * f64::from(step) / 4.0;
        let _ = write!(
            svg,
            r#"<line x1="{LEFT}" x2="{:.0}" y1="{1:.1}" y2="{1:.1}" class="grid"/><text x="{2:.0}" y="{3:.1}" class="left">{4}</text>"#,
            WIDTH - 8.0,
            y(value),
            LEFT - 6.0,
            y(value) + 4.0,
            number(value),
        );
        let at = seconds * f64::from(step) / 4.0;
        let _ =
            write!(svg, r#"<text x="{:.0}" y="{:.0}" class="below">{:.0} s</text>"#, x(at), HEIGHT - 8.0, at);
    }
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let every = line.points.len().div_ceil(POINTS_MAX).max(1);
        let mut path = String::new();
        for point in line.points.iter().step_by(every) {
            let _ = write!(path, "{:.1},{:.1} ", x(point.0), y(point.1));
        }
        let _ = write!(svg, r#"<polyline points="{}" stroke="{colour}"/>"#, path.trim_end());
    }
    svg.push_str("</svg><p class=\"legend\">");
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let _ = write!(svg, r#"<span style="color:{colour}">■</span> {} "#, escape(&line.name));
    }
    svg.push_str("</p></figure>");
    svg
}

/// The next of 1, 2, 5, 10, 20, … above a value.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-9).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= value).unwrap_or(10.0);
    if value > 0.0 { step * power } else { 1.0 }
}

fn number(value: f64) -> String {
    if value >= 10.0 || value == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_holds_its_lines_and_marks() {
        let line = Line { name: "a<b".to_owned(), points: vec![(0.0, 1.0), (10.0, 7.0)] };
        let mark = Mark { name: "kill".to_owned(), from: 2.0, until: 3.0 };
        let svg = draw("rate", "a second", 10.0, &[line], &[mark]);
        assert!(svg.contains("a&lt;b") && svg.contains("kill (2.0–3.0 s)") && svg.contains("polyline"));
        assert!(!svg.contains("http"), "nothing is loaded");
    }

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0.0, 0.7, 1.0, 3.0, 42.0, 990.0].map(nice), [1.0, 1.0, 1.0, 5.0, 50.0, 1_000.0]);
    }
}
