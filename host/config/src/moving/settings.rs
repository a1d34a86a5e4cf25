//! Every setting of the reference system, and what becomes of it.

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no.
    Flag,
    /// A whole number, 0 or more.
    Number,
    /// A text.
    Text,
    /// A credential: it goes to a file or a variable, never into the configuration.
    Secret,
}

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is built: the variable overrides this key of `orch.yaml`, with the same meaning.
    Key(&'static str),
    /// Something else takes its place; the variable is not read.
    Replaced(&'static str),
    /// There is nothing to set any more; why.
    Dropped(&'static str),
}

/// A setting of the reference system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its name; the variable is `ORCH_` and the name in capitals.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What becomes of it.
    pub fate: Fate,
    /// Whether it guards something: a host that would ignore it silently does not start.
    pub guards: bool,
}

impl Setting {
    /// Name of its variable.
    pub fn variable(&self) -> String {
        format!("ORCH_{}", self.name.to_uppercase())
    }
}

const fn key(name: &'static str, kind: Kind, key: &'static str) -> Setting {
    Setting {
        name,
        kind,
        fate: Fate::Key(key),
        guards: false,
    }
}

const fn replaced(name: &'static str, kind: Kind, by: &'static str) -> Setting {
    Setting {
        name,
        kind,
        fate: Fate::Replaced(by),
        guards: false,
    }
}

const fn guard(name: &'static str, kind: Kind, by: &'static str) -> Setting {
    Setting {
        guards: true,
        ..replaced(name, kind, by)
    }
}

const fn dropped(name: &'static str, kind: Kind, why: &'static str) -> Setting {
    Setting {
        name,
        kind,
        fate: Fate::Dropped(why),
        guards: false,
    }
}

/// Where a gate is asked for.
const SECURITY: &str = "a line of `extra_gates` for the gate `security`";

/// All of them, by name.
pub const SETTINGS: &[Setting] = &[
    key(
        "auth_expiry_skew_seconds",
        Kind::Number,
        "preflight.auth_expiry_skew_seconds",
    ),
    replaced("claude_bin", Kind::Text, "`agents.A.program`"),
    replaced(
        "claude_credentials_path",
        Kind::Text,
        "the login in the home folder of the host's user, or `agents.A.credential_env`",
    ),
    replaced("db_path", Kind::Text, "`data`: the database lies in it"),
    replaced("gitea_owner", Kind::Text, "`repositories.R.forge.repo`"),
    replaced("gitea_token", Kind::Secret, "`forges.F.token`"),
    replaced("gitea_url", Kind::Text, "`forges.F.url`"),
    replaced(
        "image_freshness_enabled",
        Kind::Flag,
        "a line of `extra_gates` for the gate `image-freshness`",
    ),
    replaced(
        "image_freshness_repos",
        Kind::Text,
        "`repo` of the line of `extra_gates`, one line for each",
    ),
    key(
        "lease_reclaim_enabled",
        Kind::Flag,
        "reaper.lease_reclaim_enabled",
    ),
    key("max_concurrency", Kind::Number, "concurrency.agents"),
    key(
        "max_developer_retries",
        Kind::Number,
        "rules.rework_rounds_max",
    ),
    dropped(
        "merge_defer_delay_s",
        Kind::Number,
        "whoever frees the merge lease wakes the next one",
    ),
    replaced(
        "merge_defer_max_attempts",
        Kind::Number,
        "`rules.work_wait_deadline_s`: a wait ends by time, not by a count",
    ),
    dropped(
        "merge_gate_repos",
        Kind::Text,
        "every landing is prepared, tested again and judged, in every repository",
    ),
    key("merge_lock_timeout_s", Kind::Number, "merge_lock_timeout_s"),
    replaced("plane_api_token", Kind::Secret, "`trackers.T.plane.key`"),
    replaced(
        "post_deploy_auto_rollback",
        Kind::Flag,
        "`repositories.R.post_deploy.reaction: rollback`, with `deploy.rollback`",
    ),
    replaced(
        "post_deploy_base_url",
        Kind::Text,
        "`repositories.R.post_deploy.probe`, a command",
    ),
    key("preflight_cache_ttl", Kind::Number, "preflight.cache_ttl_s"),
    key("preflight_check_auth", Kind::Flag, "preflight.check_auth"),
    key("reaper_dead_ticks", Kind::Number, "reaper.dead_ticks"),
    key("reaper_enabled", Kind::Flag, "reaper.enabled"),
    key(
        "reaper_finalize_grace_s",
        Kind::Number,
        "reaper.finalize_grace_s",
    ),
    key("reaper_interval_s", Kind::Number, "reaper.interval_s"),
    key("reaper_max_running_s", Kind::Number, "reaper.max_running_s"),
    key("reconcile_enabled", Kind::Flag, "reconcile.enabled"),
    replaced(
        "reconcile_grace_overrides_json",
        Kind::Text,
        "`reconcile.grace_s`, one for every stage",
    ),
    key(
        "reconcile_notify_unblock",
        Kind::Flag,
        "reconcile.notify_unblock",
    ),
    dropped(
        "reconcile_skip_blocked_enabled",
        Kind::Flag,
        "a task that is blocked is always left to a person",
    ),
    replaced("repos_dir", Kind::Text, "`repositories.R.path`"),
    guard(
        "security_dep_audit_fail_closed",
        Kind::Flag,
        "`settings.dep_audit_fail_closed` in a line of `extra_gates` for the gate `security`",
    ),
    guard(
        "security_dep_block_severity",
        Kind::Text,
        "`settings.dep_block_severity` in a line of `extra_gates` for the gate `security`",
    ),
    guard("security_gate_enabled", Kind::Flag, SECURITY),
    guard(
        "security_gate_repos",
        Kind::Text,
        "`repo` of the line of `extra_gates`, one line for each",
    ),
    guard(
        "security_scan_timeout_s",
        Kind::Number,
        "`tools.gitleaks.timeout_s` and `tools.pip-audit.timeout_s`",
    ),
    dropped(
        "security_secrets_block",
        Kind::Flag,
        "a secret always blocks; what is none is waived at the base",
    ),
    replaced(
        "self_hosting_repo",
        Kind::Text,
        "`repo` of the lines of `extra_gates`: what a scope leaves empty is written out",
    ),
    replaced(
        "staging_infra_tolerance_enabled",
        Kind::Flag,
        "`repositories.R.staging.suite[].sandbox_infra`",
    ),
    dropped(
        "staging",
        Kind::Flag,
        "a host does not behave otherwise on a staging machine",
    ),
    dropped(
        "stop_status_enabled",
        Kind::Flag,
        "a task can always be stopped from its issue",
    ),
    replaced(
        "telegram_bot_token",
        Kind::Secret,
        "`notifiers.N.telegram.token`",
    ),
    replaced(
        "telegram_chat_id",
        Kind::Text,
        "`notifiers.N.telegram.chat`",
    ),
    dropped(
        "transition_lease_enabled",
        Kind::Flag,
        "every move of a task is one transaction under its job's claim",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_stands_once() {
        let mut names: Vec<&str> = SETTINGS.iter().map(|s| s.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len());
    }
}
