//! The results of a comparison: rows with their targets, as Markdown and as JSON.

use super::machine::Machine;
use super::plots::Plot;
use super::stats::{Samples, Spread, Target, Variant};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// The results of a whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The day, as `YYYY-MM-DD`.
    pub date: String,
    /// Fewer and shorter runs.
    pub quick: bool,
    /// The machine.
    pub machine: Machine,
    /// The rows, in the order in which they were measured.
    pub rows: Vec<Row>,
    /// The plots.
    pub plots: Vec<Plot>,
    /// The configuration that nginx ran with.
    pub nginx_config: Option<String>,
}

/// One row of the comparison: what was measured side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name on the command line.
    pub name: String,
    /// Its title.
    pub title: String,
    /// How it was measured.
    pub how: String,
    /// All that was measured.
    pub variants: Vec<Variant>,
    /// Ratios, and figures with a target.
    pub comparisons: Vec<Comparison>,
    /// Remarks.
    pub notes: Vec<String>,
}

/// A figure that is reported separately: a ratio, or one with a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What the figure is.
    pub what: String,
    /// Its unit; `×` for a ratio.
    pub unit: String,
    /// The figure. `None` if something was missing.
    pub figure: Option<Spread>,
    /// Its target.
    pub target: Option<Target>,
}

impl Comparison {
    /// Whether the target was met. `None` if there is no target or no figure.
    pub fn is_met(&self) -> Option<bool> {
        Some(self.target?.is_met(self.figure?.median))
    }

    fn outcome(&self) -> &'static str {
        match (self.figure, self.is_met()) {
            (None, _) => "not measured",
            (_, Some(true)) => "met",
            (_, Some(false)) => "**missed**",
            (_, None) => "",
        }
    }
}

impl Row {
    /// A row without figures yet.
    pub fn new(title: &str, how: &str) -> Row {
        Row { title: title.to_owned(), how: how.to_owned(), ..Row::default() }
    }

    /// Adds a ratio, and its target if it has one.
    pub fn ratio(&mut self, what: &str, figure: Option<Spread>, target: Option<Target>) {
        self.figure(what, "×", figure, target);
    }

    /// Adds a figure in a unit, and its target if it has one.
    pub fn figure(&mut self, what: &str, unit: &str, figure: Option<Spread>, target: Option<Target>) {
        let (what, unit) = (what.to_owned(), unit.to_owned());
        self.comparisons.push(Comparison { what, unit, figure, target });
    }

    /// Adds a remark.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Takes the measured figures.
    #[must_use]
    pub fn with(mut self, samples: &Samples) -> Row {
        self.variants.extend(samples.variants());
        self
    }
}

impl Results {
    /// The whole report as Markdown. `prefix` is the beginning of the names of the plots' files.
    pub fn markdown(&self, prefix: &str) -> String {
        let mut out = String::new();
        self.write_markdown(&mut out, prefix).expect("a String takes it");
        out
    }

    fn write_markdown(&self, out: &mut String, prefix: &str) -> std::fmt::Result {
        let machine = &self.machine;
        writeln!(out, "# Comparison of {}{}\n", self.date, if self.quick { ", quick" } else { "" })?;
        writeln!(
            out,
            "{}, {} cores, {} GiB of memory, Linux {}, {}. By `cargo compare`.\n",
            machine.cpu, machine.cores, machine.memory_gib, machine.linux, machine.file_system
        )?;
        for line in METHOD {
            writeln!(out, "- {line}")?;
        }
        let (mut here, mut missing) = (Vec::new(), Vec::new());
        for tool in &machine.tools {
            match &tool.version {
                Some(version) => here.push(version.as_str()),
                None => missing.push(tool.name.as_str()),
            }
        }
        writeln!(out, "- Compared with: {}.", here.join("; "))?;
        if !missing.is_empty() {
            writeln!(out, "- Not installed, so its rows are left out: {}.", missing.join(", "))?;
        }
        writeln!(out, "\n## Targets\n")?;
        self.write_targets(out)?;
        writeln!(out, "\n## Figures")?;
        for row in &self.rows {
            row.write_markdown(out)?;
        }
        if !self.plots.is_empty() {
            writeln!(out, "\n## Plots\n")?;
        }
        for plot in &self.plots {
            writeln!(out, "![{}]({prefix}-{}.svg)", plot.title, plot.name)?;
        }
        if let Some(config) = &self.nginx_config {
            writeln!(out, "\n## nginx's configuration\n\n```nginx\n{}\n```", config.trim_end())?;
        }
        Ok(())
    }

    fn write_targets(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "| row | what | median | least to most | target | |")?;
        writeln!(out, "| --- | --- | --: | --: | --: | --- |")?;
        for row in &self.rows {
            for comparison in &row.comparisons {
                let Comparison { what, unit, figure, target } = comparison;
                let (median, range) = figure.map_or_else(Default::default, |figure| {
                    (format!("{} {unit}", shown(figure.median)), range(figure))
                });
                let target = target.map_or_else(String::new, |target| target.to_string());
                writeln!(
                    out,
                    "| {} | {what} | {median} | {range} | {target} | {} |",
                    row.name,
                    comparison.outcome()
                )?;
            }
        }
        Ok(())
    }
}

/// The text about how everything was measured.
const METHOD: &[&str] = &[
    "Everything that is compared runs in turn, A B C A B C; each figure is the median of the runs, with the least and the most. Ratios are taken run by run.",
    "The load generator runs on the same machine and the same cores as the servers.",
    "Warm: the file is in the page cache. Cold: its pages were dropped (`fsync`, `posix_fadvise`) before each run, and `fincore` has confirmed it where it is installed.",
    "CPU seconds are user and system time of all processes involved, the server and `curl` together.",
    "GB are 10⁹ bytes. Unless it says otherwise the file is a log of 1 GiB in lines of about 100 bytes, and the server a release build with `--io uring`.",
];

impl Row {
    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n### {} (`{}`)\n\n{}\n", self.title, self.name, self.how)?;
        if !self.variants.is_empty() {
            writeln!(out, "| what | median | least to most | runs | CPU s a run |")?;
            writeln!(out, "| --- | --: | --: | --: | --: |")?;
        }
        for Variant { name, unit, figures, cpu_seconds } in &self.variants {
            let cpu = cpu_seconds.map_or_else(String::new, |cpu| shown(cpu.median));
            writeln!(
                out,
                "| {name} | {} {unit} | {} | {} | {cpu} |",
                shown(figures.median),
                range(*figures),
                figures.runs
            )?;
        }
        for (index, note) in self.notes.iter().enumerate() {
            writeln!(out, "{}- {note}", if index == 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

fn range(figures: Spread) -> String {
    format!("{} to {}", shown(figures.least), shown(figures.most))
}

/// Writes a number with three significant digits.
fn shown(figure: f64) -> String {
    let decimals = match figure.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{figure:.decimals$}")
}

#[cfg(test)]
mod tests;
