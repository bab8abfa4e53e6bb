//! The parameters that say what a record must hold: literals and regular expressions, and whether
//! the case of their letters counts.

use super::{LogQuery, as_parameter, bad};
use crate::filter::{CompileError, Conditions, Filter, FilterError, PatternError};
use crate::text::quoted;
use crate::wire::problem::{Code, Problem};

/// What a query asks of its records, while it is parsed.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    conditions: Conditions,
    ignore_case: Option<bool>,
}

impl Wanted {
    /// Takes a parameter. Gives the value back if the parameter is another one.
    pub(super) fn take(&mut self, name: &[u8], value: Vec<u8>) -> Result<Option<Vec<u8>>, Problem> {
        let Conditions { keywords, regexes, excludes, exclude_regexes, .. } = &mut self.conditions;
        match name {
            b"keyword" => keywords.push(value),
            b"regex" => regexes.push(value),
            b"exclude" => excludes.push(value),
            b"exclude_regex" => exclude_regexes.push(value),
            b"ignore_case" => super::once(&mut self.ignore_case, "ignore_case", flag(&value)?)?,
            _ => return Ok(Some(value)),
        }
        Ok(None)
    }

    /// The filter that they make.
    pub(super) fn filter(self) -> Result<Filter, Problem> {
        let ignore_case = self.ignore_case.unwrap_or_default();
        Filter::of(Conditions { ignore_case, ..self.conditions }).map_err(|error| match error {
            FilterError::Pattern(error) => pattern_problem(error),
            FilterError::TooMany { .. } => bad(error.to_string()),
            FilterError::LineFeedNotAlone | FilterError::LineFeedBeside(_) => {
                Problem::new(Code::ConflictingParameters, error.to_string())
            }
        })
    }
}

fn flag(value: &[u8]) -> Result<bool, Problem> {
    match value {
        b"true" => Ok(true),
        b"false" => Ok(false),
        other => Err(bad(format!("ignore_case is {}: it must be true or false", quoted(other)))),
    }
}

fn pattern_problem(error: PatternError) -> Problem {
    let PatternError { parameter, position, detail } = error;
    Problem::new(Code::BadPattern, detail).at(parameter, position)
}

/// Writes the parameters that make this filter.
pub(super) fn push_parameters(filter: &Filter, out: &mut String) {
    let mut push = |name: &str, value: &[u8]| {
        out.push('&');
        out.push_str(name);
        out.push('=');
        out.push_str(&as_parameter(value).to_string());
    };
    let Some(conditions) = filter.conditions() else {
        filter.keywords().iter().for_each(|keyword| push("keyword", keyword));
        return;
    };
    for (name, value) in conditions.named() {
        push(name, value);
    }
    if conditions.ignore_case {
        push("ignore_case", b"true");
    }
}

impl LogQuery {
    /// Compiles the patterns of the filter. Must come before a search.
    pub async fn compile(&self) -> Result<(), Problem> {
        self.filter.compile().await.map_err(compile_problem)
    }

    /// Refuses bad patterns, where the query is only passed on: so they are refused once, and not by
    /// each host.
    pub async fn check_patterns(&self) -> Result<(), Problem> {
        self.filter.check().await.map_err(compile_problem)
    }
}

fn compile_problem(error: CompileError) -> Problem {
    match error {
        CompileError::Pattern(error) => pattern_problem(error),
        CompileError::Busy => Problem::new(Code::Overloaded, error.to_string()),
    }
}

#[cfg(test)]
mod tests;
