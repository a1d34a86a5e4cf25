//! What share does a report in JSON state, as coverage.py, Istanbul, llvm-cov, SimpleCov and others write it?

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::measure::{Lines, Measure, Wrong};
use crate::number::Share;

/// Reads a report.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(text: &str) -> Result<Measure, Wrong> {
    let whole: Value = serde_json::from_str(text).map_err(|error| {
        let index = error.line().saturating_sub(1);
        Wrong::at(index, error.to_string())
    })?;
    let known = [summary, llvm, coverage_py, last_run];
    let mut stated = known.iter().filter_map(|read| read(&whole));
    if let Some(found) = stated.next() {
        return Ok(found?);
    }
    let files = whole.as_object().into_iter().flatten();
    let files: Vec<(&String, &Value)> = files.collect();
    if !files.is_empty()
        && files
            .iter()
            .all(|(_, file)| file.get("statementMap").is_some())
    {
        return Ok(istanbul(&files)?);
    }
    if !files.is_empty()
        && files
            .iter()
            .all(|(_, run)| run.get("coverage").is_some_and(Value::is_object))
    {
        return Ok(simple_cov(&files)?);
    }
    Ok(plain(&whole)?)
}

/// A percentage under a name that says what it is.
fn plain(whole: &Value) -> Result<Measure, String> {
    let stated = ["total", "percent", "coverage"].map(|key| whole.get(key));
    let mut stated = stated.into_iter().flatten();
    match (stated.next(), stated.next()) {
        (Some(Value::Number(number)), None) => {
            Share::parse_percent(&number.to_string()).map(Measure::share)
        }
        (Some(_), _) | (None, _) => {
            Err("it must hold one number, under `total`, `percent` or `coverage`".to_owned())
        }
    }
}

fn lines(of: &Value, covered: &str, total: &str) -> Option<Result<Measure, String>> {
    let number = |key: &str| of.get(key).and_then(Value::as_u64);
    let lines = Lines {
        covered: number(covered)?,
        total: number(total)?,
    };
    Some(Measure::of(lines))
}

/// Istanbul's summary.
fn summary(whole: &Value) -> Option<Result<Measure, String>> {
    lines(whole.pointer("/total/lines")?, "covered", "total")
}

/// What `llvm-cov export` writes.
fn llvm(whole: &Value) -> Option<Result<Measure, String>> {
    let data = whole.get("data")?.as_array()?;
    let mut sum = Lines::default();
    for part in data {
        let totals = part.pointer("/totals/lines")?;
        let number = |key: &str| totals.get(key).and_then(Value::as_u64);
        let lines = Lines {
            covered: number("covered")?,
            total: number("count")?,
        };
        sum = sum.and(lines)?;
    }
    Some(Measure::of(sum))
}

fn coverage_py(whole: &Value) -> Option<Result<Measure, String>> {
    let totals = whole.get("totals").filter(|totals| totals.is_object())?;
    let unknown = || {
        Err("it looks like coverage.py's JSON and counts no lines; write `coverage lcov` or `coverage xml`".to_owned())
    };
    Some(lines(totals, "covered_lines", "num_statements").unwrap_or_else(unknown))
}

/// What SimpleCov keeps of its last run.
fn last_run(whole: &Value) -> Option<Result<Measure, String>> {
    let result = whole.get("result")?;
    let percent = result
        .get("line")
        .or_else(|| result.get("covered_percent"))?;
    let Value::Number(number) = percent else {
        return None;
    };
    Some(Share::parse_percent(&number.to_string()).map(Measure::share))
}

/// Istanbul's own form: a line is covered if any statement that begins on it is, as its reports count it.
fn istanbul(files: &[(&String, &Value)]) -> Result<Measure, String> {
    let mut sum = Lines::default();
    for (name, file) in files {
        let map = |key: &str| file.get(key).and_then(Value::as_object);
        let none = Map::new();
        let (places, runs) = (
            map("statementMap").unwrap_or(&none),
            map("s").unwrap_or(&none),
        );
        let mut lines: BTreeMap<u64, bool> = BTreeMap::new();
        for (id, place) in places {
            let line = place.pointer("/start/line").and_then(Value::as_u64);
            let hits = runs.get(id).and_then(Value::as_u64);
            let (Some(line), Some(hits)) = (line, hits) else {
                return Err(format!(
                    "statement {id:?} of {name:?} has no line or no count"
                ));
            };
            *lines.entry(line).or_default() |= hits > 0;
        }
        sum = sum.and(Lines::of(&lines)).ok_or_else(too_many)?;
    }
    Measure::of(sum)
}

/// SimpleCov's own form: runs of each line by its place, or nothing where there is no code. What several commands ran is
/// one file.
fn simple_cov(runs: &[(&String, &Value)]) -> Result<Measure, String> {
    let mut files: BTreeMap<&String, BTreeMap<u64, bool>> = BTreeMap::new();
    let all = runs
        .iter()
        .filter_map(|(_, run)| run.get("coverage")?.as_object());
    for (name, file) in all.flatten() {
        let counts = file.get("lines").unwrap_or(file).as_array();
        let lines = files.entry(name).or_default();
        for (number, count) in (1_u64..).zip(counts.into_iter().flatten()) {
            if let Some(count) = count.as_u64() {
                *lines.entry(number).or_default() |= count > 0;
            }
        }
    }
    let mut sum = Lines::default();
    for lines in files.values() {
        sum = sum.and(Lines::of(lines)).ok_or_else(too_many)?;
    }
    Measure::of(sum)
}

fn too_many() -> String {
    "it counts more lines than there can be".to_owned()
}
