//! How many statements does a profile of `go test -coverprofile` count?
//!
//! A line is one block of code: `file:from,to statements runs`. With `-coverpkg` every package that is tested counts all
//! of them, so that a block stands there as often; it is one block, and covered if any of them ran it.

use std::collections::BTreeMap;

use crate::measure::{Lines, Measure, Wrong};
use crate::number::{count, is_hit, quoted};

/// Reads a profile.
///
/// # Errors
/// What is wrong with it, with its line.
pub(crate) fn read(text: &str) -> Result<Measure, Wrong> {
    let mut blocks: BTreeMap<&str, Lines> = BTreeMap::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        // Profiles are put together one after the other.
        if line.is_empty() || line.starts_with("mode: ") {
            continue;
        }
        let (place, lines) = block(line).map_err(|what| Wrong::at(index, what))?;
        let known = blocks.entry(place).or_default();
        known.total = known.total.max(lines.total);
        known.covered = known.covered.max(lines.covered);
    }
    let mut sum = Lines::default();
    for lines in blocks.values() {
        sum = sum
            .and(*lines)
            .ok_or_else(|| "it counts more statements than there can be".to_owned())?;
    }
    Ok(Measure::of(sum)?)
}

fn block(line: &str) -> Result<(&str, Lines), String> {
    let mut parts = line.rsplitn(3, ' ');
    let (Some(runs), Some(statements), Some(place)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(format!("the line {} is no block", quoted(line)));
    };
    let total = count(statements)?;
    let covered = if is_hit(runs)? { total } else { 0 };
    Ok((place, Lines { covered, total }))
}
