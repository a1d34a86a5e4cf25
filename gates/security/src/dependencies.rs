//! Does the branch bring in a package with a known vulnerability?
//!
//! Only what the branch adds can block: what the base already holds at the same version is counted and shown,
//! for the branch neither caused it nor need repair it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use orch_gate_sdk::advisories::Advisory;
use orch_gate_sdk::{Finding, GateError, Host, Severity, finding};

use crate::feed::{self, Answer};
use crate::manifests::{PYTHON, Package, Reader};
use crate::sources::{self, Source};
use crate::text::{clean, counted, rule_id};
use crate::{Settings, pip_audit};

/// Most findings about dependencies; all are counted.
const SHOWN_MAX: usize = 200;
/// Most reasons of a degraded audit that are spelled out in its finding.
const REASONS_MAX: usize = 10;

/// What the audit found.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// At most [`SHOWN_MAX`], the blocking ones first.
    pub(crate) findings: Vec<Finding>,
    /// Findings beyond those.
    pub(crate) hidden: usize,
    /// Vulnerabilities that the branch brings in and that are severe enough to block.
    pub(crate) blocking: usize,
    /// Vulnerabilities that the branch brings in and that do not block.
    pub(crate) warning: usize,
    /// Vulnerabilities that the base has already.
    pub(crate) preexisting: usize,
    /// Entries that cannot be looked up, each with its manifest.
    pub(crate) unaudited: Vec<String>,
    /// Why not everything that can be looked up was; empty if it was.
    pub(crate) degraded: Vec<String>,
    /// Every manifest that was read, and how many packages it holds at a known version.
    pub(crate) manifests: Vec<(String, usize)>,
}

/// A vulnerability, wherever it is known from.
struct Known<'a> {
    id: &'a str,
    severity: Option<Severity>,
    summary: &'a str,
    fixed_in: &'a [String],
}

/// Audits the manifests of the head.
///
/// # Errors
/// [`GateError`] if the gate lacks a permission it needs.
pub(crate) fn audit<H: Host>(host: &H, settings: &Settings) -> Result<Audit, GateError> {
    let mut audit = Audit::default();
    let sources = audit.read(host, settings);
    let of_tool = audit.by_tool(host, &sources)?;
    // The feed answers for every package that the tool gave no answer for, and grades what it found.
    let asked: BTreeSet<Package> = sources
        .iter()
        .flat_map(|source| &source.manifest.packages)
        .filter(|package| !of_tool.is_fine(package))
        .cloned()
        .collect();
    let answer = feed::look_up(|question| host.advisories(question), &asked)?;
    if let Some((why, count)) = &answer.silence {
        let without = counted(*count, "package was", "packages were");
        audit
            .degraded
            .push(format!("{why}; {without} not looked up"));
    }
    for source in &sources {
        // Read for those alone that hold something vulnerable: lock files are large.
        let mut base: Option<BTreeSet<Package>> = None;
        for package in &source.manifest.packages {
            match of_tool.vulnerable.get(package) {
                Some(vulnerabilities) => {
                    for vulnerability in vulnerabilities {
                        let matching = matching(&answer, package, vulnerability);
                        let is_old = base
                            .get_or_insert_with(|| source.base(host))
                            .contains(package);
                        let known = graded(vulnerability, &matching);
                        audit.judge(source, package, &known, is_old, settings);
                    }
                }
                None => {
                    for advisory in answer.of(package) {
                        let is_old = base
                            .get_or_insert_with(|| source.base(host))
                            .contains(package);
                        audit.judge(source, package, &known(advisory), is_old, settings);
                    }
                }
            }
        }
    }
    let order = |f: &Finding| (!f.blocking, Reverse(f.severity));
    audit.findings.sort_by_key(order);
    audit.hidden = audit.findings.len().saturating_sub(SHOWN_MAX);
    audit.findings.truncate(SHOWN_MAX);
    Ok(audit)
}

/// What the tool said of the packages that it was handed.
#[derive(Debug, Default)]
struct OfTool {
    audited: BTreeSet<Package>,
    vulnerable: BTreeMap<Package, Vec<pip_audit::Vulnerability>>,
}

impl OfTool {
    /// Whether nothing is left to ask about the package.
    fn is_fine(&self, package: &Package) -> bool {
        self.audited.contains(package) && !self.vulnerable.contains_key(package)
    }
}

fn shown(source: &Source) -> String {
    clean(&source.path, 200)
}

fn known(advisory: &Advisory) -> Known<'_> {
    Known {
        id: &advisory.id,
        severity: advisory.severity,
        summary: &advisory.summary,
        fixed_in: &advisory.fixed_in,
    }
}

/// Advisories of the feed that speak of this very vulnerability, under any of its ids.
fn matching<'a>(
    answer: &'a Answer,
    package: &Package,
    vulnerability: &pip_audit::Vulnerability,
) -> Vec<&'a Advisory> {
    let names = |id: &String| *id == vulnerability.id || vulnerability.aliases.contains(id);
    let of_package = answer.of(package).iter();
    of_package
        .filter(|advisory| names(&advisory.id) || advisory.aliases.iter().any(names))
        .collect()
}

