//! The verbs of gate authors: new, build, check, test, bench.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use orch_author::cases::{self, CASES_FILE};
use orch_author::check::Level;
use orch_author::report::{self, About, Format, Remark};
use orch_author::{Language, bench, check, project, run as cases_run};
use orch_gates::{GateRuntime, LoadedGate};
use orch_views::author::{
    AboutGate, BegunView, BenchView, BuiltView, CheckView, MeasureView, NoteLevel, NoteView,
};
use orch_views::judgement::JudgementView;

use crate::cli::gate::{Author, Cases};
use crate::exit::USAGE;
use crate::setup::gate_runtime;
use crate::show::{self, out, print, problem};

pub(crate) async fn run(verb: Author, json: bool) -> anyhow::Result<u8> {
    match verb {
        Author::New { name, lang, dir } => new(&name, &lang, dir, json),
        Author::Build { dir } => {
            let file = project::build(&dir)?;
            let view = BuiltView {
                file: file.display().to_string(),
            };
            print(json, &view, show::author::built)?;
            Ok(0)
        }
        Author::Check { file } => look(&file, json).await,
        Author::Test(cases) => test(cases, json).await,
        Author::Bench { cases, times } => measure(cases, times, json).await,
    }
}

fn new(name: &str, lang: &str, dir: Option<PathBuf>, json: bool) -> anyhow::Result<u8> {
    let Some(language) = Language::parse(lang) else {
        let known = Language::ALL.map(Language::as_str).join(", ");
        bail!("unknown language `{lang}`; use one of {known}");
    };
    let folder = dir.unwrap_or_else(|| PathBuf::from(name));
    project::begin(name, language, &folder)?;
    let view = BegunView {
        folder: folder.display().to_string(),
    };
    print(json, &view, show::author::begun)?;
    Ok(0)
}

/// The format of a report; `--json` says the same as `--format json`.
pub(super) fn format(name: &str, json: bool) -> anyhow::Result<Format> {
    let format = Format::parse(name)
        .with_context(|| format!("unknown format `{name}`; use text, json, junit or sarif"))?;
    Ok(if json { Format::Json } else { format })
}

async fn load(runtime: &GateRuntime, file: &Path) -> anyhow::Result<Arc<LoadedGate>> {
    runtime
        .load_file(file)
        .await
        .with_context(|| format!("gate file `{}` cannot be loaded", file.display()))
}

async fn look(file: &Path, json: bool) -> anyhow::Result<u8> {
    let runtime = gate_runtime()?;
    let notes = match load(&runtime, file).await {
        Ok(gate) => check::check(&runtime, file, &gate).await,
        Err(error) => vec![check::Note {
            level: Level::Error,
            text: problem::chain(&error),
        }],
    };
    let errors = notes.iter().filter(|n| n.level == Level::Error).count();
    let view = CheckView {
        file: file.display().to_string(),
        errors: errors as u64,
        notes: notes.into_iter().map(note).collect(),
    };
    print(json, &view, show::author::notes)?;
    Ok(u8::from(errors > 0))
}

fn note(note: check::Note) -> NoteView {
    NoteView {
        level: match note.level {
            Level::Error => NoteLevel::Error,
            Level::Warning => NoteLevel::Warning,
            Level::Note => NoteLevel::Note,
        },
        text: note.text,
    }
}

/// The gate file and its cases.
fn named(cases: &Cases) -> anyhow::Result<(PathBuf, PathBuf)> {
    let (file, folder) = if cases.gate.is_dir() {
        (component_in(&cases.gate)?, cases.gate.clone())
    } else {
        let folder = cases.gate.parent().unwrap_or(Path::new("."));
        (cases.gate.clone(), folder.to_owned())
    };
    let list = cases
        .cases
        .clone()
        .unwrap_or_else(|| folder.join(CASES_FILE));
    Ok((file, list))
}

/// The one component of a project's folder.
fn component_in(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("`{}`", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "wasm") {
            found.push(path);
        }
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!(
            "there is no component in `{}`; run `orch gate build` first",
            folder.display()
        ),
        _ => bail!(
            "there are several components in `{}`; name one",
            folder.display()
        ),
    }
}

fn about(gate: &LoadedGate) -> About {
    About {
        gate: gate.name.clone(),
        version: gate.descriptor.version.clone(),
        digest: gate.digest.clone(),
    }
}

async fn test(cases: Cases, json: bool) -> anyhow::Result<u8> {
    let format = match self::format(&cases.format, json) {
        Ok(format) => format,
        Err(error) => {
            problem::report(&error, json)?;
            return Ok(USAGE);
        }
    };
    let (file, list) = named(&cases)?;
    let list = cases::read(&list)?;
    let runtime = gate_runtime()?;
    let gate = load(&runtime, &file).await?;
    let mut results = Vec::new();
    for case in &list {
        results.push(cases_run::run(&runtime, &gate, case).await);
    }
    out(&report::cases(&about(&gate), &results, format)?)?;
    Ok(u8::from(results.iter().any(|r| !r.holds())))
}

async fn measure(cases: Cases, times: u32, json: bool) -> anyhow::Result<u8> {
    let (file, list) = named(&cases)?;
    let list = cases::read(&list)?;
    let runtime = gate_runtime()?;
    let gate = load(&runtime, &file).await?;
    let mut rows = Vec::new();
    for case in list.iter().filter(|c| c.expect.settings_problems.is_none()) {
        rows.push(measured(
            bench::measure(&runtime, &gate, case, times).await?,
        ));
    }
    let view = BenchView {
        gate: AboutGate {
            gate: gate.name.clone(),
            version: gate.descriptor.version.clone(),
            digest: gate.digest.clone(),
        },
        cases: rows,
    };
    print(json, &view, show::author::measured)?;
    Ok(0)
}

fn measured(of: bench::Measured) -> MeasureView {
    MeasureView {
        name: of.name,
        evaluations: of.evaluations,
        p50_us: of.p50_us,
        p99_us: of.p99_us,
        max_us: of.max_us,
        per_second: of.per_second,
        cpu_us: of.cpu_us,
        memory_bytes: of.memory_bytes,
    }
}

/// A judgement for other programs.
pub(crate) fn judgement(judged: &JudgementView, format: Format) -> anyhow::Result<String> {
    let about = About {
        gate: judged.gate.clone(),
        version: judged.version.clone(),
        digest: judged.digest.clone(),
    };
    let mut remarks: Vec<Remark> = judged
        .findings
        .iter()
        .map(|f| Remark {
            rule: f.rule.clone(),
            level: match (f.blocking, f.severity.as_str()) {
                (true, _) => "error",
                (false, "info") => "note",
                (false, _) => "warning",
            }
            .to_owned(),
            message: f.message.clone(),
            path: f.path.clone(),
            line: f.line,
        })
        .collect();
    let passes = matches!(judged.exit_code, 0);
    if !passes && !remarks.iter().any(|r| r.level == "error") {
        // A fail without a finding must not look like a clean report.
        remarks.push(Remark {
            rule: format!("{}/{}", judged.gate, judged.decision),
            level: "error".to_owned(),
            message: judged.summary.clone(),
            path: None,
            line: None,
        });
    }
    if format == Format::Sarif {
        return Ok(report::sarif(&about, &remarks));
    }
    let problems: Vec<String> = remarks
        .iter()
        .filter(|_| !passes)
        .map(|r| format!("{}: {}", r.rule, r.message))
        .collect();
    let name = format!("{} of {}", judged.gate, judged.head_sha);
    report::junit(
        &about,
        std::iter::once((name.as_str(), problems.as_slice())),
    )
}
