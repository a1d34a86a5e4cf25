//! From OSV records to advisories: severities, fixed versions, and one advisory for records that are aliases.

use std::collections::{BTreeMap, BTreeSet};

use orch_domain::imports::{Advisory, Package};
use orch_domain::verdict::Severity;
use serde_json::Value;

use super::severity::of_vector;

/// Characters of a summary.
const SUMMARY_MAX: usize = 300;

/// The advisories of each package, by the ids that the feed named for it.
pub(super) fn advisories(
    packages: &[Package],
    ids: &BTreeMap<usize, BTreeSet<String>>,
    records: &BTreeMap<String, Value>,
) -> Vec<Advisory> {
    let mut list = Vec::new();
    for (index, set) in ids {
        let package = &packages[*index];
        let found = set
            .iter()
            .filter_map(|id| records.get(id))
            .filter(|record| record["withdrawn"].as_str().is_none())
            .map(|record| advisory(*index, package, record));
        list.extend(united(found.collect()));
    }
    list
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn advisory(index: usize, package: &Package, record: &Value) -> Advisory {
    let (severity, score) = severity(package, record);
    let summary = record["summary"].as_str().filter(|s| !s.trim().is_empty());
    let summary = summary
        .or_else(|| record["details"].as_str())
        .unwrap_or_default();
    let line = summary.trim().lines().next().unwrap_or_default();
    let fixed = affected(package, record)
        .flat_map(|a| a["ranges"].as_array().into_iter().flatten())
        .flat_map(|range| range["events"].as_array().into_iter().flatten())
        .filter_map(|event| event["fixed"].as_str());
    let fixed: BTreeSet<String> = fixed.map(str::to_owned).collect();
    Advisory {
        subject: u32::try_from(index).unwrap_or(u32::MAX),
        id: record["id"].as_str().unwrap_or_default().to_owned(),
        aliases: texts(&record["aliases"]).map(str::to_owned).collect(),
        severity,
        score,
        summary: line.chars().take(SUMMARY_MAX).collect(),
        fixed_in: fixed.into_iter().collect(),
    }
}

/// Parts of the record that speak of this package.
fn affected<'a>(package: &'a Package, record: &'a Value) -> impl Iterator<Item = &'a Value> {
    let list = record["affected"].as_array().into_iter().flatten();
    list.filter(move |a| {
        let (name, ecosystem) = (&a["package"]["name"], &a["package"]["ecosystem"]);
        let same = |name: &str| {
            normal(&package.ecosystem, name) == normal(&package.ecosystem, &package.name)
        };
        name.as_str().is_some_and(same) && ecosystem.as_str() == Some(&package.ecosystem)
    })
}

/// A name as its ecosystem compares it.
fn normal(ecosystem: &str, name: &str) -> String {
    if ecosystem != "PyPI" {
        return name.to_owned();
    }
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join("-")
}

/// The worst vector that can be read, else what the database says in words.
fn severity(package: &Package, record: &Value) -> (Option<Severity>, Option<f64>) {
    let own = affected(package, record).map(|a| &a["severity"]);
    let vectors = std::iter::once(&record["severity"]).chain(own);
    let vectors = vectors.flat_map(|list| list.as_array().into_iter().flatten());
    let worst = vectors
        .filter_map(|entry| of_vector(entry["score"].as_str()?))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((severity, score)) = worst {
        return (Some(severity), Some(score));
    }
    let own = affected(package, record).flat_map(|a| {
        [
            &a["database_specific"]["severity"],
            &a["ecosystem_specific"]["severity"],
        ]
    });
    let words = std::iter::once(&record["database_specific"]["severity"]).chain(own);
    let word = words.filter_map(Value::as_str).filter_map(of_word).max();
    (word, None)
}

fn of_word(word: &str) -> Option<Severity> {
    match word.to_ascii_lowercase().as_str() {
        "none" => Some(Severity::Info),
        "low" => Some(Severity::Low),
        "moderate" | "medium" => Some(Severity::Medium),
        "high" | "important" => Some(Severity::High),
        "critical" => Some(Severity::Critical),
        _ => None,
    }
}

/// Records that name each other as aliases are one advisory: the one with the worst severity.
fn united(mut list: Vec<Advisory>) -> Vec<Advisory> {
    list.sort_by(|a, b| {
        let rank = |a: &Advisory| (a.severity, a.id.starts_with("GHSA-"));
        rank(b).cmp(&rank(a)).then_with(|| a.id.cmp(&b.id))
    });
    let mut kept: Vec<Advisory> = Vec::new();
    for next in list {
        let names = |a: &Advisory| -> BTreeSet<String> {
            a.aliases.iter().chain([&a.id]).cloned().collect()
        };
        match kept
            .iter_mut()
            .find(|k| !names(k).is_disjoint(&names(&next)))
        {
            None => kept.push(next),
            Some(same) => {
                let all = &names(same) | &names(&next);
                same.aliases = all.into_iter().filter(|name| *name != same.id).collect();
                let fixed: BTreeSet<String> =
                    same.fixed_in.drain(..).chain(next.fixed_in).collect();
                same.fixed_in = fixed.into_iter().collect();
            }
        }
    }
    kept
}
