//! What an operator may say of a repository.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::forges::ForgePlace;
use crate::network::NetworkConfig;
use crate::pipeline::PipelineConfig;
use crate::repository::RepoFile;
use crate::risk::{DeployApprovalConfig, RiskConfig};
use crate::sandbox::SandboxGrants;
use crate::strict::ConfigError;
use crate::submodules::SubmodulesConfig;

/// One repository.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoryConfig {
    /// Whether its tasks run one after the other: one that waits for a person lets the next one on.
    #[serde(default)]
    pub serial: bool,
    /// Where it is hosted.
    #[serde(default)]
    pub forge: ForgePlace,
    /// The bare repository, if it is hosted on this machine.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Address of the repository that the bare one is a clone of: its base is fetched from there, and what lands is
    /// pushed there first, by the host's own user with their git settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Whether the base has to pass its own tests before a task begins; without it a task may mend a base that fails.
    #[serde(default = "default_true")]
    pub require_green_base: bool,
    /// Where its submodules may come from.
    #[serde(default)]
    pub submodules: SubmodulesConfig,
    /// Base branch.
    #[serde(default = "default_base")]
    pub base: String,
    /// Prefix of the work items that are numbered here, such as `SHOP`; the name in capitals if not given.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Its pipeline, as far as it is not the host's.
    #[serde(default)]
    pub pipeline: PipelineConfig,
    /// Whether its deploy deploys this host.
    #[serde(default)]
    pub self_hosting: bool,
    /// Staging.
    #[serde(default)]
    pub staging: Option<StagingConfig>,
    /// Production.
    #[serde(default)]
    pub deploy: Option<DeployConfig>,
    /// Watch over production after a deploy.
    #[serde(default)]
    pub post_deploy: Option<PostDeployConfig>,
    /// What stands in place of the repository's own `.orch.yaml`, with the same keys; for one that is invalid at the base
    /// or not to be followed. New tasks go by it.
    #[serde(default)]
    pub orch_yaml: Option<RepoFile>,
    /// What gates may do on this repository, instead of what `grants` says of them at the top.
    #[serde(default)]
    pub grants: BTreeMap<String, Vec<String>>,
    /// Paths that are risky to change, and those that are not, beside those of `risk` at the top.
    #[serde(default)]
    pub risk: RiskConfig,
    /// When a person approves a deploy of this repository, instead of what `deploy_approval` at the top says.
    #[serde(default)]
    pub deploy_approval: DeployApprovalConfig,
    /// What tests, hooks and probes that run files of the branch may see and do beside what every judged process may.
    #[serde(default)]
    pub sandbox: SandboxGrants,
    /// What setting up, and hooks and checks that run files of the branch, reach of the network.
    #[serde(default)]
    pub network: NetworkConfig,
}

fn default_true() -> bool {
    true
}

fn default_base() -> String {
    "main".to_owned()
}

/// How to deploy to staging and check it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StagingConfig {
    /// Command that deploys the checkout it runs in; gets `EXPECTED_REVISION`.
    pub hook: String,
    /// Base address of the staging system, for the log.
    #[serde(default)]
    pub base_url: String,
    /// Checks to run afterwards, in order.
    #[serde(default)]
    pub suite: Vec<SuiteCheck>,
    /// Command that cleans up; always runs.
    #[serde(default)]
    pub cleanup: Option<String>,
    /// Limit of each command, seconds.
    #[serde(default = "default_hook_timeout")]
    pub timeout_s: u32,
    /// The image that runs on staging, for the gate `image-freshness`.
    #[serde(default)]
    pub image: Option<ImageConfig>,
}

/// How to tell of which commit the staging image is, and to make it anew.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ImageConfig {
    /// Command that prints the revision label of the image that runs.
    pub label: String,
    /// Command that builds and starts the image of the checkout it runs in, once for a commit; gets
    /// `EXPECTED_REVISION`.
    #[serde(default)]
    pub rebuild: Option<String>,
    /// Command that ends with exit code 0 when the rebuilt image serves.
    #[serde(default)]
    pub health: Option<String>,
    /// Limit of each command, seconds.
    #[serde(default = "default_hook_timeout")]
    pub timeout_s: u32,
}

/// How production is watched after a deploy. The probes move no task: what they say is alerted.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PostDeployConfig {
    /// Command; exit code 0 means that production serves. Gets `EXPECTED_REVISION`.
    pub probe: String,
    /// How long to watch, seconds.
    #[serde(default = "default_window")]
    pub window_s: u32,
    /// Probes in that time.
    #[serde(default = "default_probes")]
    pub probes: u32,
    /// Limit of one probe, seconds.
    #[serde(default = "default_probe_timeout")]
    pub timeout_s: u32,
    /// What follows when production is degraded.
    #[serde(default)]
    pub reaction: Reaction,
}

/// What follows when production is degraded after a deploy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reaction {
    /// People are told.
    #[default]
    AlertOnly,
    /// Production is put back to what was healthy last, by `deploy.rollback`, and people are told.
    Rollback,
}

fn default_window() -> u32 {
    900
}

fn default_probes() -> u32 {
    30
}

