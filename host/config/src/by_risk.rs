//! Who works as a role on a change of which risk?

use std::collections::BTreeMap;

use orch_domain::risk::Tier;

use crate::agents::{AgentConfig, RoleConfig};
use crate::strict::{ConfigError, unknown};

impl RoleConfig {
    /// Who works as the role on a change of this tier; the role's own while there is no change.
    #[must_use]
    pub fn at(&self, tier: Option<Tier>) -> Self {
        let mut role = self.clone();
        let found = tier.and_then(|tier| self.by_risk.range(..=tier).next_back());
        let Some((_, instead)) = found else {
            return role;
        };
        if let Some(agent) = &instead.agent {
            role.agent.clone_from(agent);
            // The model was one of another agent's.
            role.model = None;
        }
        if instead.model.is_some() {
            role.model.clone_from(&instead.model);
        }
        role
    }

    pub(crate) fn check_by_risk(
        &self,
        name: &str,
        agents: &BTreeMap<String, AgentConfig>,
        file: &str,
    ) -> Result<(), ConfigError> {
        for (tier, instead) in &self.by_risk {
            let place = format!("roles.{name}.by_risk.{tier}");
            if *tier == Tier::Low {
                let why = "every change is at least low; say it of the role itself";
                return Err(ConfigError::invalid(file, place, why));
            }
            if let Some(agent) = instead.agent.as_ref().filter(|a| !agents.contains_key(*a)) {
                let known: Vec<&str> = agents.keys().map(String::as_str).collect();
                return Err(unknown(file, &format!("{place}.agent"), agent, &known));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostConfig;

    const AGENTS: &str =
        "agents: {a: {driver: command, program: a}, b: {driver: claude, program: b}}\n";

    fn host(text: &str) -> Result<HostConfig, String> {
        HostConfig::parse("orch.yaml", &format!("{AGENTS}{text}")).map_err(|e| e.to_string())
    }

    #[test]
    fn role_is_carried_by_another_from_a_tier_on() {
        let role = |by_risk: &str| {
            host(&format!(
                "roles: {{reviewer: {{agent: a, model: m, by_risk: {by_risk}}}}}"
            ))
        };
        let config = role("{medium: {model: strong}, high: {agent: b}}").unwrap();
        let at = |tier| {
            let role = config.roles["reviewer"].at(tier);
            (role.agent, role.model)
        };
        let own = ("a".to_owned(), Some("m".to_owned()));
        assert_eq!([at(None), at(Some(Tier::Low))], [own.clone(), own]);
        assert_eq!(
            at(Some(Tier::Medium)),
            ("a".to_owned(), Some("strong".to_owned()))
        );
        assert_eq!(at(Some(Tier::High)), ("b".to_owned(), None));
        for (by_risk, words) in [
            ("{high: {agent: c}}", "roles.reviewer.by_risk.high.agent"),
            ("{low: {agent: b}}", "at least low"),
            ("{severe: {agent: b}}", "severe"),
        ] {
            let error = role(by_risk).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
