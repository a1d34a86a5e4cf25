//! Which settings of an agent do not go together?

use super::host::{AgentConfig, Driver, HostConfig};
use super::strict::ConfigError;

/// Refuses declarations of exit codes that could never hold.
pub(super) fn check(config: &HostConfig, file: &str) -> Result<(), ConfigError> {
    for (name, agent) in &config.agents {
        check_exit_codes(agent, name, file)?;
    }
    Ok(())
}

fn check_exit_codes(agent: &AgentConfig, name: &str, file: &str) -> Result<(), ConfigError> {
    let place = format!("agents.{name}.exit_codes");
    if agent.driver == Driver::Claude && !agent.exit_codes.is_empty() {
        let why = "the output of `claude` says how it ended, its exit code does not; remove the key, or use driver \
                   `command`";
        return Err(ConfigError::invalid(file, place, why));
    }
    for code in agent.exit_codes.keys() {
        let why = match code {
            1..=255 => continue,
            0 => {
                "exit code 0 says that it ended well, and then its result and what it left decide; remove the code, \
                 or have the program end with another one"
            }
            _ => "no program ends with this code; use one from 1 to 255",
        };
        return Err(ConfigError::invalid(file, format!("{place}.{code}"), why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use orch_agents::driver::DeclaredOutcome;

    use super::*;

    fn parse(agent: &str) -> Result<HostConfig, String> {
        let text = format!("agents:\n  gemini: {{program: gemini, {agent}}}\n");
        HostConfig::parse("orch.yaml", &text).map_err(|error| error.to_string())
    }

    #[test]
    fn exit_codes_are_declared_by_number_and_outcome() {
        let codes = "driver: command, exit_codes: {41: auth_required, 53: turn_limit, 75: rate_limited, \
                     76: quota_exhausted, 77: permission_blocked, 69: provider_error, 1: crashed}";
        let declared = parse(codes).unwrap().agents["gemini"].exit_codes.clone();
        let expected = [
            (1, DeclaredOutcome::Crashed),
            (41, DeclaredOutcome::AuthRequired),
            (53, DeclaredOutcome::TurnLimit),
            (69, DeclaredOutcome::ProviderError),
            (75, DeclaredOutcome::RateLimited),
            (76, DeclaredOutcome::QuotaExhausted),
            (77, DeclaredOutcome::PermissionBlocked),
        ];
        assert_eq!(Vec::from_iter(declared), expected);
    }

    #[test]
    fn exit_code_that_can_mean_nothing_is_refused_with_the_reason() {
        for (agent, place, reason) in [
            (
                "driver: command, exit_codes: {0: crashed}",
                "agents.gemini.exit_codes.0",
                "have the program end with another one",
            ),
            (
                "driver: command, exit_codes: {41: crashed, 256: crashed}",
                "agents.gemini.exit_codes.256",
                "from 1 to 255",
            ),
            (
                "driver: command, exit_codes: {-1: crashed}",
                "agents.gemini.exit_codes.-1",
                "from 1 to 255",
            ),
            (
                "driver: claude, exit_codes: {41: auth_required}",
                "agents.gemini.exit_codes",
                "use driver `command`",
            ),
            (
                "driver: command, exit_codes: {41: auth_requird}",
                "agents.gemini.exit_codes",
                "did you mean `auth_required`?",
            ),
        ] {
            let error = parse(agent).unwrap_err();
            assert!(
                error.contains(place) && error.contains(reason),
                "{agent}: {error}"
            );
        }
    }
}
