//! Which gateways have a way past them, or cannot hold what they promise?

use crate::agents::{AgentConfig, Driver};
use crate::gateway::{GatewayConfig, ModelApi};
use crate::host::HostConfig;
use crate::network::NetworkMode;
use crate::strict::ConfigError;

/// Dearest price that is believed, dollars for a million tokens.
const PRICE_MAX: f64 = 100_000.0;

/// Refuses gateways past which there is a way, or that cannot hold what they promise.
pub(crate) fn check(config: &HostConfig, file: &str) -> Result<(), ConfigError> {
    for (name, agent) in &config.agents {
        let Some(gateway) = &agent.gateway else {
            continue;
        };
        let place = format!("agents.{name}.gateway");
        gateway.key.check(file, &format!("{place}.key"))?;
        check_agent(agent, gateway, name, file)?;
        check_models(config, gateway, name, file)?;
        let roles = config.roles.iter().filter(|(_, role)| role.agent == *name);
        let of_roles =
            roles.filter_map(|(role, r)| Some((format!("roles.{role}"), r.model.as_ref()?)));
        let own = agent
            .model
            .iter()
            .map(|model| (format!("agents.{name}"), model));
        for (at, model) in of_roles.chain(own) {
            if !gateway.lists(model) {
                let why = format!("`{model}` is not listed in `{place}.models`; add it there");
                return Err(ConfigError::invalid(file, format!("{at}.model"), why));
            }
        }
    }
    Ok(())
}

fn check_agent(
    agent: &AgentConfig,
    gateway: &GatewayConfig,
    name: &str,
    file: &str,
) -> Result<(), ConfigError> {
    let refuse = |key: &str, why: String| {
        Err(ConfigError::invalid(
            file,
            format!("agents.{name}.{key}"),
            why,
        ))
    };
    if agent.network.mode == NetworkMode::Host {
        let why = "the gateway is found on a loopback of the agent's own: set `mode: proxied`, or `mode: none`";
        return refuse("network.mode", why.to_owned());
    }
    if agent.credential_env.is_some() {
        let why = "with `gateway` the agent gets no credential; take one of the two out";
        return refuse("credential_env", why.to_owned());
    }
    let Some(api) = agent.model_api() else {
        let why = "say which form of requests the program speaks: `anthropic` or `openai`";
        return refuse("gateway.api", why.to_owned());
    };
    if agent.driver == Driver::Claude && api != ModelApi::Anthropic {
        let why = "driver `claude` speaks `anthropic`; take the key out";
        return refuse("gateway.api", why.to_owned());
    }
    if let Some(variable) = api
        .variables()
        .iter()
        .find(|name| agent.env.contains_key(**name))
    {
        let why = "the gateway sets it; take it out, and name the server under `gateway.upstream`";
        return refuse(&format!("env.{variable}"), why.to_owned());
    }
    let is_address = |text: &str| {
        let rest = text
            .strip_prefix("https://")
            .or(text.strip_prefix("http://"));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['@', '?', '#', ' ']))
    };
    match gateway.upstream.as_deref() {
        Some(text) if !is_address(text) => {
            let why = format!(
                "`{text}` is no address; write it as `https://HOST` without user, query and fragment"
            );
            refuse("gateway.upstream", why)
        }
        Some(_) | None => Ok(()),
    }
}

fn check_models(
    config: &HostConfig,
    gateway: &GatewayConfig,
    name: &str,
    file: &str,
) -> Result<(), ConfigError> {
    let place = format!("agents.{name}.gateway.models");
    if gateway.models.is_empty() {
        let why =
            "list the models that may be asked, such as `claude-sonnet-*: {input: 3, output: 15}`";
        return Err(ConfigError::invalid(file, place, why));
    }
    for (model, price) in &gateway.models {
        let refuse = |why: &str| Err(ConfigError::invalid(file, format!("{place}.{model}"), why));
        let name = model.strip_suffix('*').unwrap_or(model);
        if name.contains('*') || model.is_empty() {
            return refuse("`*` stands at the end, for whatever follows");
        }
        let is_price = |usd: f64| (0.0..=PRICE_MAX).contains(&usd);
        if !price.all().into_iter().flatten().all(is_price) {
            return refuse("a price is in dollars for a million tokens, from 0 to 100000");
        }
        let is_unsaid = price.all() == [None; 4];
        if price.known().is_none() && !is_unsaid {
            return refuse("a price needs both `input` and `output`");
        }
        if is_unsaid && config.budgets.run_usd.is_some() {
            return refuse(
                "`budgets.run_usd` cannot be held without its price: add `input` and `output`, dollars for a million \
                 tokens",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(agent: &str, rest: &str) -> Result<HostConfig, String> {
        let text = format!("agents: {{a: {{driver: claude, program: a, {agent}}}}}\n{rest}");
        HostConfig::parse("orch.yaml", &text).map_err(|error| error.to_string())
    }

    #[test]
    fn gateway_past_which_there_is_a_way_is_refused_with_the_remedy() {
        let proxied = "network: {mode: proxied}";
        let gateway = "gateway: {key: {env: KEY}, models: {'claude-*': {input: 3, output: 15}}}";
        let budget = "budgets: {run_usd: 2}";
        assert!(parse(&format!("{proxied}, {gateway}"), budget).is_ok());
        for (agent, rest, place, why) in [
            (
                gateway.to_owned(),
                "",
                "agents.a.network.mode",
                "mode: proxied",
            ),
            (
                format!("{proxied}, credential_env: KEY, {gateway}"),
                "",
                "agents.a.credential_env",
                "take one of the two out",
            ),
            (
                format!("{proxied}, env: {{ANTHROPIC_BASE_URL: 'http://x'}}, {gateway}"),
                "",
                "agents.a.env.ANTHROPIC_BASE_URL",
                "gateway.upstream",
            ),
            (
                format!("{proxied}, model: gpt, {gateway}"),
                "",
                "agents.a.model",
                "agents.a.gateway.models",
            ),
            (
                format!("{proxied}, gateway: {{key: {{env: KEY}}}}"),
                "",
                "agents.a.gateway.models",
                "list the models",
            ),
            (
                format!("{proxied}, gateway: {{key: {{env: KEY}}, models: {{m: {{}}}}}}"),
                budget,
                "agents.a.gateway.models.m",
                "budgets.run_usd",
            ),
            (
                format!("{proxied}, gateway: {{key: {{}}, models: {{m: {{}}}}}}"),
                "",
                "agents.a.gateway.key",
                "file: PATH",
            ),
            (
                format!(
                    "{proxied}, gateway: {{upstream: 'https://u:p@x', key: {{env: K}}, models: {{m: {{}}}}}}"
                ),
                "",
                "agents.a.gateway.upstream",
                "is no address",
            ),
        ] {
            let error = parse(&agent, rest).unwrap_err();
            assert!(error.contains(place) && error.contains(why), "{error}");
        }
    }
}
