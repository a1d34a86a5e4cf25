//! `orch tracker add plane`: finds workspace, projects and states by their names, and writes down their ids.

mod states;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use orch_clients::plane::{Finder, FoundProject, PersonFound};
use orch_config::{HostConfig, SecretFrom};
use orch_domain::id::DoorName;
use serde::Serialize;
use serde_json::{Value, json};

use self::states::{Wanted, assigned};
use crate::cli::tracker::{AddPlane, Tracker};
use crate::client::load_config;
use crate::init::edit;
use crate::setup::secret;
use crate::show::{plain, print};

/// Colour of the states that are made.
const COLOUR: &str = "#8B5CF6";

/// Members of a project that are shown.
const MEMBERS_MAX: usize = 50;

/// What was found and written.
#[derive(Debug, Serialize)]
struct Added {
    tracker: Value,
    /// Names of states that were made.
    made: Vec<String>,
    /// The file that it was written to; none if it is only shown.
    written: Option<String>,
    notes: Vec<String>,
}

pub(crate) async fn run(file: &Path, verb: Tracker, json: bool) -> anyhow::Result<()> {
    let Tracker::Add(crate::cli::tracker::Add::Plane(add)) = verb;
    let added = plane(file, &add).await?;
    print(json, &added, |added| {
        let tree = json!({"trackers": added.tracker});
        let mut text = plain::block(&serde_yaml::to_string(&tree).unwrap_or_default());
        for made in &added.made {
            text += &format!("\nmade the state `{}`", plain::block(made));
        }
        for note in &added.notes {
            text += &format!("\n{}", plain::block(note));
        }
        text += &match &added.written {
            Some(file) => format!("\nwritten to {file}; restart the host"),
            None => "\nnothing is written; add it to orch.yaml, or say --write".to_owned(),
        };
        text
    })
}

async fn plane(file: &Path, add: &AddPlane) -> anyhow::Result<Added> {
    let config = load_config(file)?;
    let from = SecretFrom {
        file: add.key_file.clone(),
        env: add.key_env.clone(),
    };
    let key = secret(&SecretFrom {
        file: from.file.as_deref().map(std::path::absolute).transpose()?,
        env: from.env.clone(),
    });
    key.check().context("the key of Plane is not there")?;
    let finder = Finder::new(&add.url, &add.workspace, key)?;
    let found = finder.look().await?;
    is_of_nobody(&config, &add.name, &found.me)?;
    if add.write && config.trackers.contains_key(&add.name) {
        bail!(
            "orch.yaml has a tracker `{0}` already; a further project of it is added by `orch project add` with `--plane {0}:IDENTIFIER`, another workspace with `--name`",
            add.name
        );
    }
    let (mut projects, mut made) = (BTreeMap::new(), Vec::new());
    let mut members = Vec::new();
    for (identifier, repo) in pairs(&add.project, "--project IDENTIFIER=REPOSITORY")? {
        if !config.repositories.contains_key(&repo) {
            let known: Vec<&str> = config.repositories.keys().map(String::as_str).collect();
            bail!(
                "there is no repository `{repo}` in orch.yaml; registered are: {}",
                known.join(", ")
            );
        }
        let project = found.projects.iter().find(|project| {
            project.identifier.eq_ignore_ascii_case(&identifier) || project.name == identifier
        });
        let Some(project) = project else {
            let known: Vec<&str> = found
                .projects
                .iter()
                .map(|p| p.identifier.as_str())
                .collect();
            bail!(
                "the key of `{}` sees no project `{identifier}` in `{}`; it sees: {}. Add that user to the project",
                found.me.name,
                add.workspace,
                known.join(", ")
            );
        };
        let (states, of_project) = states_of(&finder, project, add.create).await?;
        made.extend(of_project);
        let project_config = json!({"repo": repo, "prefix": project.identifier, "states": states});
        projects.insert(project.id.clone(), project_config);
        let of_project = finder.members(&project.id).await;
        let others = of_project
            .into_iter()
            .filter(|one| one.id != found.me.id)
            .take(MEMBERS_MAX)
            .map(|one| {
                format!(
                    "`{}` of {} has the id {}",
                    one.name, project.identifier, one.id
                )
            });
        members.extend(others);
    }
    let mut notes = vec![format!(
        "the key belongs to `{}`; `people` in orch.yaml says who may begin and decide: `NAME: {{role: approver, {}: [ID]}}`",
        found.me.name, add.name
    )];
    notes.extend(members);
    let key = match (&from.file, &from.env) {
        (Some(file), _) => json!({"file": file}),
        (None, env) => json!({"env": env}),
    };
    let tracker = json!({add.name.clone(): {"plane": {
        "url": add.url, "workspace": add.workspace, "key": key, "projects": projects,
    }}});
    let written = match add.write {
        true => Some(write(file, &config, &add.name, &tracker)?),
        false => None,
    };
    Ok(Added {
        tracker,
        made,
        written,
        notes,
    })
}

