//! Does the branch bring a secret, in its commits or in the files they leave?
//!
//! A secret that the branch brings always blocks. One that the base has already is a remark: the branch neither
//! caused it nor can it take it back. The host replaces secrets by seals, which are equal for equal secrets. What was found is never shown, masked by the tool or not: a verdict is read by
//! people and agents and is kept.

use std::collections::BTreeSet;

use orch_gate_sdk::tools::{Request, ToolError};
use orch_gate_sdk::{Finding, GateError, Host, Severity, finding};
use serde::Deserialize;

use crate::text::{clean, counted, rule_id};
use crate::tools::{not_granted, output, why_not};

/// Scans of the host: over the files that the branch leaves, and over what its commits had before.
const SCANS: [&str; 2] = ["gitleaks-files", "gitleaks-history"];
/// Scan of the host over the files of the base.
const BASE_SCAN: &str = "gitleaks-base";
/// Beginning of a seal. Anything else in its place says nothing of whether two secrets are equal.
const SEAL: &str = "sealed:";
/// File the scans hand back.
const REPORT: &str = "report.json";
/// Exit code of a scan that found something.
const FOUND: i32 = 77;
/// Most leaks that become findings; all are counted.
const SHOWN_MAX: usize = 100;
/// Shorter values are left alone where they occur in a path, for they would blot out the path.
const MASKED_CHARACTERS_MIN: usize = 4;
const MASK: &str = "****";
/// What the scanner's own rules pass over, and what is no file.
const NOT_LOOKED_AT: &str = "\n\nNot looked at: what is inside of archives, images, fonts, office documents and \
                             programs (`*.svg`, `*.pdf`, `*.zip`, `*.bin`, `*.exe`, …), lock files of package \
                             managers, `node_modules`, submodules, names of files, and messages of commits. Rules \
                             of the base, `.gitleaks.toml` and `.gitleaksignore`, may leave out more.\n";
const HELP: &str = "Rotate the key first: whoever could read the branch may know it. Then remove it from the \
                    files and read it from the environment; the host squashes the branch, so its commits \
                    need no rewriting.";

/// What the scans found.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// How many the branch brings, those beyond the shown ones included.
    pub(crate) count: usize,
    /// How many the base has already.
    pub(crate) preexisting: usize,
    /// At most [`SHOWN_MAX`] that block and as many that do not.
    pub(crate) findings: Vec<Finding>,
    /// Why it is not known what the base has already.
    pub(crate) base_unknown: Option<String>,
}

/// One entry of the report.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Leak {
    #[serde(rename = "RuleID")]
    rule: String,
    description: String,
    file: String,
    start_line: u32,
    commit: String,
    r#match: String,
    secret: String,
    /// Entries that the host counts and does not hand on; then nothing else of the entry counts.
    beyond: usize,
}

impl Leak {
    /// `text` as it may be shown: what leaked may stand in a path or a description, too.
    fn shown(&self, text: &str, characters_max: usize) -> String {
        let mut text = text.to_owned();
        for hidden in [self.r#match.trim(), self.secret.trim()] {
            if hidden.chars().count() >= MASKED_CHARACTERS_MIN {
                text = text.replace(hidden, MASK);
            }
        }
        clean(&text, characters_max)
    }

    /// What is equal for equal secrets; none if that is not known.
    fn seal(&self) -> Option<&str> {
        Some(self.secret.as_str()).filter(|secret| secret.starts_with(SEAL))
    }

    /// What makes it another leak than the one before: the secret and its file, or else its place.
    fn key(&self) -> (String, String, u32, String) {
        let (rule, file) = (self.rule.clone(), self.file.clone());
        match self.seal() {
            Some(seal) => (rule, file, 0, seal.to_owned()),
            None => (rule, file, self.start_line, self.commit.clone()),
        }
    }

    /// The remark that the base has the secret already.
    fn remark(&self) -> Finding {
        let (file, place) = self.place();
        let message = format!(
            "{place}: {} ({MASK}); the base has it already, so it is not this branch's to remove",
            self.what()
        );
        let rule = rule_id(&self.shown(&self.rule, 120));
        finding(&format!("secret-of-the-base/{rule}"), message)
            .severity(Severity::Medium)
            .help("Rotate the key, and remove it from the base by a change of its own.")
            .at(file, (self.start_line > 0).then_some(self.start_line))
            .advisory()
    }

    /// The file, and the file with the line.
    fn place(&self) -> (String, String) {
        let file = self.shown(&self.file, 300);
        let place = match self.start_line {
            0 => file.clone(),
            line => format!("{file}:{line}"),
        };
        (file, place)
    }

    fn what(&self) -> String {
        match self.shown(&self.description, 200) {
            none if none.is_empty() => "a secret".to_owned(),
            description => description,
        }
    }

    fn finding(&self) -> Finding {
        let (file, place) = self.place();
        let commit: String = self.shown(&self.commit, 40).chars().take(12).collect();
        let commit = match commit.as_str() {
            "" => "in the files at the head".to_owned(),
            short => format!("in commit {short}"),
        };
        let description = self.what();
        let message = format!(
            "{place} {commit}: {description} ({MASK}); the key counts as known and must be rotated"
        );
        let line = (self.start_line > 0).then_some(self.start_line);
        secret(&self.shown(&self.rule, 120), message).at(file, line)
    }
}