/// The tool states no severity, so the feed's gravest counts.
fn graded<'a>(vulnerability: &'a pip_audit::Vulnerability, matching: &[&'a Advisory]) -> Known<'a> {
    let summary = matching.iter().map(|a| a.summary.as_str());
    let described = vulnerability.description.as_deref().unwrap_or_default();
    let first_line = described.trim().lines().next().unwrap_or_default();
    Known {
        id: &vulnerability.id,
        severity: matching.iter().filter_map(|a| a.severity).max(),
        summary: summary
            .into_iter()
            .find(|summary| !summary.trim().is_empty())
            .unwrap_or(first_line),
        fixed_in: match &vulnerability.fix_versions[..] {
            [] => matching.first().map_or(&[], |a| a.fixed_in.as_slice()),
            versions => versions,
        },
    }
}

impl Audit {
    /// Reads every manifest of the head that the settings name.
    fn read<H: Host>(&mut self, host: &H, settings: &Settings) -> Vec<Source> {
        let read = sources::read(host, settings);
        for (path, why) in read.unread {
            self.unreadable(&path, &why);
        }
        for source in &read.sources {
            let path = shown(source);
            let open = source.manifest.unaudited.iter();
            self.unaudited
                .extend(open.map(|entry| format!("{path}: {}", clean(entry, 150))));
            self.manifests.push((path, source.manifest.packages.len()));
        }
        read.sources
    }

    /// Has the tool audit what pip would install, all files in one run: the first version of every package, for it
    /// refuses a second one.
    fn by_tool<H: Host>(&mut self, host: &H, sources: &[Source]) -> Result<OfTool, GateError> {
        let mut of_tool = OfTool::default();
        let is_for_pip = |source: &&Source| source.reader == Reader::Requirements;
        let mut names = BTreeSet::new();
        let pinned: Vec<&Package> = (sources.iter().filter(is_for_pip))
            .flat_map(|source| &source.manifest.packages)
            .filter(|package| package.ecosystem == PYTHON && names.insert(&package.name))
            .collect();
        if pinned.is_empty() {
            return Ok(of_tool);
        }
        match pip_audit::run(host, &pinned)? {
            Ok(audited) => {
                let holding = |package: &Package| {
                    let mut holding = sources.iter().filter(is_for_pip);
                    holding.find(|source| source.manifest.packages.contains(package))
                };
                for (package, entry) in audited.unaudited {
                    let path = holding(&package).map(shown).unwrap_or_default();
                    self.unaudited.push(format!("{path}: {entry}"));
                    of_tool.audited.insert(package);
                }
                of_tool.audited.extend(pinned.into_iter().cloned());
                of_tool.vulnerable = audited.vulnerable.into_iter().collect();
            }
            // The feed is asked in its place, so that one entry that it cannot take hides no other.
            Err(why) => self.degraded.push(why),
        }
        Ok(of_tool)
    }

    fn unreadable(&mut self, path: &str, why: &str) {
        let path = clean(path, 200);
        let message = format!(
            "{path} is not read, so its packages are not audited: {}",
            clean(why, 400)
        );
        self.degraded.push(message.clone());
        if self.findings.len() < SHOWN_MAX {
            self.findings.push(
                finding("deps/unreadable", message)
                    .severity(Severity::Medium)
                    .at(path, None)
                    .help("Correct the file, commit the lock file that belongs to it, or leave it out of the gate's `manifests`.")
                    .advisory(),
            );
        }
    }

    fn judge(
        &mut self,
        source: &Source,
        package: &Package,
        known: &Known<'_>,
        preexisting: bool,
        to: &Settings,
    ) {
        let severe = known
            .severity
            .is_some_and(|severity| severity >= to.dep_block_severity.severity());
        let blocking = severe && !preexisting;
        match (preexisting, blocking) {
            (true, _) => self.preexisting += 1,
            (false, true) => self.blocking += 1,
            (false, false) => self.warning += 1,
        }
        let name = clean(&package.name, 120);
        let summary = match clean(known.summary, 300) {
            none if none.is_empty() => "a known vulnerability".to_owned(),
            summary => summary,
        };
        let fixed = clean(&known.fixed_in.join(", "), 200);
        let (fix, help) = match fixed.as_str() {
            "" => (
                "no fixed version is known".to_owned(),
                format!(
                    "Replace {name}, or use it without the vulnerable part and have that accepted."
                ),
            ),
            fixed => (
                format!("fixed in {fixed}"),
                format!("Raise {name} to {fixed} or later."),
            ),
        };
        let mut message = format!("{name} {}: {summary}, {fix}", clean(&package.version, 60));
        if known.severity.is_none() {
            message.push_str("; its severity is unknown");
        }
        if preexisting {
            message.push_str("; the base has it already");
        }
        let mut found = finding(&rule_id(known.id), message)
            .severity(known.severity.unwrap_or(Severity::Medium))
            .at(clean(&source.path, 200), None)
            .help(help);
        found.blocking = blocking;
        self.findings.push(found);
    }

    /// The finding that says that the audit is not complete; none if it is.
    pub(crate) fn degradation(&self, fail_closed: bool) -> Option<Finding> {
        if self.degraded.is_empty() {
            return None;
        }
        let mut message = format!(
            "the dependency audit is not complete: {}",
            self.degraded[..self.degraded.len().min(REASONS_MAX)].join("; ")
        );
        if self.degraded.len() > REASONS_MAX {
            let more = self.degraded.len() - REASONS_MAX;
            message.push_str(&format!(
                "; and {}",
                counted(more, "more reason", "more reasons")
            ));
        }
        let mut found = finding("deps/degraded", message).help(
            "Nothing is known of the packages concerned. Have the cause removed and the gate run again.",
        );
        found.blocking = fail_closed;
        Some(found)
    }
}
