//! Which repositories a gate judges, as the host's configuration says it.

use crate::effective::combine::pipeline_of;
use crate::host::HostConfig;
use crate::repository::RepoFile;

impl HostConfig {
    /// Repositories with an entry of `gate`, each with how it judges there. What a repository tightens itself is
    /// not looked at.
    pub fn uses_of(&self, gate: &str) -> Vec<(String, &'static str)> {
        let file = RepoFile::default();
        let uses = self.repositories.keys().filter_map(|repo| {
            let pipeline = pipeline_of(self, Some((repo, &file)), "orch.yaml").ok()?;
            let entry = pipeline.entries_in_use().find(|(_, e)| e.gate == gate)?.1;
            Some((repo.clone(), entry.mode.as_str()))
        });
        uses.collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::HostConfig;

    #[test]
    fn gate_is_used_where_a_line_names_it_and_nowhere_else() {
        let text = "repositories: {shop: {path: /a}, till: {path: /b}}\n\
                    extra_gates: [{gate: security, stage: deploy-staging, repo: shop, mode: enforce}]";
        let config = HostConfig::parse("orch.yaml", text).unwrap();
        assert_eq!(config.uses_of("security"), [("shop".to_owned(), "enforce")]);
        assert_eq!(config.uses_of("review").len(), 2);
    }
}