fn secret(rule: &str, message: String) -> Finding {
    finding(&format!("secret/{}", rule_id(rule)), message)
        .severity(Severity::Critical)
        .help(HELP)
}

/// Runs the scans.
///
/// # Errors
/// [`GateError`] when a scan did not come to an end of its own: nothing is known then, so nothing passes.
pub(crate) fn scan<H: Host>(host: &H) -> Result<Secrets, GateError> {
    let mut secrets = Secrets::default();
    let mut seen = BTreeSet::new();
    let mut leaks = Vec::new();
    for tool in SCANS {
        match run(host, tool)? {
            Ok(found) => leaks.extend(found.into_iter().filter(|leak| seen.insert(leak.key()))),
            Err(why) => secrets.add(1, || {
                let message = format!(
                    "`{tool}` found secrets and its report cannot be read ({why}); \
                     have an operator run it by hand on this branch"
                );
                secret("unreadable-report", message)
            }),
        }
    }
    let of_base = match leaks.iter().any(|leak| leak.seal().is_some()) {
        true => secrets.seals_of_base(host),
        false => BTreeSet::new(),
    };
    let mut remarks = Vec::new();
    for leak in leaks {
        if leak.beyond > 0 {
            secrets.add(leak.beyond, || {
                let message = format!(
                    "{} more were found than are handed on; remove those that are listed first",
                    counted(leak.beyond, "secret", "secrets")
                );
                secret("beyond-the-report", message)
            });
        } else if leak.seal().is_some_and(|seal| of_base.contains(seal)) {
            secrets.preexisting += 1;
            remarks.push(leak.remark());
        } else {
            secrets.add(1, || leak.finding());
        }
    }
    remarks.truncate(SHOWN_MAX);
    secrets.findings.extend(remarks);
    Ok(secrets)
}

impl Secrets {
    fn add(&mut self, count: usize, finding: impl FnOnce() -> Finding) {
        self.count += count;
        if self.findings.len() < SHOWN_MAX {
            self.findings.push(finding());
        }
    }

    /// Seals of the secrets that the base has. A base that cannot be scanned excuses nothing.
    fn seals_of_base<H: Host>(&mut self, host: &H) -> BTreeSet<String> {
        let found = match run(host, BASE_SCAN) {
            Ok(Ok(found)) => found,
            Ok(Err(why)) => {
                self.base_unknown = Some(format!("the report of `{BASE_SCAN}`: {why}"));
                return BTreeSet::new();
            }
            Err(
                GateError::Unavailable(why)
                | GateError::Misconfigured(why)
                | GateError::Internal(why),
            ) => {
                self.base_unknown = Some(why);
                return BTreeSet::new();
            }
        };
        let seals = found.iter().filter_map(Leak::seal);
        seals.map(str::to_owned).collect()
    }

    /// Section of the report: what was found, and what nobody looked at.
    pub(crate) fn report(&self) -> String {
        let found = match self.count {
            0 => "No new secret was found".to_owned(),
            count => format!("{} found", counted(count, "secret was", "secrets were")),
        };
        let mut text = format!(
            "### Secrets\n\n{found} in the text of the files that the branch changed, and of their earlier \
             versions in its commits."
        );
        let listed = self.findings.iter().filter(|f| f.blocking).count();
        let beyond = self.count.saturating_sub(listed);
        if beyond > 0 {
            text.push_str(&format!(
                " {beyond} of them are not listed among the findings."
            ));
        }
        if self.preexisting > 0 {
            let known = counted(self.preexisting, "more is", "more are");
            text.push_str(&format!(" {known} in the base already."));
        }
        if let Some(why) = &self.base_unknown {
            text.push_str(&format!(
                " What the base has already is not known ({}), so nothing is excused by it.",
                clean(why, 300)
            ));
        }
        text.push_str(NOT_LOOKED_AT);
        text
    }
}

/// What one scan found, or why its report cannot be read though it found something.
fn run<H: Host>(host: &H, tool: &str) -> Result<Result<Vec<Leak>, String>, GateError> {
    let request = Request {
        tool: tool.to_owned(),
        args: Vec::new(),
        inputs: Vec::new(),
        outputs: vec![REPORT.to_owned()],
    };
    let outcome = host
        .run_tool(&request)
        .map_err(|error| no_answer(tool, error))?;
    let report = output(&outcome, REPORT).unwrap_or_default().trim();
    match outcome.exit_code {
        0 | FOUND => {}
        code => {
            let words = clean(&outcome.stderr, 500);
            return Err(GateError::Unavailable(format!(
                "`{tool}` ended with exit code {code}, so nothing is known of secrets; it said: {words}"
            )));
        }
    }
    if outcome.exit_code == 0 && report.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    Ok(match serde_json::from_str::<Option<Vec<Leak>>>(report) {
        Ok(leaks) => match leaks.unwrap_or_default() {
            none if none.is_empty() && outcome.exit_code == FOUND => {
                Err("it names none".to_owned())
            }
            leaks => Ok(leaks),
        },
        // The parser's own words are left out, for they can quote what it stumbled over.
        Err(error) => Err(format!("line {} is no list of leaks", error.line())),
    })
}

fn no_answer(tool: &str, error: ToolError) -> GateError {
    match error {
        ToolError::NotGranted(why) => not_granted(tool, &why),
        other => GateError::Unavailable(why_not(tool, other)),
    }
}
