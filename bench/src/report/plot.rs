//! Pictures as SVG: lines over two axes, and bars.

use super::html::{escaped, number};
use std::fmt::Write as _;

/// Size of a picture.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;

/// Room beside the lines, for the axes.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 44.0;

/// Marks of an axis, about.
const TICKS: f64 = 5.0;

/// Height of a bar with the space below it.
const BAR: f64 = 22.0;

/// Colours of lines, told apart by people who see few colours.
const COLOURS: &[&str] = &["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// Lines over two axes.
pub struct Plot<'a> {
    /// Axis below.
    pub x: Axis<'a>,
    /// Axis at the left; begins at zero.
    pub y_label: &'a str,
    /// Lines.
    pub lines: Vec<Line<'a>>,
    /// Moment that is marked, with a word.
    pub mark: Option<(f64, &'a str)>,
}

/// Axis with its marks.
pub struct Axis<'a> {
    /// Quantity and unit.
    pub label: &'a str,
    /// Places of the marks, with their words; the first and the last point may lie beside them.
    pub ticks: Vec<(f64, String)>,
}

/// Line with its points, from left to right.
pub struct Line<'a> {
    /// Name in the legend.
    pub name: &'a str,
    /// Points.
    pub points: Vec<(f64, f64)>,
}

impl<'a> Axis<'a> {
    /// Axis with round marks.
    pub fn round(label: &'a str, from: f64, to: f64) -> Self {
        Self { label, ticks: ticks(from, to).into_iter().map(|tick| (tick, number(tick))).collect() }
    }
}

/// Round numbers within a range.
fn ticks(from: f64, to: f64) -> Vec<f64> {
    if to <= from {
        return vec![from];
    }
    let rough = (to - from) / TICKS;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(power);
    let first = (from / step).ceil() as i64;
    (first..).map(|index| index as f64 * step).take_while(|tick| *tick <= to + step / 1e6).collect()
}

impl Plot<'_> {
    /// The picture.
    pub fn svg(&self) -> String {
        let scale = Scale::of(self);
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", self.words());
        self.draw_axes(&scale, &mut svg);
        for (index, line) in self.lines.iter().enumerate() {
            draw_line(line, index, &scale, &mut svg);
        }
        if let Some((at, word)) = self.mark {
            let x = scale.x(at);
            let _ = write!(
                svg,
                "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/>",
                HEIGHT - BOTTOM
            );
            let _ = write!(svg, "<text x=\"{:.1}\" y=\"{}\">{}</text>", x + 4.0, TOP + 12.0, escaped(word));
        }
        svg + "</svg>"
    }

    fn words(&self) -> String {
        let names: Vec<&str> = self.lines.iter().map(|line| line.name).collect();
        escaped(&format!("{} over {}", names.join(" and "), self.x.label))
    }

    fn draw_axes(&self, scale: &Scale, svg: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for tick in ticks(0.0, scale.top) {
            let y = scale.y(tick);
            let _ = write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
            let (x, y) = (LEFT - 6.0, y + 4.0);
            let _ = write!(svg, "<text class=\"end\" x=\"{x}\" y=\"{y:.1}\">{}</text>", number(tick));
        }
        for (tick, word) in &self.x.ticks {
            let x = scale.x(*tick);
            let _ = write!(svg, "<text class=\"middle\" x=\"{x:.1}\" y=\"{}\">{}</text>", bottom + 16.0, escaped(word));
        }
        let _ = write!(svg, "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>");
        let (middle, below) = (f64::midpoint(LEFT, right), HEIGHT - 8.0);
        let _ = write!(svg, "<text class=\"middle\" x=\"{middle}\" y=\"{below}\">{}</text>", escaped(self.x.label));
        let _ = write!(svg, "<text x=\"4\" y=\"14\">{}</text>", escaped(self.y_label));
    }
}

fn draw_line(line: &Line, index: usize, scale: &Scale, svg: &mut String) {
    let colour = COLOURS[index % COLOURS.len()];
    let points: Vec<String> =
        line.points.iter().map(|(x, y)| format!("{:.1},{:.1}", scale.x(*x), scale.y(*y))).collect();
    let points = points.join(" ");
    let _ = write!(svg, "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{points}\"/>");
    let (x, name) = (WIDTH - RIGHT - 110.0 * (index as f64 + 1.0), escaped(line.name));
    let _ = write!(svg, "<rect x=\"{x}\" y=\"5\" width=\"10\" height=\"10\" fill=\"{colour}\"/>");
    let _ = write!(svg, "<text x=\"{}\" y=\"14\">{name}</text>", x + 14.0);
}

/// Places of values in the picture.
struct Scale {
    left: f64,
    right: f64,
    top: f64,
}

impl Scale {
    fn of(plot: &Plot) -> Self {
        let points = || plot.lines.iter().flat_map(|line| &line.points);
        let places = || points().map(|(x, _)| *x).chain(plot.x.ticks.iter().map(|(x, _)| *x));
        let highest = points().map(|(_, y)| *y).fold(0.0, f64::max);
        let (left, right) = (places().fold(f64::INFINITY, f64::min), places().fold(f64::NEG_INFINITY, f64::max));
        let is_range = left < right;
        Self {
            left: if is_range { left } else { 0.0 },
            right: if is_range { right } else { 1.0 },
            top: if highest > 0.0 { highest * 1.05 } else { 1.0 },
        }
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + (value - self.left) / (self.right - self.left) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)
    }
}

/// Bars of named values, one below the other.
pub fn bars(rows: &[(String, f64)], unit: &str) -> String {
    let (names, room) = (170.0, WIDTH - 170.0 - 110.0);
    let most = rows.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\">", BAR * rows.len() as f64);
    for (index, (name, value)) in rows.iter().enumerate() {
        let (y, width) = (BAR * index as f64, value / most * room);
        let colour = COLOURS[0];
        let _ = write!(svg, "<text class=\"end\" x=\"{}\" y=\"{}\">{}</text>", names - 8.0, y + 15.0, escaped(name));
        let _ =
            write!(svg, "<rect x=\"{names}\" y=\"{}\" width=\"{width:.1}\" height=\"16\" fill=\"{colour}\"/>", y + 2.0);
        let (x, told) = (names + width + 6.0, number(*value));
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{}\">{told} {}</text>", y + 15.0, escaped(unit));
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers_within_the_range() {
        assert_eq!(ticks(0.0, 97.0), [0.0, 20.0, 40.0, 60.0, 80.0]);
        assert_eq!(ticks(-1.0, 4.0), [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(ticks(3.0, 3.0), [3.0], "no range");
        assert_eq!(ticks(0.0, 0.42), [0.0, 0.1, 0.2, 0.30000000000000004, 0.4]);
    }

    #[test]
    fn lines_of_nothing_or_of_one_point_are_drawn_within_the_picture() {
        for points in [vec![], vec![(3.0, 0.0)], vec![(3.0, 7.0)]] {
            let lines = vec![Line { name: "a", points }];
            let svg = Plot { x: Axis::round("x", 3.0, 3.0), y_label: "y", lines, mark: None }.svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn names_cannot_become_markup() {
        assert!(bars(&[("<script>".into(), 1.0)], "µs").contains("&lt;script&gt;"));
    }
}
