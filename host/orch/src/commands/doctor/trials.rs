//! What does the cage hold on this machine: by each profile, for each agent, and with each gateway?

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use orch_config::{HostConfig, SandboxMode, SandboxProfile, TrustedMode};
use orch_engine::{ProviderAsked, ask_provider};
use orch_process::sandbox::{
    self, Check, Confinement, Inaccessible, Limits, Network, Profile, Surroundings, Toolchains,
    Trial,
};
use orch_process::{Spec, run};
use orch_views::doctor::{CheckAnswer, ConfinementCheck};

/// What was tried, and by what judged processes are held.
pub(super) struct Tried {
    pub(super) checks: Vec<ConfinementCheck>,
    /// None if nothing holds them.
    pub(super) profile: Option<String>,
}

/// Where the remedies stand that are longer than a line.
const REMEDY: &str = "docs/operators/confinement.md, \"When it cannot be done\"";

/// Limit of one trial of a trusted command.
const TRUSTED_TIMEOUT: Duration = Duration::from_secs(20);
/// What lets such a command be started without what is the host's.
const TRUSTED_REMEDY: &str =
    "allow user namespaces; docs/operators/confinement.md, \"Trusted commands\"";

/// Tries everything.
pub(super) async fn all(orch: &Path, config: &HostConfig) -> anyhow::Result<Tried> {
    let mut checks = Vec::new();
    let mut used = None;
    for profile in tried_profiles(config) {
        let scratch = tempfile::tempdir().context("a folder for the trial")?;
        let external = &config.sandbox.external;
        let tried = sandbox::canary(orch, scratch.path(), profile, external).await;
        let tried = tried.context("the trial cannot be made")?;
        // One that confines nothing here has nothing else to show.
        let confines = tried.len() > 1;
        let holds = tried.iter().all(|check| check.trial != Trial::DoesNotHold);
        if used.is_none() && confines && holds && is_used(config.sandbox.profile, profile) {
            used = Some((profile.as_str().to_owned(), profile));
        }
        checks.extend(
            tried
                .into_iter()
                .map(|check| shown(profile.as_str(), check)),
        );
    }
    if config.sandbox.mode == SandboxMode::Off {
        checks.push(ConfinementCheck {
            of: "orch.yaml".to_owned(),
            name: "is confined at all".to_owned(),
            held: false,
            answer: CheckAnswer::DoesNotHold,
            detail: "`sandbox.mode` is `off` in orch.yaml: agents, tools and tests can overrule whatever judges them"
                .to_owned(),
            remedy: Some("take `sandbox.mode` out".to_owned()),
        });
    } else {
        if let Some((_, profile)) = &used {
            checks.extend(of_agents(orch, config, *profile).await?);
        }
        checks.push(of_trusted(orch, config).await?);
    }
    Ok(Tried {
        checks,
        profile: used.map(|(name, _)| name),
    })
}

/// Profiles that are tried: those that are found out by trying, and the one that the operator names.
fn tried_profiles(config: &HostConfig) -> Vec<Profile> {
    let mut profiles = vec![Profile::Namespaces, Profile::Landlock];
    match config.sandbox.profile {
        SandboxProfile::Auto | SandboxProfile::Namespaces | SandboxProfile::Landlock => {}
        SandboxProfile::LandlockSameUser => profiles.push(Profile::LandlockSameUser),
        SandboxProfile::External => profiles.push(Profile::External),
    }
    profiles
}

/// Whether judged processes are held by a profile where the operator says so.
fn is_used(said: SandboxProfile, profile: Profile) -> bool {
    match said {
        SandboxProfile::Auto => matches!(profile, Profile::Namespaces | Profile::Landlock),
        SandboxProfile::Namespaces => profile == Profile::Namespaces,
        SandboxProfile::Landlock => profile == Profile::Landlock,
        SandboxProfile::LandlockSameUser => profile == Profile::LandlockSameUser,
        SandboxProfile::External => profile == Profile::External,
    }
}

fn shown(of: &str, check: Check) -> ConfinementCheck {
    let (answer, remedy) = match check.trial {
        Trial::Holds => (CheckAnswer::Holds, None),
        Trial::DoesNotHold => (
            CheckAnswer::DoesNotHold,
            Some(format!(
                "start nothing judged on this machine until it holds: {REMEDY}"
            )),
        ),
        Trial::NotEnforcedHere(why) => (CheckAnswer::NotEnforcedHere, Some(why)),
    };
    ConfinementCheck {
        of: of.to_owned(),
        name: check.name,
        held: answer != CheckAnswer::DoesNotHold,
        answer,
        detail: check.detail,
        remedy,
    }
}

