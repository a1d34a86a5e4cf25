//! Bounds of what recovers abandoned work, held to the timeouts of the work itself.

use crate::host::HostConfig;
use crate::strict::ConfigError;

/// What comes on top of a run's timeout until it is gone: three rungs of the kill ladder and the sweep, seconds.
const KILL_S: u32 = 60;
/// How long taking in a finished run may take, seconds: the longest git command.
const FINALISE_S: u32 = 120;

/// Refuses bounds that would reap what is alive.
pub(crate) fn check(config: &HostConfig, file: &str) -> Result<(), ConfigError> {
    let reaper = &config.reaper;
    let refuse =
        |key: &str, why: String| Err(ConfigError::invalid(file, format!("reaper.{key}"), why));
    let least = [
        ("interval_s", reaper.interval_s),
        ("crashes_max", reaper.crashes_max),
    ];
    if let Some((key, _)) = least.iter().find(|(_, value)| *value == 0) {
        return refuse(key, "must be at least 1".to_owned());
    }
    if reaper.dead_ticks < 2 {
        return refuse(
            "dead_ticks",
            "must be at least 2: a single check can be wrong".to_owned(),
        );
    }
    if reaper.finalize_grace_s <= FINALISE_S {
        return refuse(
            "finalize_grace_s",
            format!("must be above {FINALISE_S}: taking in a run may take that many seconds"),
        );
    }
    let budgets = &config.budgets;
    let amounts = [
        ("run_usd", budgets.run_usd),
        ("task_usd", budgets.task_usd),
        ("day_usd", budgets.day_usd),
    ];
    for (key, amount) in amounts {
        if amount.is_some_and(|usd| !usd.is_finite() || usd <= 0.0) {
            let place = format!("budgets.{key}");
            let why = "use a number of dollars above 0, or leave it out for no limit";
            return Err(ConfigError::invalid(file, place, why));
        }
    }
    let (longest, of) = longest_timeout(config);
    if reaper
        .max_running_s
        .is_some_and(|most| most <= longest.saturating_add(KILL_S))
    {
        return refuse(
            "max_running_s",
            format!(
                "`{of}` may take {longest} s and {KILL_S} s to end; set it above their sum, or lower the timeout"
            ),
        );
    }
    if config.merge_lock_timeout_s.is_some_and(|s| s < 30) {
        return Err(ConfigError::invalid(
            file,
            "merge_lock_timeout_s",
            "must be at least 30: the holder renews after each fifth of it".to_owned(),
        ));
    }
    Ok(())
}

impl HostConfig {
    /// How long anything may run before it is taken for stuck, milliseconds.
    pub fn max_running_ms(&self) -> i64 {
        let (longest, _) = longest_timeout(self);
        let given = self.reaper.max_running_s;
        i64::from(given.unwrap_or_else(|| 3_600.max(longest.saturating_add(5 * KILL_S)))) * 1000
    }

    /// How long the merge lease holds without renewal, milliseconds.
    pub fn merge_lock_timeout_ms(&self) -> i64 {
        i64::from(self.merge_lock_timeout_s.unwrap_or(300)) * 1000
    }
}

/// The longest time that one piece of work may take, seconds, and the setting that allows it.
fn longest_timeout(config: &HostConfig) -> (u32, String) {
    let run = orch_agents::folder::Limits::default().wall_ms / 1000;
    let run = u32::try_from(run).unwrap_or(u32::MAX);
    let roles = config.roles.iter().map(|(name, role)| {
        let limit = role.limits.timeout_s.unwrap_or(run);
        (limit, format!("roles.{name}.limits.timeout_s"))
    });
    let repositories = config.repositories.iter().flat_map(|(name, repo)| {
        let deploy = repo.deploy.iter().map(|d| d.timeout_s);
        // The hook, every check and the clean-up are one piece of work.
        let staging = repo.staging.iter().map(|s| {
            let commands = u32::try_from(s.suite.len())
                .unwrap_or(u32::MAX)
                .saturating_add(2);
            s.timeout_s.saturating_mul(commands)
        });
        deploy
            .map(|s| (s, "deploy"))
            .chain(staging.map(|s| (s, "staging")))
            .map(move |(limit, what)| (limit, format!("repositories.{name}.{what}.timeout_s")))
            .collect::<Vec<_>>()
    });
    roles
        .chain(repositories)
        .max()
        .unwrap_or((0, String::new()))
}

#[cfg(test)]
mod tests {
    use crate::HostConfig;

    #[test]
    fn bounds_that_would_reap_the_living_are_refused_with_the_key() {
        for (text, key) in [
            ("reaper: {dead_ticks: 1}", "reaper.dead_ticks"),
            ("reaper: {finalize_grace_s: 60}", "reaper.finalize_grace_s"),
            ("reaper: {interval_s: 0}", "reaper.interval_s"),
            ("budgets: {day_usd: 0}", "budgets.day_usd"),
            ("merge_lock_timeout_s: 5", "merge_lock_timeout_s"),
            (
                "agents: {a: {driver: command, program: a}}\nroles: {default: {agent: a, limits: {timeout_s: 3600}}}\nreaper: {max_running_s: 3600}",
                "reaper.max_running_s",
            ),
        ] {
            let error = HostConfig::parse("orch.yaml", text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(key), "{error}");
        }
        HostConfig::parse("orch.yaml", "reaper: {enabled: false}").unwrap();
    }
}