/// Adds a project of Plane to a tracker that is there; says what was done.
pub(crate) async fn add_project(
    file: &Path,
    tracker: &str,
    identifier: &str,
    repo: &str,
    create: bool,
) -> anyhow::Result<Vec<String>> {
    let config = load_config(file)?;
    let there = config.trackers.get(tracker);
    let there = there.and_then(|there| there.plane.as_ref()).with_context(|| {
        format!("there is no workspace of Plane `{tracker}` in orch.yaml; `orch tracker add plane --write` adds one")
    })?;
    let key = secret(&there.key);
    key.check().context("the key of Plane is not there")?;
    let finder = Finder::new(&there.url, &there.workspace, key)?;
    let found = finder.look().await?;
    is_of_nobody(&config, tracker, &found.me)?;
    let project = found.projects.iter().find(|project| {
        project.identifier.eq_ignore_ascii_case(identifier) || project.name == identifier
    });
    let project = project.with_context(|| {
        let known = found.projects.iter().map(|p| p.identifier.as_str());
        format!(
            "the key of `{}` sees no project `{identifier}` in `{}`; it sees: {}. Add that user to the project",
            found.me.name,
            there.workspace,
            known.collect::<Vec<_>>().join(", ")
        )
    })?;
    if let Some(known) = there.projects.get(&project.id) {
        if known.repo != repo {
            bail!(
                "project `{}` is about repository `{}` already",
                project.identifier,
                known.repo
            );
        }
        return Ok(vec![format!(
            "project `{}` is about it already",
            project.identifier
        )]);
    }
    let (states, made) = states_of(&finder, project, create).await?;
    let mut entry = serde_json::to_value(config.trackers.get(tracker))?;
    entry["plane"]["projects"][&project.id] =
        json!({"repo": repo, "prefix": project.identifier, "states": states});
    let written = edit::put(file, "trackers", tracker, &entry)?;
    let mut done: Vec<String> = made
        .iter()
        .map(|state| format!("made the state `{state}`"))
        .collect();
    done.push(format!(
        "project `{}` is about it, written to {written}",
        project.identifier
    ));
    Ok(done)
}

/// Refuses the key of somebody who also comments and moves items.
fn is_of_nobody(config: &HostConfig, tracker: &str, me: &PersonFound) -> anyhow::Result<()> {
    let source = DoorName::new(tracker.to_owned())?;
    if let Some((person, _)) = config.person_of_account(&source, &me.id) {
        bail!(
            "the key belongs to `{}`, who is `{person}` here: Orch could not tell its own words from theirs; make a user \
             of its own for Orch in Plane, and use a key of that one",
            me.name
        );
    }
    Ok(())
}

/// The states of a project by their words, and the names of those that were made.
async fn states_of(
    finder: &Finder,
    project: &FoundProject,
    create: bool,
) -> anyhow::Result<(BTreeMap<&'static str, String>, Vec<String>)> {
    let there = finder.states(&project.id).await?;
    let (mut states, missing) = assigned(&there);
    if !missing.is_empty() && !create {
        let names: Vec<&str> = missing.iter().map(|wanted| wanted.name).collect();
        bail!(
            "project `{}` has no states for: {}; make states of these names, or say --create",
            project.identifier,
            names.join(", ")
        );
    }
    let mut made = Vec::new();
    for Wanted { word, name, group } in missing {
        let id = finder.make_state(&project.id, name, group, COLOUR).await?;
        states.insert(word, id);
        made.push(format!("{} {name}", project.identifier));
    }
    Ok((states, made))
}

/// `A=B` of an option, several times.
fn pairs(list: &[String], option: &str) -> anyhow::Result<Vec<(String, String)>> {
    let pair = |text: &String| {
        let pair = text.split_once('=');
        let pair = pair.filter(|(a, b)| !a.is_empty() && !b.is_empty());
        let pair = pair.with_context(|| format!("`{text}` is not of the form {option}"))?;
        Ok((pair.0.to_owned(), pair.1.to_owned()))
    };
    list.iter().map(pair).collect()
}

/// Adds the tracker to the file; what stands there stays as it is.
fn write(file: &Path, config: &HostConfig, name: &str, tracker: &Value) -> anyhow::Result<String> {
    if !config.trackers.is_empty() {
        return edit::put(file, "trackers", name, &tracker[name]);
    }
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("`{shown}`"))?;
    let tree = json!({"trackers": tracker});
    // A file in JSON, as programs write it, is written as JSON again.
    let next = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(mut map)) => {
            map.insert("trackers".to_owned(), tracker.clone());
            serde_json::to_string_pretty(&map)? + "\n"
        }
        Ok(_) | Err(_) => format!("{}\n{}", text.trim_end(), serde_yaml::to_string(&tree)?),
    };
    HostConfig::parse(&shown, &next)?;
    orch_durable::replace(file, next.as_bytes())
        .with_context(|| format!("`{shown}` cannot be written"))?;
    Ok(shown)
}
