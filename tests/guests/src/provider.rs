//! What a guest under test is answered: one artefact, one tool, and the moment at which they answer.
//!
//! Not a model of the engine's provider: it knows no repository and keeps no state but a count.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use orch_domain::imports::{
    Answer, ArtefactInfo, Author, ChangedFile, Commit, GateImports, LogLevel, ReadError, Revision,
    Subject, ToolError, ToolOutcome, ToolRequest,
};
use tokio::sync::Semaphore;

/// When the provider answers.
#[derive(Debug, Clone)]
pub enum When {
    /// At once.
    Now,
    /// After this long.
    After(Duration),
    /// When a permit is added; `entered` gets one when a call begins to wait.
    Released {
        /// Told that a call is waiting.
        entered: Arc<Semaphore>,
        /// Awaited by the call.
        release: Arc<Semaphore>,
    },
    /// Never.
    Never,
}

/// Answers every read with the same text.
#[derive(Debug)]
pub struct Provider {
    /// Content of every artefact.
    pub artefact: String,
    /// Settings as JSON.
    pub settings: String,
    /// When reads and tool runs answer.
    pub when: When,
    asked: AtomicU64,
}

impl Default for Provider {
    fn default() -> Self {
        Self::answering(When::Now)
    }
}

impl Provider {
    /// A provider that answers then.
    pub fn answering(when: When) -> Self {
        Self {
            artefact: "content".to_owned(),
            settings: "{}".to_owned(),
            when,
            asked: AtomicU64::new(0),
        }
    }

    /// A provider whose artefacts have this content.
    pub fn with_artefact(artefact: String) -> Self {
        Self {
            artefact,
            ..Self::default()
        }
    }

    /// How often it was asked for anything.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn count(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
    }

    async fn moment(&self) {
        match &self.when {
            When::Now => {}
            When::After(duration) => tokio::time::sleep(*duration).await,
            When::Released { entered, release } => {
                entered.add_permits(1);
                release
                    .acquire()
                    .await
                    .expect("the semaphores of a test are never closed")
                    .forget();
            }
            When::Never => pending().await,
        }
    }
}

impl GateImports for Provider {
    fn subject(&self) -> Subject {
        self.count();
        Subject {
            work_item: "SHOP-1".to_owned(),
            title: "A title".to_owned(),
            repo: "shop".to_owned(),
            stage: "review".to_owned(),
            branch: "orch/SHOP-1".to_owned(),
            base_branch: "main".to_owned(),
            head_sha: "a".repeat(40),
            base_sha: "b".repeat(40),
            attempt: 1,
        }
    }

    fn settings(&self) -> String {
        self.count();
        self.settings.clone()
    }

    fn log(&self, _level: LogLevel, _message: &str) {
        self.count();
    }

    fn artefacts(&self) -> Answer<'_, Vec<ArtefactInfo>> {
        self.count();
        Box::pin(async {
            vec![ArtefactInfo {
                path: "12-review.md".to_owned(),
                size: self.artefact.len() as u64,
                written_by: Author::Role("reviewer".to_owned()),
            }]
        })
    }

    fn read_artefact<'a>(&'a self, _path: &'a str) -> Answer<'a, Result<String, ReadError>> {
        self.count();
        Box::pin(async {
            self.moment().await;
            Ok(self.artefact.clone())
        })
    }

    fn read_file<'a>(
        &'a self,
        _at: Revision,
        _path: &'a str,
    ) -> Answer<'a, Result<String, ReadError>> {
        self.count();
        Box::pin(async { Err(ReadError::Missing) })
    }

    fn files<'a>(&'a self, _at: Revision, _prefix: &'a str) -> Answer<'a, Vec<String>> {
        self.count();
        Box::pin(async { Vec::new() })
    }

    fn changed_files(&self) -> Answer<'_, Vec<ChangedFile>> {
        self.count();
        Box::pin(async { Vec::new() })
    }

    fn commits(&self) -> Answer<'_, Vec<Commit>> {
        self.count();
        Box::pin(async { Vec::new() })
    }

    fn run_tool(&self, _request: ToolRequest) -> Answer<'_, Result<ToolOutcome, ToolError>> {
        self.count();
        Box::pin(async {
            self.moment().await;
            Ok(ToolOutcome {
                exit_code: 0,
                stdout: String::new(),
                stderr: String::new(),
                truncated: false,
                outputs: Vec::new(),
                duration_ms: 0,
            })
        })
    }
}
