//! Pieces of a page: its begin, parts, tables, and text that cannot become markup.

/// Look of the page, in light and in dark.
const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
table { border-collapse: collapse; } td, th { padding: .2rem 1rem .2rem 0; text-align: left; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: currentColor; }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
svg .grid { stroke: currentColor; opacity: .15; } svg .axis { stroke: currentColor; }
svg .mark { stroke: currentColor; stroke-dasharray: 4 3; }
pre { overflow-x: auto; font-size: 12px; }
";

/// Begin of a page that loads nothing.
pub fn begin(title: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <h1>{title}</h1>\n"
    )
}

/// Part of the page.
pub fn section(title: &str, content: &str) -> String {
    format!("<h2>{}</h2>\n{content}\n", escaped(title))
}

/// Table of two columns.
pub fn pairs(rows: &[(&str, String)]) -> String {
    let row = |(name, value): &(&str, String)| format!("<tr><th>{}<td>{}\n", escaped(name), escaped(value));
    format!("<table>\n{}</table>\n", rows.iter().map(row).collect::<String>())
}

/// Table of numbers, with words in its first column.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |tag: &str, (index, text): (usize, &str)| {
        let class = if index > 0 { " class=\"n\"" } else { "" };
        format!("<{tag}{class}>{}", escaped(text))
    };
    let head: String = heads.iter().enumerate().map(|(index, text)| cell("th", (index, text))).collect();
    let row = |row: &Vec<String>| {
        let cells: String = row.iter().enumerate().map(|(index, text)| cell("td", (index, text))).collect();
        format!("<tr>{cells}\n")
    };
    format!("<table>\n<tr>{head}\n{}</table>\n", rows.iter().map(row).collect::<String>())
}

/// A number without needless digits.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Text within a document.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
