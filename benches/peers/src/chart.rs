//! Bars, as plain SVG: nothing that a viewer of Markdown would have to run.

use std::fmt::Write as _;

pub struct Bar {
    pub label: String,
    pub value: f64,
    /// To either side of the value.
    pub spread: f64,
    /// Whether it is of this crate.
    pub is_ours: bool,
}

const LABELS: f64 = 260.0;
const BARS: f64 = 420.0;
const NUMBERS: f64 = 120.0;
const LINE: f64 = 24.0;
const TOP: f64 = 52.0;

/// One bar a line, with a whisker for the spread; `below` says where and when.
pub fn bars(title: &str, unit: &str, below: &str, bars: &[Bar]) -> String {
    let ends = bars.iter().map(|bar| bar.value + bar.spread);
    let scale = BARS / ends.fold(f64::MIN_POSITIVE, f64::max);
    let (width, lines) = (LABELS + BARS + NUMBERS, bars.len() as f64);
    let height = TOP + LINE * lines + 28.0;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="24" font-size="16" font-weight="bold">{}</text>
<text x="12" y="42" fill="#555555">{}</text>
"##,
        escaped(title),
        escaped(unit),
    );
    for (number, bar) in bars.iter().enumerate() {
        let top = TOP + LINE * number as f64;
        line(&mut svg, bar, top, scale);
    }
    let (left, bottom) = (12, height - 10.0);
    let below = escaped(below);
    let _ = writeln!(
        svg,
        r##"<text x="{left}" y="{bottom}" fill="#555555" font-size="11">{below}</text>"##
    );
    svg.push_str("</svg>\n");
    svg
}

fn line(svg: &mut String, bar: &Bar, top: f64, scale: f64) {
    let color = if bar.is_ours { "#c2410c" } else { "#94a3b8" };
    let (end, middle) = (LABELS + bar.value * scale, top + LINE / 2.0);
    let (from, to) = (end - bar.spread * scale, end + bar.spread * scale);
    let (width, height, text) = (bar.value * scale, LINE - 6.0, middle + 4.0);
    let label = escaped(&bar.label);
    let _ = writeln!(
        svg,
        r##"<text x="{:.1}" y="{text:.1}" text-anchor="end">{label}</text>
<rect x="{LABELS}" y="{:.1}" width="{width:.1}" height="{height}" fill="{color}"/>
<path d="M{from:.1} {middle:.1}H{to:.1}" stroke="#111111" stroke-width="2"/>
<text x="{:.1}" y="{text:.1}">{}</text>"##,
        LABELS - 8.0,
        top + 3.0,
        to.max(end) + 8.0,
        number(bar.value),
    );
}

/// With three digits that count.
pub fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
