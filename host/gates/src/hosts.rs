//! The contract's imports as host functions: one funnel that counts every call and every byte.

use std::sync::Arc;
use std::time::Instant;

use orch_domain::imports::GateImports;
use orch_domain::verdict::InconclusiveReason;
use wasmtime::Result;

use crate::contract::bindings::orch::gate::{
    advisories, artefacts, description, evidence, forge, http, memory, merge, repository, task,
    tools, tracker, types,
};
use crate::convert;
use crate::state::State;

impl State {
    /// Every host call goes through here: counted, denied while the gate is only inspected.
    fn begin(&mut self) -> Result<Arc<dyn GateImports>> {
        let Some(imports) = self.imports.clone() else {
            let detail = "it called the host while it was only inspected".to_owned();
            return Err(self.meter.refuse(InconclusiveReason::Denied, detail));
        };
        self.meter.enter()?;
        Ok(imports)
    }

    fn end<T>(&mut self, bytes: usize, value: T) -> Result<T> {
        self.meter.leave(bytes as u64)?;
        Ok(value)
    }
}

fn text_bytes<E>(answer: &std::result::Result<String, E>) -> usize {
    answer.as_ref().map_or(0, String::len)
}

impl types::Host for State {}
impl description::Host for State {}

impl task::Host for State {
    async fn get_subject(&mut self) -> Result<task::Subject> {
        let imports = self.begin()?;
        let subject = convert::subject(imports.subject());
        self.end(512, subject)
    }
    async fn settings(&mut self) -> Result<String> {
        let imports = self.begin()?;
        let settings = imports.settings();
        self.end(settings.len(), settings)
    }
    async fn log(&mut self, level: task::Level, message: String) -> Result<()> {
        self.begin()?;
        self.meter.log(convert::level(level), &message);
        self.end(0, ())
    }
}

impl artefacts::Host for State {
    async fn all(&mut self) -> Result<Vec<artefacts::Artefact>> {
        let imports = self.begin()?;
        let list = imports.artefacts().await;
        let bytes = list.iter().map(|a| a.path.len() + 16).sum();
        self.end(bytes, list.into_iter().map(convert::artefact).collect())
    }
    async fn read(
        &mut self,
        path: String,
    ) -> Result<std::result::Result<String, artefacts::ReadError>> {
        let imports = self.begin()?;
        let answer = imports.read_artefact(&path).await;
        self.end(text_bytes(&answer), answer.map_err(convert::artefact_error))
    }
}

impl repository::Host for State {
    async fn read(
        &mut self,
        at: repository::Revision,
        path: String,
    ) -> Result<std::result::Result<String, repository::ReadError>> {
        let imports = self.begin()?;
        let answer = imports.read_file(convert::revision(at), &path).await;
        self.end(
            text_bytes(&answer),
            answer.map_err(convert::repository_error),
        )
    }
    async fn files(&mut self, at: repository::Revision, prefix: String) -> Result<Vec<String>> {
        let imports = self.begin()?;
        let list = imports.files(convert::revision(at), &prefix).await;
        self.end(list.iter().map(String::len).sum(), list)
    }
    async fn changed_files(&mut self) -> Result<Vec<repository::ChangedFile>> {
        let imports = self.begin()?;
        let list = imports.changed_files().await;
        let bytes = list.iter().map(|f| f.path.len() + 16).sum();
        self.end(bytes, list.into_iter().map(convert::changed_file).collect())
    }
    async fn commits(&mut self) -> Result<Vec<repository::Commit>> {
        let imports = self.begin()?;
        let list = imports.commits().await;
        let bytes = list
            .iter()
            .map(|c| c.subject.len() + c.author.len() + 64)
            .sum();
        self.end(bytes, list.into_iter().map(convert::commit).collect())
    }
}