/// Every agent, with what the operator granted to it, tries to read what is the host's own, the keys of gateways among it.
async fn of_agents(
    orch: &Path,
    config: &HostConfig,
    profile: Profile,
) -> anyhow::Result<Vec<ConfinementCheck>> {
    let around = Surroundings::own();
    let found = match &config.sandbox.toolchains {
        Some(listed) => Toolchains::listed(listed, &around),
        None => Toolchains::find(&around),
    };
    let places = config.own_places();
    let mut checks = Vec::new();
    for (name, agent) in &config.agents {
        let scratch = tempfile::tempdir().context("a folder for the trial")?;
        let own = scratch.path().join("own");
        std::fs::create_dir(&own).context("a folder for the trial")?;
        let both = |of_all: &[PathBuf], of_one: &[PathBuf]| [of_all, of_one].concat();
        let mut hide = places.clone();
        hide.push(scratch.path().to_owned());
        let confinement = Confinement {
            read: [
                found.read.keys().cloned().collect::<Vec<PathBuf>>(),
                both(&config.sandbox.read, &agent.sandbox.read),
            ]
            .concat(),
            write: vec![own.clone()],
            lent: both(&config.sandbox.write, &agent.sandbox.write),
            sockets: both(&config.sandbox.sockets, &agent.sandbox.sockets),
            hide,
            secrets: found.secrets.clone(),
            network: Network::None,
            profile,
            external: config.sandbox.external.clone(),
            ..Confinement::nothing(Limits::default())
        };
        let tried = sandbox::own_places(orch, &confinement, &own, &places).await;
        let of = format!("agent {name}");
        checks.extend(tried.into_iter().map(|check| shown(&of, check)));
        checks.extend(gateway(name, agent).await);
    }
    Ok(checks)
}

/// Whether commands of the operator's own see what is the host's.
async fn of_trusted(orch: &Path, config: &HostConfig) -> anyhow::Result<ConfinementCheck> {
    let places = config.own_places();
    let scratch = tempfile::tempdir().context("a folder for the trial")?;
    let marked = scratch.path().join("marked");
    std::fs::write(&marked, "of the host").context("a file for the trial")?;
    let what = Inaccessible {
        paths: [places, vec![marked.clone()]].concat(),
        kept: Vec::new(),
        is_required: true,
    };
    let line = format!("! grep -q . '{}'", marked.display());
    let spec = Spec::shell(&line, "/", TRUSTED_TIMEOUT).env("PATH", "/usr/bin:/bin");
    let wrapped = what.wrap(orch, &spec.program, &spec.args);
    let spec = Spec {
        program: wrapped.program,
        args: wrapped.args,
        ..spec
    };
    let (name, value) = &wrapped.variable;
    let done = run(&spec.env(name, value)).await?;
    let open = "commands of your own (hooks, checks and probes that run no file of a branch) can read the database and every token";
    let (answer, detail, remedy) = match (config.sandbox.trusted, done.success()) {
        (TrustedMode::Open, _) => (
            CheckAnswer::NotEnforcedHere,
            format!("`sandbox.trusted` is `open`: {open}"),
            Some(
                "take `sandbox.trusted` out, unless a hook of yours needs what is the host's, or gains rights as by sudo",
            ),
        ),
        (_, true) => (
            CheckAnswer::Holds,
            "a file of the host's was empty".to_owned(),
            None,
        ),
        (TrustedMode::Hidden, false) => (
            CheckAnswer::DoesNotHold,
            format!("they are not started: {}", done.tail(300).trim()),
            Some(TRUSTED_REMEDY),
        ),
        (TrustedMode::Auto, false) => (
            CheckAnswer::NotEnforcedHere,
            format!("{open}: {}", done.tail(300).trim()),
            Some(TRUSTED_REMEDY),
        ),
    };
    Ok(ConfinementCheck {
        of: "trusted commands".to_owned(),
        name: "see nothing of the host's own".to_owned(),
        held: answer != CheckAnswer::DoesNotHold,
        answer,
        detail,
        remedy: remedy.map(str::to_owned),
    })
}

/// Whether the provider of an agent's gateway answers, and takes the key that the host adds.
async fn gateway(name: &str, agent: &orch_config::AgentConfig) -> Option<ConfinementCheck> {
    let asked = match ask_provider(agent).await {
        Ok(None) => return None,
        Ok(Some(asked)) => Ok(asked),
        Err(error) => Err(format!("{error:#}")),
    };
    let key = format!("agents.{name}.gateway.key");
    let (answer, detail, remedy) = match asked {
        Ok(ProviderAsked::Taken) => (
            CheckAnswer::Holds,
            "its provider was asked for its models, and took the key".to_owned(),
            None,
        ),
        Ok(ProviderAsked::KeyRefused(status)) => (
            CheckAnswer::DoesNotHold,
            format!("its provider does not take the key (status {status})"),
            Some(format!("give a key that counts in what `{key}` names")),
        ),
        Ok(ProviderAsked::Otherwise(status)) => (
            CheckAnswer::NotEnforcedHere,
            format!("its provider answered with status {status}"),
            Some(format!(
                "look whether `agents.{name}.gateway.upstream` names the provider; one without a list of models answers so as well"
            )),
        ),
        Ok(ProviderAsked::Silent) => (
            CheckAnswer::NotEnforcedHere,
            "its provider does not answer from here".to_owned(),
            Some(format!(
                "let this machine reach what `agents.{name}.gateway.upstream` names"
            )),
        ),
        Err(why) => (
            CheckAnswer::NotEnforcedHere,
            why,
            Some(format!(
                "give the host what `{key}` names; a variable of the host's own is not seen here"
            )),
        ),
    };
    Some(ConfinementCheck {
        of: format!("gateway of {name}"),
        name: "gets its answers through the host, which has the key".to_owned(),
        held: answer != CheckAnswer::DoesNotHold,
        answer,
        detail,
        remedy,
    })
}
