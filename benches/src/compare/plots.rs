//! Draws plots as SVG. The viewer renders their text, so no font is needed here.

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A plot: several lines over a few places on the x axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plot {
    /// A part of its file name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The label of the x axis.
    pub x_label: String,
    /// The labels of the places on it.
    pub x: Vec<String>,
    /// The label of the y axis, with the unit.
    pub y_label: String,
    /// Whether the y axis is logarithmic.
    pub log_y: bool,
    /// The lines.
    pub lines: Vec<Line>,
}

/// One line of a plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its figures, one for each place. `None` if nothing was measured there.
    pub y: Vec<Option<f64>>,
}

/// Width and height, in pixels.
const SIZE: (u32, u32) = (1000, 520);

/// By which factor a logarithmic axis extends beyond its figures.
const ROOM: f64 = 1.5;

impl Plot {
    /// Draws it into a file.
    pub fn draw(&self, path: &Path) -> Result<()> {
        let figures: Vec<f64> = self.lines.iter().flat_map(|line| line.y.iter().flatten().copied()).collect();
        let most = figures.iter().copied().fold(f64::NAN, f64::max);
        let least = figures.iter().copied().fold(f64::NAN, f64::min);
        if !most.is_finite() || most <= 0.0 {
            return Ok(());
        }
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        // An error of the backend is not `Send`, so only its text is passed on.
        let drawn = if self.log_y && least > 0.0 {
            self.draw_on(&root, ((least / ROOM)..(most * ROOM)).log_scale())
        } else {
            self.draw_on(&root, 0.0..(most * 1.1))
        };
        drawn.and_then(|()| Ok(root.present()?)).map_err(|error| anyhow!("{}: {error}", path.display()))
    }

    fn draw_on<Y>(&self, root: &Area<'_>, y: Y) -> Result<(), Box<dyn std::error::Error>>
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        root.fill(&WHITE)?;
        // The names stand to the right of the lines, where they cover none.
        let (left, right) = root.split_horizontally(SIZE.0 - NAMES_WIDTH);
        let last = i32::try_from(self.x.len())? - 1;
        let mut chart = ChartBuilder::on(&left)
            .caption(&self.title, ("sans-serif", 22))
            .margin(14)
            .x_label_area_size(50)
            .y_label_area_size(75)
            .build_cartesian_2d(0..last.max(1), y)?;
        let label = |at: &i32| {
            let place = usize::try_from(*at).ok().and_then(|at| self.x.get(at));
            place.cloned().unwrap_or_default()
        };
        chart
            .configure_mesh()
            .x_labels(self.x.len())
            .x_label_formatter(&label)
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .label_style(TEXT)
            .light_line_style(WHITE.mix(0.0))
            .draw()?;
        for (row, line) in (0..).zip(&self.lines) {
            let color = Palette99::pick(usize::try_from(row)?).to_rgba();
            let points: Vec<(i32, f64)> = (0..).zip(&line.y).filter_map(|(x, y)| Some((x, (*y)?))).collect();
            let marks = points.clone();
            chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
            chart.draw_series(marks.into_iter().map(|at| Circle::new(at, 3, color.filled())))?;
            let y = NAMES_TOP + row * NAMES_STEP;
            right.draw(&PathElement::new([(0, y), (20, y)], color.stroke_width(3)))?;
            right.draw(&Text::new(line.name.clone(), (26, y - 6), TEXT))?;
        }
        Ok(())
    }
}

/// The space for the names to the right of the chart: its width, where they begin, and their
/// distance, in pixels.
const NAMES_WIDTH: u32 = 250;
const NAMES_TOP: i32 = 60;
const NAMES_STEP: i32 = 22;

/// The size of all text except the title.
const TEXT: (&str, i32) = ("sans-serif", 16);

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_is_drawn_with_its_text() {
        let dir = tempfile::tempdir().unwrap();
        for log_y in [false, true] {
            let path = dir.path().join("plot.svg");
            let plot = Plot {
                name: "deep".to_owned(),
                title: "A title".to_owned(),
                x_label: "deep scans".to_owned(),
                x: vec!["zero".to_owned(), "one".to_owned()],
                y_label: "p99, ms".to_owned(),
                log_y,
                lines: vec![Line { name: "uring".to_owned(), y: vec![Some(1.0), None] }],
            };
            plot.draw(&path).unwrap();
            let svg = std::fs::read_to_string(&path).unwrap();
            for text in ["A title", "deep scans", "zero", "one", "p99, ms", "uring", "</svg>"] {
                assert!(svg.contains(text), "{text}");
            }
        }
    }
}
