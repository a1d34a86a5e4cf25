//! `orch init`: from a project that nobody here wrote to a host that can carry a task through it.
//!
//! Nothing of the project's own clone is touched. What is made lies in one folder: the configuration, the data, and a
//! bare clone unless the project is a bare repository already.

pub(crate) mod agents;
pub(crate) mod edit;
mod git;
pub(crate) mod project;
mod propose;
mod report;
pub(crate) mod source;
mod submodules;
pub(crate) mod write;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use orch_process::git::Git;

use self::agents::Agent;
pub(crate) use self::report::Report;
use self::source::Source;
use crate::cli::Init;
use crate::commands::doctor;
use crate::show::print;

pub(crate) async fn run(options: Init, config: &Path, json: bool) -> anyhow::Result<u8> {
    let is_checked = !options.no_check;
    let mut report = set_up(options, config).await?;
    if is_checked {
        if !json {
            eprintln!(
                "set up; now the machine and the base are tried, which takes as long as the tests do"
            );
        }
        let file = PathBuf::from(&report.config);
        // What is set up stands, whatever the machine or the base lack: the report says that, with what would help.
        let repo = report
            .says_how_it_is_tested()
            .then_some(report.repository.as_str());
        let found = doctor::look(&file, repo).await;
        report.checked(found);
    }
    print(json, &report, report::text)?;
    Ok(0)
}

/// Sets a host up; `config` is where its configuration goes if that is named.
pub(crate) async fn set_up(options: Init, config: &Path) -> anyhow::Result<Report> {
    let named = config != Path::new("orch.yaml");
    let source = Source::find(&options.project).await?;
    let name = source.name(options.name.as_deref())?;
    let folder = match (&options.dir, named) {
        (Some(folder), _) => folder.clone(),
        (None, true) => config.parent().unwrap_or(Path::new("")).to_owned(),
        (None, false) => source.home_beside(&name)?,
    };
    let folder = std::path::absolute(&folder).context("the folder of the host")?;
    let file = match named {
        true => folder.join(config.file_name().unwrap_or("orch.yaml".as_ref())),
        false => folder.join("orch.yaml"),
    };
    if file.exists() {
        bail!(
            "`{}` is there already; add a repository to it with `orch --config {} repo add {}`, or name another \
             folder with --dir",
            file.display(),
            file.display(),
            options.project
        );
    }
    let agents = agents::chosen(&options.agent)?;
    std::fs::create_dir_all(&folder).with_context(|| format!("`{}`", folder.display()))?;
    let repository = source.bare(&folder, &name).await?;
    let asked = Asked {
        base: options.base.clone(),
        setup: options.setup.clone(),
        test: options.test.clone(),
        commit: options.commit,
    };
    let Prepared {
        base,
        found,
        proposal,
        proposed,
        submodules,
    } = Prepared::of(&source, &repository, asked).await?;
    let preset = options.preset.unwrap_or_else(|| write::fitting(&agents));
    let scanners = write::Scanners::find();
    let text = write::configuration(&write::Wanted {
        name: &name,
        repository: &repository,
        submodules: &submodules,
        base: &base.branch,
        agents: &agents,
        preset,
        scanners: &scanners,
    });
    crate::setup::write_new(&file, &text)?;
    let missing: Vec<&Agent> = agents.iter().filter(|a| !a.is_ready()).collect();
    for agent in &missing {
        if let Some(home) = agent.home_in(&folder) {
            std::fs::create_dir_all(&home).with_context(|| format!("`{}`", home.display()))?;
        }
    }
    Ok(Report::new(report::Made {
        name,
        file,
        source: &source,
        repository: &repository,
        base: &base,
        found: &found,
        submodules: &submodules,
        proposal: &proposal,
        proposed: &proposed,
        agents: &agents,
        preset: Some(preset),
        scanners: Some(&scanners),
    }))
}

/// What is asked of a project.
struct Asked {
    base: Option<String>,
    setup: Option<String>,
    test: Option<String>,
    commit: bool,
}

/// What is known of a project, and what was proposed to it.
struct Prepared {
    base: Base,
    found: project::FoundProject,
    proposal: propose::Proposal,
    proposed: propose::Put,
    submodules: submodules::Found,
}