fn default_probe_timeout() -> u32 {
    10
}

/// One check of the staging suite.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteCheck {
    /// Name in the log.
    pub name: String,
    /// Command; exit code 0 is a success.
    pub run: String,
    /// Whether the check tests the staging infrastructure rather than the change; it is waived when every
    /// real check is green.
    #[serde(default)]
    pub sandbox_infra: bool,
}

/// How to deploy to production.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeployConfig {
    /// Command that deploys the checkout it runs in; gets `EXPECTED_REVISION`.
    pub hook: String,
    /// Limit, seconds.
    #[serde(default = "default_hook_timeout")]
    pub timeout_s: u32,
    /// Command that prints the commit that production runs: a deploy is done when that is the expected one, several
    /// times running. Without it the exit code of the hook is believed.
    #[serde(default)]
    pub revision: Option<String>,
    /// How long production may take until it runs what was deployed, seconds.
    #[serde(default = "default_settle")]
    pub settle_s: u32,
    /// Command that runs before the hook, and keeps what production has; if it fails, the hook is not run.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// Command that puts production back to the checkout it runs in; gets `EXPECTED_REVISION`, and as `ORCH_BAD_REVISION`
    /// what it takes out.
    #[serde(default)]
    pub rollback: Option<String>,
    /// A program with its arguments that starts what follows them in a place that outlives this host, such as
    /// `[systemd-run, --collect, --quiet]`. For a hook that restarts the host where that ends its children.
    #[serde(default)]
    pub through: Vec<String>,
}

fn default_settle() -> u32 {
    300
}

fn default_hook_timeout() -> u32 {
    900
}

/// Refuses what no change could be held against.
pub(crate) fn check(
    repositories: &BTreeMap<String, RepositoryConfig>,
    file: &str,
) -> Result<(), ConfigError> {
    for (name, repository) in repositories {
        let place = format!("repositories.{name}.");
        repository.risk.check(file, &place)?;
        if let Some(instead) = &repository.orch_yaml {
            instead.check(file, &format!("repositories.{name}.orch_yaml."))?;
        }
        reacts(repository, file, &place)?;
        crate::submodules::check(&repository.submodules, &place, file)?;
        let suite = repository.staging.iter().flat_map(|s| &s.suite);
        let (all, infra) = (
            suite.clone().count(),
            suite.filter(|c| c.sandbox_infra).count(),
        );
        if all > 0 && all == infra {
            return Err(ConfigError::invalid(
                file,
                format!("repositories.{name}.staging.suite"),
                "every check is `sandbox_infra`, so none is about the change; add one that is, or leave `suite` out",
            ));
        }
    }
    Ok(())
}

/// Refuses a reaction to a bad deploy that could not be carried out.
fn reacts(repository: &RepositoryConfig, file: &str, place: &str) -> Result<(), ConfigError> {
    let reaction = repository.post_deploy.as_ref().map(|watch| watch.reaction);
    if reaction != Some(Reaction::Rollback) {
        return Ok(());
    }
    let deploy = repository.deploy.as_ref();
    let why = if repository.self_hosting {
        "this host is deployed by `self_hosting` itself, and does not put itself back; use `alert-only`"
    } else if deploy.is_none_or(|deploy| deploy.rollback.is_none()) {
        "there is no `deploy.rollback` to put production back by; set it, or use `alert-only`"
    } else {
        return Ok(());
    };
    Err(ConfigError::invalid(
        file,
        format!("{place}post_deploy.reaction"),
        why,
    ))
}

#[cfg(test)]
mod tests {
    use crate::HostConfig;

    #[test]
    fn rollback_without_a_hook_and_of_the_host_itself_is_refused() {
        let with = |rest: &str| {
            let text = format!(
                "repositories: {{shop: {{path: a.git, post_deploy: {{probe: a, reaction: rollback}}, {rest}}}}}"
            );
            HostConfig::parse("orch.yaml", &text).map_err(|e| e.to_string())
        };
        let why = with("deploy: {hook: a}").unwrap_err();
        assert!(
            why.contains("shop.post_deploy.reaction") && why.contains("deploy.rollback"),
            "{why}"
        );
        assert!(with("deploy: {hook: a, rollback: b}").is_ok());
        let why = with("deploy: {hook: a, rollback: b}, self_hosting: true").unwrap_err();
        assert!(why.contains("self_hosting"), "{why}");
    }

    #[test]
    fn suite_of_nothing_but_the_infrastructure_is_refused() {
        let with = |checks: &str| {
            let text = format!(
                "repositories: {{shop: {{path: a.git, staging: {{hook: make, suite: [{checks}]}}}}}}"
            );
            HostConfig::parse("orch.yaml", &text).map_err(|e| e.to_string())
        };
        let infra = "{name: disk, run: df, sandbox_infra: true}";
        let why = with(infra).unwrap_err();
        assert!(
            why.contains("shop.staging.suite") && why.contains("none is about"),
            "{why}"
        );
        assert!(with(&format!("{infra}, {{name: runs, run: make}}")).is_ok());
        assert!(with("").is_ok());
    }
}