impl tools::Host for State {
    async fn run(
        &mut self,
        request: tools::Request,
    ) -> Result<std::result::Result<tools::Outcome, tools::ToolError>> {
        let imports = self.begin()?;
        let entered = Instant::now();
        self.meter.paused.begin();
        let answer = imports.run_tool(convert::tool_request(request)).await;
        self.meter.paused.end(entered.elapsed());
        let bytes = answer
            .as_ref()
            .map_or(0, |o| o.stdout.len() + o.stderr.len());
        self.end(
            bytes,
            answer
                .map(convert::tool_outcome)
                .map_err(convert::tool_error),
        )
    }
}

impl forge::Host for State {
    async fn commit_status(
        &mut self,
        sha: String,
    ) -> Result<std::result::Result<forge::Status, forge::ForgeError>> {
        let imports = self.begin()?;
        let answer = imports.commit_status(&sha).await;
        self.end(
            256,
            answer
                .map(convert::commit_status)
                .map_err(convert::forge_error),
        )
    }
    async fn pull_request(
        &mut self,
    ) -> Result<std::result::Result<Option<forge::PullRequestInfo>, forge::ForgeError>> {
        let imports = self.begin()?;
        let answer = imports.pull_request().await;
        self.end(
            256,
            answer
                .map(|o| o.map(convert::pull_request))
                .map_err(convert::forge_error),
        )
    }
}

impl tracker::Host for State {
    async fn state(&mut self) -> Result<std::result::Result<String, tracker::TrackerError>> {
        let imports = self.begin()?;
        let answer = imports.tracker_state().await;
        self.end(32, answer.map_err(convert::tracker_error))
    }
}

impl merge::Host for State {
    async fn get_preparation(
        &mut self,
    ) -> Result<std::result::Result<merge::Preparation, merge::MergeError>> {
        let imports = self.begin()?;
        let answer = imports.preparation().await;
        let bytes = answer
            .as_ref()
            .map_or(0, |p| p.retest.as_ref().map_or(0, |r| r.output_tail.len()));
        self.end(
            bytes,
            answer
                .map(convert::preparation)
                .map_err(convert::merge_error),
        )
    }
}

impl evidence::Host for State {
    async fn names(&mut self) -> Result<Vec<String>> {
        let imports = self.begin()?;
        let list = imports.evidence_names().await;
        self.end(list.iter().map(String::len).sum(), list)
    }
    async fn get(
        &mut self,
        name: String,
    ) -> Result<std::result::Result<evidence::Item, evidence::EvidenceError>> {
        let imports = self.begin()?;
        let answer = imports.evidence(&name).await;
        let bytes = answer.as_ref().map_or(0, |item| item.content.len());
        self.end(
            bytes,
            answer
                .map(convert::evidence_item)
                .map_err(convert::evidence_error),
        )
    }
}

impl advisories::Host for State {
    async fn lookup(
        &mut self,
        packages: Vec<advisories::Package>,
    ) -> Result<std::result::Result<Vec<advisories::Advisory>, advisories::AdvisoryError>> {
        let imports = self.begin()?;
        let answer = imports
            .advisories(packages.into_iter().map(convert::package).collect())
            .await;
        let bytes = answer
            .as_ref()
            .map_or(0, |list| list.iter().map(|a| a.summary.len() + 128).sum());
        let answer = answer.map(|list| list.into_iter().map(convert::advisory).collect());
        self.end(bytes, answer.map_err(convert::advisory_error))
    }
}

impl http::Host for State {
    async fn get(
        &mut self,
        url: String,
    ) -> Result<std::result::Result<http::Response, http::HttpError>> {
        let imports = self.begin()?;
        let answer = imports.http_get(&url).await;
        let bytes = answer.as_ref().map_or(0, |r| r.body.len());
        let answer = answer.map(|r| http::Response {
            status: r.status,
            body: r.body,
        });
        self.end(bytes, answer.map_err(convert::http_error))
    }
}

impl memory::Host for State {
    async fn get(&mut self, key: String) -> Result<Option<String>> {
        let imports = self.begin()?;
        let value = imports.memory_get(&key).await;
        self.end(value.as_ref().map_or(0, String::len), value)
    }
    async fn set(&mut self, key: String, value: String) -> Result<()> {
        let imports = self.begin()?;
        imports.memory_set(&key, &value).await;
        self.end(0, ())
    }
}
