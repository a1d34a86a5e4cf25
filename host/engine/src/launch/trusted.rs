//! What does a command of the operator's own see? The machine, less what is the host's.

use std::path::{Path, PathBuf};

use orch_config::HostConfig;
use orch_judge::inaccessible;
use orch_process::Spec;
use orch_process::sandbox::Inaccessible;

/// How a trusted command is started.
#[derive(Debug, Clone)]
pub(crate) struct Trusted {
    orch: PathBuf,
    inaccessible: Inaccessible,
}

impl Trusted {
    /// For a command that works in `kept`, folders of the host's; none if the operator lets it see everything.
    pub(crate) fn of(config: &HostConfig, orch: &Path, kept: Vec<PathBuf>) -> Option<Self> {
        Some(Self {
            orch: orch.to_owned(),
            inaccessible: inaccessible(config, kept)?,
        })
    }

    /// The command line and environment that run a program so.
    pub(crate) fn around(
        &self,
        program: &Path,
        args: &[String],
        mut env: Vec<(String, String)>,
    ) -> (PathBuf, Vec<String>, Vec<(String, String)>) {
        let wrapped = self.inaccessible.wrap(&self.orch, program, args);
        env.push(wrapped.variable);
        (wrapped.program, wrapped.args, env)
    }

    /// The same command, so.
    pub(crate) fn command(&self, spec: Spec) -> Spec {
        let (program, args, env) = self.around(&spec.program, &spec.args, spec.env);
        Spec {
            program,
            args,
            env,
            ..spec
        }
    }
}
