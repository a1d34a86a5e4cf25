//! Which steps a repository's pipeline has, and where each of them comes from.

use std::collections::BTreeMap;
use std::fmt;

use orch_domain::id::EntryId;
use orch_domain::pipeline::{self, HostWork, Preset, Site, Step};
use orch_domain::stage::Stage;

use super::parse::{parse_stage, parse_step};
use crate::host::HostConfig;
use crate::pipeline::PipelineConfig;
use crate::strict::ConfigError;

/// Where a step comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nothing is said of the stage: the default, with the deploys that the repository has.
    Default,
    /// A ready-made pipeline, named at this place of `orch.yaml`.
    Preset(Preset, String),
    /// The steps of the stage, listed at this place of `orch.yaml`.
    Listed(String),
    /// A line of `extra_gates`.
    ExtraGate,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset(preset, place) => write!(f, "preset `{preset}` (`{place}` of orch.yaml)"),
            Self::Listed(place) => write!(f, "`{place}` of orch.yaml"),
            Self::ExtraGate => f.write_str("`extra_gates` of orch.yaml"),
        }
    }
}

/// The steps of every stage, each with where it comes from.
pub(crate) type Placed = BTreeMap<Stage, Vec<(Step, Origin)>>;

/// The steps that `host` gives the repository `repo`, or repositories in general.
pub(crate) fn steps_of(
    host: &HostConfig,
    repo: Option<&str>,
    file: &str,
) -> Result<Placed, ConfigError> {
    let repository = repo.and_then(|name| host.repositories.get(name));
    // Of repositories in general everything may be there.
    let site = repository.map_or(
        Site {
            staging: true,
            deploy: true,
        },
        |r| Site {
            staging: r.staging.is_some(),
            deploy: r.deploy.is_some(),
        },
    );
    let of_host = ("pipeline".to_owned(), &host.pipeline);
    let own = repo
        .zip(repository)
        .map(|(name, r)| (format!("repositories.{name}.pipeline"), &r.pipeline));
    // A repository that names a ready-made pipeline wants none of the host's stages.
    let starts_anew = own.as_ref().is_some_and(|(_, p)| p.preset.is_some());
    let mut layers: Vec<(String, &PipelineConfig)> = vec![of_host];
    if starts_anew {
        layers.clear();
    }
    layers.extend(own);
    let mut placed: Placed = with_origin(pipeline::steps_for(site), &Origin::Default);
    for (place, layer) in layers {
        if let Some(preset) = layer.preset(file, &place)? {
            let origin = Origin::Preset(preset, format!("{place}.preset"));
            placed = with_origin(preset.steps(), &origin);
        }
        for (stage, list) in &layer.stages {
            let stage = parse_stage(file, &place, stage)?;
            let origin = Origin::Listed(format!("{place}.{stage}"));
            let steps = list
                .iter()
                .map(|text| Ok((parse_step(file, stage, text)?, origin.clone())))
                .collect::<Result<Vec<_>, ConfigError>>()?;
            placed.insert(stage, steps);
        }
    }
    Ok(placed)
}

/// Puts the gates of `extra_gates` where they judge.
pub(crate) fn add_extra(placed: &mut Placed, extra: Vec<(Stage, EntryId)>) {
    for (stage, id) in extra {
        let list = placed.entry(stage).or_default();
        let step = Step::Gate(id);
        if list.iter().any(|(present, _)| *present == step) {
            continue;
        }
        let at = match &step {
            // It is of the commit to land, which is known only then.
            Step::Gate(id) if id.as_str() == pipeline::IMAGE_FRESHNESS => {
                first(list, &[Step::Work(HostWork::Land)])
            }
            _ => end_of_first_gates(list),
        };
        list.insert(at, (step, Origin::ExtraGate));
    }
}

fn with_origin(steps: BTreeMap<Stage, Vec<Step>>, origin: &Origin) -> Placed {
    let placed = steps.into_iter().map(|(stage, list)| {
        let list = list.into_iter().map(|step| (step, origin.clone()));
        (stage, list.collect())
    });
    placed.collect()
}

/// Where a stage's first row of gates ends: before an approval, a preparation to land, or work that follows them.
fn end_of_first_gates(steps: &[(Step, Origin)]) -> usize {
    let before = first(steps, &[Step::Approval, Step::Work(HostWork::MergePrepare)]);
    let is_gate = |(step, _): &&(Step, Origin)| matches!(step, Step::Gate(_));
    let open = &steps[..before];
    let begin = open.iter().position(|step| is_gate(&step));
    let begin = begin.unwrap_or(before);
    begin + open[begin..].iter().take_while(is_gate).count()
}

/// Where the first of these steps stands, or the end.
fn first(steps: &[(Step, Origin)], wanted: &[Step]) -> usize {
    let found = steps.iter().position(|(step, _)| wanted.contains(step));
    found.unwrap_or(steps.len())
}
