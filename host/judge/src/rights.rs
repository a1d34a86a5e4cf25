//! What may a gate do beyond reading, in one evaluation? Tools, advisories, addresses, memory.

use std::sync::Arc;
use std::time::Duration;

use orch_config::{AdvisoriesConfig, GateGrants, HostConfig};
use orch_domain::imports::{Advisory, HttpResponse, Package, ServiceError};
use orch_domain::lookup::{Advisories, Feed, WebGet};
use orch_domain::memory::Remembered;

use crate::facts::Facts;
use crate::memory::Memory;
use crate::tools::{ToolBox, Workshop};

/// What answers gates from the outside world. Clones are the same.
#[derive(Debug, Clone)]
pub struct Outside {
    /// Known vulnerabilities.
    pub advisories: Arc<dyn Advisories>,
    /// Pages of granted addresses.
    pub web: Arc<dyn WebGet>,
}

/// With what rights are carried out. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Means {
    pub(crate) workshop: Workshop,
    pub(crate) outside: Outside,
}

/// The rights of one gate in one evaluation.
#[derive(Debug)]
pub(crate) struct Rights {
    pub(crate) tools: ToolBox,
    pub(crate) memory: Memory,
    feed: Feed,
    /// Beginnings of addresses that may be asked.
    http: Vec<String>,
    outside: Outside,
}

impl Means {
    /// What these grants of the operator come to.
    pub(crate) fn rights(
        &self,
        config: &HostConfig,
        grants: GateGrants,
        facts: &Facts,
        in_force: Vec<Remembered>,
    ) -> Rights {
        Rights {
            tools: ToolBox::of(&self.workshop, config, &grants.tools, facts),
            memory: Memory::of(in_force),
            feed: feed(&config.advisories),
            http: grants.http,
            outside: self.outside.clone(),
        }
    }
}

impl Rights {
    pub(crate) async fn advisories(
        &self,
        packages: &[Package],
    ) -> Result<Vec<Advisory>, ServiceError> {
        self.outside.advisories.lookup(&self.feed, packages).await
    }

    pub(crate) async fn get(&self, url: &str) -> Result<HttpResponse, ServiceError> {
        self.outside.web.get(&self.http, url).await
    }
}

fn feed(config: &AdvisoriesConfig) -> Feed {
    Feed {
        url: config.url.clone(),
        timeout: Duration::from_secs(u64::from(config.timeout_s)),
        fresh_for: Duration::from_secs(u64::from(config.cache_s)),
    }
}