impl Prepared {
    /// Looks at a clone. If anything of that fails, a clone that was made for it goes: a second try begins as the first
    /// one did.
    async fn of(source: &Source, repository: &Repository, asked: Asked) -> anyhow::Result<Self> {
        let prepared = Self::look(source, repository, asked).await;
        if prepared.is_err() && repository.is_own {
            std::fs::remove_dir_all(&repository.path).ok();
        }
        prepared
    }

    async fn look(source: &Source, repository: &Repository, asked: Asked) -> anyhow::Result<Self> {
        let git = Git::at(&repository.path)?;
        let base = source.base(&git, asked.base.as_deref()).await?;
        let found = project::look_at(&git, &base.tip).await?;
        let submodules = submodules::Found::of(source, repository, &git, &base.tip).await?;
        let proposal = propose::proposal(&found, asked.setup, asked.test);
        let proposed = propose::put(&git, &base, &proposal, asked.commit, repository).await?;
        Ok(Self {
            base,
            found,
            proposal,
            proposed,
            submodules,
        })
    }
}

/// Makes a bare clone of a project, by the person's own git.
pub(crate) async fn clone_bare(project: &str, to: &Path) -> anyhow::Result<()> {
    let to = to.display().to_string();
    let args = ["clone", "--quiet", "--bare", "--no-hardlinks", project, &to];
    git::must(
        Path::new("/"),
        &args,
        "see that git can clone it without asking",
    )
    .await
}

/// A project that is added to a host which is there.
pub(crate) struct Adding {
    pub(crate) project: String,
    pub(crate) name: Option<String>,
    pub(crate) base: Option<String>,
    pub(crate) setup: Option<String>,
    pub(crate) test: Option<String>,
    pub(crate) commit: bool,
}

/// Adds a project to the configuration `file`; a running host follows it.
pub(crate) async fn add(file: &Path, adding: Adding, json: bool) -> anyhow::Result<u8> {
    let config = crate::client::load_config(file)?;
    let source = Source::find(&adding.project).await?;
    let name = source.name(adding.name.as_deref())?;
    if config.repositories.contains_key(&name) {
        bail!("there is a repository `{name}` already; choose another name with --name");
    }
    let file = std::path::absolute(file).context("the configuration's folder")?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let text = std::fs::read_to_string(&file).with_context(|| format!("`{}`", file.display()))?;
    let repository = source.bare(folder, &name).await?;
    let asked = Asked {
        base: adding.base,
        setup: adding.setup,
        test: adding.test,
        commit: adding.commit,
    };
    let Prepared {
        base,
        found,
        proposal,
        proposed,
        submodules,
    } = Prepared::of(&source, &repository, asked).await?;
    let mut entry = serde_json::json!({"path": repository.path, "base": base.branch});
    if let Some(upstream) = &repository.upstream {
        entry["upstream"] = upstream.clone().into();
    }
    if let Some(said) = submodules.entry() {
        entry["submodules"] = said;
    }
    let Some(next) = edit::with(&text, &name, &entry) else {
        bail!(
            "`{}` has a form that is not edited here; add under `repositories`: {name}: {entry}",
            file.display()
        );
    };
    orch_config::HostConfig::parse(&file.display().to_string(), &next)?;
    edit::replace(&file, &next)?;
    let report = Report::new(report::Made {
        name,
        file,
        source: &source,
        repository: &repository,
        base: &base,
        found: &found,
        submodules: &submodules,
        proposal: &proposal,
        proposed: &proposed,
        agents: &[],
        preset: None,
        scanners: None,
    });
    print(json, &report, report::text)?;
    Ok(0)
}

/// The bare repository that a host works with.
pub(crate) struct Repository {
    pub(crate) path: PathBuf,
    /// Whether it was made for the host.
    pub(crate) is_own: bool,
    /// Where it comes from and what lands goes to, if that is no clone on this machine.
    pub(crate) upstream: Option<String>,
}

/// The branch that tasks begin from and land on.
pub(crate) struct Base {
    pub(crate) branch: String,
    pub(crate) tip: orch_domain::id::ObjectId,
}
