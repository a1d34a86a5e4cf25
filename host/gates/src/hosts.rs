//! The contract's imports as host functions: one funnel that counts, records and replays every call.

use std::sync::Arc;
use std::time::Instant;

use orch_domain::imports::GateImports;
use orch_domain::verdict::InconclusiveReason;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasmtime::Result;

use crate::contract::bindings::orch::gate::{
    advisories, artefacts, description, evidence, forge, http, memory, merge, repository, task,
    tools, tracker, types,
};
use crate::convert;
use crate::record::Tape;
use crate::state::State;

/// What a function of the contract may fail with.
type Fallible<T, E> = std::result::Result<T, E>;
type Imports = Arc<dyn GateImports>;

/// How many bytes of the host's an answer carries, for the limit on reading.
trait Weight {
    fn weight(&self) -> usize;
}

impl State {
    /// Every host call goes through here: counted, denied while the gate is only inspected, recorded if asked
    /// for, and answered from the recording when that is replayed.
    async fn call<T, A>(
        &mut self,
        name: &'static str,
        args: &(impl Serialize + Sync),
        answer: impl FnOnce(Imports) -> A + Send,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Weight + Send,
        A: Future<Output = T> + Send,
    {
        if self.imports.is_none() && !matches!(self.tape, Tape::Replaying(_)) {
            let detail = "it called the host while it was only inspected".to_owned();
            return Err(self.meter.refuse(InconclusiveReason::Denied, detail));
        }
        self.meter.enter()?;
        if let Tape::Replaying(tape) = &mut self.tape {
            let value = tape.next(name, args);
            return match value {
                Ok(value) => self.leave(value),
                Err(why) => Err(self.meter.refuse(InconclusiveReason::Internal, why)),
            };
        }
        let Some(imports) = self.imports.clone() else {
            let detail = "there is nobody to answer it".to_owned();
            return Err(self.meter.refuse(InconclusiveReason::Internal, detail));
        };
        let value = answer(imports).await;
        if let Tape::Recording(tape) = &mut self.tape {
            tape.push(name, args, &value);
        }
        self.leave(value)
    }

    /// The answer to a question that the contract lets nobody fail: a failure ends the evaluation.
    fn sure<T>(&mut self, answer: Fallible<T, String>) -> Result<T> {
        answer.map_err(|why| self.meter.refuse(InconclusiveReason::Unavailable, why))
    }

    fn leave<T: Weight>(&mut self, value: T) -> Result<T> {
        self.meter.leave(value.weight() as u64)?;
        Ok(value)
    }
}

impl Weight for () {
    fn weight(&self) -> usize {
        0
    }
}
impl Weight for String {
    fn weight(&self) -> usize {
        self.len()
    }
}
impl<T: Weight> Weight for Option<T> {
    fn weight(&self) -> usize {
        self.as_ref().map_or(0, Weight::weight)
    }
}
impl<T: Weight> Weight for Vec<T> {
    fn weight(&self) -> usize {
        self.iter().map(Weight::weight).sum()
    }
}
impl<T: Weight, E> Weight for Fallible<T, E> {
    fn weight(&self) -> usize {
        self.as_ref().map_or(0, Weight::weight)
    }
}
impl Weight for task::Subject {
    fn weight(&self) -> usize {
        512
    }
}
impl Weight for artefacts::Artefact {
    fn weight(&self) -> usize {
        self.path.len() + 16
    }
}
impl Weight for repository::ChangedFile {
    fn weight(&self) -> usize {
        self.path.len() + 16
    }
}
impl Weight for repository::Commit {
    fn weight(&self) -> usize {
        self.subject.len() + self.author.len() + 64
    }
}
impl Weight for tools::Outcome {
    fn weight(&self) -> usize {
        let files: usize = self.outputs.iter().map(|(_, text)| text.len()).sum();
        self.stdout.len() + self.stderr.len() + files
    }
}
impl Weight for forge::Status {
    fn weight(&self) -> usize {
        256
    }
}
impl Weight for forge::PullRequestInfo {
    fn weight(&self) -> usize {
        256
    }
}
impl Weight for merge::Preparation {
    fn weight(&self) -> usize {
        self.retest.as_ref().map_or(0, |run| run.output_tail.len())
    }
}
impl Weight for evidence::Item {
    fn weight(&self) -> usize {
        self.content.len()
    }
}
impl Weight for advisories::Advisory {
    fn weight(&self) -> usize {
        self.summary.len() + 128
    }
}
impl Weight for http::Response {
    fn weight(&self) -> usize {
        self.body.len()
    }
}

impl types::Host for State {}
impl description::Host for State {}

impl task::Host for State {
    async fn get_subject(&mut self) -> Result<task::Subject> {
        let answer = |i: Imports| async move { convert::subject(i.subject()) };
        self.call("task.get-subject", &(), answer).await
    }
    async fn settings(&mut self) -> Result<String> {
        let answer = |i: Imports| async move { i.settings() };
        self.call("task.settings", &(), answer).await
    }
    async fn log(&mut self, level: task::Level, message: String) -> Result<()> {
        let answer = |_: Imports| async move {};
        self.call("task.log", &(), answer).await?;
        self.meter.log(convert::level(level), &message);
        Ok(())
    }
}

impl artefacts::Host for State {
    async fn all(&mut self) -> Result<Vec<artefacts::Artefact>> {
        let answer = |i: Imports| async move {
            let list = i.artefacts().await;
            list.into_iter().map(convert::artefact).collect::<Vec<_>>()
        };
        self.call("artefacts.all", &(), answer).await
    }
    async fn read(&mut self, path: String) -> Result<Fallible<String, artefacts::ReadError>> {
        let asked_path = path.clone();
        let answer = |i: Imports| async move {
            i.read_artefact(&asked_path)
                .await
                .map_err(convert::artefact_error)
        };
        self.call("artefacts.read", &path, answer).await
    }
}

impl repository::Host for State {
    async fn read(
        &mut self,
        at: repository::Revision,
        path: String,
    ) -> Result<Fallible<String, repository::ReadError>> {
        let asked_path = path.clone();
        let answer = |i: Imports| async move {
            let read = i.read_file(convert::revision(at), &asked_path).await;
            read.map_err(convert::repository_error)
        };
        self.call("repository.read", &(at, &path), answer).await
    }
    async fn files(&mut self, at: repository::Revision, prefix: String) -> Result<Vec<String>> {
        let asked_prefix = prefix.clone();
        let answer =
            |i: Imports| async move { i.files(convert::revision(at), &asked_prefix).await };
        let listed = self
            .call("repository.files", &(at, &prefix), answer)
            .await?;
        self.sure(listed)
    }
    async fn changed_files(&mut self) -> Result<Vec<repository::ChangedFile>> {
        let answer = |i: Imports| async move {
            let list = i.changed_files().await?;
            Ok(list
                .into_iter()
                .map(convert::changed_file)
                .collect::<Vec<_>>())
        };
        let listed = self.call("repository.changed-files", &(), answer).await?;
        self.sure(listed)
    }
    async fn commits(&mut self) -> Result<Vec<repository::Commit>> {
        let answer = |i: Imports| async move {
            let list = i.commits().await?;
            Ok(list.into_iter().map(convert::commit).collect::<Vec<_>>())
        };
        let listed = self.call("repository.commits", &(), answer).await?;
        self.sure(listed)
    }
}

impl tools::Host for State {
    async fn run(
        &mut self,
        request: tools::Request,
    ) -> Result<Fallible<tools::Outcome, tools::ToolError>> {
        let paused = self.meter.paused.clone();
        let asked = convert::tool_request(request.clone());
        let answer = |i: Imports| async move {
            let entered = Instant::now();
            paused.begin();
            let outcome = i.run_tool(asked).await;
            paused.end(entered.elapsed());
            outcome
                .map(convert::tool_outcome)
                .map_err(convert::tool_error)
        };
        self.call("tools.run", &request, answer).await
    }
}

impl forge::Host for State {
    async fn commit_status(
        &mut self,
        sha: String,
    ) -> Result<Fallible<forge::Status, forge::ForgeError>> {
        let asked_sha = sha.clone();
        let answer = |i: Imports| async move {
            let status = i.commit_status(&asked_sha).await;
            status
                .map(convert::commit_status)
                .map_err(convert::forge_error)
        };
        self.call("forge.commit-status", &sha, answer).await
    }
    async fn pull_request(
        &mut self,
    ) -> Result<Fallible<Option<forge::PullRequestInfo>, forge::ForgeError>> {
        let answer = |i: Imports| async move {
            let found = i.pull_request().await.map_err(convert::forge_error)?;
            Ok(found.map(convert::pull_request))
        };
        self.call("forge.pull-request", &(), answer).await
    }
}

impl tracker::Host for State {
    async fn state(&mut self) -> Result<Fallible<String, tracker::TrackerError>> {
        let answer =
            |i: Imports| async move { i.tracker_state().await.map_err(convert::tracker_error) };
        self.call("tracker.state", &(), answer).await
    }
}

impl merge::Host for State {
    async fn get_preparation(&mut self) -> Result<Fallible<merge::Preparation, merge::MergeError>> {
        let answer = |i: Imports| async move {
            let found = i.preparation().await;
            found
                .map(convert::preparation)
                .map_err(convert::merge_error)
        };
        self.call("merge.get-preparation", &(), answer).await
    }
}

impl evidence::Host for State {
    async fn names(&mut self) -> Result<Vec<String>> {
        let answer = |i: Imports| async move { i.evidence_names().await };
        self.call("evidence.names", &(), answer).await
    }
    async fn get(
        &mut self,
        name: String,
    ) -> Result<Fallible<evidence::Item, evidence::EvidenceError>> {
        let asked_name = name.clone();
        let answer = |i: Imports| async move {
            let found = i.evidence(&asked_name).await;
            found
                .map(convert::evidence_item)
                .map_err(convert::evidence_error)
        };
        self.call("evidence.get", &name, answer).await
    }
}

impl advisories::Host for State {
    async fn lookup(
        &mut self,
        packages: Vec<advisories::Package>,
    ) -> Result<Fallible<Vec<advisories::Advisory>, advisories::AdvisoryError>> {
        let asked = packages.iter().cloned().map(convert::package).collect();
        let answer = |i: Imports| async move {
            let found = i.advisories(asked).await.map_err(convert::advisory_error)?;
            Ok(found.into_iter().map(convert::advisory).collect::<Vec<_>>())
        };
        self.call("advisories.lookup", &packages, answer).await
    }
}

impl http::Host for State {
    async fn get(&mut self, url: String) -> Result<Fallible<http::Response, http::HttpError>> {
        let asked_url = url.clone();
        let answer = |i: Imports| async move {
            let found = i.http_get(&asked_url).await.map_err(convert::http_error)?;
            Ok(http::Response {
                status: found.status,
                body: found.body,
            })
        };
        self.call("http.get", &url, answer).await
    }
}

impl memory::Host for State {
    async fn get(&mut self, key: String) -> Result<Option<String>> {
        let asked_key = key.clone();
        let answer = |i: Imports| async move { i.memory_get(&asked_key).await };
        self.call("memory.get", &key, answer).await
    }
    async fn set(&mut self, key: String, value: String) -> Result<()> {
        let asked_key = key.clone();
        let asked_value = value.clone();
        let answer = |i: Imports| async move { i.memory_set(&asked_key, &asked_value).await };
        self.call("memory.set", &(&key, &value), answer).await
    }
}
